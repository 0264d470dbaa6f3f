"""Server processing of inbound unsubscribes (RFC 6121 §3.3.3)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    after,
    contact,
    ended,
    following,
    ignored,
    inbound,
    presence,
    pushes,
    rfc6121,
    roster,
    state_of,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.roster import Contact
from xmpp_im_core.server import AddressedAs, Delete, Deliver, Kind, Outbound, Put, Route, SessionId, reduce
from xmpp_im_core.stanza import CLIENT

UNSUBSCRIBE = inbound("unsubscribe", ROMEO, to=JULIET, id="ul4bs71n")
ANSWER = "route unsubscribed from juliet@example.com to romeo@example.net"


@rfc6121("3.3.3", quote="This MUST occur before sending the roster push")
@rfc6121("3.3.3", quote='Generate an outbound presence stanza of type "unavailable" from each of the contact\'s')
@pytest.mark.parametrize(
    ("state", "becomes", "shows"),
    [
        ("From", "None", "none"),
        ("From + Pending Out", "None + Pending Out", "none ask"),
        ("Both", "To", "to"),
    ],
)
def test_the_delivery_the_push_the_unavailable_presence_and_the_answer_come_in_this_order(
    state: str, becomes: str, shows: str
) -> None:
    juliet = account(
        JULIET, {ROMEO: state}, interested=("balcony", "hall"), available=("balcony", "chamber"), connected=("cellar",)
    )

    step = reduce(juliet, UNSUBSCRIBE)

    assert told(step) == [
        "deliver unsubscribe from romeo@example.net to balcony, hall",
        f"push romeo@example.net {shows} to balcony, hall",
        "route unavailable from juliet@example.com/balcony to romeo@example.net",
        "route unavailable from juliet@example.com/chamber to romeo@example.net",
        ANSWER,
    ]
    assert state_of(step.state, ROMEO) == becomes


@rfc6121("3.3.3", quote="Deliver the inbound unsubscribe to all of the contact's interested resources")
def test_it_is_delivered_as_it_stands() -> None:
    juliet = account(JULIET, {ROMEO: "From"}, interested=("balcony",))
    adieu = element("status", CLIENT, {}, ["Adieu"])

    delivered = reduce(juliet, inbound("unsubscribe", ROMEO, adieu, to=JULIET, id="ul4bs71n")).effects[0]

    assert isinstance(delivered, Deliver)
    assert delivered.stanza == presence("unsubscribe", ROMEO, JULIET, adieu, id="ul4bs71n")
    assert delivered.address is AddressedAs.AS_IT_STANDS


@rfc6121("3.3.3", quote="from each of the contact's available resources to the user")
@rfc6121("A.3.2", quote="SHOULD auto-reply by sending a presence stanza")
def test_the_servers_own_stanzas_have_new_ids_and_go_to_the_bare_jid() -> None:
    juliet = account(JULIET, {ROMEO: "From"}, available=("balcony", "chamber"))

    step = reduce(juliet, inbound("unsubscribe", f"{ROMEO}/orchard", to=JULIET))

    assert [each.stanza for each in step.effects if isinstance(each, Route)] == [
        presence("unavailable", f"{JULIET}/balcony", ROMEO, id="seq-unavailable-balcony"),
        presence("unavailable", f"{JULIET}/chamber", ROMEO, id="seq-unavailable-chamber"),
        presence("unsubscribed", JULIET, ROMEO, id="seq-unsubscribed"),
    ]


@rfc6121("3.3.3", quote="an updated roster item for the user")
def test_the_item_stays_and_keeps_the_rest() -> None:
    mine = contact(ROMEO, "Both", name="Romeo", groups=("Friends",), approved=True)
    juliet = account(JULIET, [mine], interested=("balcony",))

    step = reduce(juliet, UNSUBSCRIBE)

    assert pushes(step) == [("romeo@example.net to approved 'Romeo' (Friends)", "v:8")]
    assert [put.kind for put in step.store if isinstance(put, Put)] == [Kind.CONTACT, Kind.ROSTER]


@rfc6121("3.3.3", quote="from each of the contact's available resources to the user")
def test_a_subscriber_with_directed_presence_gets_unavailable_once() -> None:
    directed = Outbound(AT, "d", SessionId("balcony", 1), presence("available", None, f"{ROMEO}/orchard"))
    juliet = following(account(JULIET, {ROMEO: "From"}, available=("balcony",)), directed, UNSUBSCRIBE)

    assert told(reduce(juliet, ended("balcony"))) == []


@rfc6121("3.3.3", quote="has no available resources when the inbound unsubscribe notification is received")
def test_the_item_changes_without_a_kept_notice_while_the_contact_is_offline() -> None:
    step = reduce(account(JULIET, {ROMEO: "From"}), UNSUBSCRIBE)

    assert told(step) == [ANSWER]
    assert roster(step.state) == ["romeo@example.net none"]
    assert [put.kind for put in step.store if isinstance(put, Put)] == [Kind.CONTACT, Kind.ROSTER]


# --- a request that is withdrawn --------------------------------------------------------------------------------


@rfc6121("A.3.2", quote="SHOULD auto-reply by sending a presence stanza")
@pytest.mark.parametrize(
    ("state", "becomes"),
    [
        ("None + Pending In", "None"),
        ("None + Pending Out+In", "None + Pending Out"),
        ("To + Pending In", "To"),
    ],
)
def test_a_withdrawn_request_is_delivered_and_answered_but_shows_in_no_push(state: str, becomes: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("balcony",), available=("balcony", "chamber"))

    step = reduce(juliet, UNSUBSCRIBE)

    assert told(step) == ["deliver unsubscribe from romeo@example.net to balcony", ANSWER]
    assert state_of(step.state, ROMEO) == becomes
    assert roster(step.state) == roster(juliet)
    assert after(step).roster.ver == juliet.roster.ver
    assert tuple(after(step).roster.pending) == ()


@rfc6121("3.3.3", quote="MUST simply remove any record of the inbound presence subscription request")
def test_a_withdrawn_request_of_somebody_without_item_leaves_nothing() -> None:
    juliet = account(JULIET, [contact(ROMEO, "None + Pending In", listed=False)])

    step = reduce(juliet, UNSUBSCRIBE)

    assert step.store == (Delete(Kind.CONTACT, ROMEO),)
    assert list(after(step).roster.contacts) == []


# --- nothing to end ---------------------------------------------------------------------------------------------


@rfc6121("3.3.3", quote="MUST silently ignore the unsubscribe stanza")
@pytest.mark.parametrize("state", ["None", "None + Pending Out", "To"])
def test_it_is_silently_ignored_if_there_is_nothing_to_end(state: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("balcony",), available=("balcony",))

    assert ignored(juliet, UNSUBSCRIBE)


@rfc6121("3.3.3", quote="if the user is not in the contact's roster")
@pytest.mark.parametrize(
    "known",
    [
        pytest.param([], id="never heard of"),
        pytest.param([contact(ROMEO, listed=False, version=3)], id="removed"),
    ],
)
def test_it_is_silently_ignored_from_an_entity_outside_the_roster(known: list[Contact]) -> None:
    juliet = account(JULIET, known, interested=("balcony",), available=("balcony",))

    assert ignored(juliet, UNSUBSCRIBE)


# --- to a full JID ----------------------------------------------------------------------------------------------


@rfc6121("A.3.2", quote="SHOULD auto-reply by sending a presence stanza")
@pytest.mark.parametrize("state", ["From"])
def test_to_a_full_jid_that_is_there_it_counts_but_no_answer_reveals_the_resource(state: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("balcony",), connected=("chamber",))

    step = reduce(juliet, inbound("unsubscribe", ROMEO, to=f"{JULIET}/chamber"))

    assert told(step)[0] == "deliver unsubscribe from romeo@example.net to balcony"
    assert ANSWER not in told(step)
    assert state_of(step.state, ROMEO) == "None"


@in_one_test("resource", ["chamber", "nowhere"])
@in_one_test("state", ["None + Pending In", "None + Pending Out+In", "To + Pending In"])
def test_it_is_ignored_from_senders_that_may_not_see_the_resource(state: str, resource: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("balcony",), connected=("chamber",))

    assert ignored(juliet, inbound("unsubscribe", ROMEO, to=f"{JULIET}/{resource}"))
