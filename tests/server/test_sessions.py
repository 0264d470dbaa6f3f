"""Sessions at the limits of an account, and what is done with stanzas that are not for it (RFC 6120 §7, §8.1.1.2)."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    after,
    bound,
    child,
    delivery,
    iq,
    message,
    outbound,
    presence,
)
from tests.rfc6121.undelivered_stage import BALCONY, CHAMBER, FULL, ORCHARD, juliet
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Audience, Policy
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import presence as presence_rules
from xmpp_im_core.rules import sessions as rules
from xmpp_im_core.rules import storage as storage_rules
from xmpp_im_core.server import (
    AddressedAs,
    Deliver,
    EndSession,
    Ignored,
    Inbound,
    NoAccount,
    OfflineLoaded,
    Route,
    SessionDetached,
    SessionEnded,
    SessionId,
    SessionResumed,
    Undelivered,
    Unloaded,
    Unroutable,
    reduce,
)
from xmpp_im_core.stanza import Condition, Stanza

ASKED = iq("get", element("query", "urn:example:x"), from_=ORCHARD, to=FULL)
TO_ROMEO = message("chat", ORCHARD, ROMEO, child("body", "Adieu!"))


def test_a_session_that_is_bound_twice_is_the_same_session() -> None:
    given = juliet(balcony=3)

    step = reduce(given, bound("balcony", epoch=1))

    assert step.state == given
    assert [effect.rule for effect in step.effects] == [rules.BOUND_ALREADY]


@pytest.mark.parametrize("room", [0, -1])
def test_a_session_may_take_the_last_byte_that_is_left(room: int) -> None:
    """RFC 6120 §13.12."""
    taken = after(reduce(account(JULIET), bound("balcony"))).session_bytes

    step = reduce(account(JULIET), bound("balcony"), Policy(session_bytes=taken + room))

    closed = [effect.condition for effect in step.effects if isinstance(effect, EndSession)]
    assert closed == ([] if room == 0 else ["policy-violation"])


def test_presence_that_takes_no_more_room_than_before_fits_beyond_a_lowered_limit() -> None:
    """RFC 6120 §13.12: a limit refuses what is too much, not what is there."""
    away = outbound(None, None, child("status", "Away"), by="balcony")
    given = after(reduce(juliet(), away))

    again = reduce(given, evolve(away, seq="again"), Policy(session_bytes=0))

    assert presence_rules.PRESENCES_TOO_LARGE not in [effect.rule for effect in again.effects]
    assert after(again) == given


@pytest.mark.parametrize("sessions", [1, 2, 3])
def test_as_many_late_ends_are_expected_as_an_account_may_have_sessions(sessions: int) -> None:
    given = account(JULIET)
    for epoch in range(1, 6):
        given = after(reduce(given, bound("balcony", epoch=epoch), Policy(sessions=sessions)))

    assert given.replaced == tuple([SessionId("balcony", epoch) for epoch in range(5 - sessions, 5)])


def test_each_event_of_a_session_names_its_rule() -> None:
    given = juliet()

    detached = reduce(given, SessionDetached(AT, "seq", BALCONY))
    resumed = reduce(after(detached), SessionResumed(AT, "seq", BALCONY))
    gone = reduce(after(resumed), SessionEnded(AT, "seq", BALCONY))

    assert [each.effects for each in (detached, resumed, gone)] == [
        (Ignored(rules.DETACHED),),
        (Ignored(rules.RESUMED),),
        (Ignored(presence_rules.NEVER_AVAILABLE),),
    ]


# --- stanzas of others ---------------------------------------------------------------------------------------


def test_an_address_without_an_account_takes_no_stanza_for_another() -> None:
    step = reduce(NoAccount(parse_jid(JULIET)), Inbound(AT, "seq", TO_ROMEO))

    assert step.effects == (Ignored(delivery_rules.WITHOUT_ADDRESSES),)


def test_an_account_that_is_not_loaded_answers_no_stanza_for_another() -> None:
    step = reduce(Unloaded(parse_jid(JULIET)), Inbound(AT, "seq", TO_ROMEO))

    assert step.effects == (Ignored(storage_rules.NOT_NOW_IGNORED),)


def test_an_address_without_an_account_gives_back_no_stanza_for_another() -> None:
    step = reduce(NoAccount(parse_jid(JULIET)), SessionEnded(AT, "seq", BALCONY, (delivery(TO_ROMEO, BALCONY),)))

    assert step.effects == (Ignored(rules.NO_ACCOUNT),)


@pytest.mark.parametrize("policy", [Policy(), Policy(offline_messages=False)])
def test_an_undelivered_stanza_for_another_is_lost(policy: Policy) -> None:
    step = reduce(juliet(balcony=0), Undelivered(AT, "again", delivery(TO_ROMEO, BALCONY), (BALCONY,)), policy)

    assert step.effects == (Ignored(delivery_rules.LOST),)
    assert step.store == ()


@in_one_test(
    "lost",
    [
        delivery(TO_ROMEO, BALCONY),
        delivery(presence("subscribe", ROMEO, JULIET), BALCONY),
        evolve(delivery(ASKED, BALCONY), address=AddressedAs.FULL_JID),
        delivery(ASKED, BALCONY, CHAMBER),
    ],
    ids=["of another", "presence", "push", "another session has it"],
)
def test_while_the_account_is_unknown_only_who_waits_for_an_answer_gets_one(lost: Deliver) -> None:
    """§8.5: presence causes no error; what another session has is delivered."""
    unloaded = Unloaded(parse_jid(JULIET), juliet(chamber=0).sessions)
    both = SessionEnded(AT, "seq", BALCONY, (lost, delivery(ASKED, BALCONY)))

    step = reduce(unloaded, both)

    assert [_answered(effect.stanza) for effect in step.effects if isinstance(effect, Route)] == [(ORCHARD, "error")]


def _answered(stanza: Stanza) -> tuple[str, str | None]:
    assert stanza.to_jid is not None
    return stanza.to_jid.full, stanza.type


# --- what could not be routed --------------------------------------------------------------------------------


def test_what_another_part_of_the_service_has_sent_for_a_resource_is_reported_to_it() -> None:
    """RFC 6120 §10.4.3."""
    sent = Route(message("chat", FULL, ORCHARD), delivery_rules.MESSAGE_ROUTED)

    (effect,) = reduce(juliet(), Unroutable(AT, "seq", sent, Condition.REMOTE_SERVER_NOT_FOUND)).effects

    assert isinstance(effect, Deliver)
    assert (effect.sessions, effect.stanza.type) == ((BALCONY,), "error")


def test_what_names_no_sender_is_reported_to_nobody() -> None:
    sent = Route(message("chat", None, ORCHARD), delivery_rules.MESSAGE_ROUTED)

    step = reduce(juliet(), Unroutable(AT, "seq", sent, Condition.REMOTE_SERVER_NOT_FOUND))

    assert step.effects == (Ignored(delivery_rules.ANSWER_LOST),)


def test_a_namespace_that_is_not_served_is_not_for_the_user_either() -> None:
    """§8.5.2.1.3."""
    asked = iq("get", element("query", "urn:example:x"), from_=FULL, to=JULIET)

    (effect,) = reduce(juliet(), Inbound(AT, "seq", asked)).effects

    assert isinstance(effect, Route)
    assert effect.rule is delivery_rules.IQ_NOT_SERVED


@pytest.mark.parametrize("type", ["result", "error"])
def test_an_answer_to_the_account_goes_to_no_service(type: str) -> None:
    """§8.5.2.1.3 is about requests."""
    policy = Policy(served={"urn:example:x": Audience.ANYONE})
    answer = iq(type, element("query", "urn:example:x"), from_=ORCHARD, to=JULIET)

    assert reduce(juliet(), Inbound(AT, "seq", answer), policy).effects == (Ignored(delivery_rules.ANSWER_TO_SERVER),)


def test_an_answer_to_a_resource_that_is_gone_names_its_rule() -> None:
    answer = iq("result", from_=ORCHARD, to=f"{JULIET}/gone")

    step = reduce(juliet(), Inbound(AT, "seq", answer))

    assert step.effects == (Ignored(delivery_rules.IQ_ANSWER_UNMATCHED),)


@pytest.mark.parametrize(("counted", "left"), [(100_000, None), (0, 0)])
def test_what_is_still_stored_takes_the_room_that_was_counted(counted: int, left: int | None) -> None:
    """XEP-0160 §2: the host read one of three messages; it may have counted too little."""
    stored = message("chat", ORCHARD, JULIET, child("body", "Adieu!"))

    step = reduce(juliet(balcony=0).storing(3, counted), OfflineLoaded(AT, "seq", BALCONY, (("1", stored),)))

    assert after(step).offline == 2
    assert after(step).offline_bytes == (counted - stored.size() if left is None else left)


def test_if_nothing_is_still_stored_all_room_is_free() -> None:
    stored = message("chat", ORCHARD, JULIET, child("body", "Adieu!"))

    step = reduce(juliet(balcony=0).storing(1, 100_000), OfflineLoaded(AT, "seq", BALCONY, (("1", stored),)))

    assert (after(step).offline, after(step).offline_bytes) == (0, 0)


@pytest.mark.parametrize("type", ["result", "error"])
def test_an_answer_to_nobody_goes_to_no_service(type: str) -> None:
    """RFC 6120 §13.11: a service answers requests."""
    answer = iq(type, element("query", "urn:example:x"), from_=ORCHARD, to=JULIET)
    policy = Policy(served={"urn:example:x": Audience.EVERYWHERE})

    step = reduce(NoAccount(parse_jid(JULIET)), Inbound(AT, "seq", answer), policy)

    assert step.effects == (Ignored(delivery_rules.IQ_TO_NOBODY),)
