"""Server processing of outbound subscription requests (RFC 6121 §3.1.2)."""

from __future__ import annotations

from datetime import datetime, timedelta

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
    ended,
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
from xmpp_im_core.element import element
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import (
    AccountLoaded,
    Clear,
    Deliver,
    Event,
    Kind,
    NoAccount,
    Put,
    Route,
    TimePassed,
    Unroutable,
    reduce,
)
from xmpp_im_core.server.effects import wake_key
from xmpp_im_core.stanza import CLIENT, Condition

REQUEST = outbound("subscribe", JULIET, id="xk3h1v69")

# --- the 'to' address -----------------------------------------------------------------------------------------


@rfc6121(
    "3.1.2", quote="the user's server SHOULD treat it as if the request had been directed to the contact's bare JID"
)
def test_a_full_jid_is_cut_to_the_bare_jid_in_the_stanza_and_in_the_item() -> None:
    romeo = account(ROMEO, interested=("foo",))

    step = reduce(romeo, outbound("subscribe", "juliet@example.com/balcony"))

    assert told(step) == [
        "route subscribe from romeo@example.net to juliet@example.com",
        "push juliet@example.com none ask to foo",
    ]


@rfc6121("3.1.2", quote="possibly return a <jid-malformed/> stanza error")
@in_one_test("type", ["subscribe", "subscribed", "unsubscribe", "unsubscribed"])
def test_a_malformed_jid_is_refused_before_anything_else(type: str) -> None:
    romeo = account(ROMEO, interested=("foo",), available=("foo",))

    step = reduce(romeo, outbound(type, "juliet@"))

    assert told(step) == ["deliver error jid-malformed from None to foo"]
    assert step.state is romeo


@rfc6121("3.1.1", quote="specifying a 'to' address of the potential contact's bare JID")
@in_one_test("type", ["subscribe", "subscribed", "unsubscribe", "unsubscribed"])
def test_without_to_it_is_a_bad_request(type: str) -> None:
    romeo = account(ROMEO, {JULIET: "None"}, interested=("foo",), available=("foo",))

    step = reduce(romeo, outbound(type))

    assert told(step) == ["deliver error bad-request from None to foo"]
    assert step.state is romeo


@rfc6121("3", quote="is allowed to view its presence")
@in_one_test("type", ["subscribe", "subscribed", "unsubscribe", "unsubscribed"])
@in_one_test("own", [ROMEO, "romeo@example.net/bar", "ROMEO@example.net"])
def test_nobody_subscribes_to_oneself(type: str, own: str) -> None:
    romeo = account(ROMEO, {ROMEO: "None"}, interested=("foo",), available=("foo", "bar"))

    assert ignored(romeo, outbound(type, own))
    assert ignored(romeo, inbound(type, ROMEO, to=own))


# --- stamped, routed, then pushed -------------------------------------------------------------------------------


@rfc6121("3.1.2", quote="MUST stamp the outbound subscription request with the bare JID <user@domainpart> of the user")
def test_the_request_is_stamped_with_the_bare_jid_and_keeps_its_id_and_all_content() -> None:
    romeo = account(ROMEO, interested=("foo",))
    hello = element("status", CLIENT, {}, ["Hi, it is Romeo"])
    nick = element("nick", "http://jabber.org/protocol/nick", {}, ["Romeo"])

    routed = reduce(romeo, outbound("subscribe", JULIET, hello, nick, id="xk3h1v69")).effects[0]

    assert isinstance(routed, Route)
    assert routed.stanza == presence("subscribe", ROMEO, JULIET, hello, nick, id="xk3h1v69")


@rfc6121("3.1.2", quote="After locally delivering or remotely routing the presence subscription request")
@rfc6121("3.1.2", quote="the user's server MUST then send a roster push to all of the user's interested resources")
def test_the_request_is_routed_before_the_push_to_all_interested_resources() -> None:
    romeo = account(ROMEO, interested=("foo", "bar"), available=("foo", "baz"))

    step = reduce(romeo, REQUEST)

    assert told(step) == [
        "route subscribe from romeo@example.net to juliet@example.com",
        "push juliet@example.com none ask to bar, foo",
    ]


@rfc6121("3.1.2", quote="After locally delivering or remotely routing the presence subscription request")
def test_without_an_interested_resource_the_request_is_still_routed_and_noted() -> None:
    romeo = account(ROMEO, available=("foo",))

    step = reduce(romeo, REQUEST)

    assert told(step) == ["route subscribe from romeo@example.net to juliet@example.com"]
    assert roster(step.state) == ["juliet@example.com none ask"]
    assert [each.kind for each in step.store] == [Kind.CONTACT, Kind.ROSTER, Kind.WAKE]


