"""Server processing of inbound presence notifications and errors (RFC 6121 §4.2.3, §4.4.3, §4.5.3, §4.7.1, §8.5)."""

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
    child,
    following,
    ignored,
    inbound,
    outbound,
    presence,
    rfc6121,
    stanzas,
    told,
)
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.server import Account, Inbound, NoAccount, reduce
from xmpp_im_core.stanza import Condition, ErrorType, Presence, stanza_error, write_error

ORCHARD = f"{ROMEO}/orchard"
NOTIFICATIONS = in_one_test("type", ["available", "unavailable"])
ERROR = write_error(stanza_error(Condition.SERVICE_UNAVAILABLE))
NAMES = {"available": "presence", "unavailable": "unavailable", "error": "error service-unavailable"}


def juliet(state: str = "Both") -> Account:
    """Juliet with one resource of each sort; "chamber" has a negative priority."""
    return account(
        JULIET, {ROMEO: state}, connected=("cellar",), interested=("hall",), available={"balcony": 1, "chamber": -1}
    )


@rfc6121("4.2.3", quote="deliver the user's presence stanza to all of the contact's available resources")
@rfc6121("4.5.3", quote="deliver the user's presence stanza to all of the contact's available resources")
@rfc6121("8.5.2.1.2", quote="server MUST deliver it to all available resources")
@rfc6121("8.5.2.1.2", quote="In all cases, the server MUST NOT rewrite the 'to' attribute")
@NOTIFICATIONS
@in_one_test("state", STATES)
def test_presence_from_every_sender_reaches_all_available_resources(state: str, type: str) -> None:
    step = reduce(juliet(state), inbound(type, ORCHARD, child("status", "Adieu"), to=JULIET))

    assert told(step) == [f"deliver {NAMES[type]} from {ORCHARD} to balcony, chamber"]
    assert stanzas(step) == [presence(type, ORCHARD, JULIET, child("status", "Adieu"))]
    assert (step.state, step.store) == (juliet(state), ())


@rfc6121("8.5.2.2.2", quote="SHOULD silently ignore the stanza by not storing it for later delivery")
@NOTIFICATIONS
def test_presence_for_a_user_without_available_resource_is_neither_kept_nor_answered(type: str) -> None:
    assert ignored(account(JULIET, {ROMEO: "Both"}, interested=("hall",)), inbound(type, ORCHARD, to=JULIET))
    assert ignored(account(JULIET, {ROMEO: "Both"}), inbound(type, ORCHARD, to=JULIET))


@rfc6121("8.5.3.1", quote="server MUST deliver the stanza to the resource")
@NOTIFICATIONS
@in_one_test("resource", ["balcony", "chamber", "hall", "cellar"])
def test_presence_to_a_full_jid_reaches_that_resource_alone_available_or_connected(resource: str, type: str) -> None:
    step = reduce(juliet(), inbound(type, ORCHARD, to=f"{JULIET}/{resource}"))

    assert told(step) == [f"deliver {NAMES[type]} from {ORCHARD} to {resource}"]
    assert stanzas(step) == [presence(type, ORCHARD, f"{JULIET}/{resource}")]


@rfc6121("8.5.3.2.2", quote="the server MUST silently ignore the stanza")
@NOTIFICATIONS
@in_one_test("resource", ["attic", "BALCONY", "balcony "])
def test_presence_to_a_full_jid_that_nobody_has_is_ignored(resource: str, type: str) -> None:
    assert ignored(juliet(), inbound(type, ORCHARD, to=f"{JULIET}/{resource}"))


@rfc6121("8.5.1", quote="the server MUST silently ignore the stanza")
@NOTIFICATIONS
@in_one_test("to", [JULIET, f"{JULIET}/balcony"])
def test_presence_to_an_account_that_does_not_exist_is_ignored(to: str, type: str) -> None:
    assert ignored(NoAccount(parse_jid(JULIET)), inbound(type, ORCHARD, to=to))


@rfc6121("4.4.3", quote="to all of the contact's available resources")
def test_presence_of_another_own_resource_is_delivered_as_usual() -> None:
    step = reduce(juliet(), inbound("available", f"{JULIET}/cellar", to=f"{JULIET}/balcony"))

    assert told(step) == [f"deliver presence from {JULIET}/cellar to balcony"]


# --- errors -------------------------------------------------------------------------------------------------------


@rfc6121("4.4.2", quote='"error") to solve subscription synchronization problems')
@pytest.mark.parametrize(
    ("to", "whom"),
    [
        (JULIET, "balcony, chamber"),
        (f"{JULIET}/chamber", "chamber"),
        (f"{JULIET}/cellar", "cellar"),
    ],
)
def test_a_presence_error_is_delivered_and_never_answered(to: str, whom: str) -> None:
    step = reduce(juliet(), inbound("error", ROMEO, ERROR, to=to))

    assert told(step) == [f"deliver error service-unavailable from romeo@example.net to {whom}"]
    assert step.state == juliet()


