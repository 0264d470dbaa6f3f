"""What a step costs does not grow with the connected resources of the account. Instructions are counted, not timed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import evolve
from hypothesis import given

from tests.client.counting import calls, work
from tests.one_test import in_one_test
from tests.rfc6121.conversation import AT, JULIET, ROMEO, account, inbound, outbound, received_message
from xmpp_im_core.server import Account, Event, Outbound, SessionId, State, reduce
from xmpp_im_core.server.state import reach_of, summary_of
from xmpp_im_core.server.visibility import lists
from xmpp_im_core.stanza import Presence
from xmpp_im_core.testing.event_strategies import histories

LAST = "r63"
"""Sorted after all others, so that a search from the first to the last takes longest."""


def having(number: int) -> Account:
    """Return an account with this number of available resources, which has broadcast presence before."""
    others = [f"r{place:02}" for place in range(number - 1)]
    there = account(JULIET, {ROMEO: "Both"}, available=[*others, LAST])
    state = reduce(there, outbound(None, by=LAST)).state
    assert isinstance(state, Account)
    return state


def grown(event: Event) -> float:
    """Return the work for an event with 64 resources, divided by that with five."""
    few, many = [work(partial(reduce, having(number), event)) for number in (5, 64)]
    return many / few


@in_one_test(
    "event",
    [
        outbound(None, by=LAST),
        received_message("chat", ROMEO, JULIET),
        received_message("chat", ROMEO, f"{JULIET}/{LAST}"),
        received_message("chat", ROMEO, f"{JULIET}/gone"),
        Outbound(AT, "seq", SessionId("gone", 1), Presence()),
    ],
)
def test_a_step_of_one_resource_does_not_look_at_the_others(event: Event) -> None:
    assert grown(event) < 1.3


def test_a_larger_presence_is_counted_without_looking_at_the_others() -> None:
    larger = Outbound(AT, "seq", SessionId(LAST, 1), Presence(lang="en-x-" + "long" * 50))

    assert grown(larger) < 1.3


def test_a_stranger_who_got_no_directed_presence_is_looked_for_in_no_list() -> None:
    probe = partial(reduce, having(64), inbound("probe", "stranger@x.example", to=JULIET))
    assert calls(probe, lists) == 0


@in_one_test("number", [1, 4, 5, 64])
def test_each_resource_is_found(number: int) -> None:
    there = having(number)

    for session in there.sessions:
        assert there.session(session.id) is session
        assert there.resource(session.id.resource) is session
    for absent in ("", "a", "r01x", "z"):
        assert there.resource(absent) is None
        assert there.session(SessionId(absent, 1)) is None
    assert there.session(SessionId(LAST, 2)) is None
    assert there.resource(None) is None


# --- the summary, which a change of one session keeps up to date -------------------------------------------------


@given(histories())
def test_the_summary_is_that_of_the_sessions_after_any_events(history: tuple[State, tuple[Event, ...]]) -> None:
    state, events = history
    for event in events:
        if isinstance(state, Account):
            assert state.summary is state.summary
        state = reduce(state, event).state
        if isinstance(state, Account):
            assert state.summary == summary_of(state.sessions)
            assert state.reach == reach_of(state.sessions)


def test_a_change_of_one_session_keeps_what_it_does_not_change() -> None:
    before = having(3)
    summary, session = before.summary, before.sessions[0]

    same = before.with_session(session.asking_roster()).summary
    lower = before.with_session(evolve(session, priority=-1)).summary
    detached = before.with_session(session.with_stream(False)).summary
    gone = before.with_session(session.showing(None)).summary

    assert (same.available is summary.available, same.reach is summary.reach) == (True, True)
    for changed in (lower, detached):
        assert (changed.available is summary.available, changed.reach == summary.reach) == (True, False)
    assert [id.resource for id in gone.available] == ["r01", LAST]
    for changed in (same, lower, detached, gone):
        assert changed == summary_of(changed.sessions)


@in_one_test(
    "change",
    [
        lambda account: evolve(account, sessions=account.sessions[:1]),
        lambda account: account.with_sessions(account.sessions[:1]),
        lambda account: account.without_session(account.sessions[1].id),
    ],
)
def test_a_summary_of_other_sessions_is_not_used(change: Callable[[Any], Account]) -> None:
    before = having(2)
    assert before.reach

    assert change(before).summary == summary_of(before.sessions[:1])