@rfc6121("3.1.2", quote="with notation that the subscription is pending (via an 'ask' attribute")
def test_an_item_that_is_there_keeps_name_and_groups() -> None:
    mine = contact(JULIET, "From", name="Juliet", groups=("Lovers",), approved=False)
    romeo = account(ROMEO, [mine], interested=("foo",))

    assert pushes(reduce(romeo, REQUEST)) == [("juliet@example.com from ask 'Juliet' (Lovers)", "v:8")]


@rfc6121("3.1.1", quote="(i.e., in whatever order generated by the client)")
def test_roster_set_and_request_may_come_in_either_order() -> None:
    named = roster_set(item(JULIET, "Lovers", name="Juliet"))
    romeo = account(ROMEO, interested=("foo",))

    for first, second in ((named, REQUEST), (REQUEST, named)):
        assert roster(following(romeo, first, second)) == ["juliet@example.com none ask 'Juliet' (Lovers)"]


@rfc6121("3.1.2", quote="the user's server MUST then send a roster push")
@pytest.mark.parametrize("state", ["None + Pending Out", "None + Pending Out+In", "From + Pending Out"])
def test_a_repeated_request_is_routed_and_pushed_again_with_a_new_version(state: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo",), version=7)
    subscription = "from" if state.startswith("From") else "none"

    step = reduce(romeo, REQUEST)

    assert told(step)[0] == "route subscribe from romeo@example.net to juliet@example.com"
    assert pushes(step) == [(f"juliet@example.com {subscription} ask", "v:8")]


@pytest.mark.parametrize("state", ["To", "To + Pending In", "Both"])
@rfc6121("A.2.1", quote="no state change")
def test_a_request_of_one_who_is_subscribed_is_routed_and_nothing_else(state: str) -> None:
    romeo = account(ROMEO, {JULIET: state}, interested=("foo",))

    step = reduce(romeo, REQUEST)

    assert told(step) == ["route subscribe from romeo@example.net to juliet@example.com"]
    assert step.state is romeo


@rfc6121("3.1.2", quote="After locally delivering or remotely routing the presence subscription request")
def test_a_request_does_not_take_a_pre_approval_back() -> None:
    romeo = account(ROMEO, [contact(JULIET, approved=True)], interested=("foo",))

    assert pushes(reduce(romeo, REQUEST)) == [("juliet@example.com none ask approved", "v:8")]


# --- what cannot be delivered or routed -------------------------------------------------------------------------


@rfc6121("3.1.2", quote="then the user's server MUST return an appropriate error stanza to the user")
@rfc6121("8.3", quote="then the rules provided in Section 10.4 of [XMPP-CORE] apply")
@in_one_test("type", ["subscribe", "unsubscribe", "subscribed", "unsubscribed"])
def test_what_could_not_be_routed_is_reported_to_the_available_resources_and_the_one_that_sent_it(type: str) -> None:
    given = [contact(JULIET, "To + Pending In")]
    romeo = account(ROMEO, given, interested=("foo",), available=("bar", "baz"), connected=("qux",))
    step = reduce(romeo, outbound(type, JULIET, id="xk3h1v69"))
    routed = step.effects[0]
    assert isinstance(routed, Route)

    (report,) = reduce(after(step), Unroutable(AT, "u", routed, Condition.REMOTE_SERVER_TIMEOUT)).effects

    assert isinstance(report, Deliver)
    assert told(reduce(after(step), Unroutable(AT, "u", routed, Condition.REMOTE_SERVER_TIMEOUT))) == [
        "deliver error remote-server-timeout from juliet@example.com to bar, baz, foo"
    ]
    assert (report.stanza.id, report.stanza.type, str(report.stanza.to)) == ("xk3h1v69", "error", ROMEO)


@rfc6121("3.1.2", quote="this helps to recover from transient, silent errors")
def test_a_request_that_could_not_be_routed_stays_pending() -> None:
    step = reduce(account(ROMEO, available=("foo",)), REQUEST)
    routed = step.effects[0]
    assert isinstance(routed, Route)

    romeo = following(after(step), Unroutable(AT, "u", routed))

    assert state_of(romeo, JULIET) == "None + Pending Out"
    assert romeo == after(step)


@rfc6121("3.1.2", quote="this helps to recover from transient, silent errors")
def test_an_error_that_comes_back_is_delivered_and_the_request_stays_pending() -> None:
    romeo = account(ROMEO, {JULIET: "None + Pending Out"}, interested=("foo",), available=("bar",))

    step = reduce(romeo, inbound("error", JULIET))

    assert told(step) == ["deliver error from juliet@example.com to bar"]
    assert state_of(step.state, JULIET) == "None + Pending Out"
    absent = account(ROMEO, {JULIET: "None + Pending Out"}, interested=("foo",), connected=("bar",))
    assert told(reduce(absent, inbound("error", JULIET))) == ["deliver error from juliet@example.com to bar, foo"]


@rfc6121("3.1.2", quote="then the user's server MUST return an appropriate error stanza to the user")
def test_where_nobody_is_available_the_connected_resources_are_told_what_could_not_be_routed() -> None:
    step = reduce(account(ROMEO, interested=("foo",), connected=("bar",)), REQUEST)
    routed = step.effects[0]
    assert isinstance(routed, Route)

    by_sender = told(reduce(after(step), Unroutable(AT, "u", routed)))
    sender_gone = told(reduce(following(after(step), ended("foo")), Unroutable(AT, "u", routed)))

    assert by_sender == [f"deliver error remote-server-not-found from {JULIET} to foo"]
    assert sender_gone == [f"deliver error remote-server-not-found from {JULIET} to bar"]
    assert ignored(following(after(step), ended("foo"), ended("bar")), Unroutable(AT, "u", routed))


@rfc6121("3.1.2", quote="then the user's server MUST return an appropriate error stanza to the user")
def test_a_request_that_is_sent_again_and_could_not_be_routed_is_reported_too() -> None:
    romeo = account(ROMEO, {JULIET: "None + Pending Out"}, connected=("foo",))
    (routed,) = reduce(romeo, TimePassed(AT + timedelta(days=8), "t")).effects
    assert isinstance(routed, Route)

    assert told(reduce(romeo, Unroutable(AT, "u", routed))) == [
        f"deliver error remote-server-not-found from {JULIET} to foo"
    ]


@rfc6121("3.1.3", quote="then the contact's server MUST auto-reply on behalf of the contact")
@pytest.mark.parametrize(("type", "state"), [("subscribe", "From"), ("unsubscribe", "Both")])
def test_what_the_server_answers_for_the_user_is_not_reported(type: str, state: str) -> None:
    step = reduce(account(ROMEO, {JULIET: state}, available=("foo",)), inbound(type, JULIET))
    answer = step.effects[-1]
    assert isinstance(answer, Route)

    assert ignored(after(step), Unroutable(AT, "u", answer))


@rfc6121("3.1.2", quote="any other error is determined or experienced by the user's server")
def test_a_request_that_would_need_one_item_more_than_the_limit_is_refused() -> None:
    romeo = account(ROMEO, {NURSE: "None"}, interested=("foo",), available=("foo",))

    at_the_limit = reduce(romeo, REQUEST, Policy(roster_items=2))
    beyond = reduce(romeo, REQUEST, Policy(roster_items=1))

    assert told(at_the_limit)[0] == "route subscribe from romeo@example.net to juliet@example.com"
    assert told(beyond) == ["deliver error policy-violation from juliet@example.com to foo"]
    assert beyond.state is romeo


@rfc6121("3.1.2", quote="any other error is determined or experienced by the user's server")
def test_with_a_full_roster_a_request_to_somebody_in_it_is_routed() -> None:
    romeo = account(ROMEO, {JULIET: "None"}, interested=("foo",))

    assert len(told(reduce(romeo, REQUEST, Policy(roster_items=1)))) == 2


# --- resending ---------------------------------------------------------------------------------------------------

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


@rfc6121("3.1.2", quote="within some configurable amount of time, the user's server SHOULD resend")
def test_an_unanswered_request_is_sent_again_when_its_time_has_come_and_not_before() -> None:
    romeo = following(account(ROMEO, interested=("foo",), available=("foo",)), REQUEST)
    assert romeo.wake_at == AT + WEEK

    too_early = reduce(romeo, TimePassed(AT + WEEK - SECOND, "t"))
    in_time = reduce(romeo, TimePassed(AT + WEEK, "t"))

    assert told(too_early) == []
    assert (too_early.state, too_early.store) == (romeo, ())
    assert told(in_time) == ["route subscribe from romeo@example.net to juliet@example.com"]


@rfc6121("3.1.2", quote="it is RECOMMENDED for the server to include an 'id' attribute")
def test_the_request_that_is_sent_again_has_an_id() -> None:
    romeo = account(ROMEO, {JULIET: "None + Pending Out", NURSE: "From + Pending Out"})

    step = reduce(romeo, TimePassed(AT + WEEK, "t"))

    assert [each.stanza for each in step.effects if isinstance(each, Route)] == [
        presence("subscribe", ROMEO, JULIET, id=f"t-subscribe-{JULIET}"),
        presence("subscribe", ROMEO, NURSE, id=f"t-subscribe-{NURSE}"),
    ]


@rfc6121("3.1.2", quote="or after a certain amount of time has elapsed")
def test_the_clock_restarts_with_each_sending() -> None:
    romeo = following(account(ROMEO, connected=("foo",)), REQUEST)

    step = reduce(romeo, TimePassed(AT + WEEK, "t"))

    assert after(step).wake_at == AT + WEEK + WEEK
    assert after(step).roster.contacts[JULIET].asked == AT + WEEK
    assert step.store == (
        Put(Kind.CONTACT, JULIET, after(step).roster.contacts[JULIET]),
        Clear(Kind.WAKE),
        Put(Kind.WAKE, wake_key(AT + WEEK + WEEK), None),
    )
    assert after(step).roster.ver == romeo.roster.ver


@rfc6121("3.1.2", quote="or after a certain amount of time has elapsed")
def test_several_requests_are_each_sent_again_at_their_own_time() -> None:
    later = outbound("subscribe", NURSE, at=AT + SECOND)
    romeo = following(account(ROMEO, connected=("foo",)), later, REQUEST)
    assert romeo.wake_at == AT + WEEK

    step = reduce(romeo, TimePassed(AT + WEEK, "t"))

    assert told(step) == ["route subscribe from romeo@example.net to juliet@example.com"]
    assert after(step).wake_at == AT + WEEK + SECOND


@rfc6121("3.1.2", quote="does not approve or deny the subscription request")
@in_one_test(
    "answer",
    [
        pytest.param(inbound("subscribed", JULIET), id="approved"),
        pytest.param(inbound("unsubscribed", JULIET), id="denied"),
        pytest.param(outbound("unsubscribe", JULIET), id="withdrawn"),
        pytest.param(roster_set(item(JULIET, subscription="remove")), id="removed"),
    ],
)
def test_a_request_that_was_answered_or_withdrawn_is_not_sent_again(answer: Event) -> None:
    romeo = following(account(ROMEO, connected=("foo",)), REQUEST, answer)

    step = reduce(romeo, TimePassed(AT + WEEK, "t"))

    assert told(step) == []
    assert after(step).wake_at is None


@rfc6121("3.1.2", quote="within some configurable amount of time")
def test_the_time_is_the_services_choice_and_may_be_never() -> None:
    romeo = account(ROMEO, connected=("foo",))
    hourly, never = Policy(resend_requests_after=timedelta(hours=1)), Policy(resend_requests_after=None)

    assert following(romeo, REQUEST, policy=hourly).wake_at == AT + timedelta(hours=1)
    assert following(romeo, REQUEST, policy=never).wake_at is None
    assert told(reduce(following(romeo, REQUEST), TimePassed(AT + 9 * WEEK, "t"), never)) == []


@rfc6121("3.1.2", quote="or after a certain amount of time has elapsed")
def test_requests_are_sent_again_after_a_restart_too() -> None:
    romeo = following(account(ROMEO, connected=("foo",)), outbound("subscribe", MERCUTIO, at=AT + SECOND), REQUEST)
    records = (
        Put(Kind.ROSTER, "", romeo.roster.head),
        *[Put(Kind.CONTACT, each.jid, each) for each in romeo.roster.contacts.values()],
    )

    loaded = following(NoAccount(romeo.jid), AccountLoaded(AT, "loaded", records))

    assert loaded.wake_at == AT + WEEK


@rfc6121("3.1.2", quote="within some configurable amount of time")
def test_after_a_restart_never_keeps_its_meaning() -> None:
    romeo = following(account(ROMEO, connected=("foo",)), REQUEST)
    records = (
        Put(Kind.ROSTER, "", romeo.roster.head),
        Put(Kind.CONTACT, JULIET, romeo.roster.contacts[JULIET]),
    )
    never = Policy(resend_requests_after=None)

    assert following(NoAccount(romeo.jid), AccountLoaded(AT, "loaded", records), policy=never).wake_at is None


@rfc6121("3.1.2", quote="within some configurable amount of time")
def test_a_time_beyond_the_last_representable_time_becomes_that_time() -> None:
    romeo = following(account(ROMEO, connected=("foo",)), REQUEST, policy=Policy(resend_requests_after=timedelta.max))

    assert romeo.wake_at == datetime.max.replace(tzinfo=AT.tzinfo)
