"""Directed presence: its list, its end, and what comes before it (RFC 6121 §4.6.1, §4.6.3)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    STATES,
    account,
    after,
    bound,
    child,
    ended,
    following,
    inbound,
    outbound,
    presence,
    rfc6121,
    stanzas,
    told,
)
from xmpp_im_core.jid import parse_address
from xmpp_im_core.server import Account, Event, Outbound, SessionDetached, SessionId, reduce
from xmpp_im_core.stanza import Presence, payload

ROOM = "lobby@chat.example.com/Juliet"
FULL = f"{JULIET}/balcony"
TO_ROOM = outbound("available", ROOM, by="balcony")
LOGIN = outbound("available", by="balcony")
FAREWELL = outbound("unavailable", by="balcony")
ENDINGS = in_one_test(
    "ending", [FAREWELL, ended("balcony"), bound("balcony", epoch=2)], ids=["unavailable", "end of stream", "replaced"]
)
SUBSCRIBED = [name for name, state in STATES.items() if state.from_]


def juliet(state: str = "None", *, available: bool = True) -> Account:
    given = account(JULIET, {ROMEO: state}, connected=("balcony", "chamber"))
    return following(given, LOGIN) if available else given


def directed(given: Account) -> tuple[str, ...]:
    (balcony,) = [each for each in given.sessions if each.id.resource == "balcony"]
    return balcony.directed


def sent_to(to: str, step_of: Account, event: Event) -> list[str]:
    return [said for said in told(reduce(step_of, event)) if said.endswith(to)]


# --- routing ------------------------------------------------------------------------------------------------------


@rfc6121("4.6.3", quote="MUST locally deliver or remotely route the full XML of that presence stanza")
@in_one_test("type", [None, "unavailable"], ids=["available", "unavailable"])
@in_one_test("to", [ROMEO, f"{ROMEO}/orchard", ROOM, "chat.example.com", JULIET])
@in_one_test("available", [True, False], ids=["available", "connected"])
@in_one_test("state", ["None", "From", "To", "Both"])
def test_directed_presence_is_routed_in_full_from_the_full_jid(
    state: str, available: bool, to: str, type: str | None
) -> None:
    whole = Presence(
        parse_address(to), None, "p1", type, "en", payload(child("status", "Soft!")), (("{urn:example:x}y", "z"),)
    )

    step = reduce(juliet(state, available=available), Outbound(AT, "seq", SessionId("balcony", 1), whole))

    assert len(told(step)) == 1
    assert told(step)[0].startswith("route ")
    assert stanzas(step) == [whole.stamped(from_=parse_address(FULL))]
    assert step.store == ()


@rfc6121("4.6.1", quote="keeping a list of the entities (bare JIDs or full JIDs)")
def test_the_list_is_of_the_one_resource_that_sent_it_and_as_it_was_addressed() -> None:
    chatting = following(juliet(), TO_ROOM, outbound("available", ROMEO, by="balcony"), TO_ROOM)

    assert {each.id.resource: each.directed for each in chatting.sessions} == {
        "balcony": (ROOM, ROMEO),
        "chamber": (),
    }
    assert after(reduce(chatting, TO_ROOM)) == chatting


@rfc6121("4.2.2", quote="an entity is implicitly subscribed to its own presence")
@pytest.mark.parametrize("to", [JULIET, FULL])
def test_an_available_resource_owes_nothing_to_itself_and_other_available_resources(to: str) -> None:
    assert directed(following(juliet(), outbound("available", to, by="balcony"))) == ()


@rfc6121("4.6.3", quote="MUST route that unavailable presence to the entity")
@ENDINGS
@in_one_test("available", [True, False], ids=["available", "connected"])
def test_an_own_resource_that_is_not_available_is_told_as_anybody_else_is(available: bool, ending: Event) -> None:
    chatting = following(juliet(available=available), outbound("available", f"{JULIET}/chamber", by="balcony"))

    assert sent_to("/chamber", chatting, ending) == [f"send unavailable from {FULL} to {JULIET}/chamber"]


@rfc6121("4.5.2", quote="all of the user's available resources")
@ENDINGS
@in_one_test("to", [JULIET, f"{JULIET}/chamber"])
def test_an_own_available_resource_is_told_once(to: str, ending: Event) -> None:
    shown = outbound("available", to, by="balcony")
    for chatting in (
        following(juliet(available=False), outbound("available", by="chamber"), shown, LOGIN),
        following(juliet(available=False), shown, outbound("available", by="chamber"), LOGIN),
        following(juliet(), outbound("available", by="chamber"), shown),
    ):
        said = [line for line in told(reduce(chatting, ending)) if "unavailable" in line]
        heard = "balcony, chamber" if ending is FAREWELL else "chamber"
        assert said == [f"deliver unavailable from {FULL} to {heard}"]


@rfc6121("4.6.1", quote="SHOULD remove any entity that sends unavailable presence to the user")
@pytest.mark.parametrize("leaving", [outbound("unavailable", by="chamber"), ended("chamber")])
def test_the_client_owes_nothing_to_an_own_resource_that_leaves(leaving: Event) -> None:
    given = following(juliet(), outbound("available", by="chamber"))

    chatting = following(given, outbound("available", f"{JULIET}/chamber", by="balcony"), leaving)

    assert directed(chatting) == ()


# --- broadcasts ---------------------------------------------------------------------------------------------------


@rfc6121("4.6.3", quote="MUST NOT include the entity's JID in any subsequent broadcasts of available presence")
def test_an_entity_that_is_not_subscribed_gets_no_update() -> None:
    chatting = following(juliet(), TO_ROOM, outbound("available", ROMEO, by="balcony"))

    step = reduce(chatting, outbound("available", None, child("show", "away"), by="balcony"))

    assert told(step) == [f"deliver presence from {FULL} to balcony"]


@rfc6121("4.6.3", quote="it SHOULD include the contact's JID in any subsequent presence broadcasts initiated by")
@in_one_test("type", ["available", "unavailable"])
@in_one_test("state", SUBSCRIBED)
def test_directed_presence_does_not_change_the_updates_that_a_subscriber_gets(state: str, type: str) -> None:
    told_apart = following(juliet(state), outbound(type, ROMEO, by="balcony"))

    step = reduce(told_apart, outbound("available", None, child("show", "away"), by="balcony"))

    assert told(step)[0] == f"send presence from {FULL} to {ROMEO}"


@rfc6121("4.6.3", quote="MUST route that unavailable presence to the entity")
@ENDINGS
def test_at_the_end_those_in_the_list_are_told_in_one_fan_out(ending: Event) -> None:
    chatting = following(juliet("From"), TO_ROOM, outbound("available", "tybalt@example.com", by="balcony"))

    step = reduce(chatting, ending)

    assert told(step)[:2] == [
        f"send unavailable from {FULL} to {ROMEO}",
        f"send unavailable from {FULL} to {ROOM}, tybalt@example.com",
    ]
    assert directed(after(reduce(chatting, FAREWELL))) == ()


@rfc6121("4.6.3", quote="MUST route that unavailable presence to the entity")
def test_unavailable_presence_reaches_them_in_full() -> None:
    farewell = outbound("unavailable", None, child("status", "Good night"), by="balcony", id="bye")

    room, own = stanzas(reduce(following(juliet(), TO_ROOM), farewell))

    assert room == presence("unavailable", FULL, None, child("status", "Good night"), id="bye")
    assert own == room.stamped(to=parse_address(JULIET))


@rfc6121("4.6.3", quote="MUST treat the entity to which the user sends directed presence as in case #2 above")
@ENDINGS
@in_one_test("state", STATES)
def test_a_resource_that_never_was_available_owes_unavailable_only_for_directed_presence(
    state: str, ending: Event
) -> None:
    hidden = following(juliet(state, available=False), TO_ROOM, outbound("available", ROMEO, by="balcony"))

    step = reduce(hidden, ending)

    assert told(step)[0] == f"send unavailable from {FULL} to {ROOM}, {ROMEO}"
    assert [said for said in told(step) if "unavailable" in said] == told(step)[:1]
    assert step.store == ()


@rfc6121("4.6.3", quote="or after having sent unavailable presence broadcast")
def test_directed_presence_after_unavailable_begins_a_new_list() -> None:
    again = following(juliet("Both"), TO_ROOM, FAREWELL, outbound("available", ROMEO, by="balcony"))

    assert told(reduce(again, ended("balcony"))) == [f"send unavailable from {FULL} to {ROMEO}"]


@rfc6121("4.6.1", quote="The temporary relationship established by sharing directed presence")
@ENDINGS
@in_one_test("to", [ROMEO, f"{ROMEO}/orchard"])
@in_one_test("state", SUBSCRIBED)
def test_a_subscriber_in_the_list_is_told_once_not_twice(state: str, to: str, ending: Event) -> None:
    chatting = following(juliet(state), outbound("available", to, by="balcony"))

    step = reduce(chatting, ending)

    to_romeo = [said for said in told(step) if ROMEO in said]
    assert to_romeo == [f"send unavailable from {FULL} to {ROMEO}"]


def test_presence_that_was_directed_before_the_initial_one_is_still_owed_its_end() -> None:
    chatting = following(juliet("None", available=False), TO_ROOM, LOGIN)

    assert sent_to(ROOM, chatting, FAREWELL) == [f"send unavailable from {FULL} to {ROOM}"]


# --- the list -----------------------------------------------------------------------------------------------------


@rfc6121("4.6.1", quote="any entity to which the user sends directed unavailable presence")
@ENDINGS
def test_an_entity_that_was_told_is_not_told_again(ending: Event) -> None:
    left = following(juliet(), TO_ROOM, outbound("unavailable", ROOM, by="balcony"))

    assert directed(left) == ()
    assert sent_to(ROOM, left, ending) == []


@rfc6121("4.6.1", quote="any entity to which the user sends directed unavailable presence")
@pytest.mark.parametrize("other", ["lobby@chat.example.com", "lobby@chat.example.com/juliet", "chat.example.com"])
def test_directed_unavailable_presence_removes_exactly_its_addressee_from_the_list(other: str) -> None:
    chatting = following(juliet(), TO_ROOM, outbound("unavailable", other, by="balcony"))

    assert directed(chatting) == (ROOM,)


@rfc6121("4.6.1", quote="any entity to which the user sends directed unavailable presence")
@pytest.mark.parametrize("told_of_its_end", [ROMEO, f"{ROMEO}/hall", f"{ROMEO}/orchard"])
def test_only_the_address_that_was_told_is_removed_from_the_list(told_of_its_end: str) -> None:
    addresses = [ROMEO, f"{ROMEO}/hall", f"{ROMEO}/orchard"]
    chatting = following(juliet(), *[outbound("available", each, by="balcony") for each in addresses])

    left = following(chatting, outbound("unavailable", told_of_its_end, by="balcony"))

    assert directed(left) == tuple(each for each in addresses if each != told_of_its_end)


def test_another_resource_leaving_the_room_leaves_the_list_alone() -> None:
    chatting = following(juliet(), TO_ROOM, outbound("unavailable", ROOM, by="chamber"))

    assert directed(chatting) == (ROOM,)


@rfc6121("4.6.1", quote="SHOULD remove any entity that sends unavailable presence to the user")
@ENDINGS
def test_an_entity_that_has_left_is_told_nothing(ending: Event) -> None:
    left = following(juliet(), TO_ROOM, inbound("unavailable", ROOM, to=FULL))

    assert sent_to(ROOM, left, ending) == []


@rfc6121("4.6.1", quote="then clearing the list when the user goes offline")
def test_the_list_is_gone_after_the_session_and_a_new_one_begins_empty() -> None:
    again = following(juliet(), TO_ROOM, FAREWELL, LOGIN)

    assert sent_to(ROOM, again, FAREWELL) == []


def test_a_detached_session_keeps_its_list() -> None:
    detached = following(juliet(), TO_ROOM, SessionDetached(AT, "seq", SessionId("balcony", 1)))

    assert sent_to(ROOM, detached, ended("balcony")) == [f"send unavailable from {FULL} to {ROOM}"]


# --- subscriptions come first (§4.6.1) ------------------------------------------------------------------------------


@rfc6121("4.6.1", quote="creating, modifying, or canceling a presence subscription MUST take precedence")
def test_one_who_becomes_a_subscriber_is_treated_as_a_subscriber() -> None:
    asked = following(juliet(), outbound("available", ROMEO, by="balcony"), inbound("subscribe", ROMEO, to=JULIET))
    subscribed = following(asked, outbound("subscribed", ROMEO, by="balcony"))

    update = reduce(subscribed, outbound("available", None, child("show", "away"), by="balcony"))

    assert told(update)[0] == f"send presence from {FULL} to {ROMEO}"
    assert [said for said in told(reduce(subscribed, FAREWELL)) if ROMEO in said] == [
        f"send unavailable from {FULL} to {ROMEO}"
    ]


@rfc6121("4.6.1", quote="which includes sending unavailable presence to the contact even if the user has sent")
def test_a_cancelled_subscriber_is_sent_unavailable_and_then_nothing_more() -> None:
    chatting = following(juliet("From"), outbound("available", ROMEO, by="balcony"))

    cancelled = reduce(chatting, outbound("unsubscribed", ROMEO, by="balcony"))

    assert told(cancelled)[:2] == [
        f"route unavailable from {FULL} to {ROMEO}",
        f"route unsubscribed from {JULIET} to {ROMEO}",
    ]
    assert directed(after(cancelled)) == ()
    assert [said for said in told(reduce(after(cancelled), FAREWELL)) if ROMEO in said] == []


def test_no_full_jid_leaves_to_one_who_is_neither_subscriber_nor_in_the_list() -> None:
    for state in (name for name in STATES if name not in SUBSCRIBED):
        given = juliet(state)
        for event in (LOGIN, outbound("available", None, child("show", "xa"), by="balcony"), FAREWELL):
            assert [said for said in told(reduce(given, event)) if "/" in said and said.endswith(ROMEO)] == []
