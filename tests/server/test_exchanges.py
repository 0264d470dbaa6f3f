"""Exchanges between accounts of one service: the outbound half, then the inbound half (RFC 6121 §3.1.2, §8.5)."""

from __future__ import annotations

from datetime import timedelta

from tests.server.playhouse import (
    BALCONY,
    BENVOLIO,
    JULIET,
    NOON,
    ORCHARD,
    ROMEO,
    Playhouse,
    chat,
    presence,
    said,
    told,
)
from xmpp_im_core.event import Decision
from xmpp_im_core.server.effects import Kind, Put, wake_key
from xmpp_im_core.server.events import (
    AccountRemoved,
    Inbound,
)
from xmpp_im_core.subscription import FROM, NONE_IN, NONE_OUT, TO

# --- both halves of an exchange (§3.1.2, §8.5) ------------------------------------------------------------


def test_a_request_between_local_users_runs_the_outbound_half_and_then_the_inbound_half() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)

    served = house.sends(ORCHARD, presence("subscribe", JULIET))

    assert told(served) == [
        f"push {JULIET} none ask -> {ORCHARD}",
        f"presence subscribe from {ROMEO} -> {BALCONY}",
    ]
    assert house.account(ROMEO).roster.contacts[JULIET].state is NONE_OUT
    assert house.account(JULIET).roster.contacts[ROMEO].state is NONE_IN


def test_both_halves_are_stored_in_one_transaction() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)

    served = house.sends(ORCHARD, presence("subscribe", JULIET))

    assert [(jid, put.kind, put.key) for jid, put in served.store if isinstance(put, Put)] == [
        (ROMEO, Kind.CONTACT, JULIET),
        (ROMEO, Kind.ROSTER, ""),
        (ROMEO, Kind.WAKE, wake_key(NOON + timedelta(days=7))),
        (JULIET, Kind.CONTACT, ROMEO),
    ]


def test_an_approval_is_delivered_before_the_push_and_presence_comes_last() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.sends(ORCHARD, presence("subscribe", JULIET))

    served = house.sends(BALCONY, presence("subscribed", ROMEO))

    assert told(served) == [
        f"push {ROMEO} from -> {BALCONY}",
        f"presence subscribed from {JULIET} -> {ORCHARD}",
        f"push {JULIET} to -> {ORCHARD}",
        f"presence available from {BALCONY} -> {ORCHARD}",
    ]
    assert house.account(ROMEO).roster.contacts[JULIET].state is TO
    assert house.account(JULIET).roster.contacts[ROMEO].state is FROM


def test_a_request_of_a_subscribed_contact_is_answered_by_the_contacts_server_itself() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.befriend(ORCHARD, BALCONY)

    served = house.sends(ORCHARD, presence("subscribe", JULIET))

    assert [(step.jid, said(step.event.stanza)) for step in served.steps if isinstance(step.event, Inbound)] == [
        (JULIET, f"presence subscribe from {ROMEO}"),
        (ROMEO, f"presence subscribed from {JULIET}"),
    ]
    assert told(served) == []  # Juliet is not asked again, and Romeo's state does not change


def test_all_effects_of_a_step_leave_before_any_that_it_causes() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.befriend(ORCHARD, BALCONY)

    served = house.sends(ORCHARD, presence())

    assert told(served) == [
        f"presence available from {ORCHARD} -> {ORCHARD}",
        f"presence available from {ORCHARD} -> {BALCONY}",
    ]


def test_a_message_to_the_users_own_bare_jid_comes_back_to_the_user() -> None:
    house = Playhouse(ROMEO)
    house.enters(ORCHARD)

    served = house.sends(ORCHARD, chat(None, "note to self"))

    assert told(served) == [f"{ORCHARD}: note to self -> {ORCHARD}"]


def test_the_services_own_decision_answers_a_local_request() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)

    house.sends(ORCHARD, presence("subscribe", JULIET), Decision.APPROVE)

    assert house.account(ROMEO).roster.contacts[JULIET].state is TO
    assert house.account(JULIET).roster.contacts[ROMEO].state is FROM


def test_without_a_decision_a_local_request_waits_for_the_user() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)

    house.sends(ORCHARD, presence("subscribe", JULIET))

    assert house.account(JULIET).roster.contacts[ROMEO].state is NONE_IN


def test_each_event_that_a_step_sends_to_an_account_gets_a_new_number() -> None:
    house = Playhouse(ROMEO, JULIET)
    house.enters(ORCHARD)
    house.enters(BALCONY)
    house.sends(ORCHARD, presence("subscribe", JULIET))

    served = house.sends(BALCONY, presence("subscribed", ROMEO))

    root = served.steps[0].event.seq
    assert [step.event.seq for step in served.steps] == [root, f"{root}.{ROMEO}.0", f"{root}.{ROMEO}.1"]


def test_no_number_tells_an_account_how_many_others_heard_of_the_same_event() -> None:
    alone, among_many = Playhouse(ROMEO, JULIET), Playhouse(ROMEO, BENVOLIO, JULIET)
    for house in (alone, among_many):
        house.count = 100
        house.enters(ORCHARD)
        house.enters(BALCONY)
        house.befriend(ORCHARD, BALCONY)
    among_many.binds(f"{BENVOLIO}/square")
    among_many.befriend(ORCHARD, f"{BENVOLIO}/square")
    for house in (alone, among_many):
        house.heard_by(BALCONY)
        house.count = 200

    for house in (alone, among_many):
        house.happens(ROMEO, AccountRemoved(NOON, house.seq()))

    heard = alone.heard_by(BALCONY)
    assert [stanza.type for stanza in heard] == [
        "unavailable",
        "unsubscribe",
        "set",
        "unsubscribed",
        "set",
    ]
    assert heard == among_many.heard_by(BALCONY)
