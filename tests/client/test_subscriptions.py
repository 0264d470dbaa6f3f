"""Presence subscriptions from the user's side (RFC 6121 §3)."""

from __future__ import annotations

import pytest

from tests.client.stage import (
    BOTH_FEATURES,
    NOON,
    NURSE,
    ORCHARD,
    ROMEO,
    Scene,
    changed_nothing,
    elements,
    is_silent,
    presence,
    roster_of,
    rules_of,
    sent,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    Approve,
    Client,
    ClientPolicy,
    Decision,
    Deny,
    Features,
    Inbound,
    Item,
    Request,
    Subscribe,
    Text,
    Unsubscribe,
    authorised_by,
    notifications,
)
from xmpp_im_core.rules import client_presence as presence_rules
from xmpp_im_core.rules import client_subscriptions as rules
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import Subscription

REQUEST = (
    "<presence from='romeo@montague.example' to='juliet@capulet.example' type='subscribe' id='x'>"
    "<status>It is my lady</status><nick xmlns='http://jabber.org/protocol/nick'>Romeo</nick></presence>"
)

# --- what is sent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", [ROMEO, ORCHARD])
def test_a_request_goes_to_the_bare_jid_with_an_id(to: object) -> None:
    scene = Scene()

    step = scene.take(Subscribe(*scene.stamp(), to))  # type: ignore[arg-type]  # either form

    assert sent(step) == elements("<presence to='romeo@montague.example' type='subscribe' id='s1-subscribe'/>")
    assert step.state.subscription(ROMEO.bare) is Subscription.NONE_OUT


def test_a_request_may_carry_the_users_own_words() -> None:
    scene = Scene()

    step = scene.take(Subscribe(*scene.stamp(), ROMEO, (Text("O Romeo, Romeo!", "en"),)))

    assert sent(step) == elements(
        "<presence to='romeo@montague.example' type='subscribe' id='s1-subscribe'>"
        "<status xml:lang='en'>O Romeo, Romeo!</status></presence>"
    )


def test_unsubscribing_goes_to_the_bare_jid_and_voids_the_contacts_presence_at_once() -> None:
    scene = Scene(roster_of(Item(ROMEO.full, Subscription.BOTH)))
    scene.server("<presence from='romeo@montague.example/orchard'/>")

    step = scene.take(Unsubscribe(*scene.stamp(), ORCHARD))

    assert sent(step) == elements("<presence to='romeo@montague.example' type='unsubscribe' id='s2-unsubscribe'/>")
    assert told(step) == [notifications.Unavailable(ORCHARD)]
    assert step.state.resources(ROMEO.bare) == ()


@pytest.mark.parametrize("state", ["subscription='from'", "subscription='none'", "subscription='remove'"])
def test_the_push_that_ends_a_subscription_voids_the_contacts_presence(state: str) -> None:
    scene = Scene(roster_of(Item(ROMEO.full, Subscription.BOTH)))
    scene.server("<presence from='romeo@montague.example/orchard'/>")

    step = scene.server(
        f"<iq type='set' id='p'><query xmlns='jabber:iq:roster'>"
        f"<item jid='romeo@montague.example' {state}/></query></iq>"
    )

    assert notifications.Unavailable(ORCHARD) in told(step)
    assert step.state.resources(ROMEO.bare) == ()


def test_a_push_that_ends_no_subscription_of_the_users_leaves_the_presence() -> None:
    scene = Scene(roster_of(Item(ROMEO.full, Subscription.BOTH)))
    scene.server("<presence from='romeo@montague.example/orchard'/>")

    step = scene.server(
        "<iq type='set' id='p'><query xmlns='jabber:iq:roster'>"
        "<item jid='romeo@montague.example' subscription='to'/></query></iq>"
    )

    assert [resource.name for resource in step.state.resources(ROMEO.bare)] == ["orchard"]


# --- requests that arrive -----------------------------------------------------------------------------------


def test_a_request_is_kept_complete_and_answered_by_nobody_but_the_user() -> None:
    scene = Scene()

    step = scene.server(REQUEST)

    request = Request(presence(REQUEST), NOON.replace(second=1))
    assert sent(step) == []
    assert told(step) == [notifications.SubscriptionRequest(ROMEO, request)]
    assert dict(step.state.requests) == {ROMEO.full: request}
    assert step.state.subscription(ROMEO.bare) is Subscription.NONE_IN


def test_a_request_creates_no_item() -> None:
    scene = Scene(roster_of())

    assert scene.server(REQUEST).state.roster == roster_of()


def test_a_repeated_request_is_not_told_again_and_a_newer_one_replaces_it() -> None:
    scene = Scene()
    scene.server(REQUEST)

    assert is_silent(scene.server(REQUEST), rules.REQUEST_REPEATED)
    newer = REQUEST.replace("my lady", "my love")
    assert scene.server(newer).state.requests[ROMEO.bare].presence == presence(newer)


