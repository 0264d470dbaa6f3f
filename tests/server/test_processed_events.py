"""An event that comes twice stores once, as from a queue that delivers again after a crash (RFC 6121 §2)."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Final
from zlib import crc32

import pytest
from attrs import evolve
from hypothesis import given

from tests.blocking.commands import block
from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    after,
    child,
    following,
    inbound,
    item,
    message,
    outbound,
    received_message,
    roster_set,
)
from xmpp_im_core.element import Element, element
from xmpp_im_core.event import Decision
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.rules import storage as rules
from xmpp_im_core.server import (
    AS_IT_STANDS,
    OF_ACCOUNTS,
    Account,
    AccountLoaded,
    AccountMoved,
    AccountRemoved,
    AdministratorRemovedItem,
    AdministratorSetItem,
    Delete,
    Deliver,
    Event,
    Ignored,
    Inbound,
    Kind,
    Moved,
    NoAccount,
    OfflineLoaded,
    Outbound,
    Put,
    Route,
    SessionEnded,
    SessionId,
    State,
    StoreFailed,
    Undelivered,
    Unroutable,
    reduce,
)
from xmpp_im_core.server.accounts.processed_events import mark_of
from xmpp_im_core.server.effects import silence
from xmpp_im_core.stanza import CLIENT, Message, payload
from xmpp_im_core.testing.event_strategies import steps

ABSENT: Final = account(JULIET, {ROMEO: "Both"})
HERE: Final = account(JULIET, {ROMEO: "Both"}, available=("balcony",))
BALCONY: Final = SessionId("balcony", 1)
STORED: Final = Policy(store_remembered_events=True)
LATER: Final = AT.replace(year=2031)

LOADED: Final = OfflineLoaded(AT, "seq", BALCONY, (("1", message(None, ROMEO, JULIET)),))

EACH: Final = [
    (ABSENT, received_message("chat", ROMEO, JULIET)),
    (account(JULIET), inbound("subscribe", ROMEO, to=JULIET)),
    (HERE, roster_set(item("nurse@example.com"), by="balcony")),
    (HERE, roster_set(item(ROMEO, subscription="remove"), by="balcony")),
    (HERE, outbound("subscribe", "nurse@example.com", by="balcony")),
    (HERE, block(ROMEO)),
    (HERE, AdministratorSetItem(AT, "seq", ROMEO, "Romeo")),
    (HERE, AdministratorRemovedItem(AT, "seq", ROMEO)),
    (HERE, AccountMoved(AT, "seq", Moved("xmpp:juliet@mantua.example", permanently=True))),
    (HERE, SessionEnded(AT, "seq", BALCONY)),
    (
        evolve(HERE, offline=2, offline_bytes=500),
        OfflineLoaded(AT, "seq", BALCONY, (("1", message(None, ROMEO, JULIET)),)),
    ),
]


@in_one_test(("state", "event"), EACH, ids=lambda each: type(each).__name__)
def test_what_an_event_stores_is_stored_once(state: Account, event: Event) -> None:
    first = reduce(state, event)
    assert first.store or first.forget

    again = reduce(first.state, event)

    assert (again.store, again.forget) == ((), ())
    assert again.state == first.state


def test_a_stored_message_is_counted_once_and_the_rule_says_why() -> None:
    event = received_message("chat", ROMEO, JULIET)

    again = reduce(following(ABSENT, event), event)

    assert after(again).offline == 1
    assert again.effects == (Ignored(rules.PROCESSED),)


@in_one_test(("state", "event"), EACH, ids=lambda each: type(each).__name__)
def test_an_event_that_has_stored_something_is_ignored_although_it_would_store_nothing_now(
    state: Account, event: Event
) -> None:
    again = reduce(reduce(state, event).state, event)

    assert again.effects == (Ignored(rules.PROCESSED),)


def test_an_older_roster_set_does_not_undo_a_newer_one() -> None:
    older, newer = [roster_set(item(ROMEO, name=name), by="balcony", seq=name) for name in ("older", "newer")]

    end = following(HERE, older, newer, older)

    assert end.roster.contacts[ROMEO].name == "newer"


def test_the_time_at_which_the_host_takes_an_event_again_does_not_count() -> None:
    event = received_message("chat", ROMEO, JULIET)

    assert after(reduce(following(ABSENT, event), evolve(event, at=LATER))).offline == 1


def test_what_stores_nothing_is_done_again() -> None:
    event = received_message("chat", ROMEO, JULIET)

    assert reduce(after(reduce(HERE, event)), event) == reduce(HERE, event)


@given(steps())
def test_no_event_changes_what_is_stored_twice(step: tuple[State, Event]) -> None:
    state, event = step
    first = reduce(state, event)
    if not isinstance(state, Account) or not isinstance(first.state, Account):
        return

    again = reduce(first.state, event)

    if first.store or first.forget:
        assert again == silence(first.state, rules.PROCESSED)


# --- what is the same event ---------------------------------------------------------------------------------


@in_one_test(
    "other",
    [
        received_message("chat", ROMEO, JULIET, seq="another"),
        received_message("normal", ROMEO, JULIET),
        received_message("chat", "nurse@example.com", JULIET),
        received_message("chat", ROMEO, f"{JULIET}/gone"),
        received_message("chat", ROMEO, JULIET, child("body", "Deny thy father")),
        received_message("chat", ROMEO, JULIET, child("subject", "Wherefore art thou?")),
        received_message("chat", ROMEO, JULIET, child("body", "Wherefore art thou?", "urn:x")),
        received_message("chat", ROMEO, JULIET, element("body", CLIENT, {"a": "b"}, ["Wherefore art thou?"])),
        received_message("chat", ROMEO, JULIET, element("body", CLIENT, {}, [child("b", "Wherefore art thou?")])),
        Inbound(AT, "seq", message("chat", ROMEO, JULIET, id="m2")),
    ],
)
def test_an_event_with_another_seq_or_other_content_is_another_event(other: Inbound) -> None:
    event = received_message("chat", ROMEO, JULIET)

    assert mark_of(other) != mark_of(event)
    assert after(reduce(following(ABSENT, event), other)).offline == 2


def test_events_of_other_classes_sessions_and_values_are_other_events() -> None:
    marks = [
        mark_of(each)
        for each in (
            SessionEnded(AT, "e", BALCONY),
            SessionEnded(AT, "e", SessionId("balcony", 2)),
            AdministratorSetItem(AT, "e", ROMEO),
            AdministratorSetItem(AT, "e", ROMEO, "Romeo"),
            AdministratorRemovedItem(AT, "e", ROMEO),
            AccountRemoved(AT, "e"),
        )
    ]

    assert len(set(marks)) == len(marks)
    assert all(mark.startswith("e#") for mark in marks)


def test_the_stanzas_and_records_that_an_event_of_the_host_holds_do_not_count() -> None:
    words = message("words", ROMEO, JULIET)
    held, other = [
        Deliver(each, (BALCONY,), AS_IT_STANDS, rules.PROCESSED) for each in (words, message("x", ROMEO, JULIET))
    ]
    routed, elsewhere = Route(words, rules.PROCESSED), Route(message("x", ROMEO, JULIET), rules.PROCESSED)
    head = Put(Kind.ROSTER, "", RosterHead("v", 7, 0))
    pairs: list[tuple[Event, Event]] = [
        (SessionEnded(AT, "e", BALCONY, (held,)), SessionEnded(AT, "e", BALCONY, (other,))),
        (Undelivered(AT, "e", held, (BALCONY,)), Undelivered(AT, "e", other, (BALCONY,))),
        (Unroutable(AT, "e", routed), Unroutable(AT, "e", elsewhere)),
        (StoreFailed(AT, "e", LOADED), StoreFailed(AT, "e", SessionEnded(AT, "x", BALCONY))),
        (AccountLoaded(AT, "e", (head,)), AccountLoaded(AT, "e", ())),
        (LOADED, OfflineLoaded(AT, "seq", BALCONY, ())),
    ]

    for one, another in pairs:
        assert mark_of(one) == mark_of(another)


def test_the_order_and_the_nesting_of_elements_count() -> None:
    a, b = element("a", CLIENT), element("b", CLIENT)
    contents = [(a, b), (b, a), (element("a", CLIENT, {}, [b]),), (element("b", CLIENT, {}, [a]),), ("a", b), (a, "b")]

    marks = {mark_of(Inbound(AT, "e", Message(payload=payload(*each)))) for each in contents}

    assert len(marks) == len(contents)


def test_one_checksum_is_taken_of_a_whole_event() -> None:
    """Each roster set, each request and each stored message has a mark."""
    taken = 0

    def profile(_: FrameType, event: str, called: object) -> None:
        nonlocal taken
        taken += event == "c_call" and called is crc32

    event = roster_set(*[item(f"friend{n}@example.com", name="Friend") for n in range(20)], by="balcony")
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        mark_of(event)
    finally:
        sys.setprofile(before)

    assert taken == 1


def test_whose_stanza_it_is_and_what_the_service_decided_counts() -> None:
    stanza = message("words", ROMEO, JULIET)
    events: list[Event] = [
        *[Inbound(AT, "e", stanza, decision) for decision in Decision],
        *[Outbound(AT, "e", session, stanza) for session in (BALCONY, SessionId("balcony", 2), SessionId("hall", 1))],
    ]

    assert len({mark_of(event) for event in events}) == len(events) == 6


def test_an_element_of_any_depth_has_a_mark() -> None:
    deep: Element = element("x", "urn:x")
    for _ in range(5_000):
        deep = element("x", "urn:x", {}, [deep])

    assert mark_of(Inbound(AT, "e", Message(payload=payload(deep)))).startswith("e#")


def test_what_a_client_sent_may_be_as_deep() -> None:
    deep: Element = element("x", "urn:x")
    for _ in range(5_000):
        deep = element("x", "urn:x", {}, [deep])

    assert mark_of(Outbound(AT, "e", BALCONY, Message(payload=payload(deep)))).startswith("e#")


def test_a_lone_surrogate_in_a_stanza_has_a_mark() -> None:
    odd = Message(payload=payload(element("body", CLIENT, {}, ["\ud800"])))
    other = Message(payload=payload(element("body", CLIENT, {}, ["\ud801"])))

    assert mark_of(Inbound(AT, "e", odd)) != mark_of(Inbound(AT, "e", other))


def test_a_lone_surrogate_in_a_text_has_a_mark() -> None:
    assert mark_of(AdministratorSetItem(AT, "\ud800", ROMEO, "\ud800")).startswith("\ud800#")


# --- how many are remembered --------------------------------------------------------------------------------


def roster_sets(number: int) -> list[Event]:
    return [roster_set(item(ROMEO, name=f"{n}"), by="balcony", seq=f"{n}") for n in range(number)]


@pytest.mark.parametrize("remembered", [1, 3])
def test_no_more_events_are_remembered_than_the_policy_says(remembered: int) -> None:
    policy = Policy(remembered_events=remembered)
    events = roster_sets(5)

    end = following(HERE, *events, policy=policy)

    assert end.processed == tuple([mark_of(each) for each in events[-remembered:]])
    assert reduce(end, events[-remembered], policy).effects == (Ignored(rules.PROCESSED),)
    assert reduce(end, events[-remembered - 1], policy).store != ()


def test_without_memory_an_event_is_processed_again() -> None:
    policy = Policy(remembered_events=0)
    end = following(HERE, *roster_sets(2), policy=policy)

    assert end.processed == ()
    assert reduce(end, roster_sets(1)[0], policy).store != ()


def test_an_event_whose_commit_failed_is_not_remembered() -> None:
    event = received_message("chat", ROMEO, JULIET)
    failed = following(ABSENT, StoreFailed(AT, "failed", event))

    assert failed.processed == ()
    assert after(reduce(failed, event)).offline == 1


# --- what is stored of them ---------------------------------------------------------------------------------


def test_by_default_a_step_stores_no_memory() -> None:
    assert Kind.PROCESSED not in {each.kind for each in reduce(HERE, roster_sets(1)[0]).store}


def test_with_the_policy_an_event_is_stored_with_its_changes_and_the_oldest_is_removed() -> None:
    policy = Policy(store_remembered_events=True, remembered_events=2)
    events = roster_sets(3)

    steps = [reduce(HERE, events[0], policy)]
    for event in events[1:]:
        steps.append(reduce(steps[-1].state, event, policy))

    marks = [mark_of(each) for each in events]
    stored = [[each for each in step.store if each.kind is Kind.PROCESSED] for step in steps]
    assert stored == [
        [Put(Kind.PROCESSED, marks[0], None)],
        [Put(Kind.PROCESSED, marks[1], None)],
        [Put(Kind.PROCESSED, marks[2], None), Delete(Kind.PROCESSED, marks[0])],
    ]


def test_what_is_only_forgotten_is_remembered_when_it_is_forgotten() -> None:
    kept = evolve(HERE, offline=1, offline_bytes=500)

    step = reduce(kept, LOADED, STORED)

    assert step.store == ()
    assert step.forget == (Delete(Kind.OFFLINE, "1"), Put(Kind.PROCESSED, mark_of(LOADED), None))


def test_after_a_restart_the_stored_events_are_known() -> None:
    event = received_message("chat", ROMEO, JULIET)
    step = reduce(ABSENT, event, STORED)
    records = (Put(Kind.ROSTER, "", RosterHead("v", 7, 0)), *[each for each in step.store if isinstance(each, Put)])
    records = tuple([each for each in records if each.kind is not Kind.OFFLINE])

    fresh = reduce(NoAccount(ABSENT.jid), AccountLoaded(AT, "load", records, 1, 500), STORED)

    assert after(fresh).processed == (mark_of(event),)
    assert after(reduce(fresh.state, event, STORED)).offline == 1


@in_one_test(("remembered", "left"), [(0, ()), (1, ("b",)), (2, ("a", "b")), (3, ("a", "b"))])
def test_no_more_are_loaded_than_the_policy_says(remembered: int, left: tuple[str, ...]) -> None:
    records = (Put(Kind.ROSTER, "", RosterHead("v", 7, 0)), *[Put(Kind.PROCESSED, key, None) for key in ("a", "b")])
    loaded = AccountLoaded(AT, "load", records)

    assert after(reduce(NoAccount(ABSENT.jid), loaded, Policy(remembered_events=remembered))).processed == left


def test_the_memory_goes_with_the_account() -> None:
    assert Kind.PROCESSED in OF_ACCOUNTS
    assert DEFAULT.remembered_events == 16
