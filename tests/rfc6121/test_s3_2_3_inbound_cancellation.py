"""Server processing of inbound subscription cancellations (RFC 6121 §3.2.3)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    JULIET,
    ROMEO,
    account,
    after,
    contact,
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
from xmpp_im_core.server import AddressedAs, Deliver, Kind, Put, reduce
from xmpp_im_core.stanza import CLIENT

CANCELLATION = inbound("unsubscribed", JULIET, id="ij5b1v7g")


@rfc6121("3.2.3", quote="This MUST occur before sending the roster push")
@rfc6121("3.2.3", quote="Initiate a roster push to all of the user's interested resources")
@pytest.mark.parametrize(
    ("state", "becomes", "shows"),
    [
        ("To", "None", "none"),
        ("To + Pending In", "None + Pending In", "none"),
        ("Both", "From", "from"),
    ],
)
def test_the_cancellation_is_delivered_before_the_roster_push(state: str, becomes: str, shows: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo", "bar"), available=("baz",))

    step = reduce(romeo, CANCELLATION)

    assert told(step) == [
        "deliver unsubscribed from juliet@example.com to bar, foo",
        f"push juliet@example.com {shows} to bar, foo",
    ]
    assert state_of(step.state, JULIET) == becomes


@rfc6121("A.3.4", quote="if there is a pending outbound request for access")
@pytest.mark.parametrize(
    ("state", "becomes", "shows"),
    [
        ("None + Pending Out", "None", "none"),
        ("None + Pending Out+In", "None + Pending In", "none"),
        ("From + Pending Out", "From", "from"),
    ],
)
def test_a_denial_is_delivered_and_ends_the_request(state: str, becomes: str, shows: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo",))

    step = reduce(romeo, CANCELLATION)

    assert told(step) == [
        "deliver unsubscribed from juliet@example.com to foo",
        f"push juliet@example.com {shows} to foo",
    ]
    assert state_of(step.state, JULIET) == becomes
    assert after(step).roster.contacts[JULIET].asked is None


@rfc6121("3.2.3", quote="Deliver the inbound subscription cancellation to all of the user's interested resources")
def test_the_cancellation_is_delivered_as_it_stands() -> None:
    romeo = account(ROMEO, {JULIET: "To"}, interested=("foo",))
    adieu = element("status", CLIENT, {}, ["Adieu"])

    delivered = reduce(romeo, inbound("unsubscribed", JULIET, adieu, id="ij5b1v7g")).effects[0]

    assert isinstance(delivered, Deliver)
    assert delivered.stanza == presence("unsubscribed", JULIET, ROMEO, adieu, id="ij5b1v7g")
    assert delivered.address is AddressedAs.AS_IT_STANDS


@rfc6121("3.2.3", quote='MUST also deliver the inbound presence stanzas of type "unavailable"')
def test_the_unavailable_presence_that_comes_with_it_is_delivered_to_the_available_resources() -> None:
    romeo = account(ROMEO, {JULIET: "To"}, interested=("foo",), available=("bar", "baz"))

    before = reduce(romeo, inbound("unavailable", f"{JULIET}/balcony"))
    late = reduce(following(romeo, CANCELLATION), inbound("unavailable", f"{JULIET}/balcony"))

    assert told(before) == told(late) == ["deliver unavailable from juliet@example.com/balcony to bar, baz"]


@rfc6121("3.2.3", quote="an updated roster item for the contact")
def test_the_item_stays_and_keeps_the_rest() -> None:
    mine = contact(JULIET, "Both", name="Juliet", groups=("Lovers",), approved=True)
    romeo = account(ROMEO, [mine], interested=("foo",))

    step = reduce(romeo, CANCELLATION)

    assert pushes(step) == [("juliet@example.com from approved 'Juliet' (Lovers)", "v:8")]


@rfc6121("3.2.3", quote="has no available resources when the inbound unsubscribed notification is received")
def test_the_item_changes_without_a_kept_notice_while_the_user_is_offline() -> None:
    romeo = account(ROMEO, {JULIET: "To"})

    step = reduce(romeo, CANCELLATION)

    assert told(step) == []
    assert roster(step.state) == ["juliet@example.com none"]
    assert [put.kind for put in step.store if isinstance(put, Put)] == [Kind.CONTACT, Kind.ROSTER]


@rfc6121("3.2.3", quote="MUST silently ignore the unsubscribed notification")
@pytest.mark.parametrize("state", ["None", "None + Pending In", "From"])
def test_it_is_silently_ignored_if_there_is_nothing_to_cancel(state: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo",), available=("foo",))

    assert ignored(romeo, CANCELLATION)


@rfc6121("3.2.3", quote="if the contact is not in the user's roster")
@pytest.mark.parametrize(
    "known",
    [
        pytest.param([], id="never heard of"),
        pytest.param([contact(JULIET, listed=False, version=3)], id="removed"),
        pytest.param([contact(JULIET, "None + Pending In", listed=False)], id="asking"),
    ],
)
def test_it_is_silently_ignored_from_an_entity_outside_the_roster(known: list[Contact]) -> None:
    romeo = account(ROMEO, known, interested=("foo",), available=("foo",))

    assert ignored(romeo, CANCELLATION)


@rfc6121("3.2.3", quote="MUST silently ignore the unsubscribed notification")
@in_one_test("state", ["None", "None + Pending Out", "None + Pending In", "To"])
def test_it_does_not_take_back_what_the_user_has_pre_approved(state: str) -> None:
    romeo = account(ROMEO, [contact(JULIET, state, approved=True)], interested=("foo",))

    assert after(reduce(romeo, CANCELLATION)).roster.contacts[JULIET].approved