def test_requests_beyond_the_limit_are_not_kept() -> None:
    scene = Scene(policy=ClientPolicy(requests=1))
    scene.server(REQUEST)
    before = scene.client

    step = scene.server(REQUEST.replace("romeo", "paris"))

    assert is_silent(step, rules.TOO_MANY_REQUESTS)
    assert changed_nothing(before, step)


def test_approving_answers_the_request_with_a_new_id_and_subscribes_to_nothing() -> None:
    scene = Scene()
    scene.server(REQUEST.replace("id='x'", "id='s2-subscribed'"))

    step = scene.take(Approve(*scene.stamp(), ROMEO))

    assert sent(step) == elements("<presence to='romeo@montague.example' type='subscribed' id='s2-subscribed-own'/>")
    assert len(step.state.requests) == 0
    assert rules_of(step) == [rules.APPROVAL_SENT]


def test_denying_answers_the_request() -> None:
    scene = Scene()
    scene.server(REQUEST)

    step = scene.take(Deny(*scene.stamp(), ORCHARD))

    assert sent(step) == elements("<presence to='romeo@montague.example' type='unsubscribed' id='s2-unsubscribed'/>")
    assert len(step.state.requests) == 0
    assert rules_of(step) == [rules.DENIAL_SENT]


def test_the_users_own_stanza_may_not_repeat_the_id_of_the_request() -> None:
    scene = Scene()
    scene.server(REQUEST)
    before = scene.client

    step = scene.hands_over("<presence to='romeo@montague.example' type='subscribed' id='x'/>")

    assert sent(step) == []
    assert rules_of(step) == [rules.ID_MIRRORED]
    assert changed_nothing(before, step)


def test_a_withdrawn_request_no_longer_waits() -> None:
    scene = Scene()
    scene.server(REQUEST)

    step = scene.server("<presence from='romeo@montague.example' type='unsubscribe'/>")

    assert len(step.state.requests) == 0
    assert [type(each) for each in told(step)] == [notifications.ContactUnsubscribed]


def test_a_request_that_another_resource_has_approved_waits_no_longer() -> None:
    scene = Scene()
    scene.server(REQUEST)

    step = scene.server(
        "<iq type='set' id='p'><query xmlns='jabber:iq:roster'>"
        "<item jid='romeo@montague.example' subscription='from'/></query></iq>"
    )

    assert len(step.state.requests) == 0


# --- decisions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "type", "rule"),
    [
        (Decision.APPROVE, "subscribed", rules.REQUEST_APPROVED),
        (Decision.DENY, "unsubscribed", rules.REQUEST_DENIED),
    ],
)
def test_a_decision_that_comes_with_the_event_is_the_answer(decision: Decision, type: str, rule: object) -> None:
    scene = Scene()

    step = scene.server(REQUEST, decision=decision)

    assert sent(step) == elements(f"<presence to='romeo@montague.example' type='{type}' id='s1-{type}'/>")
    assert rules_of(step) == [rule]
    assert len(step.state.requests) == 0


@pytest.mark.parametrize("decision", list(Decision))
def test_no_decision_answers_anything_but_a_request(decision: Decision) -> None:
    scene = Scene()

    for type in ("subscribed", "unsubscribe", "unsubscribed", "probe", "unavailable"):
        step = scene.server(f"<presence from='romeo@montague.example' type='{type}'/>", decision=decision)
        assert sent(step) == []


def friends_only(request: Presence, client: Client) -> Decision:
    sender = request.from_jid
    return Decision.APPROVE if sender and client.subscription(sender.bare).to else Decision.ASK


def test_a_function_before_the_step_puts_its_decision_into_the_event() -> None:
    scene = Scene(roster_of(Item(ROMEO.full, Subscription.TO)))
    decided = authorised_by(friends_only)
    known = Inbound(NOON, "a", presence(REQUEST))
    unknown = Inbound(NOON, "b", presence(REQUEST.replace("romeo@", "paris@")))
    other = Inbound(NOON, "c", presence("<presence from='romeo@montague.example' type='subscribed'/>"))

    assert decided(scene.client, known) == Inbound(NOON, "a", known.stanza, Decision.APPROVE)
    assert decided(scene.client, unknown) == unknown
    assert decided(scene.client, other) is other
    assert decided(scene.client, Approve(NOON, "d", ROMEO)) == Approve(NOON, "d", ROMEO)


def test_that_somebody_has_moved_is_a_claim_and_no_authority() -> None:
    scene = Scene(roster_of(Item(ROMEO.full, Subscription.BOTH)))

    step = scene.server(
        "<presence from='impostor@evil.example' type='subscribe'>"
        "<moved xmlns='urn:xmpp:moved:1'><old-jid>romeo@montague.example</old-jid></moved></presence>"
    )

    assert sent(step) == []
    (request,) = step.state.requests.values()
    assert request.presence.payload.first("moved", "urn:xmpp:moved:1") is not None


# --- answers that arrive ------------------------------------------------------------------------------------