@rfc6121("3.1.2", quote="This can result in returning an appropriate stanza error to the user")
def test_where_nobody_is_available_the_connected_resources_hear_an_error_to_the_bare_jid() -> None:
    asked = account(JULIET, {ROMEO: "None + Pending Out"}, connected=("cellar", "hall"))

    step = reduce(asked, inbound("error", ROMEO, ERROR, to=JULIET))

    assert told(step) == [f"deliver error service-unavailable from {ROMEO} to cellar, hall"]


@pytest.mark.parametrize("to", [JULIET, f"{JULIET}/attic"])
def test_a_presence_error_for_nobody_is_ignored(to: str) -> None:
    given = juliet() if "attic" in to else account(JULIET, {ROMEO: "Both"})

    assert ignored(given, inbound("error", ROMEO, ERROR, to=to))
    assert ignored(NoAccount(parse_jid(JULIET)), inbound("error", ROMEO, ERROR, to=to))


@pytest.mark.parametrize("to", [ROMEO, ORCHARD])
def test_a_clients_presence_error_is_routed_and_changes_nothing(to: str) -> None:
    step = reduce(juliet(), outbound("error", to, ERROR, by="balcony"))

    assert told(step) == [f"route error service-unavailable from {JULIET}/balcony to {to}"]
    assert step.state == juliet()


def test_a_clients_presence_error_to_nobody_is_ignored() -> None:
    assert ignored(juliet(), outbound("error", None, ERROR, by="balcony"))


# --- unknown types ------------------------------------------------------------------------------------------------

UNKNOWN = in_one_test("type", ["online", "invisible", "", "Unavailable", "normal"])


@rfc6121("4.7.1", quote="the recipient or an intermediate router SHOULD return a stanza error of <bad-request/>")
@UNKNOWN
@in_one_test("to", [JULIET, f"{JULIET}/balcony", f"{JULIET}/attic"])
def test_presence_of_an_unknown_type_gets_bad_request_for_every_sender(to: str, type: str) -> None:
    asked = inbound(type, ORCHARD, to=to)

    step = reduce(juliet("None"), asked)

    assert told(step) == [f"route error bad-request from {to} to {ORCHARD}"]
    assert step.state == juliet("None")
    assert stanzas(step) == stanzas(reduce(NoAccount(parse_jid(JULIET)), asked))


@rfc6121("4.7.1", quote="SHOULD return a stanza error of <bad-request/>")
@UNKNOWN
@in_one_test("to", [None, ROMEO])
def test_a_clients_presence_of_an_unknown_type_gets_bad_request_and_is_not_routed(to: str | None, type: str) -> None:
    step = reduce(juliet(), outbound(type, to, by="balcony"))

    (refusal,) = stanzas(step)
    assert told(step) == [f"deliver error bad-request from {to} to balcony"]
    assert refusal.error is not None
    assert refusal.error.type is ErrorType.MODIFY
    assert step.state == juliet()


@rfc6121("4.7.1", quote="There is no value of \"available\" for the 'type' attribute of the <presence/> element")
def test_available_is_no_type() -> None:
    claimed = Presence(parse_address(JULIET), parse_address(ORCHARD), "p1", "available")

    step = reduce(juliet(), Inbound(AT, "seq", claimed))

    assert told(step) == [f"route error bad-request from {JULIET} to {ORCHARD}"]


# --- directed presence of others (§4.6.1) ---------------------------------------------------------------------------


@rfc6121("4.6.1", quote="SHOULD remove any entity that sends unavailable presence to the user")
def test_an_entity_that_leaves_is_removed_from_all_lists_under_the_address_used() -> None:
    chatting = following(
        juliet("None"),
        outbound("available", ORCHARD, by="balcony"),
        outbound("available", ROMEO, by="balcony"),
        outbound("available", ORCHARD, by="chamber"),
    )

    left = after(reduce(chatting, inbound("unavailable", ORCHARD, to=JULIET)))

    assert {each.id.resource: each.directed for each in left.sessions if each.directed} == {"balcony": (ROMEO,)}


@rfc6121("4.6.1", quote="SHOULD remove any entity that sends unavailable presence to the user")
@rfc6121("4.6.1", quote="during the user's current session for a given resource (full JID)")
@in_one_test("to", ["balcony", "cellar", "chamber", "attic"])
def test_an_entity_that_leaves_one_resource_is_removed_from_the_list_of_that_resource_alone(to: str) -> None:
    chatting = following(
        juliet("None"),
        outbound("available", ORCHARD, by="balcony"),
        outbound("available", ORCHARD, by="cellar"),
        outbound("available", ORCHARD, by="chamber"),
    )

    left = after(reduce(chatting, inbound("unavailable", ORCHARD, to=f"{JULIET}/{to}")))

    listing = {each.id.resource for each in left.sessions if each.directed}
    assert listing == {"balcony", "cellar", "chamber"} - {to}


@in_one_test("type", ["available", "error", "probe", "unsubscribed"])
def test_nothing_else_removes_it_from_the_list(type: str) -> None:
    chatting = following(juliet("None"), outbound("available", ORCHARD, by="balcony"))

    left = after(reduce(chatting, inbound(type, ORCHARD, *([ERROR] if type == "error" else []), to=JULIET)))

    assert left.session(left.sessions[0].id) == chatting.sessions[0]
