"""Syntax and semantics of the roster (RFC 6121 §2, §2.1)."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    MERCUTIO,
    NURSE,
    ROMEO,
    account,
    after,
    contact,
    fails_in_silence,
    following,
    ignored,
    inbound,
    iq,
    item,
    outbound,
    pushes,
    query,
    received_iq,
    rfc6121,
    roster,
    roster_get,
    roster_set,
    sent_iq,
    state_of,
    told,
)
from xmpp_im_core.policy import ForeignRosterSet, Policy, RosterAccess
from xmpp_im_core.rules.roster import ADDED_ITEM_PUSHED
from xmpp_im_core.server import AddressedAs, Deliver, Event, NoAccount, SessionId, Undelivered, reduce
from xmpp_im_core.stanza import Condition, ErrorType

# --- the roster is kept (§2) ------------------------------------------------------------------------------


@rfc6121("2", quote="MUST return the data it has stored when an authorized client requests the roster")
def test_an_item_that_one_device_adds_is_shown_unmodified_to_another() -> None:
    juliet = account(JULIET, connected=("balcony", "chamber"))

    juliet = following(juliet, roster_set(item(NURSE, " Servants ", "ANGELICA", name="  Nurse  "), by="balcony"))

    assert told(reduce(juliet, roster_get("chamber"))) == [
        "roster [nurse@example.com none '  Nurse  ' ( Servants , ANGELICA)] to chamber"
    ]


@rfc6121("2.1.1", quote="The value MUST be generated only by the server")
def test_a_ver_in_a_roster_set_counts_for_nothing() -> None:
    juliet = account(JULIET, interested=("balcony",), version=7)

    step = reduce(juliet, sent_iq("set", query(item(NURSE), ver="v:99"), by="balcony"))

    assert pushes(step) == [("nurse@example.com none", "v:8")]


# --- items (§2.1.2) ---------------------------------------------------------------------------------------


@rfc6121("2.1.2.1", quote="A server SHOULD include the 'approved' attribute to inform the client")
def test_a_pre_approved_item_shows_approved_and_any_other_does_not() -> None:
    juliet = account(JULIET, [contact(NURSE, approved=True), contact(ROMEO)], connected=("balcony",))

    (result,) = reduce(juliet, roster_get("balcony")).effects

    assert isinstance(result, Deliver)
    assert result.stanza == iq(
        "result",
        query(
            item(NURSE, subscription="none", approved="true"),
            item(ROMEO, subscription="none"),
            ver="v:7",
        ),
        to="juliet@example.com/balcony",
    )


@in_one_test(
    ("state", "attributes"),
    [
        ("None", {"subscription": "none"}),
        ("None + Pending Out", {"subscription": "none", "ask": "subscribe"}),
        ("None + Pending In", {"subscription": "none"}),
        ("None + Pending Out+In", {"subscription": "none", "ask": "subscribe"}),
        ("To", {"subscription": "to"}),
        ("To + Pending In", {"subscription": "to"}),
        ("From", {"subscription": "from"}),
        ("From + Pending Out", {"subscription": "from", "ask": "subscribe"}),
        ("Both", {"subscription": "both"}),
    ],
)
@rfc6121("2.1.2.2", quote="A server SHOULD include the 'ask' attribute to inform the client")
def test_an_item_shows_subscription_and_ask_and_never_a_pending_request(state: str, attributes: dict[str, str]) -> None:
    juliet = account(JULIET, {ROMEO: state}, connected=("balcony",))

    (result,) = reduce(juliet, roster_get("balcony")).effects

    assert isinstance(result, Deliver)
    assert result.stanza.payload.elements == (query(item(ROMEO, **attributes), ver="v:7"),)


@rfc6121("2.1.2.3", quote="uniquely identifies the roster item")
@pytest.mark.parametrize("written", ["NURSE@example.com", "nurse@EXAMPLE.com", "nurse@example.com"])
def test_every_spelling_of_a_jid_names_one_item(written: str) -> None:
    juliet = account(JULIET, [contact(NURSE, name="Nurse")], connected=("balcony",))

    juliet = following(juliet, roster_set(item(written, name="Angelica"), by="balcony"))

    assert roster(juliet) == ["nurse@example.com none 'Angelica'"]


@rfc6121("2.1.2.5", quote="all values of the 'subscription' attribute other than")
@in_one_test("claimed", ["none", "to", "from", "both", "REMOVE", "garbage", ""])
@in_one_test("state", ["None", "None + Pending Out", "To", "From", "Both"])
def test_a_roster_set_never_changes_the_subscription(state: str, claimed: str) -> None:
    juliet = account(JULIET, {ROMEO: state}, connected=("balcony",))

    step = reduce(juliet, roster_set(item(ROMEO, name="Romeo", subscription=claimed), by="balcony"))

    assert told(step) == ["empty result to balcony"]
    assert state_of(step.state, ROMEO) == state


@rfc6121("2.1.2.1", quote="A client MUST NOT include the 'approved' attribute in the roster sets it sends")
@rfc6121("2.1.2.2", quote="A client MUST NOT include the 'ask' attribute in the roster sets it sends")
def test_ask_and_approved_in_a_roster_set_are_ignored() -> None:
    juliet = account(JULIET, connected=("balcony",))

    juliet = following(juliet, roster_set(item(NURSE, ask="subscribe", approved="true"), by="balcony"))

    assert roster(juliet) == ["nurse@example.com none"]


@rfc6121("2.1.2.1", quote="A client MUST NOT include the 'approved' attribute in the roster sets it sends")
def test_a_roster_set_without_approved_does_not_take_a_pre_approval_back() -> None:
    juliet = account(JULIET, [contact(NURSE, approved=True)], connected=("balcony",))

    juliet = following(juliet, roster_set(item(NURSE, approved="false"), by="balcony"))

    assert roster(juliet) == ["nurse@example.com none approved"]


@rfc6121("2.1.2.6", quote="An <item/> element MAY contain more than one <group/> element")
def test_an_item_may_be_in_several_groups() -> None:
    juliet = account(JULIET, connected=("balcony",))

    juliet = following(juliet, roster_set(item(NURSE, "Servants", "Family"), by="balcony"))

    assert roster(juliet) == ["nurse@example.com none (Servants, Family)"]


@rfc6121("2.1.2.6", quote="then the item is to be interpreted as being affiliated with no group")
def test_without_group_an_item_is_in_none() -> None:
    juliet = account(JULIET, [contact(NURSE, groups=("Servants",))], connected=("balcony",))

    juliet = following(juliet, roster_set(item(NURSE), by="balcony"))

    assert roster(juliet) == ["nurse@example.com none"]


# --- get and result (§2.1.3, §2.1.4) ------------------------------------------------------------------------


@rfc6121("2.1.4", quote="one <item/> element for each contact")
def test_a_roster_result_has_one_item_for_each_contact() -> None:
    juliet = account(JULIET, {NURSE: "None", ROMEO: "Both", MERCUTIO: "From"}, connected=("balcony", "chamber"))

    step = reduce(juliet, roster_get("balcony"))

    assert told(step) == [
        "roster [mercutio@example.net from, nurse@example.com none, romeo@example.net both] to balcony"
    ]


@rfc6121("2.1.4", quote="element that in turn contains no <item/> children")
def test_an_empty_roster_is_an_empty_query() -> None:
    juliet = account(JULIET, connected=("balcony",))

    (result,) = reduce(juliet, roster_get("balcony")).effects

    assert isinstance(result, Deliver)
    assert result.stanza == iq("result", query(ver="v:7"), to="juliet@example.com/balcony")


@rfc6121("2.1.4", quote="If the roster does not exist, then the server MUST return a stanza error")
def test_a_roster_that_does_not_exist_is_not_found() -> None:
    juliet = account(JULIET, connected=("balcony",))

    step = reduce(juliet, roster_get("balcony"), Policy(roster_access=RosterAccess.MISSING))

    assert told(step) == ["error item-not-found to balcony"]
    assert step.state is juliet


@rfc6121("2.1.3", quote="where the <query/> element MUST NOT contain any <item/> child elements")
def test_a_roster_get_with_an_item_is_a_bad_request() -> None:
    juliet = account(JULIET, {NURSE: "None"}, connected=("balcony",))

    step = reduce(juliet, sent_iq("get", query(item(NURSE)), by="balcony"))

    assert told(step) == ["error bad-request to balcony"]
    assert step.state is juliet


@rfc6121("2.6.2", quote="to='romeo@example.net'")
def test_a_roster_get_may_be_addressed_to_the_own_bare_jid() -> None:
    romeo = account(ROMEO, {JULIET: "Both"}, connected=("home",))

    (result,) = reduce(romeo, roster_get("home", to=ROMEO)).effects

    assert isinstance(result, Deliver)
    expected = iq("result", query(item(JULIET, subscription="both"), ver="v:7"), from_=ROMEO, to=f"{ROMEO}/home")
    assert result.stanza == expected


# --- who may (§2, §2.1.5) -----------------------------------------------------------------------------------


@rfc6121("2.1.5", quote="MUST verify that the sender of the roster set is authorized to update the roster")
@pytest.mark.parametrize("state", ["None", "Both"])
def test_a_roster_set_from_anybody_else_is_forbidden_contacts_included(state: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo",), available=("foo",))

    step = reduce(romeo, received_iq("set", query(item(NURSE)), from_="juliet@example.com/balcony", to=ROMEO))

    assert told(step) == ["route error forbidden from romeo@example.net to juliet@example.com/balcony"]
    assert step.state is romeo


@rfc6121("2", quote="only authorized entities (typically limited to the account owner)")
def test_a_roster_get_from_anybody_else_is_answered_nothing() -> None:
    romeo = account(ROMEO, {JULIET: "Both"}, interested=("foo",))

    step = reduce(romeo, received_iq("get", query(), from_="juliet@example.com/balcony", to=ROMEO))

    assert told(step) == ["route error service-unavailable from romeo@example.net to juliet@example.com/balcony"]
    assert step.state is romeo


@rfc6121("2.1.5", quote="and if not return a <forbidden/> error")
def test_a_service_may_hide_which_rosters_it_has() -> None:
    policy = Policy(foreign_roster_set=ForeignRosterSet.HIDDEN)
    foreign_set = received_iq("set", query(item(NURSE)), from_="juliet@example.com/balcony", to=ROMEO)
    romeo = account(ROMEO)

    answer = told(reduce(romeo, foreign_set, policy))

    assert answer == ["route error service-unavailable from romeo@example.net to juliet@example.com/balcony"]
    assert answer == told(reduce(NoAccount(romeo.jid), foreign_set, policy))


@rfc6121("2.1.5", quote="a roster set might include a 'to' address other than that of the sender")
def test_a_roster_set_for_somebody_else_is_routed_and_leaves_the_own_roster_alone() -> None:
    juliet = account(JULIET, interested=("balcony",))

    step = reduce(juliet, roster_set(item(NURSE), by="balcony", to=ROMEO))

    assert told(step) == ["route set from juliet@example.com/balcony to romeo@example.net"]
    assert step.state is juliet


@rfc6121("2.1.5", quote="a roster set might include a 'to' address other than that of the sender")
def test_a_roster_set_to_the_own_bare_jid_is_processed() -> None:
    juliet = account(JULIET, connected=("balcony",))

    juliet = following(juliet, roster_set(item(NURSE), by="balcony", to=JULIET))

    assert roster(juliet) == ["nurse@example.com none"]


# --- pushes (§2.1.6) ----------------------------------------------------------------------------------------


@rfc6121("2.1.6", quote="The <query/> element in a roster push MUST contain one and only one <item/>")
def test_a_push_has_one_item_and_goes_to_each_full_jid() -> None:
    juliet = account(JULIET, {ROMEO: "Both"}, interested=("balcony", "chamber"), version=12)

    step = reduce(juliet, roster_set(item(NURSE, "Servants", name="Nurse"), by="balcony"))

    pushed = iq("set", query(item(NURSE, "Servants", name="Nurse", subscription="none"), ver="v:13"), id="seq-push")
    both = (SessionId("balcony", 1), SessionId("chamber", 1))
    assert step.effects[1:] == (Deliver(pushed, both, AddressedAs.FULL_JID, ADDED_ITEM_PUSHED),)


@rfc6121("2.1.6", quote="a roster push included no 'from' address")
@in_one_test(
    "event",
    [
        pytest.param(roster_set(item(NURSE)), id="set"),
        pytest.param(roster_set(item(JULIET, subscription="remove")), id="removal"),
        pytest.param(outbound("subscribe", JULIET), id="subscribe"),
        pytest.param(outbound("unsubscribe", JULIET), id="unsubscribe"),
        pytest.param(outbound("unsubscribed", JULIET), id="unsubscribed"),
        pytest.param(inbound("unsubscribe", JULIET), id="inbound unsubscribe"),
    ],
)
def test_a_push_comes_implicitly_from_the_account_itself(event: Event) -> None:
    romeo = account(ROMEO, {JULIET: "From + Pending Out"}, interested=("foo",))

    step = reduce(romeo, event)

    pushed = [
        each.stanza for each in step.effects if isinstance(each, Deliver) and each.address is AddressedAs.FULL_JID
    ]
    assert [(each.from_, each.to, each.type) for each in pushed] == [(None, None, "set")]


@rfc6121("2.1.6", quote="in response to a roster push then it SHOULD ignore the error")
@pytest.mark.parametrize("type", ["result", "error"])
def test_the_reply_to_a_push_is_ignored(type: str) -> None:
    juliet = account(JULIET, {NURSE: "None"}, interested=("balcony",))

    assert ignored(juliet, sent_iq(type, by="balcony"))
    assert ignored(juliet, sent_iq(type, by="balcony", to=JULIET))


@rfc6121("2.1.6", quote="There is no error case for client processing of roster pushes")
def test_a_push_that_did_not_arrive_is_not_repeated() -> None:
    juliet = account(JULIET, interested=("balcony",))
    step = reduce(juliet, roster_set(item(NURSE), by="balcony"))
    (push,) = [each for each in step.effects if isinstance(each, Deliver) and each.address is AddressedAs.FULL_JID]

    assert fails_in_silence(after(step), Undelivered(AT, "lost", push, push.sessions))


@rfc6121("2.3.3", quote="it MUST return a stanza error")
def test_errors_have_the_type_that_the_rfc_gives_their_condition() -> None:
    juliet = account(JULIET, connected=("balcony",))

    (refusal,) = reduce(juliet, roster_set(by="balcony")).effects

    assert isinstance(refusal, Deliver)
    error = refusal.stanza.error
    assert error is not None
    assert (error.condition, error.type) == (Condition.BAD_REQUEST, ErrorType.MODIFY)
    assert (refusal.stanza.id, str(refusal.stanza.to)) == ("iq1", "juliet@example.com/balcony")
