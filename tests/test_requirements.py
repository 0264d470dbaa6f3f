"""Each testable requirement of RFC 6121 is shown: by a vector, or by a test here where no scenario can show it.

What only a host, or an interface for people, can obey is shown as far as the core goes: that it tells the host
or the application what it has to know, and leaves the rest to it.
"""

import json
from pathlib import Path

import pytest

from tests.client.stage import ROMEO, Scene, sent, stanza, told
from tests.rfc6121.conversation import AT, JULIET, account, following, inbound, iq, outbound
from xmpp_im_core import client
from xmpp_im_core.client.notifications import MessageFailed, SubscriptionRequest
from xmpp_im_core.element import element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import Audience, Policy
from xmpp_im_core.server import Delegate, Deliver, Outbound, Route, SessionId, Unroutable, reduce
from xmpp_im_core.stanza import Condition, Stanza

CONFORMANCE = Path(__file__).parents[1] / "conformance"
REQUEST = "<presence xmlns='jabber:client' from='romeo@montague.example' type='subscribe'/>"

NAMED: set[str] = set()
"""The requirements that tests of this module show."""


def requirement(id: str) -> pytest.MarkDecorator:
    """Name the requirement that a test shows in the stead of a vector."""
    NAMED.add(id)
    return pytest.mark.requirement(id)


@requirement("6121-1.4-01")
def test_a_host_may_offer_the_session_establishment_of_rfc_3921() -> None:
    namespace = "urn:ietf:params:xml:ns:xmpp-session"
    asked = Outbound(AT, "seq", SessionId("foo", 1), iq("set", element("session", namespace)))
    romeo = account("romeo@example.net", connected=("foo",))

    offered = reduce(romeo, asked, Policy(served=FrozenMap({namespace: Audience.OWNER})))

    assert [type(effect) for effect in offered.effects] == [Delegate]
    assert [type(effect) for effect in reduce(romeo, asked).effects] == [Deliver]  # else: an error


@requirement("6121-3.1.3-19")
@pytest.mark.parametrize(
    ("policy", "senders", "kept"),
    [
        (Policy(pending_requests=2), ["a@a.example", "b@b.example", "c@c.example"], 2),
        (Policy(pending_requests_per_domain=1), ["a@a.example", "b@a.example", "c@c.example"], 2),
        (Policy(request_size=5), ["a@a.example"], 0),
    ],
    ids=["in aggregate", "per domain", "size"],
)
def test_stored_requests_are_limited(policy: Policy, senders: list[str], kept: int) -> None:
    status = element("status", "jabber:client", {}, ["Let me see you"])
    romeo = account("romeo@example.net")

    after = following(romeo, *[inbound("subscribe", sender, status) for sender in senders], policy=policy)

    assert len(after.roster.pending) == kept


@requirement("6121-8.3-05")
def test_a_domain_with_which_no_stream_can_be_negotiated_is_reported_as_a_timeout() -> None:
    romeo = account("romeo@example.net", {JULIET: "Both"}, available=("foo",))
    request = outbound("subscribe", JULIET)
    routed = [effect for effect in reduce(romeo, request).effects if isinstance(effect, Route)]

    told_user = reduce(romeo, Unroutable(AT, "seq2", routed[0], Condition.REMOTE_SERVER_TIMEOUT))

    (effect,) = told_user.effects
    assert isinstance(effect, Deliver)
    assert condition(effect.stanza) == "remote-server-timeout"


def condition(stanza: Stanza) -> str | None:
    return None if stanza.error is None else stanza.error.condition.value


@requirement("6121-3.1.4-01")
def test_a_client_hands_a_request_to_its_application_and_decides_nothing() -> None:
    step = Scene().server(REQUEST)

    (notification,) = told(step)
    assert isinstance(notification, SubscriptionRequest)
    assert sent(step) == []


@requirement("6121-3.1.4-02")
@pytest.mark.parametrize(
    ("decision", "answers"),
    [(client.Decision.APPROVE, ["subscribed"]), (client.Decision.DENY, ["unsubscribed"]), (client.Decision.ASK, [])],
)
def test_an_automated_client_decides_by_its_own_rules(decision: client.Decision, answers: list[str]) -> None:
    decided = client.authorised_by(lambda request, state: decision)
    scene = Scene()

    step = scene.take(decided(scene.client, client.Inbound(*scene.stamp(), stanza(REQUEST))))

    assert [answer.get("type") for answer in sent(step)] == answers


@requirement("6121-3.1.5-06")
def test_the_application_makes_the_reverse_request() -> None:
    scene = Scene()
    scene.server(REQUEST)

    approved = scene.take(client.Approve(*scene.stamp(), ROMEO))
    asked = scene.take(client.Subscribe(*scene.stamp(), ROMEO))

    assert [each.get("type") for each in sent(approved)] == ["subscribed"]
    assert [each.get("type") for each in sent(asked)] == ["subscribe"]


@requirement("6121-5.2.2-04")
def test_an_application_is_told_of_a_message_that_failed() -> None:
    scene = Scene()
    message = scene.take(client.SendMessage(*scene.stamp(), ROMEO, (client.Text("Wherefore?"),)))
    (out,) = sent(message)

    failed = scene.server(
        f"<message xmlns='jabber:client' from='romeo@montague.example' id='{out.get('id')}' type='error'>"
        "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    )

    (notification,) = told(failed)
    assert isinstance(notification, MessageFailed)


def test_every_testable_requirement_is_shown() -> None:
    requirements = json.loads((CONFORMANCE / "requirements.json").read_text(encoding="utf-8"))
    testable = {each["id"]: each["scope"] for each in requirements if each["testable"]}
    by_vectors = {
        id
        for file in (CONFORMANCE / "vectors").rglob("*.json")
        for body in [json.loads(file.read_text(encoding="utf-8"))]
        for holder in [body, *body.get("rows", [])]
        for id in holder.get("requirements", [])
    }

    assert set(testable) - by_vectors - NAMED == set()
    assert {testable[id] for id in NAMED} <= {"host", "client-ui", "informative"}, "all others are for vectors"
    assert NAMED & by_vectors == set(), "a vector shows it: the test's mark is not needed"
