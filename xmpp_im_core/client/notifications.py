"""What a client tells the application: data for an interface, never a question that must be answered at once."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from attrs import frozen

from xmpp_im_core.client.content import Content
from xmpp_im_core.client.state import Item, ItemChange, Question, Request
from xmpp_im_core.jid import JID
from xmpp_im_core.stanza import IQ, Message, Presence, Stanza, StanzaError

# --- the roster (§2) ----------------------------------------------------------------------------------------


@frozen
class RosterReceived:
    """The roster is now what the server has; what differs from before follows item by item."""


@frozen
class ItemAdded:
    """An item is new in the roster."""

    item: Item


@frozen
class ItemUpdated:
    """An item has changed."""

    before: Item
    item: Item


@frozen
class ItemRemoved:
    """An item is gone from the roster."""

    item: Item


@frozen
class RosterSetAccepted:
    """The server has accepted a roster set; the push shows what became of it."""

    change: ItemChange


@frozen
class RosterFailed:
    """The server has refused a roster get, or this change; or what it sent is no roster (undefined-condition)."""

    error: StanzaError
    change: ItemChange | None = None


# --- subscriptions (§3) -------------------------------------------------------------------------------------


@frozen
class SubscriptionRequest:
    """Somebody asks to see the user's presence; approve or deny it, now or later."""

    jid: JID
    request: Request


@frozen
class Subscribed:
    """A contact has approved the user's request."""

    jid: JID
    presence: Presence
    expected: bool
    """Whether this client knew of a request. Whatever it says, only the roster shows a subscription."""


@frozen
class ContactUnsubscribed:
    """A contact has ended its subscription to the user, or withdrawn its request."""

    jid: JID
    presence: Presence


@frozen
class Unsubscribed:
    """A contact has denied the user's request, or cancelled the user's subscription."""

    jid: JID
    presence: Presence
    expected: bool
    """Whether this client knew of a request or a subscription."""


# --- presence (§4) ------------------------------------------------------------------------------------------


@frozen
class Available:
    """A resource has become available."""

    jid: JID
    presence: Presence


@frozen
class PresenceChanged:
    """An available resource has sent other presence."""

    jid: JID
    before: Presence
    presence: Presence


@frozen
class Unavailable:
    """A resource is not available, or no longer known to be.

    The JID is bare where all that is known is that none of its resources is.
    """

    jid: JID
    presence: Presence | None = None
    """What said so; None where nothing did."""


@frozen
class PresenceFailed:
    """Presence that was sent to this JID, a request perhaps, came back as an error."""

    jid: JID
    error: StanzaError | None
    sent: Presence | None = None
    """The presence that it answers; None where this client does not know of it."""


# --- messages and IQs (§5, §6) ------------------------------------------------------------------------------


class Carbon(Enum):
    """What a message is a copy of (XEP-0280)."""

    RECEIVED = "received"
    """One that another resource of the user has received."""
    SENT = "sent"
    """One that another resource of the user has sent."""


@frozen
class MessageReceived:
    """A message, with its payload as it came and its content as it is to be read."""

    message: Message
    content: Content
    carbon: Carbon | None = None


@frozen
class MessageFailed:
    """A message came back as an error."""

    error: StanzaError | None
    message: Message
    sent: Message | None
    """The message that it answers; None where this client does not know of it."""


@frozen
class RequestReceived:
    """An IQ request that the application serves: it owes the sender a result or an error."""

    iq: IQ


@frozen
class Answered:
    """The result of an IQ that this client sent, or the error."""

    answer: IQ
    question: Question


@frozen
class Unanswered:
    """The session has ended, or the application given up, before this IQ was answered.

    Whether it took effect is unknown.
    """

    id: str
    question: Question


@frozen
class Unaddressed:
    """A stanza came from an address that is not a JID to this client, or a roster result had an item without a JID.

    Nothing is kept of the sender, and nothing can be sent there. A message is told as :class:`MessageReceived` or
    :class:`MessageFailed` all the same.
    """

    stanza: Stanza


@frozen
class Refused:
    """What the application wanted was not done; the effect's rule says why."""

    stanza: Stanza | None


Notification: TypeAlias = (
    RosterReceived
    | ItemAdded
    | ItemUpdated
    | ItemRemoved
    | RosterSetAccepted
    | RosterFailed
    | SubscriptionRequest
    | Subscribed
    | ContactUnsubscribed
    | Unsubscribed
    | Available
    | PresenceChanged
    | Unavailable
    | PresenceFailed
    | MessageReceived
    | MessageFailed
    | RequestReceived
    | Answered
    | Unanswered
    | Unaddressed
    | Refused
)
