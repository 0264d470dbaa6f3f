"""Server processing of outbound subscription approvals (RFC 6121 §3.1.5)."""

from __future__ import annotations

import pytest

from tests.rfc6121.conversation import (
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    contact,
    following,
    ignored,
    outbound,
    presence,
    pushes,
    rfc6121,
    roster,
    state_of,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.server import Kind, Put, Route, reduce
from xmpp_im_core.stanza import CLIENT

APPROVAL = outbound("subscribed", ROMEO, by="balcony", id="h4v1c4kj")
AWAY = element("show", CLIENT, {}, ["away"])


@rfc6121("3.1.5", quote="The contact's server then MUST send an updated roster push")
@rfc6121("3.1.5", quote="The contact's server MUST then also send current presence to the user")
def test_the_approval_is_routed_then_the_item_pushed_then_current_presence_sent() -> None:
    juliet = account(
        JULIET,
        [contact(ROMEO, "None + Pending In", listed=False)],
        interested=("balcony", "hall"),
        available=("balcony", "chamber"),
    )

    step = reduce(juliet, APPROVAL)

    assert told(step) == [
        "route subscribed from juliet@example.com to romeo@example.net",
        "push romeo@example.net from to balcony, hall",
        "route presence from juliet@example.com/balcony to romeo@example.net",
        "route presence from juliet@example.com/chamber to romeo@example.net",
    ]


@rfc6121("3.1.5", quote="MUST stamp the outbound stanza with the bare JID <contact@domainpart> of the contact")
def test_the_approval_is_stamped_with_the_bare_jid_and_keeps_its_id_and_content() -> None:
    juliet = account(JULIET, {ROMEO: "None + Pending In"}, connected=("balcony",))
    welcome = element("status", CLIENT, {}, ["Welcome"])

    routed = reduce(juliet, outbound("subscribed", f"{ROMEO}/orchard", welcome, by="balcony", id="h4v1c4kj")).effects[0]

    assert isinstance(routed, Route)
    assert routed.stanza == presence("subscribed", JULIET, ROMEO, welcome, id="h4v1c4kj")


@rfc6121("3.1.5", quote="with the 'subscription' attribute set to a value of \"from\"")
@rfc6121("3.4.2", quote="by updating the existing roster item to a state of")
@pytest.mark.parametrize(
    ("state", "becomes", "shows"),
    [
        ("None + Pending In", "From", "from"),
        ("None + Pending Out+In", "From + Pending Out", "from ask"),
        ("To + Pending In", "Both", "both"),
    ],
)
def test_the_item_shows_from_or_both_and_keeps_the_rest(state: str, becomes: str, shows: str) -> None:
    mine = contact(ROMEO, state, name="Romeo", groups=("Friends",))
    juliet = account(JULIET, [mine], interested=("balcony",))

    step = reduce(juliet, APPROVAL)

    assert pushes(step) == [(f"romeo@example.net {shows} 'Romeo' (Friends)", "v:8")]
    assert state_of(step.state, ROMEO) == becomes


@rfc6121("A.1", quote="MUST wait until the user has approved the subscription request")
def test_a_requester_without_an_item_has_one_after_the_approval() -> None:
    juliet = account(JULIET, [contact(ROMEO, "None + Pending In", listed=False)], connected=("balcony",))

    step = reduce(juliet, APPROVAL)

    approved = contact(ROMEO, "From", version=8)
    assert roster(step.state) == ["romeo@example.net from"]
    assert step.store == (Put(Kind.CONTACT, ROMEO, approved), Put(Kind.ROSTER, "", RosterHead("v", 8, 0)))
    assert tuple(after(step).roster.pending) == ()


@rfc6121("3.1.5", quote="send current presence to the user from each of the contact's available resources")
def test_current_presence_is_the_last_broadcast_in_full() -> None:
    juliet = account(JULIET, {ROMEO: "None + Pending In"}, connected=("balcony", "hall"), available=("chamber",))
    juliet = following(
        juliet,
        outbound("available", None, by="balcony", id="first"),
        outbound("available", None, AWAY, by="balcony", id="second"),
        outbound("available", "nurse@example.com/pantry", by="balcony", id="directed"),
    )

    sent = [each.stanza for each in reduce(juliet, APPROVAL).effects if isinstance(each, Route)]

    assert sent[1:] == [
        presence("available", f"{JULIET}/balcony", ROMEO, AWAY, id="second"),
        presence("available", f"{JULIET}/chamber", ROMEO, id="chamber-presence"),
    ]


@rfc6121("3.1.5", quote="from each of the contact's available resources")
def test_an_approval_from_a_resource_that_is_not_available_sends_no_presence_of_it() -> None:
    juliet = account(JULIET, {ROMEO: "None + Pending In"}, interested=("balcony",))

    assert told(reduce(juliet, APPROVAL)) == [
        "route subscribed from juliet@example.com to romeo@example.net",
        "push romeo@example.net from to balcony",
    ]


@rfc6121("3.4.2", quote="the user's server MUST silently ignore the stanza")
@pytest.mark.parametrize("state", ["From", "From + Pending Out", "Both"])
def test_an_approval_of_one_who_is_subscribed_already_is_ignored(state: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("balcony",), available=("balcony",))

    assert ignored(juliet, APPROVAL)


@rfc6121("3.1.2", quote="any other error is determined or experienced by the user's server")
def test_an_approval_that_would_need_one_item_more_than_the_limit_is_refused() -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=False)
    juliet = account(JULIET, [waiting, contact(NURSE)], interested=("balcony",), available=("balcony",))

    step = reduce(juliet, APPROVAL, Policy(roster_items=1))

    assert told(step) == ["deliver error policy-violation from romeo@example.net to balcony"]
    assert step.state is juliet
    assert len(told(reduce(juliet, APPROVAL, Policy(roster_items=2)))) == 3
