"""Stanzas: a header and a shared, immutable payload (RFC 6120 §8).

To stamp an address or to deliver to another resource makes a new header; the payload is neither changed nor copied.
Inside the core the content namespace is always ``jabber:client``; the codec writes the namespace of the stream
(RFC 6120 §4.8.3).

The ``type`` attribute is kept as written, so an unknown type is not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, Final, Self, TypeAlias, final

from xmpp_im_core.copying import copyable
from xmpp_im_core.element import XML_LANG, Element, attributes_size, canonical, element, size, text_size
from xmpp_im_core.jid import JID, Address, Malformed, address_of, parse_address
from xmpp_im_core.payload_cache import PayloadCache, Unread
from xmpp_im_core.record import maker, record

CLIENT: Final = "jabber:client"
STANZAS: Final = "urn:ietf:params:xml:ns:xmpp-stanzas"
ROSTER: Final = "jabber:iq:roster"

MESSAGE_TYPES: Final = frozenset({"normal", "chat", "groupchat", "headline", "error"})
PRESENCE_TYPES: Final = frozenset(
    {"error", "probe", "subscribe", "subscribed", "unavailable", "unsubscribe", "unsubscribed"}
)
SUBSCRIPTION_TYPES: Final = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})
IQ_TYPES: Final = frozenset({"get", "set", "result", "error"})

AddressLike: TypeAlias = Address | Malformed | None

HEADER: Final = ("to", "from", "id", "type", XML_LANG)
"""The attributes that RFC 6120 §8.1 defines."""

STANZA_SIZE: Final = 1536
"""The memory of a stanza without its characters and its payload, in bytes. Most of it is for the two addresses."""


@record
class Payload(PayloadCache):
    """The content of a stanza: elements and text in canonical form (see :func:`~xmpp_im_core.element.canonical`)."""

    children: tuple[Element | str, ...] = ()

    @property
    def elements(self) -> tuple[Element, ...]:
        """The child elements, in order."""
        unread = self.unread
        children = self.children if unread is None else self.build(unread)
        return tuple([child for child in children if isinstance(child, Element)])

    def has(self, name: str, namespace: str = CLIENT) -> bool:
        """Whether there is a child element of this name and namespace. The children are not built for this."""
        unread = self.unread
        return self.first(name, namespace) is not None if unread is None else unread.has(name, namespace)

    def namespaces(self) -> set[str]:
        """Return the namespaces of the child elements. The children are not built for this."""
        unread = self.unread
        return {child.namespace for child in self.elements} if unread is None else unread.namespaces()

    def text_of(self, name: str, namespace: str = CLIENT) -> str | None:
        """Return the text of the first child element of this name and namespace; None if there is no such child.

        The children are not built for this.
        """
        unread = self.unread
        if unread is not None:
            return unread.text_of(name, namespace)
        child = self.first(name, namespace)
        return None if child is None else child.text

    def first(self, name: str, namespace: str = CLIENT) -> Element | None:
        """Return the first child element of this name and namespace, or None."""
        unread = self.unread
        if unread is not None and not unread.has(name, namespace):
            return None  # without building the children
        for child in self.children if unread is None else self.build(unread):
            if isinstance(child, Element) and child.name == name and child.namespace == namespace:
                return child
        return None

    def all(self, name: str, namespace: str = CLIENT) -> tuple[Element, ...]:
        """Return the child elements of this name and namespace, in order."""
        unread = self.unread
        if unread is not None and not unread.has(name, namespace):
            return ()
        return tuple([c for c in self.elements if c.name == name and c.namespace == namespace])

    def size(self) -> int:
        """Return an upper bound of its memory in bytes (see :func:`~xmpp_im_core.element.size`)."""
        cached = self.cached_size
        if cached is None:
            unread = self.unread
            cached = sum([size(child) for child in self.children]) if unread is None else unread.size()
            self.cache_size(cached)
        return cached

    def __reduce__(self) -> tuple[type[Payload], tuple[tuple[Element | str, ...]]]:
        """Copy and pickle only the children, without the cached values."""
        return Payload, (self.children,)


EMPTY: Final = Payload()


unread_payload: Final[Callable[[Unread], Payload]] = maker(
    Payload, "unread", absent=("cached_size", "cached_text", "cached_rest")
)
"""Returns a payload whose children are built when somebody asks for them."""


def payload(*children: Element | str) -> Payload:
    """Build a payload from elements and text."""
    return Payload(canonical(children)) if children else EMPTY


def to_bare(address: AddressLike) -> AddressLike:
    """Return an address without its resourcepart. An address that has none, or is malformed or absent, is unchanged."""
    if isinstance(address, Address) and address.jid.resource is not None:
        return address_of(address.jid.to_bare())
    return address


@record
class Stanza:
    """The fields that message, presence and IQ share: the header and the payload."""

    KIND: ClassVar[str] = ""
    __copied__: ClassVar[Callable[..., Any]]
    __copiers__: ClassVar[Mapping[tuple[str, ...], Callable[..., Any]]]
    """Call them directly, not by :func:`~xmpp_im_core.copying.copied`: every stanza is stamped, so each call counts."""

    to: AddressLike = None
    from_: AddressLike = None
    id: str | None = None
    type: str | None = None
    lang: str | None = None
    payload: Payload = EMPTY
    attributes: tuple[tuple[str, str], ...] = ()
    """The attributes that RFC 6120 §8.1 does not define, as in :class:`~xmpp_im_core.element.Element`."""

    def stamped(self, *, to: AddressLike = None, from_: AddressLike = None, lang: str | None = None) -> Self:
        """Return this stanza with the given header fields and the same payload. None leaves a field unchanged."""
        made: Self = self.__copied__(
            to=self.to if to is None else to,
            from_=self.from_ if from_ is None else from_,
            lang=self.lang if lang is None else lang,
        )
        return made

    def to_each(self, addresses: list[Address]) -> list[Self]:
        """Return this stanza for each of these addresses, which becomes its 'to'. The payload is the same."""
        copy = self.__copiers__["to",]  # the one that asks of no other field whether it changes
        return [copy(self, address) for address in addresses]

    def size(self) -> int:
        """Return an upper bound of the memory of the whole stanza, header and payload, in bytes.

        Every limit on stanzas uses this measure (see :func:`~xmpp_im_core.element.size`).
        """
        total = STANZA_SIZE + self.payload.size()
        for text in (self.id, self.type, self.lang):
            if text is not None:
                total += len(text) if text.isascii() else text_size(text)  # every held stanza is counted: one call less
        for address in (self.to, self.from_):  # each is kept four times: as written, full, bare, and in parts
            if address is not None:
                written = address.written
                total += 4 * (len(written) if written.isascii() else text_size(written))
        return total + attributes_size(self.attributes) if self.attributes else total

    @property
    def to_jid(self) -> JID | None:
        """The prepared 'to'; None if it is absent or malformed."""
        return self.to.jid if isinstance(self.to, Address) else None

    @property
    def from_jid(self) -> JID | None:
        """The prepared 'from'; None if it is absent or malformed."""
        return self.from_.jid if isinstance(self.from_, Address) else None

    @property
    def from_bare(self) -> AddressLike:
        """The 'from' without its resourcepart."""
        return to_bare(self.from_)

    @property
    def error(self) -> StanzaError | None:
        """The content of the ``<error/>`` child; None if there is no such child."""
        child = self.payload.first("error")
        return read_error(child) if child is not None else None


@copyable
@final
@record
class Message(Stanza):
    """A message stanza (RFC 6121 §5)."""

    KIND: ClassVar[str] = "message"

    @property
    def kind(self) -> str:
        """The type that decides the handling: an absent or unknown type counts as "normal" (RFC 6121 §5.2.2)."""
        type = self.type
        return type if type is not None and type in MESSAGE_TYPES else "normal"


@copyable
@final
@record
class Presence(Stanza):
    """A presence stanza (RFC 6121 §3, §4)."""

    KIND: ClassVar[str] = "presence"

    @property
    def priority(self) -> int:
        """The priority, -128 to 127; 0 if it is absent or not an integer in that range (RFC 6121 §4.7.2.3)."""
        child = self.payload.first("priority")
        value = read_priority(child.text) if child is not None else None
        return 0 if value is None else value


@copyable
@final
@record
class IQ(Stanza):
    """An IQ stanza (RFC 6120 §8.2.3)."""

    KIND: ClassVar[str] = "iq"

    @property
    def request(self) -> Element | None:
        """The payload element of a get or set: its only child element; None if it has none or several."""
        elements = self.payload.elements
        return elements[0] if len(elements) == 1 else None


KINDS: Final[Mapping[str, type[Message] | type[Presence] | type[IQ]]] = MappingProxyType(
    {"message": Message, "presence": Presence, "iq": IQ}
)


def read_priority(text: str) -> int | None:
    """Read the text of a priority element. None: it is not an integer from -128 to 127 (RFC 6121 §4.7.2.3)."""
    text = text.strip(" \t\r\n")
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 4096:
        return None
    value = int(text)
    return value if -128 <= value <= 127 else None


# --- elements to stanzas and back ------------------------------------------------------------------------


class NotAStanza(ValueError):
    """The element is not a message, presence or iq in the namespace ``jabber:client``."""


def from_element(root: Element) -> Message | Presence | IQ:
    """Convert an element in ``jabber:client`` to a stanza.

    :raises NotAStanza: for any other name or namespace.
    """
    kind = KINDS.get(root.name) if root.namespace == CLIENT else None
    if kind is None:
        raise NotAStanza(f"<{root.name} xmlns={root.namespace!r}> is not a stanza")
    return read_stanza(kind, dict(root.attributes), Payload(root.children))


def read_stanza(
    kind: type[Message] | type[Presence] | type[IQ],
    attributes: dict[str, str],
    content: Payload,
    lang: str | None = None,
) -> Message | Presence | IQ:
    """Build a stanza from its attributes and its payload.

    :param attributes: values by name. This function empties it.
    :param lang: the language of the stream, which applies if the stanza has no xml:lang (RFC 6120 §8.1.5).
    """
    take = attributes.pop
    to, from_ = take("to", None), take("from", None)
    return kind(
        to=None if to is None else parse_address(to),
        from_=None if from_ is None else parse_address(from_),
        id=take("id", None),
        type=take("type", None),
        lang=take(XML_LANG, lang),
        payload=content,
        attributes=tuple(sorted(attributes.items())) if attributes else (),
    )


def to_element(stanza: Stanza) -> Element:
    """Return the stanza as an element in ``jabber:client``."""
    return element(stanza.KIND, CLIENT, dict(header(stanza)), stanza.payload.children)


def header(stanza: Stanza) -> list[tuple[str, str]]:
    """Return the attributes of a stanza, with addresses as written, in no particular order."""
    attributes = list(stanza.attributes)
    if stanza.to is not None:
        attributes.append(("to", stanza.to.written))
    if stanza.from_ is not None:
        attributes.append(("from", stanza.from_.written))
    if stanza.id is not None:
        attributes.append(("id", stanza.id))
    if stanza.type is not None:
        attributes.append(("type", stanza.type))
    if stanza.lang is not None:
        attributes.append((XML_LANG, stanza.lang))
    return attributes


# --- stanza errors (RFC 6120 §8.3) -----------------------------------------------------------------------


class ErrorType(Enum):
    """What the sender may do about an error (RFC 6120 §8.3.2)."""

    AUTH = "auth"
    CANCEL = "cancel"
    CONTINUE = "continue"
    MODIFY = "modify"
    WAIT = "wait"


class Condition(Enum):
    """The defined conditions (RFC 6120 §8.3.3)."""

    BAD_REQUEST = "bad-request"
    CONFLICT = "conflict"
    FEATURE_NOT_IMPLEMENTED = "feature-not-implemented"
    FORBIDDEN = "forbidden"
    GONE = "gone"
    INTERNAL_SERVER_ERROR = "internal-server-error"
    ITEM_NOT_FOUND = "item-not-found"
    JID_MALFORMED = "jid-malformed"
    NOT_ACCEPTABLE = "not-acceptable"
    NOT_ALLOWED = "not-allowed"
    NOT_AUTHORIZED = "not-authorized"
    POLICY_VIOLATION = "policy-violation"
    RECIPIENT_UNAVAILABLE = "recipient-unavailable"
    REDIRECT = "redirect"
    REGISTRATION_REQUIRED = "registration-required"
    REMOTE_SERVER_NOT_FOUND = "remote-server-not-found"
    REMOTE_SERVER_TIMEOUT = "remote-server-timeout"
    RESOURCE_CONSTRAINT = "resource-constraint"
    SERVICE_UNAVAILABLE = "service-unavailable"
    SUBSCRIPTION_REQUIRED = "subscription-required"
    UNDEFINED_CONDITION = "undefined-condition"
    UNEXPECTED_REQUEST = "unexpected-request"


USUAL_TYPE: Final[Mapping[Condition, ErrorType]] = MappingProxyType(
    {
        Condition.BAD_REQUEST: ErrorType.MODIFY,
        Condition.CONFLICT: ErrorType.CANCEL,
        Condition.FEATURE_NOT_IMPLEMENTED: ErrorType.CANCEL,
        Condition.FORBIDDEN: ErrorType.AUTH,
        Condition.GONE: ErrorType.CANCEL,
        Condition.INTERNAL_SERVER_ERROR: ErrorType.CANCEL,
        Condition.ITEM_NOT_FOUND: ErrorType.CANCEL,
        Condition.JID_MALFORMED: ErrorType.MODIFY,
        Condition.NOT_ACCEPTABLE: ErrorType.MODIFY,
        Condition.NOT_ALLOWED: ErrorType.CANCEL,
        Condition.NOT_AUTHORIZED: ErrorType.AUTH,
        Condition.POLICY_VIOLATION: ErrorType.MODIFY,
        Condition.RECIPIENT_UNAVAILABLE: ErrorType.WAIT,
        Condition.REDIRECT: ErrorType.MODIFY,
        Condition.REGISTRATION_REQUIRED: ErrorType.AUTH,
        Condition.REMOTE_SERVER_NOT_FOUND: ErrorType.CANCEL,
        Condition.REMOTE_SERVER_TIMEOUT: ErrorType.WAIT,
        Condition.RESOURCE_CONSTRAINT: ErrorType.WAIT,
        Condition.SERVICE_UNAVAILABLE: ErrorType.CANCEL,
        Condition.SUBSCRIPTION_REQUIRED: ErrorType.AUTH,
        Condition.UNDEFINED_CONDITION: ErrorType.CANCEL,  # any type is allowed; nothing tells the sender to retry
        Condition.UNEXPECTED_REQUEST: ErrorType.WAIT,
    }
)
"""The type that RFC 6120 §8.3.3 gives each condition; the first if it gives two."""


@record
class StanzaError:
    """The content of an ``<error/>`` element (RFC 6120 §8.3)."""

    condition: Condition
    type: ErrorType
    text: str | None = None
    """A description for people (RFC 6120 §8.3.2)."""
    by: str | None = None
    """The entity that returned the error (RFC 6120 §8.3.1)."""
    address: str | None = None
    """The new address in ``<gone/>`` and ``<redirect/>`` (RFC 6120 §8.3.3.5, §8.3.3.14)."""
    application: tuple[Element, ...] = ()
    """Application-specific conditions (RFC 6120 §8.3.4)."""


def stanza_error(condition: Condition, type: ErrorType | None = None, text: str | None = None) -> StanzaError:
    """Return an error with this condition.

    :param type: by default the condition's :data:`USUAL_TYPE`.
    """
    return StanzaError(condition, USUAL_TYPE[condition] if type is None else type, text)


def write_error(error: StanzaError) -> Element:
    """Return the ``<error/>`` element of a stanza error."""
    children = [element(error.condition.value, STANZAS, {}, [error.address or ""])]
    if error.text is not None:
        children.append(element("text", STANZAS, {}, [error.text]))
    attributes = {"type": error.type.value}
    if error.by is not None:
        attributes["by"] = error.by
    return element("error", CLIENT, attributes, [*children, *error.application])


def read_error(child: Element) -> StanzaError:
    """Read an ``<error/>`` element.

    Any element is accepted, because an error must never be answered with an error. A missing or unknown condition is
    read as undefined-condition, a missing or unknown type as cancel.
    """
    condition, address, text = Condition.UNDEFINED_CONDITION, None, None
    application: list[Element] = []
    for part in child.elements:
        if part.namespace != STANZAS:
            application.append(part)
        elif part.name == "text":
            text = part.text
        else:
            condition = _CONDITIONS.get(part.name, condition)
            address = part.text or None
    type_ = _ERROR_TYPES.get(child.get("type") or "", ErrorType.CANCEL)
    return StanzaError(condition, type_, text, child.get("by"), address, tuple(application))


_CONDITIONS: Final = {condition.value: condition for condition in Condition}
_ERROR_TYPES: Final = {type_.value: type_ for type_ in ErrorType}


def may_be_answered(stanza: Stanza) -> bool:
    """Whether the stanza may be answered with an error: not an error or an IQ result (RFC 6120 §8.2.3, §8.3.1)."""
    return stanza.type != "error" and not (isinstance(stanza, IQ) and stanza.type == "result")


def error_reply(stanza: Stanza, error: StanzaError) -> Stanza:
    """Return the error stanza that answers a stanza: its addresses are swapped, its payload is left out.

    Call :func:`may_be_answered` first. A malformed address is left out (RFC 6120 §8.3.1, rule 2), and the answer to an
    IQ without an 'id' has an empty 'id' (rule 3).
    """
    to, from_ = [address if isinstance(address, Address) else None for address in (stanza.from_, stanza.to)]
    id_ = "" if stanza.id is None and isinstance(stanza, IQ) else stanza.id
    return type(stanza)(to, from_, id_, "error", None, payload(write_error(error)))


def result_reply(request: IQ, *children: Element) -> IQ:
    """Return the IQ result that answers a get or set: its addresses are swapped.

    :param children: the payload of the result.
    """
    return IQ(request.from_, request.to, request.id, "result", None, payload(*children))
