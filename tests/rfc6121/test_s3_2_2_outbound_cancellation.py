"""Server processing of outbound subscription cancellations (RFC 6121 §3.2.2)."""

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
    outbound,
    presence,
    pushes,
    rfc6121,
    roster,
    state_of,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.policy import Policy, PreApproval
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.server import Delete, Kind, Outbound, Put, Route, SessionId, reduce
from xmpp_im_core.stanza import CLIENT

CANCELLATION = outbound("unsubscribed", ROMEO, by="balcony", id="ij5b1v7g")
ROUTED = "route unsubscribed from juliet@example.com to romeo@example.net"


@rfc6121("3.2.2", quote="While the user is still subscribed to the contact's presence")
@rfc6121("3.2.2", quote="Then the contact's server MUST route or deliver the presence stanza")
@rfc6121("3.2.2", quote="The contact's server then MUST send a roster push with the updated roster item")
@pytest.mark.parametrize(
    ("state", "becomes", "shows"),
    [
        ("From", "None", "none"),
        ("From + Pending Out", "None + Pending Out", "none ask"),
        ("Both", "To", "to"),
    ],
)
def test_unavailable_from_each_resource_then_the_cancellation_then_the_push(
    state: str, becomes: str, shows: str
) -> None:
    juliet = account(
        JULIET, {ROMEO: state}, interested=("balcony", "hall"), available=("balcony", "chamber"), connected=("cellar",)
    )

    step = reduce(juliet, CANCELLATION)

    assert told(step) == [
        "route unavailable from juliet@example.com/balcony to romeo@example.net",
        "route unavailable from juliet@example.com/chamber to romeo@example.net",
        ROUTED,
        f"push romeo@example.net {shows} to balcony, hall",
    ]
    assert state_of(step.state, ROMEO) == becomes


@rfc6121("3.2.2", quote="making sure to stamp the outbound subscription cancellation with the bare JID")
def test_the_cancellation_is_stamped_with_the_bare_jid_and_keeps_its_id_and_content() -> None:
    juliet = account(JULIET, {ROMEO: "From"}, connected=("balcony",))
    adieu = element("status", CLIENT, {}, ["Adieu"])

    routed = reduce(juliet, outbound("unsubscribed", f"{ROMEO}/orchard", adieu, by="balcony", id="ij5b1v7g")).effects[0]

    assert isinstance(routed, Route)
    assert routed.stanza == presence("unsubscribed", JULIET, ROMEO, adieu, id="ij5b1v7g")


@rfc6121("3.2.2", quote='MUST send a presence stanza of type "unavailable" from all of the contact\'s online resources')
def test_the_unavailable_presence_has_no_content_and_new_ids() -> None:
    juliet = account(JULIET, {ROMEO: "From"}, connected=("balcony",), available=("chamber", "hall"))

    sent = [each.stanza for each in reduce(juliet, CANCELLATION).effects if isinstance(each, Route)]

    assert sent[:2] == [
        presence("unavailable", f"{JULIET}/chamber", ROMEO, id="seq-unavailable-chamber"),
        presence("unavailable", f"{JULIET}/hall", ROMEO, id="seq-unavailable-hall"),
    ]


@rfc6121("3.2.2", quote="from all of the contact's online resources to the user")
def test_the_users_presence_stays_as_it_is_for_everybody_else() -> None:
    juliet = account(JULIET, {ROMEO: "From", "nurse@example.com": "From"}, available=("balcony",))

    juliet_after = after(reduce(juliet, CANCELLATION))

    assert juliet_after.sessions == juliet.sessions
    assert told(reduce(juliet_after, ended("balcony"))) == [
        "send unavailable from juliet@example.com/balcony to nurse@example.com"
    ]


# --- denying a request ------------------------------------------------------------------------------------------


@rfc6121("3.2.2", quote="MUST send a roster push to the contact")
@pytest.mark.parametrize(
    ("state", "becomes", "shows"),
    [
        ("None + Pending In", "None", "none"),
        ("None + Pending Out+In", "None + Pending Out", "none ask"),
        ("To + Pending In", "To", "to"),
    ],
)
def test_a_denial_is_routed_and_pushed_but_tells_nothing_of_any_resource(state: str, becomes: str, shows: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("balcony",), available=("balcony", "chamber"))

    step = reduce(juliet, CANCELLATION)

    assert told(step) == [ROUTED, f"push romeo@example.net {shows} to balcony"]
    assert state_of(step.state, ROMEO) == becomes
    assert tuple(after(step).roster.pending) == ()


