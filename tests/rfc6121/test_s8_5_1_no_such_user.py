"""Stanzas to a user who does not exist (RFC 6121 §8.5.1), alike those to one who does where nobody is there."""

from __future__ import annotations

import pytest

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    account,
    child,
    following,
    iq,
    message,
    outbound,
    presence,
    rfc6121,
    sent_iq,
    stanzas,
    state_of,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Audience, Policy, UnknownContact
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server import Delegate, Ignored, Inbound, NoAccount, no_account, reduce
from xmpp_im_core.stanza import IQ, Condition, Message, Presence, error_reply, stanza_error

NOBODY = NoAccount(parse_jid(JULIET))
ORCHARD = f"{ROMEO}/orchard"
BARE_AND_FULL = in_one_test("to", [JULIET, f"{JULIET}/balcony"])
ASKED = element("query", "urn:example:x")
STANZA = Message | Presence | IQ


def answers(sent: STANZA, policy: Policy | None = None) -> list[str]:
    """Return what a stanza to nobody is answered, as an event and by ``no_account`` alike."""
    step = reduce(NOBODY, Inbound(AT, "seq", sent), policy or Policy())
    assert (step.state, step.store, step.forget) == (NOBODY, (), ())
    assert step.effects == (no_account(sent, policy or Policy()),)
    return told(step)


@rfc6121("8.5.1", quote="For an IQ stanza, the server MUST return a <service-unavailable/> stanza error to the sender")
@BARE_AND_FULL
@in_one_test("type", ["get", "set"])
def test_an_iq_request_gets_service_unavailable(type: str, to: str) -> None:
    sent = iq(type, ASKED, from_=ORCHARD, to=to)

    assert answers(sent) == [f"route error service-unavailable from {to} to {ORCHARD}"]
    refusal = error_reply(sent, stanza_error(Condition.SERVICE_UNAVAILABLE))
    assert stanzas(reduce(NOBODY, Inbound(AT, "seq", sent))) == [refusal]


def asked_in(audience: Audience) -> Policy:
    return Policy(served={"urn:example:x": audience, ROSTER: audience})


@pytest.mark.parametrize("type", ["get", "set"])
def test_a_namespace_that_is_served_everywhere_tells_nobody_which_accounts_exist(type: str) -> None:
    """RFC 6120 §13.11 against the MUST of §8.5.1: the service is asked, whether there is an account or not."""
    sent = iq(type, ASKED, from_=ORCHARD, to=JULIET)

    for state in (NOBODY, account(JULIET), account(JULIET, available=("balcony",))):
        (asked,) = reduce(state, Inbound(AT, "seq", sent), asked_in(Audience.EVERYWHERE)).effects
        assert isinstance(asked, Delegate)
        assert asked.iq == sent


@pytest.mark.parametrize("audience", [Audience.OWNER, Audience.SUBSCRIBER, Audience.ANYONE])
def test_any_other_audience_leaves_an_iq_to_nobody_unanswered(audience: Audience) -> None:
    sent = iq("get", ASKED, from_=ORCHARD, to=JULIET)

    assert answers(sent, asked_in(audience)) == [f"route error service-unavailable from {JULIET} to {ORCHARD}"]


@pytest.mark.parametrize("audience", [Audience.OWNER, Audience.SUBSCRIBER])
def test_a_stranger_cannot_tell_an_account_from_none_by_a_namespace_that_is_not_for_anyone(audience: Audience) -> None:
    sent = Inbound(AT, "seq", iq("get", ASKED, from_=ORCHARD, to=JULIET))

    nobody, somebody = [reduce(state, sent, asked_in(audience)) for state in (NOBODY, account(JULIET))]

    assert stanzas(nobody) == stanzas(somebody)


@pytest.mark.parametrize(
    "sent",
    [
        iq("get", ASKED, from_=ORCHARD, to=f"{JULIET}/balcony"),
        iq("get", element("query", "urn:example:other"), from_=ORCHARD, to=JULIET),
        iq("get", element("query", ROSTER), from_=ORCHARD, to=JULIET),
    ],
    ids=["a resource", "another namespace", "a roster"],
)
def test_what_is_served_everywhere_is_that_namespace_at_the_bare_jid_alone(sent: IQ) -> None:
    assert answers(sent, asked_in(Audience.EVERYWHERE)) == [
        f"route error service-unavailable from {sent.to} to {ORCHARD}"
    ]


@BARE_AND_FULL
@in_one_test("type", ["result", "error"])
def test_an_iq_answer_gets_no_answer(type: str, to: str) -> None:
    assert answers(iq(type, from_=ORCHARD, to=to)) == []


@BARE_AND_FULL
@in_one_test("sent", [iq("get"), iq("set", ASKED, ASKED), iq("fetch", ASKED)], ids=["0", "2", "type"])
def test_an_iq_that_breaks_the_rules_is_a_bad_request_here_as_well(sent: IQ, to: str) -> None:
    addressed = iq(sent.type or "", *sent.payload.elements, from_=ORCHARD, to=to)

    assert answers(addressed) == [f"route error bad-request from {to} to {ORCHARD}"]


@rfc6121("8.5.1", quote="the server MUST either (a) silently ignore the message or (b) return a <service-unavailable/>")
@BARE_AND_FULL
@in_one_test("type", ["normal", "chat", "groupchat", "headline", None, "bogus", "error"])
@in_one_test("offline", [True, False])
def test_a_message_is_ignored_or_bounced_exactly_as_one_to_an_absent_user(
    offline: bool, type: str | None, to: str
) -> None:
    policy = Policy(offline_messages=offline)
    sent = message(type, ORCHARD, to)

    step = reduce(account(JULIET), Inbound(AT, "seq", sent), policy)

    assert answers(sent, policy) == told(step)
    assert stanzas(reduce(NOBODY, Inbound(AT, "seq", sent), policy)) == stanzas(step)


