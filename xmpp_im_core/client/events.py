"""The events of a client: what its server did (in the past tense), and what its user wants (in the imperative).

``at`` is an aware datetime. ``seq`` is a string that the host never repeats for this client. The client makes the ids
of stanzas and the threads of chat sessions from it.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeAlias

import attrs
from attrs import field
from attrs.validators import instance_of, optional

from xmpp_im_core.client.content import Text, Thread
from xmpp_im_core.client.state import Bound
from xmpp_im_core.element import Element, language_key
from xmpp_im_core.event import Decision, Timed, is_decision
from xmpp_im_core.jid import JID
from xmpp_im_core.record import record
from xmpp_im_core.stanza import Message, Stanza
from xmpp_im_core.validators import (
    are_extensions,
    are_texts,
    as_jid,
    as_optional_jid,
    is_element,
    is_jid,
    is_message,
    is_number,
    is_optional_jid,
    is_optional_text,
    is_stanza,
    is_text,
    tuple_of,
)


def _as_texts(value: tuple[Text | str, ...] | Text | str) -> tuple[Text, ...]:
    """Convert texts: a plain string is a text in the language of the stream.

    Any other value is returned unchanged; :func:`_one_a_language` then refuses it.
    """
    texts: object = (value,) if isinstance(value, str | Text) else value
    if not isinstance(texts, tuple):
        return value  # type: ignore[return-value]  # refused by the validator, which knows the name of the field
    return tuple([Text(text) if isinstance(text, str) else text for text in texts])


def _one_a_language(_: object, attribute: attrs.Attribute[tuple[Text, ...]], texts: tuple[Text, ...]) -> None:
    _are_texts(_, attribute, texts)
    if len({language_key(text.lang) for text in texts}) < len(texts):
        raise ValueError(f"{attribute.name}: several texts in one language (RFC 6121 §4.7.2.2, §5.2.3, §5.2.4)")


_are_texts: Final = tuple_of(Text, "a Text or a str")


# --- the session --------------------------------------------------------------------------------------------


@record
class SessionBound(Timed):
    """A resource was bound. The client forgets what it knew in an earlier session."""

    bound: Bound = field(validator=instance_of(Bound))


@record
class SessionEnded(Timed):
    """The session has ended, and its stream will not be resumed. A lost stream that may be resumed is no event."""


# --- stanzas ------------------------------------------------------------------------------------------------


@record
class Inbound(Timed):
    """The server sent a stanza."""

    stanza: Stanza = field(validator=is_stanza)
    decision: Decision = field(default=Decision.ASK, validator=is_decision)
    """Only used for presence of type "subscribe"; see ``authorised_by``."""


@record
class Outbound(Timed):
    """The application wants to send exactly this stanza. The client refuses a stanza that it must not send.

    The ``to`` of a subscription stanza is cut to the bare JID. A stanza that needs an id gets one.
    """

    stanza: Stanza = field(validator=is_stanza)


def _is_jid_or_text(_: object, attribute: attrs.Attribute[JID | str], value: JID | str) -> None:
    if not isinstance(value, str) or not value:
        is_jid(_, attribute, value)


# --- the roster (§2) ----------------------------------------------------------------------------------------


@record
class GetRoster(Timed):
    """The user wants the roster. Ask for it before the first presence (§2.2)."""


@record
class SetItem(Timed):
    """The user wants to add or change an item. A field that is not given stays as it is (§2.3, §2.4)."""

    jid: JID = field(converter=as_jid, validator=is_jid)
    name: str | None = field(default=None, validator=is_optional_text)
    groups: tuple[str, ...] | None = field(default=None, validator=optional(are_texts))


@record
class RemoveItem(Timed):
    """The user wants to remove an item. This ends the subscriptions of both sides (§2.5).

    The roster may show an address that this client cannot make into a JID. Give it as a string: ``item.jid``.
    """

    jid: JID | str = field(converter=as_jid, validator=_is_jid_or_text)


# --- subscriptions (§3) -------------------------------------------------------------------------------------


@record
class Subscribe(Timed):
    """The user asks to see a contact's presence (§3.1.1).

    :raises ValueError: as :class:`SetPresence` does.
    """

    jid: JID = field(converter=as_jid, validator=is_jid)
    status: tuple[Text, ...] = field(default=(), converter=_as_texts, validator=_one_a_language)
    """A text for the contact (§4.7.2.2)."""
    extensions: tuple[Element, ...] = field(default=(), validator=are_extensions)
    """Other content of the request, for example a nickname (XEP-0172)."""


@record
class Unsubscribe(Timed):
    """The user no longer wants to see a contact's presence, or withdraws the request (§3.3.1)."""

    jid: JID = field(converter=as_jid, validator=is_jid)