@rfc6121("A.1", quote="MUST wait until the user has approved the subscription request")
def test_a_denial_of_somebody_without_item_is_routed_and_leaves_nothing() -> None:
    juliet = account(
        JULIET,
        [contact(ROMEO, "None + Pending In", listed=False)],
        interested=("balcony",),
        available=("balcony",),
    )

    step = reduce(juliet, CANCELLATION)

    assert told(step) == [ROUTED]
    assert step.store == (Delete(Kind.CONTACT, ROMEO),)
    assert list(after(step).roster.contacts) == []
    assert after(step).roster.ver == juliet.roster.ver


@rfc6121("2.6.3", quote="has been modified since the version ID enumerated by the client")
def test_a_denial_of_somebody_who_was_removed_keeps_the_tombstone() -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=False, version=5)
    juliet = account(JULIET, [waiting], connected=("balcony",))

    step = reduce(juliet, CANCELLATION)

    tombstone = contact(ROMEO, listed=False, version=5)
    assert step.store == (Put(Kind.CONTACT, ROMEO, tombstone),)
    assert after(step).roster.removed == 1


# --- nothing to cancel ------------------------------------------------------------------------------------------


@rfc6121(
    "3.2.2", quote='SHOULD NOT route or deliver the presence stanza of type "unsubscribed" to the user and MUST NOT'
)
@pytest.mark.parametrize("state", ["None", "None + Pending Out", "To"])
def test_it_is_not_routed_if_there_is_nothing_to_cancel(state: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, interested=("balcony",), available=("balcony",))

    assert ignored(juliet, CANCELLATION)


@rfc6121("3.2.2", quote="If the user's bare JID is not yet in the contact's roster")
def test_it_is_not_routed_to_an_entity_outside_the_roster() -> None:
    assert ignored(account(JULIET, interested=("balcony",), available=("balcony",)), CANCELLATION)


@rfc6121("3.2.2", quote="MUST remove the pre-approval and MUST NOT route or deliver the presence stanza")
@in_one_test("policy", list(PreApproval), ids=lambda choice: choice.value)
@in_one_test(("state", "shows"), [("None", "none"), ("None + Pending Out", "none ask"), ("To", "to")])
def test_a_pre_approval_is_revoked_without_telling_the_contact(state: str, shows: str, policy: PreApproval) -> None:
    mine = contact(ROMEO, state, approved=True, name="Romeo")
    juliet = account(JULIET, [mine], interested=("balcony",), available=("balcony",))

    step = reduce(juliet, CANCELLATION, Policy(pre_approval=policy))

    assert told(step) == [f"push romeo@example.net {shows} 'Romeo' to balcony"]
    assert pushes(step)[0][1] == "v:8"
    assert state_of(step.state, ROMEO) == state
    assert roster(step.state) == [f"romeo@example.net {shows} 'Romeo'"]
    now = after(step).roster.contacts[ROMEO]
    assert step.store == (Put(Kind.CONTACT, ROMEO, now), Put(Kind.ROSTER, "", RosterHead("v", 8, 0)))


@rfc6121("3.4.2", quote='until and unless the user sends a presence stanza of type "unsubscribed"')
@in_one_test("state", ["From", "From + Pending Out", "Both", "None + Pending In"])
def test_a_cancellation_also_ends_a_pre_approval_that_was_kept(state: str) -> None:
    juliet = account(JULIET, [contact(ROMEO, state, approved=True)], connected=("balcony",))

    step = reduce(juliet, CANCELLATION, Policy(pre_approval=PreApproval.KEPT))

    assert not after(step).roster.contacts[ROMEO].approved


# --- directed presence ------------------------------------------------------------------------------------------


@rfc6121("3.2.2", quote="from all of the contact's online resources to the user")
def test_a_subscriber_with_directed_presence_gets_unavailable_once() -> None:
    directed = Outbound(AT, "d", SessionId("balcony", 1), presence("available", None, f"{ROMEO}/orchard"))
    juliet = following(account(JULIET, {ROMEO: "From"}, available=("balcony",)), directed, CANCELLATION)

    assert told(reduce(juliet, ended("balcony"))) == []


@rfc6121("3.2.2", quote="from all of the contact's online resources to the user")
def test_a_denial_removes_nobody_from_a_directed_presence_list() -> None:
    directed = Outbound(AT, "d", SessionId("balcony", 1), presence("available", None, f"{ROMEO}/orchard"))
    juliet = following(account(JULIET, {ROMEO: "None + Pending In"}, available=("balcony",)), directed, CANCELLATION)

    assert told(reduce(juliet, ended("balcony"))) == [
        "send unavailable from juliet@example.com/balcony to romeo@example.net/orchard"
    ]