@rfc6121("8.5.1", quote="For a presence stanza with no 'type' attribute or a 'type' attribute of \"unavailable\"")
@rfc6121("8.5.1", quote="the server MUST silently ignore the stanza")
@BARE_AND_FULL
@in_one_test("type", ["available", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "error"])
def test_presence_is_silently_ignored(type: str, to: str) -> None:
    assert answers(presence(type, ROMEO, to)) == []


# --- a user's request to a local contact who does not exist (§3.1.2 against §8.5.1) ---------------------------------

TELLING = Policy(unknown_contact=UnknownContact.ERROR)


@rfc6121("3.1.2", quote="server MUST return an appropriate error stanza to the user")
def test_where_the_service_tells_a_user_of_the_same_domain_hears_that_the_contact_does_not_exist() -> None:
    request = presence("subscribe", NURSE, JULIET, id="xk3h1v69")

    assert answers(request, TELLING) == [f"route error item-not-found from {JULIET} to {NURSE}"]
    (error,) = stanzas(reduce(NOBODY, Inbound(AT, "seq", request), TELLING))
    assert (error.type, error.id) == ("error", "xk3h1v69")


@rfc6121("8.5.1", quote="the server MUST silently ignore the stanza")
@in_one_test("sender", [ROMEO, NURSE])
@in_one_test("policy", [Policy(), TELLING], ids=["silence", "error"])
def test_only_a_local_sender_hears_it_and_only_under_that_policy(policy: Policy, sender: str) -> None:
    told_them = answers(presence("subscribe", sender, JULIET), policy)

    assert (told_them == []) is (policy == Policy() or sender == ROMEO)


@in_one_test("type", ["available", "unavailable", "subscribed", "unsubscribe", "unsubscribed", "error"])
def test_only_a_request_gets_that_error(type: str) -> None:
    assert answers(presence(type, NURSE, JULIET), TELLING) == []


@pytest.mark.parametrize("policy", [Policy(), TELLING], ids=["silence", "error"])
def test_the_request_stays_pending_either_way(policy: Policy) -> None:
    asked = following(account(NURSE, available=("pantry",)), outbound("subscribe", JULIET, by="pantry"), policy=policy)

    after = asked
    for answer in stanzas(reduce(NOBODY, Inbound(AT, "seq", presence("subscribe", NURSE, JULIET)), policy)):
        told_user = reduce(asked, Inbound(AT, "answer", answer), policy)
        assert told(told_user) == [f"deliver error item-not-found from {JULIET} to pantry"]
        after = following(asked, Inbound(AT, "answer", answer), policy=policy)

    assert state_of(after, JULIET) == "None + Pending Out"


@rfc6121("8.5.1", quote='silently ignore the stanza or (b) return a presence stanza of type "unsubscribed"')
@BARE_AND_FULL
@in_one_test("prober", [ROMEO, ORCHARD])
def test_a_probe_is_answered_unsubscribed_from_the_bare_jid(prober: str, to: str) -> None:
    sent = presence("probe", prober, to, id="probe1")

    assert answers(sent) == [f"route unsubscribed from {JULIET} to {prober}"]
    assert stanzas(reduce(NOBODY, Inbound(AT, "seq", sent))) == [presence("unsubscribed", JULIET, prober, id="probe1")]


@rfc6121("4.7.1", quote="SHOULD return a stanza error of <bad-request/>")
@BARE_AND_FULL
def test_presence_of_an_unknown_type_is_a_bad_request(to: str) -> None:
    assert answers(presence("online", ORCHARD, to)) == [f"route error bad-request from {to} to {ORCHARD}"]


@pytest.mark.parametrize("sent", [message("chat", None, JULIET), iq("get", ASKED, to=JULIET)], ids=["message", "iq"])
def test_a_sender_without_an_address_cannot_be_answered(sent: STANZA) -> None:
    assert answers(sent) == []
    assert isinstance(no_account(presence("probe", None, JULIET), Policy()), Ignored)
    assert isinstance(no_account(iq("get", ASKED, from_=ORCHARD), Policy()), Ignored)


@pytest.mark.parametrize("messaging", [True, False])
def test_a_service_of_presence_alone_says_so_here_too(messaging: bool) -> None:
    policy = Policy(messaging=messaging)

    assert bool(answers(message("headline", ORCHARD, JULIET), policy)) is not messaging
    assert answers(message("error", ORCHARD, JULIET), policy) == []


def test_an_account_that_is_gone_sends_nothing() -> None:
    for event in (outbound("available"), sent_iq("get", ASKED, to=NURSE)):
        step = reduce(NOBODY, event)

        assert (told(step), step.state, step.store) == ([], NOBODY, ())


def test_no_error_to_nobody_is_ever_answered() -> None:
    error = child("error")
    for to in (JULIET, f"{JULIET}/balcony"):
        for policy in (Policy(), Policy(offline_messages=False), Policy(messaging=False)):
            assert answers(message("error", ORCHARD, to, error), policy) == []
            assert answers(iq("error", error, from_=ORCHARD, to=to), policy) == []
            assert answers(presence("error", ORCHARD, to, error), policy) == []
