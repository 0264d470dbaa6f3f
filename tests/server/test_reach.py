"""The resources that a message to the bare JID reaches, which an account computes once (RFC 6121 §8.5.2.1.1)."""

from __future__ import annotations

import copy
import pickle

import pytest
from attrs import evolve

from xmpp_im_core.jid import address_of, parse_jid
from xmpp_im_core.roster import Roster
from xmpp_im_core.server.state import Account, Notice, Session, SessionId, session_size, summary_of
from xmpp_im_core.stanza import Presence


def session(resource: str, priority: int, *, available: bool = True, attached: bool = True) -> Session:
    address = address_of(parse_jid(f"juliet@capulet.example/{resource}"))
    presence = Presence(from_=address) if available else None
    return Session(SessionId(resource, 1), address, presence=presence, priority=priority, attached=attached)


def account(*sessions: Session) -> Account:
    return Account(parse_jid("juliet@capulet.example"), Roster("r"), sessions)


def resources(ids: tuple[SessionId, ...]) -> list[str]:
    return [id.resource for id in ids]


def test_a_resource_of_negative_priority_and_one_that_is_not_available_are_not_reached() -> None:
    reach = account(session("a", -1), session("b", 0, available=False), session("c", 0)).reach

    assert resources(reach.all) == ["c"]
    assert resources(reach.most_available) == ["c"]


def test_all_resources_of_the_highest_priority_are_most_available() -> None:
    reach = account(session("a", 5), session("b", 1), session("c", 5)).reach

    assert resources(reach.all) == ["a", "b", "c"]
    assert resources(reach.most_available) == ["a", "c"]


def test_a_resource_with_a_stream_is_more_available_than_a_higher_one_without() -> None:
    reach = account(session("a", 5, attached=False), session("b", 1)).reach

    assert resources(reach.most_available) == ["b"]


def test_without_any_stream_the_highest_resource_is_most_available() -> None:
    reach = account(session("a", 5, attached=False), session("b", 1, attached=False)).reach

    assert resources(reach.most_available) == ["a"]


def test_an_account_without_sessions_reaches_nobody() -> None:
    assert account().reach == ((), ())


def test_the_reach_is_computed_once_and_again_for_another_account() -> None:
    before = account(session("a", 0))

    assert before.reach is before.reach
    after = before.with_session(session("b", 1))
    assert resources(after.reach.most_available) == ["b"]
    assert resources(before.reach.most_available) == ["a"]


def test_a_change_of_a_session_that_the_summary_does_not_know_yet_counts() -> None:
    before = account(session("a", 0))
    assert before.summary.own > 0  # it is made here
    after = before.with_session(session("b", 1)).with_session(session("a", 2))

    assert after.summary == summary_of(after.sessions)
    assert resources(after.reach.all) == ["a", "b"]


def test_the_reach_is_no_part_of_the_record() -> None:
    used, unused = account(session("a", 0)), account(session("a", 0))
    assert used.reach.all

    assert used == unused
    assert hash(used) == hash(unused)
    assert repr(used) == repr(unused)
    assert copy.copy(used).reach == used.reach
    assert pickle.loads(pickle.dumps(used)) == used


# --- what sessions and notices take ----------------------------------------------------------------------------


def test_a_session_whose_presence_ends_has_no_directed_list_any_more() -> None:
    there = session("a", 0).directing_to("mercutio@remote.example")
    assert there.taken.directed > 0

    assert there.showing(None).taken.directed == 0
    assert there.showing(there.presence).taken.directed == there.taken.directed


def test_the_language_of_a_session_counts() -> None:
    address = address_of(parse_jid("juliet@capulet.example/balcony"))
    plain, long = session_size(address, None, None), session_size(address, "en-" + "x" * 5000, None)

    assert plain == session_size(address, "", None)
    assert long - plain >= 5000


def test_the_key_of_a_notice_counts() -> None:
    stanza = Presence(type="subscribed")

    assert Notice("k" * 5000, stanza).size - Notice("k", stanza).size >= 4999


def test_what_is_worked_out_is_no_part_of_a_session_or_a_notice() -> None:
    there = session("a", 0).directing_to("mercutio@remote.example")
    again = evolve(there, counted=None)
    assert there.counted is not None
    assert (repr(again), again) == (repr(there), there)

    with pytest.raises(TypeError, match="size"):
        Notice("k", Presence(type="subscribed"), size=1)  # type: ignore[call-arg]
    assert "size" not in repr(Notice("k", Presence(type="subscribed")))