@in_one_test("type", ["subscribed", "unsubscribe", "unsubscribed"])
@in_one_test("from_", ["romeo@montague.example", "stranger@evil.example"])
def test_presence_alone_never_changes_the_roster_and_is_never_answered(type: str, from_: str) -> None:
    scene = Scene(roster_of(Item(ROMEO.full, Subscription.NONE_OUT)))

    step = scene.server(f"<presence from='{from_}' type='{type}'/>")

    assert step.state.roster == scene.client.roster == roster_of(Item(ROMEO.full, Subscription.NONE_OUT))
    assert sent(step) == []


@in_one_test(
    ("state", "expected"),
    [
        (Subscription.NONE, False),
        (Subscription.NONE_OUT, True),
        (Subscription.TO, False),
        (Subscription.FROM, False),
        (Subscription.FROM_OUT, True),
        (Subscription.BOTH, False),
    ],
)
def test_an_approval_is_told_with_whether_it_was_asked_for(state: Subscription, expected: bool) -> None:
    scene = Scene(roster_of(Item(ROMEO.full, state)))

    (told_,) = told(scene.server("<presence from='romeo@montague.example' type='subscribed'/>"))

    assert isinstance(told_, notifications.Subscribed)
    assert (told_.jid, told_.expected) == (ROMEO, expected)


def test_a_request_of_this_session_counts_before_its_push() -> None:
    scene = Scene(roster_of())
    scene.take(Subscribe(*scene.stamp(), ROMEO))

    (told_,) = told(scene.server("<presence from='romeo@montague.example' type='subscribed'/>"))

    assert isinstance(told_, notifications.Subscribed)
    assert told_.expected
    assert not scene.client.asked


def test_a_cancellation_ends_what_was_known_of_the_contacts_presence() -> None:
    scene = Scene(roster_of(Item(ROMEO.full, Subscription.TO)))
    scene.server("<presence from='romeo@montague.example/orchard'/>")

    step = scene.server("<presence from='romeo@montague.example' type='unsubscribed'/>")

    cancelled = presence("<presence from='romeo@montague.example' type='unsubscribed'/>")
    assert told(step) == [
        notifications.Unsubscribed(ROMEO, cancelled, expected=True),
        notifications.Unavailable(ORCHARD),
    ]


@pytest.mark.parametrize("state", [Subscription.NONE_OUT, Subscription.FROM_OUT])
def test_bare_jid_unavailable_while_a_request_waits_says_nothing_of_the_contact(state: Subscription) -> None:
    scene = Scene(roster_of(Item(ROMEO.full, state)))
    before = scene.client

    step = scene.server("<presence from='romeo@montague.example' type='unavailable'/>")

    assert is_silent(step, presence_rules.ACKNOWLEDGEMENT)
    assert changed_nothing(before, step)


@pytest.mark.parametrize("from_", ["juliet@capulet.example", "juliet@capulet.example/chamber"])
def test_subscription_stanzas_of_the_own_account_mean_nothing(from_: str) -> None:
    scene = Scene()
    before = scene.client

    step = scene.server(f"<presence from='{from_}' type='subscribe'/>", decision=Decision.APPROVE)

    assert is_silent(step, rules.OWN_SUBSCRIPTION)
    assert changed_nothing(before, step)


# --- pre-approval (§3.4) ------------------------------------------------------------------------------------


def test_a_future_request_is_approved_if_the_server_advertises_it() -> None:
    scene = Scene(features=BOTH_FEATURES)

    step = scene.take(Approve(*scene.stamp(), ORCHARD))

    assert sent(step) == elements("<presence to='romeo@montague.example' type='subscribed' id='s1-subscribed'/>")
    assert rules_of(step) == [rules.PRE_APPROVAL_SENT]


def test_nothing_is_sent_if_the_server_does_not_advertise_it() -> None:
    scene = Scene(features=Features(roster_versioning=True))
    before = scene.client

    step = scene.take(Approve(*scene.stamp(), ROMEO))

    assert sent(step) == []
    assert rules_of(step) == [rules.PRE_APPROVAL_NOT_ADVERTISED]
    assert changed_nothing(before, step)


def test_a_contact_with_a_subscription_is_not_approved_again() -> None:
    scene = Scene(roster_of(Item(ROMEO.full, Subscription.FROM)), BOTH_FEATURES)

    assert rules_of(scene.take(Approve(*scene.stamp(), ROMEO))) == [rules.ALREADY_APPROVED]


@pytest.mark.parametrize(
    ("item", "rule"),
    [
        (Item(NURSE.full, approved=True), rules.PRE_APPROVAL_CANCELLED),
        (Item(NURSE.full, Subscription.BOTH), rules.CANCELLATION_SENT),
    ],
)
def test_what_was_granted_is_cancelled_by_unsubscribed(item: Item, rule: object) -> None:
    scene = Scene(roster_of(item))

    step = scene.take(Deny(*scene.stamp(), NURSE))

    assert sent(step) == elements("<presence to='nurse@capulet.example' type='unsubscribed' id='s1-unsubscribed'/>")
    assert rules_of(step) == [rule]
