"""Limits that refuse nobody, and the fields of the policy."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    child,
    contact,
    following,
    item,
    outbound,
    presence,
    roster_set,
    told,
)
from tests.server.policy_stage import (
    MESSAGE_OF_NOTHING,
    ORCHARD,
    body_of,
    connected,
    entity,
    limited,
    status_from_client,
    status_of,
)
from xmpp_im_core.jid import parse_address as to
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import presence as presence_rules
from xmpp_im_core.rules import roster as roster_rules
from xmpp_im_core.rules import subscriptions as subscription_rules
from xmpp_im_core.server import (
    Account,
    AdministratorRemovedItem,
    FanOut,
    Inbound,
    LastUnavailable,
    TimePassed,
    reduce,
)
from xmpp_im_core.stanza import Message, Presence, payload

# --- limits that refuse nobody --------------------------------------------------------------------------------------


def test_unavailable_presence_beyond_the_limit_is_told_in_full_and_only_its_time_is_kept() -> None:
    online = account(JULIET, {ROMEO: "From"}, available=("balcony",))
    long = outbound("unavailable", None, child("status", "x" * 5000), by="balcony")

    step = reduce(online, long, Policy(presence_size=4000))

    (sent,) = [effect for effect in step.effects if isinstance(effect, FanOut)]
    assert sent.stanza.payload.first("status") is not None
    assert isinstance(step.state, Account)
    assert step.state.last_unavailable == LastUnavailable(
        Presence(None, to(f"{JULIET}/balcony"), None, "unavailable"), AT
    )


def test_presence_may_always_become_smaller() -> None:
    given = following(connected(), status_from_client(5000))

    step = reduce(given, status_from_client(1000), Policy(session_bytes=100))

    assert presence_rules.PRESENCES_TOO_LARGE not in [effect.rule for effect in step.effects]


def test_an_item_of_a_roster_that_takes_too_much_may_always_become_smaller() -> None:
    given = following(connected(), roster_set(item(ROMEO, name="x" * 500), by="balcony"))
    policy = Policy(roster_bytes=100)

    smaller = reduce(given, roster_set(item(ROMEO, name="x"), by="balcony"), policy)
    larger = reduce(given, roster_set(item(ROMEO, name="x" * 501), by="balcony"), policy)

    assert told(smaller) == ["empty result to balcony"]
    assert [effect.rule for effect in larger.effects] == [roster_rules.ROSTER_TOO_LARGE]


def test_kept_decisions_take_no_more_than_their_limit() -> None:
    given = account(JULIET, {entity(n): "To" for n in range(4)})
    one = following(given, Inbound(AT, "s0", presence("unsubscribed", entity(0), JULIET)), policy=Policy(notices=9))
    policy = Policy(notices=9, notice_bytes=2 * one.notices[0].size)

    for n in range(4):
        given = following(given, Inbound(AT, f"s{n}", presence("unsubscribed", entity(n), JULIET)), policy=policy)

    assert [notice.key for notice in given.notices] == ["000000-s0", "000001-s1"]
    assert not any(given.roster.state_of(entity(n)).to for n in range(4))


def test_at_least_the_limit_and_at_most_twice_the_limit_of_tombstones_is_kept() -> None:
    policy = Policy(tombstones=3)
    juliet = account(JULIET, [contact(entity(n)) for n in range(20)], connected=("balcony",))

    for n in range(20):
        juliet = following(juliet, AdministratorRemovedItem(AT, f"s{n}", entity(n)), policy=policy)

        assert min(n + 1, 3) <= juliet.roster.removed <= 6
        assert juliet.roster.removed == len(juliet.roster.contacts) - juliet.roster.listed
    newest = [entity(n) for n in range(17, 20)]
    assert set(newest) <= set(juliet.roster.contacts)


def test_a_limited_number_of_decisions_is_kept_for_an_absent_user() -> None:
    policy = Policy(notices=2)
    juliet = account(JULIET, {entity(n): "To" for n in range(4)})

    for n in range(4):
        step = reduce(juliet, Inbound(AT, f"s{n}", presence("unsubscribed", entity(n), JULIET)), policy)
        assert isinstance(step.state, Account)
        juliet = step.state

        dropped = subscription_rules.NOTICE_DROPPED in [effect.rule for effect in step.effects]
        assert dropped is (n >= 2)
        assert not juliet.roster.state_of(entity(n)).to
    assert [notice.key for notice in juliet.notices] == ["000000-s0", "000001-s1"]


@pytest.mark.parametrize(("size", "kept"), [(40, True), (41, False)])
def test_a_decision_larger_than_a_request_may_be_is_not_kept(size: int, kept: bool) -> None:
    juliet = account(JULIET, {ROMEO: "To"})
    cancelled = status_of(size)
    cancelled = Presence(cancelled.to, cancelled.from_, "p1", "unsubscribed", None, cancelled.payload)
    least = cancelled.size() - size

    step = reduce(juliet, Inbound(AT, "seq", cancelled), Policy(notices=2, request_size=least + 40))

    assert isinstance(step.state, Account)
    assert bool(step.state.notices) is kept
    assert not step.state.roster.state_of(ROMEO).to


@pytest.mark.parametrize(
    ("after", "due"),
    [(timedelta(days=7), timedelta(days=7)), (timedelta(seconds=1), timedelta(seconds=1)), (None, None)],
)
def test_a_request_is_sent_again_when_its_time_has_come_and_not_before(
    after: timedelta | None, due: timedelta | None
) -> None:
    policy = Policy(resend_requests_after=after)
    asked = following(connected(), outbound("subscribe", ROMEO, by="balcony"), policy=policy)

    assert asked.wake_at == (None if due is None else AT + due)
    if due is not None:
        early = reduce(asked, TimePassed(AT + due - timedelta(microseconds=1), "t"), policy)
        in_time = reduce(asked, TimePassed(AT + due, "t"), policy)
        assert told(early) == []
        assert told(in_time) == [f"route subscribe from {JULIET} to {ROMEO}"]


# --- the fields themselves ------------------------------------------------------------------------------------------


LEAST = {
    "tombstones": 0,
    "name_length": 0,
    "group_length": 1,
    "groups_per_item": 0,
    "roster_items": 0,
    "pending_requests": 0,
    "pending_requests_per_domain": 0,
    "request_size": 0,
    "notices": 0,
    "roster_bytes": 0,
    "pending_request_bytes": 0,
    "notice_bytes": 0,
    "presence_size": 0,
    "session_bytes": 0,
    "directed_bytes": 0,
    "block_list_bytes": 0,
    "offline_bytes": 0,
    "lowest_priority": -128,
    "highest_priority": -128,
    "directed_entries": 0,
    "sessions": 1,
    "held_bytes": 0,
    "held_events": 1,  # counted by the service: tests/server/test_held_events.py
    "offline_message_size": 0,
    "offline_message_count": 0,
    "block_list": 0,
    "remembered_events": 0,  # tests/server/test_processed_events.py
}


def test_every_number_of_the_policy_is_tested_here() -> None:
    assert {field.name for field in attrs.fields(Policy) if type(field.default) is int} == set(LEAST)


@in_one_test(("field", "least"), LEAST.items())
def test_no_limit_is_less_than_the_least(field: str, least: int) -> None:
    assert getattr(limited(field, least), field) == least
    with pytest.raises(ValueError, match=field):
        limited(field, least - 1)


@pytest.mark.parametrize("field", ["lowest_priority", "highest_priority"])
def test_no_priority_is_more_than_127(field: str) -> None:
    assert getattr(limited(field, 127), field) == 127
    with pytest.raises(ValueError, match=field):
        limited(field, 128)


@pytest.mark.parametrize(("lowest", "highest"), [(1, 0), (127, -128), (0, -1)])
def test_no_priority_lies_between_a_lowest_and_a_highest_one_that_is_lower(lowest: int, highest: int) -> None:
    with pytest.raises(ValueError, match="lowest_priority"):
        Policy(lowest_priority=lowest, highest_priority=highest)


def test_all_priorities_may_be_the_same_one() -> None:
    step = reduce(
        connected(),
        outbound("available", None, child("priority", "9"), by="balcony"),
        Policy(lowest_priority=0, highest_priority=0),
    )

    assert isinstance(step.state, Account)
    assert [session.priority for session in step.state.sessions] == [0]


@pytest.mark.parametrize("after", [timedelta(0), timedelta(microseconds=-1), timedelta(days=-7)])
def test_no_request_is_due_again_as_soon_as_it_is_sent(after: timedelta) -> None:
    with pytest.raises(ValueError, match="resend_requests_after"):
        Policy(resend_requests_after=after)


def test_a_message_too_large_to_store_gets_an_error_if_the_sender_may_know_that_nobody_is_there() -> None:
    told_a_subscriber = reduce(
        account(JULIET, {ROMEO: "From"}), body_of(50), Policy(offline_message_size=MESSAGE_OF_NOTHING + 40)
    )
    told_a_stranger = reduce(account(JULIET), body_of(50), Policy(offline_message_size=MESSAGE_OF_NOTHING + 40))

    assert told(told_a_subscriber) == [f"route error service-unavailable from {JULIET} to {ORCHARD}"]
    assert told(told_a_stranger) == []
    assert told_a_subscriber.store == told_a_stranger.store == ()


def test_what_a_stranger_writes_besides_the_payload_counts_as_well() -> None:
    """The whole stanza is kept, so the whole stanza is measured: its id, language and unknown attributes too."""
    filler = "x" * 20_000
    for request in (
        Presence(to(JULIET), to(ROMEO), filler, "subscribe"),
        Presence(to(JULIET), to(ROMEO), None, "subscribe", filler),
        Presence(to(JULIET), to(ROMEO), None, "subscribe", None, payload(), (("a", filler),)),
        Presence(to(JULIET), to(ROMEO), None, "subscribe", None, payload(), ((filler, "a"),)),
    ):
        step = reduce(account(JULIET), Inbound(AT, "seq", request))
        assert [effect.rule for effect in step.effects] == [subscription_rules.REQUEST_TOO_LARGE]
        assert step.store == ()

    notice = Presence(to(JULIET), to(ROMEO), filler, "unsubscribed")
    step = reduce(account(JULIET, {ROMEO: "To"}), Inbound(AT, "seq", notice), Policy(notices=2))
    assert subscription_rules.NOTICE_DROPPED in [effect.rule for effect in step.effects]

    long = Message(to(JULIET), to(ORCHARD), "x" * 70_000, "chat", None, payload(child("body", "O")))
    step = reduce(account(JULIET), Inbound(AT, "seq", long))
    assert [effect.rule for effect in step.effects] == [delivery_rules.TOO_LARGE_TO_STORE]
    assert step.store == ()
