"""What a service does when storage fails (RFC 6121 §2.2, §2.3.3)."""

from __future__ import annotations

from tests.server.playhouse import (
    BALCONY,
    CHAMBER,
    JULIET,
    MERCUTIO,
    NOON,
    ORCHARD,
    ROMEO,
    Playhouse,
    condition,
    presence,
    resting,
    said,
    waiting_for_stored_messages,
)
from xmpp_im_core.server.events import (
    Outbound,
    SessionEnded,
)
from xmpp_im_core.server.service.events import Arrived, ForAccount, not_stored
from xmpp_im_core.server.service.serving import serve

# --- storage that fails (§2.2, §2.3.3) --------------------------------------------------------------------


def test_neither_half_has_happened_if_nothing_could_be_stored() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.heard_by(ORCHARD)
    before = house.service
    event = ForAccount(ROMEO, Outbound(NOON, "x", house.sessions[ORCHARD], presence("subscribe", JULIET)))
    assert serve(before, event).store

    served = house.feeds(not_stored(NOON, "y", event))

    assert served.store == ()
    assert served.state == before
    [error] = house.heard_by(ORCHARD)
    assert (error.type, condition(error)) == ("error", "internal-server-error")


def test_the_sender_of_what_arrived_is_told_that_it_was_not_stored() -> None:
    house = Playhouse(JULIET)

    house.feed(not_stored(NOON, "y", Arrived(NOON, "x", presence("subscribe", JULIET, MERCUTIO))))

    [error] = house.routed
    assert (str(error.to), condition(error)) == (MERCUTIO, "internal-server-error")


def test_what_could_not_be_stored_of_a_loaded_account_leaves_nobody_waiting() -> None:
    house = resting(JULIET)
    house.arrives(presence("subscribe", JULIET, MERCUTIO))
    answer = house.answer(house.questions.pop())
    assert serve(house.service, answer).store

    served = house.feeds(not_stored(NOON, "y", answer))

    assert served.store == ()
    assert not served.state.held
    assert not house.account(JULIET).roster.contacts
    assert [(stanza.type, condition(stanza)) for stanza in house.routed] == [("error", "internal-server-error")]


def test_what_could_not_be_stored_after_stored_messages_leaves_nobody_waiting() -> None:
    house = waiting_for_stored_messages()
    house.arrives(presence("subscribe", JULIET, MERCUTIO))
    answer = house.answer(house.questions.pop())
    assert serve(house.service, answer).store

    served = house.feeds(not_stored(NOON, "y", answer))

    assert served.store == ()
    assert not served.state.held
    assert [said(stanza) for stanza in house.heard_by(BALCONY)] == [f"{ORCHARD}: first"]
    assert [condition(stanza) for stanza in house.routed] == ["internal-server-error"]


def test_what_could_not_be_stored_of_a_sessions_end_ends_it_nevertheless() -> None:
    house = waiting_for_stored_messages()
    house.arrives(presence("subscribe", JULIET, MERCUTIO))
    end = ForAccount(JULIET, SessionEnded(NOON, "x", house.sessions[BALCONY]))
    assert serve(house.service, end).store

    served = house.feeds(not_stored(NOON, "y", end))

    assert served.store == ()
    assert not served.state.held
    assert [session.id for session in house.account(JULIET).sessions] == [house.sessions[CHAMBER]]
    assert [condition(stanza) for stanza in house.routed] == ["internal-server-error"]


def test_a_failed_event_does_not_fail_again() -> None:
    house = resting(JULIET)
    event = Arrived(NOON, "x", presence("subscribe", JULIET, MERCUTIO))
    house.feed(not_stored(NOON, "y", event))
    answer = house.answer(house.questions.pop())

    house.feed(not_stored(NOON, "z", answer))

    assert [condition(stanza) for stanza in house.routed] == ["internal-server-error"]
