"""Server processing of inbound subscription approvals (RFC 6121 §3.1.6)."""

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
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.server import AddressedAs, Deliver, Kind, Put, reduce
from xmpp_im_core.stanza import CLIENT

APPROVAL = inbound("subscribed", JULIET, id="h4v1c4kj")


@rfc6121("3.1.6", quote="This MUST occur before sending the roster push")
def test_the_approval_is_delivered_before_the_roster_push() -> None:
    romeo = account(ROMEO, {JULIET: "None + Pending Out"}, interested=("foo", "bar"), available=("baz",))

    step = reduce(romeo, APPROVAL)

    assert told(step) == [
        "deliver subscribed from juliet@example.com to bar, foo",
        "push juliet@example.com to to bar, foo",
    ]
    assert state_of(step.state, JULIET) == "To"


@rfc6121("3.1.6", quote="Deliver the inbound subscription approval to all of the user's interested resources")
def test_the_approval_is_delivered_as_it_stands() -> None:
    romeo = account(ROMEO, {JULIET: "None + Pending Out"}, interested=("foo",))
    welcome = element("status", CLIENT, {}, ["Welcome"])

    delivered = reduce(romeo, inbound("subscribed", JULIET, welcome, id="h4v1c4kj")).effects[0]

    assert isinstance(delivered, Deliver)
    assert delivered.stanza == presence("subscribed", JULIET, ROMEO, welcome, id="h4v1c4kj")
    assert delivered.address is AddressedAs.AS_IT_STANDS


@rfc6121("3.1.6", quote='if the subscription state was "None + Pending Out" or "None + Pending Out+In"')
@rfc6121("3.1.6", quote='if the subscription state was "From + Pending Out"')
@pytest.mark.parametrize(
    ("state", "becomes", "shows"),
    [
        ("None + Pending Out", "To", "to"),
        ("None + Pending Out+In", "To + Pending In", "to"),
        ("From + Pending Out", "Both", "both"),
    ],
)
def test_the_item_shows_to_or_both_no_ask_any_more_and_keeps_the_rest(state: str, becomes: str, shows: str) -> None:
    mine = contact(JULIET, state, name="Juliet", groups=("Lovers",))
    romeo = account(ROMEO, [mine], interested=("foo",))
    request = romeo.roster.contacts[JULIET].request

    step = reduce(romeo, APPROVAL)

    assert pushes(step) == [(f"juliet@example.com {shows} 'Juliet' (Lovers)", "v:8")]
    now = contact(JULIET, becomes, name="Juliet", groups=("Lovers",), request=request, version=8)
    assert after(step).roster.contacts[JULIET] == now
    assert step.store == (Put(Kind.CONTACT, JULIET, now), Put(Kind.ROSTER, "", RosterHead("v", 8, 0)))


@rfc6121("3.1.6", quote="MUST also deliver the available presence stanza received from each of the contact's available")
def test_the_contacts_presence_is_delivered_to_all_available_resources_after_the_approval() -> None:
    romeo = account(ROMEO, {JULIET: "None + Pending Out"}, interested=("foo",), available=("bar", "baz"))
    romeo = following(romeo, APPROVAL)

    for resource in ("balcony", "chamber"):
        assert told(reduce(romeo, inbound("available", f"{JULIET}/{resource}"))) == [
            f"deliver presence from juliet@example.com/{resource} to bar, baz"
        ]


@rfc6121("3.1.6", quote="has no available resources when the inbound subscription approval notification is received")
@pytest.mark.parametrize("interested", [(), ("foo",)], ids=["offline", "interested"])
def test_without_available_resource_it_is_delivered_to_the_interested_ones_and_not_kept(
    interested: tuple[str, ...],
) -> None:
    romeo = account(ROMEO, {JULIET: "None + Pending Out"}, interested=interested)

    step = reduce(romeo, APPROVAL)

    assert len(told(step)) == 2 * len(interested)
    assert roster(step.state) == ["juliet@example.com to"]
    assert {put.kind for put in step.store if isinstance(put, Put)} == {Kind.CONTACT, Kind.ROSTER}


@rfc6121("3.1.6", quote="MUST silently ignore the subscription approval notification")
@in_one_test("state", ["None", "None + Pending In", "To", "To + Pending In", "From", "Both"])
def test_an_approval_that_nobody_asked_for_is_silently_ignored(state: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo", "bar"), available=("foo",))

    assert ignored(romeo, APPROVAL)


@rfc6121("3.1.6", quote="if the contact is not in the user's roster")
@pytest.mark.parametrize(
    "known",
    [
        pytest.param([], id="never heard of"),
        pytest.param([contact(JULIET, listed=False, version=3)], id="removed"),
        pytest.param([contact(JULIET, "None + Pending In", listed=False)], id="asking"),
    ],
)
def test_an_approval_from_somebody_who_is_not_in_the_roster_is_silently_ignored(
    known: list[Contact],
) -> None:
    romeo = account(ROMEO, known, interested=("foo",), available=("foo",))

    assert ignored(romeo, APPROVAL)


@rfc6121("3.1.6", quote="MUST silently ignore the subscription approval notification")
@pytest.mark.parametrize("type", ["subscribed", "unsubscribed", "unsubscribe"])
def test_to_a_full_jid_that_is_not_there_it_is_ignored(type: str) -> None:
    romeo = account(ROMEO, {JULIET: "From + Pending Out"}, interested=("foo",), available=("foo",))

    assert ignored(romeo, inbound(type, JULIET, to="romeo@example.net/nowhere"))


@rfc6121("3.1.6", quote="Deliver the inbound subscription approval to all of the user's interested resources")
def test_to_a_full_jid_that_is_there_it_counts_as_to_the_bare_jid() -> None:
    romeo = account(ROMEO, {JULIET: "None + Pending Out"}, interested=("foo", "bar"), connected=("baz",))

    assert told(reduce(romeo, inbound("subscribed", JULIET, to="romeo@example.net/baz"))) == [
        "deliver subscribed from juliet@example.com to bar, foo",
        "push juliet@example.com to to bar, foo",
    ]
