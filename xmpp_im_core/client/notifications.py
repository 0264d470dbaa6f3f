"""The notifications of a client: data for the user interface. None of them needs an immediate answer."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from attrs import field

from xmpp_im_core.client.content import Content, read_content
from xmpp_im_core.client.state import Item, ItemChange, Question, Request
from xmpp_im_core.jid import JID
from xmpp_im_core.record import assigner, maker, record
from xmpp_im_core.stanza import IQ, Message, Presence, Stanza, StanzaError

# --- the roster (§2) ----------------------------------------------------------------------------------------


@record
class RosterReceived:
    """The roster is now the same as on the server. Notifications about each changed item follow."""


@record
class ItemAdded:
    """An item is new in the roster."""

    item: Item


@record
class ItemUpdated:
    """An item has changed."""

    before: Item
    item: Item


@record
class ItemRemoved:
    """An item is gone from the roster."""

    item: Item


@record
class RosterSetAccepted:
    """The server has accepted a roster set. The push shows the result."""

    change: ItemChange


@record
class RosterFailed:
    """The server has refused a roster get or this change, or its result is not a roster (undefined-condition)."""

    error: StanzaError
    change: ItemChange | None = None


# --- subscriptions (§3) -------------------------------------------------------------------------------------


@record
class SubscriptionRequest:
    """A contact asks to see the user's presence. The user can approve or deny the request, now or later."""

    jid: JID
    request: Request


@record
class Subscribed:
    """A contact has approved the user's request."""

    jid: JID
    presence: Presence
    expected: bool
    """Whether this client knew of a request. In either case, only the roster shows a subscription."""


@record
class ContactUnsubscribed:
    """A contact has ended its subscription to the user, or withdrawn its request."""

    jid: JID
    presence: Presence


@record
class Unsubscribed:
    """A contact has denied the user's request, or cancelled the user's subscription."""

    jid: JID
    presence: Presence
    expected: bool
    """Whether this client knew of a request or a subscription."""


# --- presence (§4) ------------------------------------------------------------------------------------------


@record
class Available:
    """A resource has become available."""

    jid: JID
    presence: Presence


@record
class PresenceChanged:
    """An available resource has sent new presence."""

    jid: JID
    before: Presence
    presence: Presence


@record
class Unavailable:
    """A resource is not available, or the client has forgotten its presence.

    The JID is bare if the client knows only that no resource of the JID is available.
    """

    jid: JID
    presence: Presence | None = None
    """The stanza that says so; None if no stanza does."""


@record
class PresenceFailed:
    """Presence to this JID, for example a subscription request, came back as an error."""

    jid: JID
    error: StanzaError | None
    sent: Presence | None = None
    """The presence that the error answers; None if this client does not know it."""


# --- messages and IQs (§5, §6) ------------------------------------------------------------------------------


class Carbon(Enum):
    """Which message a copy repeats (XEP-0280)."""

    RECEIVED = "received"
    """A message that another resource of the user has received."""
    SENT = "sent"
    """A message that another resource of the user has sent."""


@record
class MessageReceived:
    """A message as it arrived, together with its parsed content.

    A client parses the content when the application first asks for it: see :func:`message_received`.
    """

    message: Message
    content: Content
    carbon: Carbon | None = None
    stream_lang: str | None = field(default=None, init=False, eq=False, repr=False)
    """The language of the stream, which the content that is not parsed yet depends on."""

    if not TYPE_CHECKING:  # the type checker would allow every name

        def __getattr__(self, name: str) -> Any:
            """Parse the content. Python calls this only if it is not parsed or a name is unknown."""
            if name != "content":
                return object.__getattribute__(self, name)
            content = read_content(self.message, self.stream_lang)
            _set_content(self, content)
            return content


_set_content: Final = assigner(MessageReceived, "content")
_unparsed: Final[Callable[..., MessageReceived]] = maker(MessageReceived, "message", "stream_lang", "carbon")


def message_received(message: Message, stream_lang: str | None, carbon: Carbon | None = None) -> MessageReceived:
    """Return the notification of a message whose content is not parsed yet.

    An application may look at the sender alone, or drop the message. To parse the content builds the tree of the
    message, which takes as long as all the rest of the step. Nothing shows when it is done: the content follows from
    the message and the language of the stream, and every message has one.

    :param stream_lang: the language of the stream, as for :func:`~xmpp_im_core.client.content.read_content`.
    """
    return _unparsed(message, stream_lang, carbon)


@record
class MessageFailed:
    """A message came back as an error."""

    error: StanzaError | None
    message: Message
    sent: Message | None
    """The message that the error answers; None if this client does not know it."""


@record
class RequestReceived:
    """An IQ request that the application serves. The application must answer it with a result or an error."""

    iq: IQ


@record
class Answered:
    """The result of an IQ that this client sent, or the error."""

    answer: IQ
    question: Question


@record
class Unanswered:
    """This IQ was not answered before the session ended or the application gave up.

    The client does not know whether the request took effect.
    """

    id: str
    question: Question


@record
class Unaddressed:
    """A stanza came from an address that is not a JID to this client, or a roster result had an item without a JID.

    The client keeps nothing about the sender, and cannot send a stanza there. For messages, it uses
    :class:`MessageReceived` and :class:`MessageFailed` instead.
    """

    stanza: Stanza


@record
class OrderRefused:
    """The client has refused an order of the application. The rule of the effect says why."""

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
    | OrderRefused
)
