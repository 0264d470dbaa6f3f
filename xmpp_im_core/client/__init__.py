"""What a client does for its user (RFC 6121): state, events, effects, and ``reduce``.

The notifications for the application are in :mod:`xmpp_im_core.client.notifications`.
"""

from __future__ import annotations

from xmpp_im_core.client import notifications
from xmpp_im_core.client.content import Content, Text, Thread, read_content
from xmpp_im_core.client.effects import Effect, Ignored, Send, Tell, Transition
from xmpp_im_core.client.events import (
    Approve,
    Asking,
    Deny,
    EndChat,
    Event,
    GetRoster,
    GiveUp,
    GoUnavailable,
    Inbound,
    MessageType,
    Outbound,
    RemoveItem,
    Reply,
    SendIQ,
    SendMessage,
    SessionBound,
    SessionEnded,
    SetItem,
    SetPresence,
    Show,
    Subscribe,
    Unsubscribe,
)
from xmpp_im_core.client.policy import AccountSender, ChatPresence, ClientPolicy, UnauthorizedPush
from xmpp_im_core.client.reducer import reduce
from xmpp_im_core.client.session import read_features
from xmpp_im_core.client.state import (
    About,
    Bound,
    Chat,
    Client,
    Features,
    Heard,
    Interim,
    Item,
    ItemChange,
    Question,
    Request,
    Resource,
    Room,
    RosterCache,
)
from xmpp_im_core.client.subscriptions import Decide, authorised_by
from xmpp_im_core.event import Decision

__all__ = [
    "About",
    "AccountSender",
    "Approve",
    "Asking",
    "Bound",
    "Chat",
    "ChatPresence",
    "Client",
    "ClientPolicy",
    "Content",
    "Decide",
    "Decision",
    "Deny",
    "Effect",
    "EndChat",
    "Event",
    "Features",
    "GetRoster",
    "GiveUp",
    "GoUnavailable",
    "Heard",
    "Ignored",
    "Inbound",
    "Interim",
    "Item",
    "ItemChange",
    "MessageType",
    "Outbound",
    "Question",
    "RemoveItem",
    "Reply",
    "Request",
    "Resource",
    "Room",
    "RosterCache",
    "Send",
    "SendIQ",
    "SendMessage",
    "SessionBound",
    "SessionEnded",
    "SetItem",
    "SetPresence",
    "Show",
    "Subscribe",
    "Tell",
    "Text",
    "Thread",
    "Transition",
    "UnauthorizedPush",
    "Unsubscribe",
    "authorised_by",
    "notifications",
    "read_content",
    "read_features",
    "reduce",
]