@record
class Approve(Timed):
    """The user approves a contact's request (§3.1.4), or a future one if the server supports that (§3.4.1)."""

    jid: JID = field(converter=as_jid, validator=is_jid)


@record
class Deny(Timed):
    """The user denies a contact's request, or cancels its subscription or pre-approval (§3.1.4, §3.2.1, §3.4.2)."""

    jid: JID = field(converter=as_jid, validator=is_jid)


# --- presence (§4) ------------------------------------------------------------------------------------------


class Show(Enum):
    """The sub-states of availability (§4.7.2.1)."""

    AWAY = "away"
    CHAT = "chat"
    DND = "dnd"
    XA = "xa"


def _priority(_: object, attribute: attrs.Attribute[int | None], value: int | None) -> None:
    if value is None:
        return
    is_number(_, attribute, value)
    if not -128 <= value <= 127:
        raise ValueError(f"{attribute.name}: {value} is not from -128 to 127 (RFC 6121 §4.7.2.3)")


@record
class SetPresence(Timed):
    """The user is available: for all subscribers (§4.2, §4.4), or for one entity (§4.6).

    :raises ValueError: for two statuses in one language, a priority outside -128 to 127, and extensions in the
        namespace ``jabber:client``.
    """

    show: Show | None = field(default=None, validator=optional(instance_of(Show)))
    status: tuple[Text, ...] = field(default=(), converter=_as_texts, validator=_one_a_language)
    priority: int | None = field(default=None, validator=_priority)
    extensions: tuple[Element, ...] = field(default=(), validator=are_extensions)
    to: JID | None = field(default=None, converter=as_optional_jid, validator=is_optional_jid)


@record
class GoUnavailable(Timed):
    """The user is no longer available: for everybody (§4.5), or for one entity (§4.6).

    :raises ValueError: as :class:`SetPresence` does.
    """

    status: tuple[Text, ...] = field(default=(), converter=_as_texts, validator=_one_a_language)
    extensions: tuple[Element, ...] = field(default=(), validator=are_extensions)
    to: JID | None = field(default=None, converter=as_optional_jid, validator=is_optional_jid)


# --- messages (§5) ------------------------------------------------------------------------------------------


class MessageType(Enum):
    """The types of message that a user sends (§5.2.2)."""

    NORMAL = "normal"
    CHAT = "chat"
    GROUPCHAT = "groupchat"
    HEADLINE = "headline"


@record
class SendMessage(Timed):
    """The user sends a message (§5.2.1). In a chat session, the client chooses the bare or the locked full JID (§5.1).

    ``to`` is the bare JID of the contact, or the full JID of an occupant of a room. A message to any other full JID
    goes exactly there, outside the chat session.

    :raises ValueError: for two bodies, or two subjects, in one language, and extensions in ``jabber:client``.
    """

    to: JID = field(converter=as_jid, validator=is_jid)
    bodies: tuple[Text, ...] = field(default=(), converter=_as_texts, validator=_one_a_language)
    type: MessageType = field(default=MessageType.CHAT, validator=instance_of(MessageType))
    subjects: tuple[Text, ...] = field(default=(), converter=_as_texts, validator=_one_a_language)
    thread: Thread | None = field(default=None, validator=optional(instance_of(Thread)))
    """The thread of the chat session, if the host makes it, for example a UUID."""
    extensions: tuple[Element, ...] = field(default=(), validator=are_extensions)


@record
class Reply(Timed):
    """The user answers a message (§5.1, §5.2.1, §5.2.2).

    :raises ValueError: as :class:`SendMessage` does.
    """

    message: Message = field(validator=is_message)
    bodies: tuple[Text, ...] = field(default=(), converter=_as_texts, validator=_one_a_language)
    extensions: tuple[Element, ...] = field(default=(), validator=are_extensions)


@record
class EndChat(Timed):
    """The user ends the chat session with this JID (§5.1)."""

    jid: JID = field(converter=as_jid, validator=is_jid)


# --- IQs (§6) -----------------------------------------------------------------------------------------------


class Asking(Enum):
    """The types of IQ that ask for something (RFC 6120 §8.2.3)."""

    GET = "get"
    SET = "set"


@record
class SendIQ(Timed):
    """The application sends a request to an entity, or to the user's account."""

    type: Asking = field(validator=instance_of(Asking))
    request: Element = field(validator=is_element)
    to: JID | None = field(default=None, converter=as_optional_jid, validator=is_optional_jid)


@record
class GiveUp(Timed):
    """The application stops waiting for the answer to one of its requests. The application sets the time limit."""

    id: str = field(validator=is_text)


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
