"""Accounts that are loaded when something happens to them, and stored messages (RFC 6121 §8.5.2.2.1)."""

from __future__ import annotations

from functools import partial

import pytest

from tests.client.counting import calls, copies
from tests.one_test import in_one_test
from tests.server.playhouse import (
    BALCONY,
    CAPULET,
    CHAMBER,
    JULIET,
    MERCUTIO,
    MONTAGUE,
    NOON,
    ORCHARD,
    ROMEO,
    Playhouse,
    chat,
    condition,
    presence,
    resting,
    said,
    told,
    waiting_for_stored_messages,
)
from xmpp_im_core.host import ReadAccount
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.roster import Contact, RosterHead, is_tombstone, item_size, request_size
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import Kind, LoadOffline, Put
from xmpp_im_core.server.events import (
    AccountLoaded,
    Inbound,
    LoadFailed,
    OfflineLoaded,
    Outbound,
    SessionBound,
    SessionEnded,
    StoreFailed,
    TimePassed,
)
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.service.serving import hosting, serve, unload
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting, released
from xmpp_im_core.server.state import Account, NoAccount, SessionId, Unloaded
from xmpp_im_core.subscription import BOTH

# --- accounts that are not in memory ----------------------------------------------------------------------


def test_the_server_event_accountloaded_says_nothing_of_stored_messages_by_default() -> None:
    """A storage may not know their size."""
    event = AccountLoaded(NOON, "1", ())

    assert (event.offline, event.offline_bytes, event.damaged) == (0, 0, ())


def test_a_stored_contact_that_is_sound_is_looked_at_once_and_not_copied() -> None:
    """An account may have thousands."""
    contacts = [Contact(f"friend{number}@montague.example", BOTH, version=1) for number in range(30)]
    stored = (Put(Kind.ROSTER, "", RosterHead("l", 1, 0)), *[Put(Kind.CONTACT, each.jid, each) for each in contacts])
    load = partial(reduce, NoAccount(parse_jid(JULIET)), AccountLoaded(NOON, "1", stored))

    assert copies(load, Contact) == 0
    assert calls(load, item_size) == 30
    assert calls(load, is_tombstone, request_size) == 0  # these contacts are listed, and have not asked


@in_one_test("contact", [Contact(ROMEO, BOTH, asked=NOON), Contact(ROMEO, BOTH, request=presence("subscribe"))])
def test_a_stored_time_or_request_that_the_state_does_not_need_is_dropped(contact: Contact) -> None:
    """A storage may hold it. Nothing is sent again then, and nobody is asked."""
    stored = (Put(Kind.ROSTER, "", RosterHead("l", 1, 0)), Put(Kind.CONTACT, ROMEO, contact))

    loaded = reduce(NoAccount(parse_jid(JULIET)), AccountLoaded(NOON, "1", stored)).state

    assert isinstance(loaded, Account)
    assert loaded.roster.contacts[ROMEO] == Contact(ROMEO, BOTH)
    assert not loaded.roster.asked
    assert not loaded.roster.pending


def test_an_account_not_in_memory_is_asked_for_once_and_its_events_follow_in_order() -> None:
    house = resting(JULIET)
    session = SessionId("balcony", 1)

    first = house.happens(JULIET, SessionBound(NOON, "a", session))
    second = house.happens(JULIET, Outbound(NOON, "b", session, presence()))
    third = house.arrives(chat(JULIET, "soft", MERCUTIO))
    answered = serve(house.service, house.answer(house.questions[0]))

    assert [told(served) for served in (first, second, third)] == [[f"Load {JULIET}"], [], []]
    assert [type(step.event) for step in answered.steps] == [AccountLoaded, SessionBound, Outbound]
    assert answered.effects[-1] == (JULIET, LoadOffline(session, answered.effects[-1][1].rule))  # type: ignore[union-attr]  # the Load above has none
    [held] = answered.state.held[JULIET].events.values()
    assert isinstance(held.due.event, Inbound)


