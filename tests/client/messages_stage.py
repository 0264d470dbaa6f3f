"""What the tests of messages share."""

from __future__ import annotations

from tests.client.stage import (
    ROMEO,
    Scene,
    as_stanza,
    told,
)
from xmpp_im_core.client import (
    Item,
    SendMessage,
    Text,
)
from xmpp_im_core.client.notifications import MessageReceived
from xmpp_im_core.jid import JID
from xmpp_im_core.stanza import Message
from xmpp_im_core.subscription import Subscription

LOVER = Item(ROMEO.full, Subscription.BOTH)


def received(scene: Scene, xml: str) -> MessageReceived:
    (notification,) = told(scene.server(xml))
    assert isinstance(notification, MessageReceived)
    return notification


def says(scene: Scene, body: str, to: JID = ROMEO) -> Message:
    step = scene.take(SendMessage(*scene.stamp(), to, (Text(body),)))
    stanza = as_stanza(step)
    assert isinstance(stanza, Message)
    return stanza


def chat_from(jid: JID, thread: str | None = None) -> str:
    child = "" if thread is None else f"<thread>{thread}</thread>"
    return f"<message from='{jid}' type='chat' id='m'><body>Neither, fair saint</body>{child}</message>"
