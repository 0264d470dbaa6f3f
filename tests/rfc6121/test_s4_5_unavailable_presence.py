"""Server processing of outbound unavailable presence, graceful or not (RFC 6121 §4.5.2)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    STATES,
    account,
    after,
    bound,
    child,
    delivery,
    ended,
    following,
    ignored,
    inbound,
    message,
    outbound,
    presence,
    rfc6121,
    session,
    stanzas,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.server import (
    Account,
    Event,
    Outbound,
    SessionDetached,
    SessionEnded,
    SessionId,
    SessionResumed,
    reduce,
)
from xmpp_im_core.stanza import Condition, Presence, payload, stanza_error, write_error

BENVOLIO = "benvolio@example.net"
FULL = f"{JULIET}/balcony"
FAREWELL = outbound("unavailable", None, child("status", "going on vacation"), by="balcony", id="bye")
BROADCAST = f"send unavailable from {FULL} to {BENVOLIO}, {ROMEO}"


def juliet(*available: str, connected: tuple[str, ...] = ()) -> Account:
    contacts = {ROMEO: "Both", NURSE: "To", BENVOLIO: "From"}
    return account(JULIET, contacts, connected=connected, available=available or ("balcony", "chamber"))


# --- gracefully -------------------------------------------------------------------------------------------------


@rfc6121("4.5.2", quote="then the server MUST broadcast the full XML of the presence stanza")
@rfc6121("4.5.2", quote="as well as to the resource that generated the unavailable presence in the first place")
def test_unavailable_presence_goes_in_full_to_subscribers_directed_recipients_and_its_sender() -> None:
    step = reduce(juliet(connected=("cellar",)), FAREWELL)

    assert told(step) == [BROADCAST, f"deliver unavailable from {FULL} to balcony, chamber"]
    assert stanzas(step) == [
        presence("unavailable", FULL, None, child("status", "going on vacation"), id="bye"),
        presence("unavailable", FULL, JULIET, child("status", "going on vacation"), id="bye"),
    ]
    assert after(step).available() == (SessionId("chamber", 1),)
    assert after(step).session(SessionId("balcony", 1)) is not None


@rfc6121("4.5.2", quote="MUST broadcast the full XML of the presence stanza")
def test_unavailable_presence_keeps_all_its_content() -> None:
    whole = Presence(
        id="bye",
        type="unavailable",
        lang="en",
        payload=payload(child("status", "Gone"), element("x", "urn:example:x", {}, ["y"])),
        attributes=(("{urn:example:mood}is", "foul"),),
    )

    broadcast, own = stanzas(reduce(juliet(), Outbound(AT, "seq", SessionId("balcony", 1), whole)))

    assert broadcast == whole.stamped(from_=parse_address(FULL))
    assert own == broadcast.stamped(to=parse_address(JULIET))


@rfc6121("4.5.2", quote='with a subscription type of "from" or "both"')
@in_one_test("event", [FAREWELL, ended("balcony")], ids=["unavailable", "end of stream"])
@in_one_test("state", STATES)
def test_each_of_the_nine_states_decides_who_hears_of_it(state: str, event: Event) -> None:
    step = reduce(account(JULIET, {ROMEO: state}, available=("balcony", "chamber")), event)

    assert (f"send unavailable from {FULL} to {ROMEO}" in told(step)) is STATES[state].from_
    assert sum("unavailable" in said for said in told(step)) == 1 + STATES[state].from_


# --- ungracefully -----------------------------------------------------------------------------------------------


@rfc6121("4.5.2", quote="then the server MUST generate the unavailable presence broadcast on the user's behalf")
@rfc6121("4.5.2", quote="MUST NOT depend on receiving unavailable presence from an available resource")
def test_at_the_end_of_the_stream_the_server_sends_unavailable_without_a_reason() -> None:
    step = reduce(juliet(), ended("balcony"))

    assert told(step) == [BROADCAST, f"deliver unavailable from {FULL} to chamber"]
    assert stanzas(step) == [
        presence("unavailable", FULL, None, id="seq-unavailable-balcony"),
        presence("unavailable", FULL, JULIET, id="seq-unavailable-balcony"),
    ]
    assert after(step).session(SessionId("balcony", 1)) is None


@rfc6121("4.5.2", quote="If an available resource becomes unavailable for any reason")
def test_its_end_is_told_exactly_once() -> None:
    left = following(juliet(), FAREWELL)

    again = reduce(left, FAREWELL)
    assert (told(again), again.state, again.store) == ([], left, ())
    closed = reduce(left, ended("balcony"))
    assert told(closed) == []
    assert ignored(after(closed), ended("balcony"))
    assert ignored(after(closed), FAREWELL)


@rfc6121("4.1", quote="For the duration of its presence session, a connected resource")
def test_a_resource_that_never_was_available_owes_nobody_anything() -> None:
    cellar = juliet(connected=("cellar",))

    assert told(reduce(cellar, ended("cellar"))) == []
    said = reduce(cellar, outbound("unavailable", by="cellar"))
    assert (told(said), said.state, said.store) == ([], cellar, ())


@rfc6121("4.5.2", quote="If an available resource becomes unavailable for any reason")
def test_a_session_that_is_replaced_becomes_unavailable_before_its_stream_is_closed() -> None:
    step = reduce(juliet(), bound("balcony", epoch=2))

    assert told(step) == [BROADCAST, f"deliver unavailable from {FULL} to chamber", "end balcony with conflict"]
    assert after(step).sessions == (session(JULIET, "balcony", epoch=2), session(JULIET, "chamber", available=True))


@rfc6121("4.5.2", quote="If an available resource becomes unavailable for any reason")
@pytest.mark.parametrize("login", [True, False], ids=["available", "only bound"])
def test_the_late_end_of_the_replaced_session_does_not_take_the_new_one_away(login: bool) -> None:
    replaced = following(juliet(), bound("balcony", epoch=2))
    if login:
        replaced = following(replaced, outbound("available", by="balcony", epoch=2))

    late = reduce(replaced, ended("balcony", epoch=1))
    assert (told(late), late.store) == ([], ())
    assert after(late).sessions == replaced.sessions
    assert ignored(after(late), ended("balcony", epoch=1))
    assert ignored(replaced, outbound("unavailable", by="balcony", epoch=1))
    assert ignored(replaced, SessionDetached(AT, "seq", SessionId("balcony", 1)))
    assert ignored(replaced, SessionResumed(AT, "seq", SessionId("balcony", 1)))


def test_a_session_that_is_bound_again_under_the_same_epoch_is_the_same() -> None:
    assert ignored(juliet(), bound("balcony", epoch=1))


# --- detached and resumed (XEP-0198) ------------------------------------------------------------------------------

DETACHED = SessionDetached(AT, "seq", SessionId("balcony", 1))
RESUMED = SessionResumed(AT, "seq", SessionId("balcony", 1))


def test_a_session_that_may_be_resumed_stays_as_available_as_it_was_and_nobody_is_told() -> None:
    detached = reduce(juliet(), DETACHED)

    assert told(detached) == []
    assert after(detached).available() == juliet().available()
    assert told(reduce(detached.state, RESUMED)) == []
    assert reduce(detached.state, RESUMED).state == juliet()


@rfc6121("4.5.2", quote="If an available resource becomes unavailable for any reason")
def test_a_detached_session_that_expires_is_unavailable_once() -> None:
    detached = following(juliet(), DETACHED)

    expired = reduce(detached, ended("balcony"))

    assert told(expired) == told(reduce(juliet(), ended("balcony")))
    assert ignored(after(expired), ended("balcony"))
    assert ignored(after(expired), RESUMED)


def test_a_detached_session_still_hears_what_happens() -> None:
    detached = following(juliet(), DETACHED)

    step = reduce(detached, inbound("available", f"{ROMEO}/orchard", to=JULIET))

    assert told(step) == ["deliver presence from romeo@example.net/orchard to balcony, chamber"]


# --- nothing stops it -------------------------------------------------------------------------------------------


@rfc6121("4.5.2", quote="That rule has been removed")
@pytest.mark.parametrize("event", [FAREWELL, ended("balcony")], ids=["unavailable", "end of stream"])
def test_a_presence_error_of_a_contact_does_not_stop_the_broadcast(event: Event) -> None:
    error = write_error(stanza_error(Condition.SERVICE_UNAVAILABLE))
    refused = following(juliet(), inbound("error", ROMEO, error, to=FULL))

    assert told(reduce(refused, event))[0] == BROADCAST


@rfc6121("4.5.2", quote="it MUST broadcast the user's unavailable presence notification")
def test_a_contact_who_has_gone_offline_is_still_told() -> None:
    gone = following(juliet(), inbound("unavailable", f"{ROMEO}/orchard", to=JULIET))

    assert told(reduce(gone, FAREWELL))[0] == BROADCAST


def test_what_could_not_be_delivered_to_the_ended_session_comes_after_its_unavailable_presence() -> None:
    balcony = SessionId("balcony", 1)
    lost = delivery(message("chat", f"{ROMEO}/orchard", FULL), balcony)

    step = reduce(juliet(), SessionEnded(AT, "seq", balcony, (lost,)))

    assert told(step) == [
        BROADCAST,
        f"deliver unavailable from {FULL} to chamber",
        "deliver chat from romeo@example.net/orchard to chamber",
    ]
