"""What happens to a client: what its server does, in the past tense, and what its user wants, as orders.

``at`` is an aware datetime. ``seq`` is a string that the host never repeats for this client; the ids of what
it sends, and the threads of chat sessions, are made from it.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

import attrs
from attrs import field, frozen

from xmpp_im_core.client.content import Text, Thread
from xmpp_im_core.client.state import Bound
from xmpp_im_core.element import Element, language_key
from xmpp_im_core.event import Decision, Timed
from xmpp_im_core.jid import JID
from xmpp_im_core.stanza import CLIENT, Message, Stanza


def _one_a_language(_: object, attribute: attrs.Attribute[tuple[Text, ...]], texts: tuple[Text, ...]) -> None:
    if len({language_key(text.lang) for text in texts}) < len(texts):
        raise ValueError(f"{attribute.name}: several texts in one language (RFC 6121 §4.7.2.2, §5.2.3, §5.2.4)")


def _extended(_: object, attribute: attrs.Attribute[tuple[Element, ...]], elements: tuple[Element, ...]) -> None:
    if any(element.namespace == CLIENT for element in elements):
        raise ValueError(f"{attribute.name}: the namespace {CLIENT} is not extended content (RFC 6121 §4.7.3, §5.3)")


# --- the session --------------------------------------------------------------------------------------------


@frozen
class SessionBound(Timed):
    """A resource was bound; what an earlier session knew is void."""

    bound: Bound


@frozen
class SessionEnded(Timed):
    """The session is over, and its stream will not be resumed. (A stream that may be is no event.)"""


# --- stanzas ------------------------------------------------------------------------------------------------


@frozen
class Inbound(Timed):
    """The server sent a stanza."""

    stanza: Stanza
    decision: Decision = Decision.ASK
    """Counts for presence of type "subscribe" alone; see ``authorised_by``."""


@frozen
class Outbound(Timed):
    """The application wants this very stanza sent; what a client must not send is refused.

    The ``to`` of a subscription stanza is cut to the bare JID; an id is made where one is needed.
    """

    stanza: Stanza


# --- the roster (§2) ----------------------------------------------------------------------------------------


@frozen
class GetRoster(Timed):
    """The user wants the roster, best before the first presence (§2.2)."""


@frozen
class SetItem(Timed):
    """The user wants an item added, or changed; what is not given stays as it is in the roster (§2.3, §2.4)."""

    jid: JID
    name: str | None = None
    groups: tuple[str, ...] | None = None


@frozen
class RemoveItem(Timed):
    """The user wants an item removed, and with it the subscriptions of both sides (§2.5)."""

    jid: JID


# --- subscriptions (§3) -------------------------------------------------------------------------------------


@frozen
class Subscribe(Timed):
    """The user asks to see a contact's presence (§3.1.1).

    :raises ValueError: as :class:`SetPresence` does.
    """

    jid: JID
    status: tuple[Text, ...] = field(default=(), validator=_one_a_language)
    """The user's own words (§4.7.2.2)."""
    extensions: tuple[Element, ...] = field(default=(), validator=_extended)
    """What else goes with the request: a nickname (XEP-0172)."""


@frozen
class Unsubscribe(Timed):
    """The user no longer wants to see a contact's presence, or withdraws the request (§3.3.1)."""

    jid: JID


@frozen
class Approve(Timed):
    """The user approves a contact's request (§3.1.4), or a future one where the server can do that (§3.4.1)."""

    jid: JID


@frozen
class Deny(Timed):
    """The user denies a contact's request, cancels its subscription, or a pre-approval (§3.1.4, §3.2.1, §3.4.2)."""

    jid: JID


# --- presence (§4) ------------------------------------------------------------------------------------------


class Show(Enum):
    """The sub-states of availability (§4.7.2.1)."""

    AWAY = "away"
    CHAT = "chat"
    DND = "dnd"
    XA = "xa"


def _priority(_: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    if value is not None and not -128 <= value <= 127:
        raise ValueError(f"{attribute.name}: {value} is not from -128 to 127 (RFC 6121 §4.7.2.3)")


@frozen
class SetPresence(Timed):
    """The user is available: to everybody entitled to know (§4.2, §4.4), or to one entity (§4.6).

    :raises ValueError: for two statuses in one language, a priority outside -128 to 127, and extensions in the
        namespace ``jabber:client``.
    """

    show: Show | None = None
    status: tuple[Text, ...] = field(default=(), validator=_one_a_language)
    priority: int | None = field(default=None, validator=_priority)
    extensions: tuple[Element, ...] = field(default=(), validator=_extended)
    to: JID | None = None


@frozen
class GoUnavailable(Timed):
    """The user is no longer available: to everybody (§4.5), or to one entity (§4.6).

    :raises ValueError: as :class:`SetPresence` does.
    """

    status: tuple[Text, ...] = field(default=(), validator=_one_a_language)
    extensions: tuple[Element, ...] = field(default=(), validator=_extended)
    to: JID | None = None


# --- messages (§5) ------------------------------------------------------------------------------------------


class MessageType(Enum):
    """The types of message that a user sends (§5.2.2)."""

    NORMAL = "normal"
    CHAT = "chat"
    GROUPCHAT = "groupchat"
    HEADLINE = "headline"


@frozen
class SendMessage(Timed):
    """The user has something to say to somebody (§5.2.1): to the bare JID, or as the chat session has it (§5.1).

    ``to`` is the bare JID of the contact, or the full JID of an occupant of a room. Any other full JID is taken at its
    word, and stands outside the chat session.

    :raises ValueError: for two bodies, or two subjects, in one language, and extensions in ``jabber:client``.
    """

    to: JID
    bodies: tuple[Text, ...] = field(default=(), validator=_one_a_language)
    type: MessageType = MessageType.CHAT
    subjects: tuple[Text, ...] = field(default=(), validator=_one_a_language)
    thread: Thread | None = None
    """Where a chat session is to have a thread of the host's making, a UUID perhaps."""
    extensions: tuple[Element, ...] = field(default=(), validator=_extended)


@frozen
class Reply(Timed):
    """The user answers a message (§5.1, §5.2.1, §5.2.2).

    :raises ValueError: as :class:`SendMessage` does.
    """

    message: Message
    bodies: tuple[Text, ...] = field(default=(), validator=_one_a_language)
    extensions: tuple[Element, ...] = field(default=(), validator=_extended)


@frozen
class EndChat(Timed):
    """The chat session with somebody is over (§5.1)."""

    jid: JID


# --- IQs (§6) -----------------------------------------------------------------------------------------------


class Asking(Enum):
    """The types of IQ that ask for something (RFC 6120 §8.2.3)."""

    GET = "get"
    SET = "set"


@frozen
class SendIQ(Timed):
    """The application asks something of an entity, or of the user's account."""

    type: Asking
    request: Element
    to: JID | None = None


@frozen
class GiveUp(Timed):
    """The application waits no longer for the answer to one of its requests; how long it waits is its own choice."""

    id: str


Event: TypeAlias = (
    SessionBound
    | SessionEnded
    | Inbound
    | Outbound
    | GetRoster
    | SetItem
    | RemoveItem
    | Subscribe
    | Unsubscribe
    | Approve
    | Deny
    | SetPresence
    | GoUnavailable
    | SendMessage
    | Reply
    | EndChat
    | SendIQ
    | GiveUp
)
