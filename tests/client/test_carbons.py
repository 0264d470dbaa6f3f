"""Copies of what other resources of the user send and receive (XEP-0280)."""

from __future__ import annotations

import pytest

from tests.client.messages_stage import received
from tests.client.stage import (
    JULIET,
    ORCHARD,
    ROMEO,
    Scene,
    changed_nothing,
    is_silent,
    message,
    told,
)
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    Content,
    Text,
)
from xmpp_im_core.client.notifications import Carbon, MessageFailed, MessageReceived
from xmpp_im_core.jid import JID
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.stanza import Condition, stanza_error

# --- carbons (XEP-0280) -------------------------------------------------------------------------------------


def carbon(outer: str | None, name: str = "received", inner: str = ORCHARD.full) -> str:
    sender = "" if outer is None else f"from='{outer}'"
    return (
        f"<message {sender} to='juliet@capulet.example/balcony'><{name} xmlns='urn:xmpp:carbons:2'>"
        f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{inner}' type='chat'>"
        f"<body>Hi</body></message></forwarded></{name}></message>"
    )


@in_one_test("outer", [None, "juliet@capulet.example", "JULIET@Capulet.Example"])
@in_one_test(("name", "kind"), [("received", Carbon.RECEIVED), ("sent", Carbon.SENT)])
@in_one_test("inner", [ORCHARD.full, "juliet@capulet.example/chamber", "evil@evil.example"])
def test_a_copy_from_the_own_bare_jid_is_told_for_any_sender_it_names(
    outer: str | None, name: str, kind: Carbon, inner: str
) -> None:
    notification = received(Scene(), carbon(outer, name, inner))

    copied = message(f"<message from='{inner}' type='chat'><body>Hi</body></message>")
    assert notification == MessageReceived(copied, Content("chat", (Text("Hi"),)), kind)


@in_one_test(
    "outer",
    [
        "juliet@capulet.example/balcony",
        "juliet@capulet.example/chamber",
        "capulet.example",
        ORCHARD.full,
        "evil@evil.example",
        "jul\u0456et@capulet.example",
    ],
)
@in_one_test("name", ["received", "sent"])
def test_a_copy_from_anybody_else_is_dropped(outer: str, name: str) -> None:
    scene = Scene()
    before = scene.client

    step = scene.server(carbon(outer, name, "juliet@capulet.example/chamber"))

    assert is_silent(step, rules.CARBON_FORGED)
    assert changed_nothing(before, step)


COPY_OF_ERROR = (
    "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
    "<message xmlns='jabber:client' from='romeo@montague.example' to='juliet@capulet.example/chamber' type='error'>"
    "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    "</forwarded></received>"
)


def test_the_copy_of_an_error_tells_who_returned_what_to_whom() -> None:
    """ "The wrapping message SHOULD maintain the same 'type' attribute value" (XEP-0280 §7)."""
    notification = received(Scene(), f"<message from='{JULIET}' type='error'>{COPY_OF_ERROR}</message>")

    assert notification.carbon is Carbon.RECEIVED
    assert notification.content.type == "error"
    assert notification.message.error == stanza_error(Condition.SERVICE_UNAVAILABLE)
    assert notification.message.from_jid == ROMEO
    assert str(notification.message.to) == "juliet@capulet.example/chamber"


def test_the_copy_of_an_error_from_anybody_else_is_dropped() -> None:
    step = Scene().server(f"<message from='{ORCHARD}' type='error'>{COPY_OF_ERROR}</message>")

    assert is_silent(step, rules.CARBON_FORGED)


@pytest.mark.parametrize("sender", [JULIET, ORCHARD])
def test_an_error_that_repeats_what_it_answers_is_no_copy(sender: JID) -> None:
    """It "MAY include the original XML sent" (RFC 6120 §8.3.1), whatever that was."""
    xml = (
        f"<message from='{sender}' type='error'>{COPY_OF_ERROR}"
        "<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    )

    (notification,) = told(Scene().server(xml))

    assert isinstance(notification, MessageFailed)
    assert notification.error == stanza_error(Condition.CONFLICT)


def test_a_private_message_is_no_copy() -> None:
    xml = f"<message from='{ORCHARD}' type='chat'><body>Hi</body><private xmlns='urn:xmpp:carbons:2'/></message>"

    assert received(Scene(), xml).carbon is None


@pytest.mark.parametrize(
    "content",
    ["", "<forwarded xmlns='urn:xmpp:forward:0'/>", "<forwarded xmlns='urn:xmpp:forward:0'><message/></forwarded>"],
)
def test_a_copy_of_nothing_is_ignored(content: str) -> None:
    xml = f"<message from='juliet@capulet.example'><received xmlns='urn:xmpp:carbons:2'>{content}</received></message>"

    assert is_silent(Scene().server(xml), rules.CARBON_EMPTY)
