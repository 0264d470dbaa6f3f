"""attrs validators and converters for the fields of events.

A validator raises TypeError for a value of a wrong type and ValueError for a wrong value of the right type; the message
names the field. Without them, a wrong event would fail deep inside a step, far from where it was made. The type is
compared first, because validators run for every stanza.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs
from attrs.validators import instance_of, optional

from xmpp_im_core.element import Element
from xmpp_im_core.jid import JID, Address, Malformed, parse_address
from xmpp_im_core.stanza import CLIENT, IQ, Message, Payload, Presence

Validator: TypeAlias = Callable[[Any, "attrs.Attribute[Any]", Any], None]

_STANZAS: Final = (Message, Presence, IQ)
_ADDRESSES: Final = (Address, Malformed)
_USUAL_ADDRESSES: Final = frozenset({Address, Malformed, type(None)})
_USUAL_TEXTS: Final = frozenset({str, type(None)})

is_text: Final = instance_of(str)
is_optional_text: Final = optional(instance_of(str))
is_element: Final = instance_of(Element)


def not_empty(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse the empty string, and any value that is not a string."""
    if not isinstance(value, str):
        raise wrong_type(attribute.name, "a str", value)
    if not value:
        raise ValueError(f"{attribute.name}: must not be empty")


def wrong_type(name: str, wanted: str, value: object) -> TypeError:
    """Return the TypeError for a value of a wrong type.

    :param name: the name of the field.
    :param wanted: the type that is needed, with its article.
    """
    return TypeError(f"{name}: {wanted} is needed, not {value!r} of type {type(value).__name__}")


def is_flag(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse every value except True and False."""
    if type(value) is not bool:
        raise wrong_type(attribute.name, "a bool", value)


def is_number(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse every value that is not an int. A bool is refused too."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_type(attribute.name, "an int", value)


def is_count(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse every value that is not an int of at least 0."""
    is_number(_, attribute, value)
    if value < 0:
        raise ValueError(f"{attribute.name}: {value} is below 0")


def tuple_of(kind: type, name: str) -> Validator:
    """Return a validator that accepts only tuples whose items are all of this kind.

    :param name: the name of the kind, with its article.
    """

    def validate(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, tuple):
            raise wrong_type(attribute.name, f"a tuple, each item {name},", value)
        for item in value:
            if not isinstance(item, kind):
                raise wrong_type(attribute.name, f"{name} in each place", item)

    return validate


are_texts: Final = tuple_of(str, "a str")


def are_extensions(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse every value that is not a tuple of elements outside the namespace ``jabber:client``."""
    _are_elements(_, attribute, value)
    if any(element.namespace == CLIENT for element in value):
        raise ValueError(f"{attribute.name}: the namespace {CLIENT} is not extended content (RFC 6121 §4.7.3, §5.3)")


_are_elements: Final = tuple_of(Element, "an Element")


def is_jid(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse a value that is not a JID. For a string, the error says why :func:`as_jid` could not read it."""
    if type(value) is JID:
        return
    if not isinstance(value, str):
        raise wrong_type(attribute.name, "a JID, or a str that is one,", value)
    address = parse_address(value)
    reason = address.reason if isinstance(address, Malformed) else "it was not read"
    raise ValueError(f"{attribute.name}: {value!r} is not a JID: {reason}")


is_optional_jid: Final = optional(is_jid)


def as_jid(value: JID | str) -> JID:
    """Return the JID that a string spells. Return any other value unchanged, so that :func:`is_jid` refuses it."""
    if isinstance(value, str):
        address = parse_address(value)
        if isinstance(address, Address):
            return address.jid
    return value  # type: ignore[return-value]  # refused by the validator, which knows the name of the field


def as_optional_jid(value: JID | str | None) -> JID | None:
    """Do as :func:`as_jid` does, for an address that may be absent."""
    return None if value is None else as_jid(value)


def is_prepared_bare(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse a value that is not a string, and a string that is not a prepared bare JID."""
    if not isinstance(value, str):
        raise wrong_type(attribute.name, "a str", value)
    address = parse_address(value)
    if not isinstance(address, Address) or not address.jid.is_bare or address.jid.full != value:
        raise ValueError(f"{attribute.name}: {value!r} is not a prepared bare JID")


def is_stanza(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse a value that is not a message, presence or IQ, and a stanza with a header or payload of a wrong type."""
    if type(value) not in _STANZAS:
        raise wrong_type(attribute.name, "a Message, Presence or IQ", value)
    usual = (
        type(value.to) in _USUAL_ADDRESSES
        and type(value.from_) in _USUAL_ADDRESSES
        and type(value.id) in _USUAL_TEXTS
        and type(value.type) in _USUAL_TEXTS
        and type(value.lang) in _USUAL_TEXTS
        and type(value.payload) is Payload
        and type(value.attributes) is tuple
    )
    if not usual:
        _check_parts(attribute.name, value)


def is_message(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse a value that is not a message, and a message that :func:`is_stanza` refuses."""
    if type(value) is not Message:
        raise wrong_type(attribute.name, "a Message", value)
    is_stanza(_, attribute, value)


def _check_parts(name: str, stanza: Any) -> None:
    """Refuse a stanza with a part of a wrong type. Subclasses of the usual types are not wrong."""
    for part, address in (("to", stanza.to), ("from_", stanza.from_)):
        if address is not None and not isinstance(address, _ADDRESSES):
            raise wrong_type(f"{name}.{part}", "an Address (see parse_address)", address)
    for part, value in (("id", stanza.id), ("type", stanza.type), ("lang", stanza.lang)):
        if value is not None and not isinstance(value, str):
            raise wrong_type(f"{name}.{part}", "a str", value)
    if not isinstance(stanza.payload, Payload):
        raise wrong_type(f"{name}.payload", "a Payload", stanza.payload)
    if not isinstance(stanza.attributes, tuple):
        raise wrong_type(f"{name}.attributes", "a tuple of names and values", stanza.attributes)
