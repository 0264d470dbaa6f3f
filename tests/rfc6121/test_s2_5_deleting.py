"""Deleting a roster item (RFC 6121 §2.5)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    contact,
    ended,
    following,
    item,
    outbound,
    presence,
    pushes,
    rfc6121,
    roster,
    roster_get,
    roster_set,
    state_of,
    told,
)
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.server import Account, Delete, Kind, Outbound, Put, Route, SessionId, reduce

REMOVAL = roster_set(item(ROMEO, subscription="remove"), by="balcony")


def given(state: str, *, approved: bool = False) -> Account:
    romeo = contact(ROMEO, state, name="Romeo", groups=("Friends",), approved=approved)
    return account(JULIET, [romeo], interested=("balcony", "chamber"), available=("balcony", "garden"))


UNAVAILABLE = [
    "route unavailable from juliet@example.com/balcony to romeo@example.net",
    "route unavailable from juliet@example.com/garden to romeo@example.net",
]
UNSUBSCRIBE = "route unsubscribe from juliet@example.com to romeo@example.net"
UNSUBSCRIBED = "route unsubscribed from juliet@example.com to romeo@example.net"


@rfc6121("2.5.2", quote='the user\'s server MUST send a presence stanza of type "unsubscribe" to the contact')
@rfc6121("2.5.2", quote='MUST send both a presence stanza of type "unsubscribe" and a')
@rfc6121("3.2.2", quote="While the user is still subscribed to the contact's presence")
@in_one_test(
    ("state", "farewells"),
    [
        ("None", []),
        ("None + Pending Out", [UNSUBSCRIBE]),
        ("None + Pending In", []),
        ("None + Pending Out+In", [UNSUBSCRIBE]),
        ("To", [UNSUBSCRIBE]),
        ("To + Pending In", [UNSUBSCRIBE]),
        ("From", [*UNAVAILABLE, UNSUBSCRIBED]),
        ("From + Pending Out", [*UNAVAILABLE, UNSUBSCRIBE, UNSUBSCRIBED]),
        ("Both", [*UNAVAILABLE, UNSUBSCRIBE, UNSUBSCRIBED]),
    ],
)
def test_the_result_then_what_the_contact_is_told_then_one_push(state: str, farewells: list[str]) -> None:
    step = reduce(given(state), REMOVAL)

    assert told(step) == [
        "empty result to balcony",
        *farewells,
        "push romeo@example.net remove to balcony, chamber",
    ]


@rfc6121("2.5.2", quote="then it MUST update the item in the user's roster")
def test_the_item_is_gone_from_the_roster_and_its_tombstone_is_stored() -> None:
    step = reduce(given("Both"), REMOVAL)

    tombstone = contact(ROMEO, listed=False, version=8)
    assert roster(step.state) == []
    assert step.store == (Put(Kind.CONTACT, ROMEO, tombstone), Put(Kind.ROSTER, "", RosterHead("v", 8, 0)))
    assert told(reduce(step.state, roster_get("balcony"))) == ["roster [] to balcony"]


@rfc6121("2.5.2", quote="with the 'subscription' attribute set to a value of \"remove\"")
def test_the_push_shows_the_jid_and_remove_alone() -> None:
    step = reduce(given("From + Pending Out", approved=True), REMOVAL)

    assert pushes(step) == [("romeo@example.net remove", "v:8")]


@rfc6121("3", quote="MUST stamp the outgoing presence stanza with the bare JID <localpart@domainpart>")
def test_the_presence_that_the_server_makes_has_new_ids() -> None:
    step = reduce(given("Both"), REMOVAL)

    routed = [each.stanza for each in step.effects if isinstance(each, Route)]
    assert routed == [
        presence("unavailable", f"{JULIET}/balcony", ROMEO, id="seq-unavailable-balcony"),
        presence("unavailable", f"{JULIET}/garden", ROMEO, id="seq-unavailable-garden"),
        presence("unsubscribe", JULIET, ROMEO, id="seq-unsubscribe"),
        presence("unsubscribed", JULIET, ROMEO, id="seq-unsubscribed"),
    ]


@rfc6121("3.1.3", quote="until the contact either approves or denies the request")
@pytest.mark.parametrize("state", ["None + Pending In", "None + Pending Out+In", "To + Pending In"])
def test_a_request_that_waits_for_an_answer_survives_the_removal(state: str) -> None:
    juliet = given(state)
    request = juliet.roster.contacts[ROMEO].request

    juliet = after(reduce(juliet, REMOVAL))

    assert state_of(juliet, ROMEO) == "None + Pending In"
    assert juliet.roster.contacts[ROMEO].request == request
    assert "deliver subscribe from romeo@example.net to chamber" in told(
        reduce(juliet, outbound("available", by="chamber"))
    )


@rfc6121("3.4.2", quote="or removes the contact from the roster entirely")
def test_a_removal_takes_a_pre_approval_back() -> None:
    juliet = following(given("None", approved=True), REMOVAL)

    assert not juliet.roster.contacts[ROMEO].approved


@rfc6121("2.5.2", quote="in order to cancel the contact's subscription")
def test_a_subscriber_with_directed_presence_gets_unavailable_once() -> None:
    directed = Outbound(AT, "d", SessionId("garden", 1), presence("available", None, f"{ROMEO}/orchard"))
    juliet = following(given("From"), directed, REMOVAL)

    assert not [said for said in told(reduce(juliet, ended("garden"))) if ROMEO in said]


@rfc6121("2.5.2", quote="If the contact has a presence subscription to the user")
def test_a_user_who_is_offline_has_no_presence_to_end() -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, connected=("balcony",))

    assert told(reduce(juliet, REMOVAL)) == ["empty result to balcony", UNSUBSCRIBE, UNSUBSCRIBED]


@rfc6121("2.5.1", quote="specifying a value of \"remove\" for the 'subscription' attribute")
def test_name_and_groups_of_a_removal_count_for_nothing() -> None:
    removal = roster_set(item(ROMEO, "", "", name="x" * 5000, subscription="remove"), by="balcony")

    assert told(reduce(given("None"), removal))[0] == "empty result to balcony"


@rfc6121("2.5.3", quote="MUST return an <item-not-found/> stanza error")
@pytest.mark.parametrize(
    "known",
    [
        pytest.param([], id="never heard of"),
        pytest.param([contact(ROMEO, listed=False, version=3)], id="removed already"),
        pytest.param([contact(ROMEO, "None + Pending In", listed=False)], id="a request without item"),
    ],
)
def test_what_is_not_in_the_roster_is_not_found(known: list[Contact]) -> None:
    juliet = account(JULIET, known, interested=("balcony",))

    step = reduce(juliet, REMOVAL)

    assert told(step) == ["error item-not-found to balcony"]
    assert step.state is juliet


@rfc6121("2.5.3", quote="MUST return an <item-not-found/> stanza error")
def test_an_item_for_the_own_jid_that_was_accepted_once_can_be_removed() -> None:
    juliet = account(JULIET, {JULIET: "None"}, connected=("balcony",))

    step = reduce(juliet, roster_set(item(JULIET, subscription="remove"), by="balcony"))

    assert told(step) == ["empty result to balcony"]
    assert roster(step.state) == []


@rfc6121("2.5.2", quote="then it MUST update the item in the user's roster")
def test_a_forgotten_tombstone_is_deleted_from_the_store() -> None:
    step = reduce(given("None"), REMOVAL, Policy(tombstones=0))

    assert Delete(Kind.CONTACT, ROMEO) in step.store
    assert Put(Kind.ROSTER, "", RosterHead("v", 8, 8)) in step.store
    assert ROMEO not in after(step).roster.contacts


def test_the_others_stay() -> None:
    juliet = account(JULIET, {ROMEO: "Both", NURSE: "Both"}, connected=("balcony",))

    assert roster(following(juliet, REMOVAL)) == ["nurse@example.com both"]