@pytest.mark.parametrize("slow", [False, True], ids=["answered at once", "answered later"])
def test_the_order_is_that_of_an_answer_at_once_however_late_the_answer_comes(slow: bool) -> None:
    """ "In-Order Processing" (RFC 6120 10.1): the message was sent first, so it arrives before the presence."""
    house = resting(JULIET)
    house.slow = slow
    balcony, chamber = house.binds(BALCONY), house.binds(CHAMBER)
    for seq, session, stanza in (
        ("a", chamber, presence()),
        ("b", balcony, chat(CHAMBER, "soft")),
        ("c", balcony, presence()),
        ("d", balcony, chat(CHAMBER, "adieu")),
    ):
        house.happens(JULIET, Outbound(NOON, seq, session, stanza))
    house.answers()

    assert [said(stanza) for stanza in house.heard_by(CHAMBER)] == [
        f"presence available from {CHAMBER}",
        f"{BALCONY}: soft",
        f"presence available from {BALCONY}",
        f"{BALCONY}: adieu",
    ]


def test_what_one_event_sent_to_an_account_that_waits_is_processed_together() -> None:
    waiting = Waiting(None)
    for seq, cause in (("1", "first"), ("2", "first"), ("3", "second"), ("4", "first")):
        waiting = waiting.holding(Held(ForAccount(JULIET, TimePassed(NOON, seq)), cause))

    groups = released(waiting, Held(ForAccount(JULIET, LoadFailed(NOON, "answer")), "answer"))

    assert [[held.due.event.seq for held in group] for group in groups] == [["answer"], ["1", "2"], ["3"], ["4"]]


def test_a_failed_commit_of_an_answer_is_processed_before_what_was_held_and_an_end_after_it() -> None:
    held = ForAccount(JULIET, TimePassed(NOON, "held"))
    session = SessionId("balcony", 1)
    loading = Waiting(None).holding(Held(held, "held"))
    flushing = Waiting(session).holding(Held(held, "held"))

    answer = StoreFailed(NOON, "2", LoadFailed(NOON, "1"))
    failed = released(loading, Held(ForAccount(JULIET, answer), "answer"))
    end = StoreFailed(NOON, "2", SessionEnded(NOON, "1", session))
    ended = released(flushing, Held(ForAccount(JULIET, end), "answer"))

    not_stored = StoreFailed(NOON, "held", held.event)
    assert [[each.due.event for each in group] for group in failed] == [[answer.event], [not_stored]]
    assert [[each.due.event for each in group] for group in ended] == [[not_stored], [end]]


def test_after_a_failed_load_every_waiting_sender_gets_an_error_of_type_wait() -> None:
    house = resting(JULIET)
    house.arrives(chat(JULIET, "soft", MERCUTIO))
    house.arrives(presence("probe", JULIET, MERCUTIO))

    house.happens(JULIET, LoadFailed(NOON, house.seq()))

    [error] = house.routed
    assert error.error is not None
    assert (error.error.type.value, condition(error)) == ("wait", "internal-server-error")
    assert house.service == hosting(MONTAGUE, CAPULET)


def test_after_a_failed_load_the_next_event_asks_again() -> None:
    house = resting(JULIET)
    house.arrives(chat(JULIET, "soft", MERCUTIO))
    house.happens(JULIET, LoadFailed(NOON, house.seq()))

    served = house.arrives(chat(JULIET, "what light", MERCUTIO))

    assert told(served) == [f"Load {JULIET}"]


def test_an_account_that_could_not_be_loaded_stays_while_it_has_a_session() -> None:
    house = resting(JULIET)
    house.binds(BALCONY)
    house.happens(JULIET, LoadFailed(NOON, house.seq()))
    assert isinstance(house.service.accounts[JULIET], Unloaded)

    house.happens(JULIET, house.answer(ReadAccount(JULIET)).event)

    assert [session.id for session in house.account(JULIET).sessions] == [house.sessions[BALCONY]]


def test_a_host_may_load_an_account_before_it_is_asked_to() -> None:
    house = resting(JULIET)

    house.feed(house.answer(ReadAccount(JULIET)))

    assert house.account(JULIET).jid.full == JULIET
    assert not house.service.held


