"""Pre-approving a subscription request (RFC 6121 §3.4)."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    contact,
    following,
    ignored,
    inbound,
    item,
    outbound,
    presence,
    pushes,
    rfc6121,
    roster,
    roster_set,
    state_of,
    told,
)
from xmpp_im_core.policy import Policy, PreApproval
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.server import Decision, Event, Kind, Put, Route, reduce

PRE_APPROVAL = outbound("subscribed", JULIET, id="pg81vx64")
REQUEST = inbound("subscribe", JULIET)
NEXT_REQUEST = evolve(REQUEST, seq="next")

ONCE = Policy(pre_approval=PreApproval.ONCE)
KEPT = Policy(pre_approval=PreApproval.KEPT)
UNSUPPORTED = Policy(pre_approval=PreApproval.UNSUPPORTED)
SUPPORTED = pytest.mark.parametrize("policy", [ONCE, KEPT], ids=["once", "kept"])

# --- pre-approving ----------------------------------------------------------------------------------------------


@rfc6121("3.4.2", quote="MUST note the subscription pre-approval by setting the 'approved' flag to a value of \"true\"")
@SUPPORTED
@pytest.mark.parametrize(("state", "shows"), [("None", "none"), ("None + Pending Out", "none ask"), ("To", "to")])
def test_the_flag_is_set_and_the_item_pushed_and_nothing_routed(state: str, shows: str, policy: Policy) -> None:
    mine = contact(JULIET, state, name="Juliet", groups=("Lovers",))
    romeo = account(ROMEO, [mine], interested=("foo", "bar"), available=("foo", "baz"))

    step = reduce(romeo, PRE_APPROVAL, policy)

    assert told(step) == [f"push juliet@example.com {shows} approved 'Juliet' (Lovers) to bar, foo"]
    assert state_of(step.state, JULIET) == state
    now = contact(JULIET, state, name="Juliet", groups=("Lovers",), approved=True, version=8)
    assert step.store == (Put(Kind.CONTACT, JULIET, now), Put(Kind.ROSTER, "", RosterHead("v", 8, 0)))


@rfc6121("3.4.2", quote='MUST create a roster item for the contact with a state of "None"')
@pytest.mark.parametrize(
    "known",
    [pytest.param([], id="never heard of"), pytest.param([contact(JULIET, listed=False, version=3)], id="removed")],
)
def test_an_item_is_made_for_an_entity_outside_the_roster(known: list[Contact]) -> None:
    romeo = account(ROMEO, known, interested=("bar",), available=("foo",))

    step = reduce(romeo, PRE_APPROVAL)

    assert told(step) == ["push juliet@example.com none approved to bar"]
    assert roster(step.state) == ["juliet@example.com none approved"]


@rfc6121("3.4.2", quote="MUST handle the stanza as a normal subscription approval")
@SUPPORTED
@pytest.mark.parametrize(
    "asking",
    [
        pytest.param(contact(JULIET, "None + Pending In", listed=False), id="no item"),
        pytest.param(contact(JULIET, "None + Pending In"), id="None + Pending In"),
        pytest.param(contact(JULIET, "None + Pending Out+In"), id="None + Pending Out+In"),
        pytest.param(contact(JULIET, "To + Pending In"), id="To + Pending In"),
    ],
)
def test_it_is_an_approval_if_a_request_waits(asking: Contact, policy: Policy) -> None:
    romeo = account(ROMEO, [asking], interested=("foo",))

    step = reduce(romeo, PRE_APPROVAL, policy)

    assert told(step)[0] == "route subscribed from romeo@example.net to juliet@example.com"
    assert not after(step).roster.contacts[JULIET].approved


@rfc6121("3.4.2", quote="the user's server MUST silently ignore the stanza")
@SUPPORTED
@pytest.mark.parametrize("state", ["Both", "From", "From + Pending Out"])
def test_it_is_silently_ignored_from_an_existing_subscriber(state: str, policy: Policy) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo",), available=("foo",))

    assert ignored(romeo, PRE_APPROVAL, policy)


@rfc6121("3.4.2", quote="MUST note the subscription pre-approval")
@pytest.mark.parametrize("state", ["None", "None + Pending Out", "To"])
def test_a_pre_approval_that_stands_already_changes_nothing(state: str) -> None:
    romeo = account(ROMEO, [contact(JULIET, state, approved=True)], interested=("foo",))

    assert ignored(romeo, PRE_APPROVAL)


@rfc6121("3.4.2", quote="MUST create a roster item for the contact")
def test_a_pre_approval_that_would_need_one_item_more_than_the_limit_is_refused() -> None:
    romeo = account(ROMEO, {NURSE: "None"}, interested=("foo",), available=("foo",))

    beyond = reduce(romeo, PRE_APPROVAL, Policy(roster_items=1))

    assert told(beyond) == ["deliver error policy-violation from juliet@example.com to foo"]
    assert beyond.state is romeo
    assert len(roster(reduce(romeo, PRE_APPROVAL, Policy(roster_items=2)).state)) == 2


# --- the request that was approved beforehand -------------------------------------------------------------------


@rfc6121("3.4.2", quote='the user\'s server MUST NOT deliver a presence stanza of type "subscribe" from the contact')
@rfc6121("3.4.2", quote="MUST automatically respond to such a stanza on behalf of the user")
@in_one_test(("policy", "approved"), [(ONCE, ""), (KEPT, " approved")], ids=["once", "kept"])
@in_one_test(
    ("state", "becomes", "shows"),
    [
        ("None", "From", "from"),
        ("None + Pending Out", "From + Pending Out", "from ask"),
        ("To", "Both", "both"),
    ],
)
def test_it_is_answered_then_pushed_then_current_presence_sent_and_nobody_is_asked(
    state: str, becomes: str, shows: str, policy: Policy, approved: str
) -> None:
    romeo = account(ROMEO, [contact(JULIET, state, approved=True)], interested=("foo", "bar"), available=("foo", "baz"))

    step = reduce(romeo, REQUEST, policy)

    assert told(step) == [
        "route subscribed from romeo@example.net to juliet@example.com",
        f"push juliet@example.com {shows}{approved} to bar, foo",
        "route presence from romeo@example.net/baz to juliet@example.com",
        "route presence from romeo@example.net/foo to juliet@example.com",
    ]
    assert state_of(step.state, JULIET) == becomes
    assert after(step).roster.contacts[JULIET].request is None


@rfc6121("3.4.2", quote="from the bare JID of the user to the bare JID of the contact")
def test_the_answer_goes_from_bare_jid_to_bare_jid() -> None:
    romeo = account(ROMEO, [contact(JULIET, approved=True)])

    (answer, *_) = reduce(romeo, inbound("subscribe", f"{JULIET}/balcony", to=f"{ROMEO}/foo")).effects

    assert isinstance(answer, Route)
    assert answer.stanza == presence("subscribed", ROMEO, JULIET, id="seq-subscribed")


@rfc6121("3.4.2", quote="MUST automatically respond to such a stanza on behalf of the user")
@pytest.mark.parametrize("decision", [Decision.ASK, Decision.DENY])
def test_no_other_decision_undoes_the_users_approval(decision: Decision) -> None:
    romeo = account(ROMEO, [contact(JULIET, approved=True)])

    step = reduce(romeo, inbound("subscribe", JULIET, decision=decision))

    assert told(step) == ["route subscribed from romeo@example.net to juliet@example.com"]


@rfc6121("3.4.2", quote="it will not include the 'approved' attribute in the roster item for the contact")
def test_a_pre_approval_that_is_used_up_does_not_answer_the_next_request() -> None:
    romeo = account(ROMEO, [contact(JULIET, approved=True)], available=("foo",))
    leaving = outbound("unsubscribed", JULIET), inbound("unsubscribe", JULIET)

    for end in leaving:
        again = following(romeo, REQUEST, end, policy=ONCE)
        assert told(reduce(again, NEXT_REQUEST, ONCE)) == ["deliver subscribe from juliet@example.com to foo"]


@rfc6121("3.4.2", quote="it will always include the 'approved' attribute (set to \"true\") in the roster item")
def test_a_pre_approval_that_is_kept_answers_the_next_request_too() -> None:
    romeo = account(ROMEO, [contact(JULIET, approved=True)], available=("foo",))

    again = following(romeo, REQUEST, inbound("unsubscribe", JULIET), policy=KEPT)

    assert roster(again) == ["juliet@example.com none approved"]
    assert told(reduce(again, NEXT_REQUEST, KEPT))[0] == "route subscribed from romeo@example.net to juliet@example.com"


@rfc6121("3.4.2", quote='A client can cancel a pre-approval by sending a presence stanza of type "unsubscribed"')
@SUPPORTED
@pytest.mark.parametrize(
    "cancelling",
    [
        pytest.param(outbound("unsubscribed", JULIET), id="unsubscribed"),
        pytest.param(roster_set(item(JULIET, subscription="remove")), id="removal"),
    ],
)
def test_the_user_is_asked_again_after_the_cancellation(cancelling: Event, policy: Policy) -> None:
    romeo = following(account(ROMEO, available=("foo",)), PRE_APPROVAL, cancelling, policy=policy)

    assert told(reduce(romeo, REQUEST, policy)) == ["deliver subscribe from juliet@example.com to foo"]


@rfc6121("3.4.2", quote="with the 'approved' attribute removed")
def test_cancelling_pushes_the_item_without_the_flag() -> None:
    romeo = following(account(ROMEO, interested=("foo",)), PRE_APPROVAL)

    assert pushes(reduce(romeo, outbound("unsubscribed", JULIET))) == [("juliet@example.com none", "v:9")]


@rfc6121("3.4.2", quote="until and unless the user sends a presence stanza")
def test_a_probe_that_is_refused_does_not_take_a_pre_approval_back() -> None:
    romeo = account(ROMEO, [contact(JULIET, approved=True)], interested=("foo",))

    step = reduce(romeo, inbound("probe", JULIET))

    assert told(step) == ["route unsubscribed from romeo@example.net to juliet@example.com"]
    assert step.state is romeo


# --- without support --------------------------------------------------------------------------------------------


@rfc6121("3.4", quote="Support for subscription pre-approvals is OPTIONAL on the part of clients and servers")
@in_one_test("state", ["None", "None + Pending Out", "To", "From", "From + Pending Out", "Both"])
def test_without_support_an_approval_that_answers_no_request_is_ignored(state: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo",), available=("foo",))

    assert ignored(romeo, PRE_APPROVAL, UNSUPPORTED)
    assert ignored(account(ROMEO, interested=("foo",)), PRE_APPROVAL, UNSUPPORTED)


@rfc6121("3.4", quote="Support for subscription pre-approvals is OPTIONAL on the part of clients and servers")
@pytest.mark.parametrize("state", ["None + Pending In", "None + Pending Out+In", "To + Pending In"])
def test_without_support_an_approval_is_an_approval(state: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo",))

    assert reduce(romeo, PRE_APPROVAL, UNSUPPORTED) == reduce(romeo, PRE_APPROVAL, ONCE)


@rfc6121("3.4", quote="Support for subscription pre-approvals is OPTIONAL on the part of clients and servers")
def test_without_support_an_old_flag_answers_nobody() -> None:
    romeo = account(ROMEO, [contact(JULIET, approved=True)], available=("foo",))

    step = reduce(romeo, REQUEST, UNSUPPORTED)

    assert told(step) == ["deliver subscribe from juliet@example.com to foo"]