def test_an_idle_account_is_taken_out_of_memory_and_comes_back_as_it_was() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.befriend(ORCHARD, BALCONY)
    house.ends(BALCONY)
    before = house.account(JULIET)

    house.service = unload(house.service, JULIET)
    assert JULIET not in house.service.accounts
    house.happens(JULIET, TimePassed(NOON, house.seq()))

    # nothing is left to be sent again
    assert house.account(JULIET).remembering(()) == before.waking(None).remembering(())
    assert before.roster.contacts[ROMEO].state is BOTH


def test_an_account_with_sessions_stays_in_memory() -> None:
    house = Playhouse(JULIET)
    house.binds(BALCONY)

    assert unload(house.service, JULIET) is house.service


def test_an_account_that_waits_stays_in_memory() -> None:
    house = Playhouse(JULIET, slow=True)
    house.binds(BALCONY)
    house.sends(BALCONY, presence())
    assert house.service.held[JULIET] == Waiting(house.sessions[BALCONY])

    assert unload(house.service, JULIET) is house.service


def test_nothing_is_unloaded_that_is_not_there() -> None:
    empty = hosting(CAPULET)

    assert unload(empty, JULIET) is empty


# --- stored messages (§8.5.2.2.1) -------------------------------------------------------------------------


def test_a_live_message_does_not_overtake_the_stored_ones() -> None:
    house = waiting_for_stored_messages()

    house.sends(ORCHARD, chat(JULIET, "second"))
    assert house.heard_by(BALCONY) == []
    house.answers()

    assert [said(stanza) for stanza in house.heard_by(BALCONY)] == [f"{ORCHARD}: first", f"{ORCHARD}: second"]
    assert not house.service.held


def test_delivered_messages_are_forgotten_last() -> None:
    house = waiting_for_stored_messages()

    served = house.feeds(house.answer(house.questions.pop()))

    assert served.store == ()
    assert [(jid, operation.kind) for jid, operation in served.forget] == [(JULIET, Kind.OFFLINE)]


def test_a_host_that_cannot_read_stored_messages_answers_with_none() -> None:
    house = waiting_for_stored_messages()
    house.sends(ORCHARD, chat(JULIET, "second"))

    house.happens(JULIET, OfflineLoaded(NOON, house.seq(), house.sessions[BALCONY], ()))

    assert [said(stanza) for stanza in house.heard_by(BALCONY)] == [f"{ORCHARD}: second"]
    assert len([kind for kind, _ in house.stored[JULIET] if kind is Kind.OFFLINE]) == 1


def test_the_end_of_the_session_that_waits_ends_the_waiting() -> None:
    house = waiting_for_stored_messages()
    house.sends(CHAMBER, chat(ROMEO, "by and by"))

    house.ends(BALCONY)

    assert not house.service.held
    assert f"{CHAMBER}: by and by" in [said(stanza) for stanza in house.heard_by(ORCHARD)]
    assert [session.id for session in house.account(JULIET).sessions] == [house.sessions[CHAMBER]]


def test_the_end_of_another_session_does_not() -> None:
    house = waiting_for_stored_messages()

    house.ends(CHAMBER)

    assert len(house.service.held[JULIET].events) == 1


def test_an_answer_for_another_session_is_held_like_any_event() -> None:
    house = waiting_for_stored_messages()

    house.happens(JULIET, OfflineLoaded(NOON, house.seq(), SessionId("balcony", -1), ()))

    assert len(house.service.held[JULIET].events) == 1


def test_what_a_session_sent_before_its_end_is_processed_before_its_end() -> None:
    house = waiting_for_stored_messages()
    house.sends(BALCONY, chat(ROMEO, "good night"))

    house.ends(BALCONY)

    assert [said(stanza) for stanza in house.heard_by(ORCHARD)] == [f"{BALCONY}: good night"]


def test_a_session_that_asks_twice_and_then_ends_leaves_nobody_waiting() -> None:
    house = waiting_for_stored_messages()
    house.sends(BALCONY, presence("unavailable"))
    house.sends(BALCONY, presence())
    house.sends(ORCHARD, chat(JULIET, "second"))

    house.ends(BALCONY)

    assert not house.service.held
    late = house.answer(house.questions.pop())
    assert told(house.feeds(late)) == []
    assert len([kind for kind, _ in house.stored[JULIET] if kind is Kind.OFFLINE]) >= 1
