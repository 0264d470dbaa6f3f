"""The converter hooks for plain values. They read strictly.

``"3"`` is not read as a number, ``1`` not as a bool, and an address must be prepared. Enums are written by name,
stanzas as XML text, tuples as lists.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from types import GenericAlias, MappingProxyType
from typing import Any, Final, get_args, get_origin

from cattrs import Converter
from cattrs.cols import homogenous_tuple_structure_factory, iterable_unstructure_factory
from cattrs.gen import make_hetero_tuple_unstructure_fn

from xmpp_im_core.codec import CodecError, Limits, Unwritable, parse_element, parse_stanza, write_element, write_stanza
from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID, Address, InvalidJID, Malformed, parse_address, received_jid
from xmpp_im_core.lru_set import LRUSet, lru_set
from xmpp_im_core.server.state import SessionId
from xmpp_im_core.snapshot.errors import Refused, found
from xmpp_im_core.stanza import Stanza
from xmpp_im_core.text_set import TextSet, text_set

_PLAIN: Final[Mapping[type, str]] = MappingProxyType(
    {str: "a string", int: "a whole number", bool: "true or false", type(None): "null"}
)

_LIMITS: Final = Limits(stanza_bytes=1 << 30, depth=256, namespace=1 << 30)
"""The stream's limits were checked when the stanza came. These limits only protect the stack of the reader."""


def register_values(converter: Converter) -> None:
    """Register the hooks for the values that every schema uses."""
    for kind, name in _PLAIN.items():
        converter.register_structure_hook(kind, _plain(kind, name))
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_structure_hook(datetime, lambda value, _: _datetime(value))
    converter.register_unstructure_hook(timedelta, _write_timedelta)
    converter.register_structure_hook(timedelta, lambda value, _: _timedelta(value))
    converter.register_unstructure_hook(JID, lambda jid: jid.full)
    converter.register_structure_hook(JID, lambda value, _: prepared(value))
    converter.register_unstructure_hook(Address, lambda address: address.written)
    converter.register_structure_hook(Address, lambda value, _: _address(value))
    converter.register_unstructure_hook(SessionId, list)
    converter.register_structure_hook(SessionId, lambda value, _: _session_id(value))
    converter.register_unstructure_hook_func(_is(Enum), lambda member: member.name)
    converter.register_structure_hook_func(_is(Enum), _enum)
    converter.register_unstructure_hook(Element, _write_element)
    converter.register_structure_hook(Element, lambda value, _: _element(value))
    converter.register_unstructure_hook_func(_is(Stanza), write_stanza_text)
    converter.register_structure_hook_func(_is(Stanza), read_stanza_text)
    _register_collections(converter)


def _register_collections(converter: Converter) -> None:
    converter.register_unstructure_hook(LRUSet, list)
    converter.register_structure_hook(LRUSet, lambda value, _: _lru_set(value))
    converter.register_unstructure_hook(TextSet, list)
    converter.register_structure_hook(TextSet, lambda value, _: _text_set(value))
    converter.register_unstructure_hook_func(_made_of(frozenset), sorted)
    converter.register_structure_hook_func(_made_of(frozenset), lambda value, kind: _set(value, kind, converter))
    converter.register_unstructure_hook_factory(_made_of(tuple), lambda kind: _tuple_writer(kind, converter))
    converter.register_structure_hook_factory(_made_of(tuple), lambda kind: _tuple_reader(kind, converter))
    converter.register_unstructure_hook_factory(_made_of(FrozenMap), lambda kind: _map_writer(kind, converter))
    converter.register_structure_hook_factory(_made_of(FrozenMap), lambda kind: _map_reader(kind, converter))


def _is(base: type) -> Callable[[Any], bool]:
    return lambda kind: isinstance(kind, type) and issubclass(kind, base)


def _made_of(collection: type) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is collection


def expect(kind: type, value: Any, name: str) -> None:
    """Refuse a value that is not of exactly this type."""
    if type(value) is not kind:
        raise Refused(f"{found(value)} is not {name}")


def _plain(kind: type, name: str) -> Callable[[Any, Any], Any]:
    def read(value: Any, _: Any) -> Any:
        expect(kind, value, name)
        return value

    return read


# --- single values ----------------------------------------------------------------------------------------


def _datetime(value: Any) -> datetime:
    expect(str, value, "a time")
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise Refused(f"{found(value)} is not a time in ISO 8601") from None
    if time.utcoffset() is None:
        raise Refused(f"{found(value)} is a time without an offset from UTC")
    return time


def _write_timedelta(duration: timedelta) -> dict[str, int]:
    parts = {name: getattr(duration, name) for name in ("days", "seconds", "microseconds")}
    return {name: number for name, number in parts.items() if number}


def _timedelta(value: Any) -> timedelta:
    expect(dict, value, "a duration in days, seconds and microseconds")
    for name, number in value.items():
        if name not in ("days", "seconds", "microseconds"):
            raise Refused(f"{name!r} is not days, seconds or microseconds")
        expect(int, number, "a whole number")
    try:
        return timedelta(**value)
    except OverflowError as error:
        raise Refused(str(error)) from None


def prepared(value: Any) -> JID:
    """Read a prepared address. Its resourcepart may be opaque.

    :raises Refused: if the text is not a JID, or is not in its prepared form.
    """
    expect(str, value, "an address")
    try:
        jid = received_jid(value)
    except InvalidJID as error:
        raise Refused(f"{found(value)} is not a JID: {error}") from None
    if jid.full != value:
        raise Refused(f"{found(value)} is not prepared; its prepared form is {found(jid.full)}")
    return jid


def _address(value: Any) -> Address:
    expect(str, value, "an address")
    address = parse_address(value)
    if isinstance(address, Malformed):
        raise Refused(f"{found(value)} is not a JID: {address.reason}")
    return address


def _session_id(value: Any) -> SessionId:
    expect(list, value, "a session [resource, epoch]")
    if len(value) != 2:
        raise Refused(f"a session is [resource, epoch], not a list of {len(value)}")
    expect(str, value[0], "a resource")
    expect(int, value[1], "an epoch")
    return SessionId(*value)


def _enum(value: Any, kind: Any) -> Enum:
    expect(str, value, f"one of {', '.join(kind.__members__)}")
    member = kind.__members__.get(value)
    if not isinstance(member, Enum):
        raise Refused(f"{found(value)} is not one of {', '.join(kind.__members__)}")
    return member


json_text: Final[Callable[[str], str]] = json.JSONEncoder().encode
"""Writes a string as JSON. It is much faster for a string than for anything around one."""


def write_stanza_text(stanza: Stanza) -> str:
    """Return a stanza as XML text, in the namespace ``jabber:client``."""
    return write_stanza_bytes(stanza).decode()


def write_stanza_bytes(stanza: Stanza) -> bytes:
    """Return a stanza as XML text in UTF-8, in the namespace ``jabber:client``."""
    try:
        return write_stanza(stanza)
    except Unwritable as error:
        raise Refused(f"a stanza cannot be written: {error}") from None


def read_stanza_text(value: Any, kind: type[Stanza]) -> Stanza:
    """Read a stanza of this class; for :class:`Stanza`, of any kind."""
    expect(str, value, "the text of a stanza")
    try:
        stanza = parse_stanza(value, limits=_LIMITS)
    except CodecError as error:
        raise Refused(f"{found(value)} is not a stanza: {error}") from None
    if not isinstance(stanza, kind):
        raise Refused(f"{found(value)} is not a <{kind.KIND}/>")
    return stanza


def _write_element(element: Element) -> str:
    try:
        return write_element(element).decode()
    except Unwritable as error:
        raise Refused(f"an element cannot be written: {error}") from None


def _element(value: Any) -> Element:
    expect(str, value, "the text of an element")
    try:
        return parse_element(value, limits=_LIMITS)
    except CodecError as error:
        raise Refused(f"{found(value)} is not an element: {error}") from None


# --- sets, tuples and maps ----------------------------------------------------------------------------------------


def _lru_set(value: Any) -> LRUSet:
    order = lru_set(_texts(value))
    if len(order) < len(value):
        raise Refused("a string is repeated")
    return order


def _text_set(value: Any) -> TextSet:
    texts = text_set(_texts(value))
    if len(texts) < len(value):
        raise Refused("a string is repeated")
    return texts


def _texts(value: Any) -> list[str]:
    expect(list, value, "a list")
    for text in value:
        expect(str, text, "a string")
    strings: list[str] = value
    return strings


def _set(value: Any, kind: Any, converter: Converter) -> frozenset[Any]:
    (item,) = get_args(kind)
    items: tuple[Any, ...] = converter.structure(value, GenericAlias(tuple, (item, ...)))  # type: ignore[arg-type]  # a type all the same
    return frozenset(items)


def _tuple_writer(kind: Any, converter: Converter) -> Callable[[Any], Any]:
    if get_args(kind)[-1:] == (...,):
        return iterable_unstructure_factory(kind, converter, unstructure_to=list)
    return make_hetero_tuple_unstructure_fn(kind, converter, unstructure_to=list)


def _tuple_reader(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    arguments = get_args(kind)
    inner = homogenous_tuple_structure_factory(kind, converter) if arguments[-1:] == (...,) else None

    def read(value: Any, _: Any) -> Any:
        expect(list, value, "a list")
        if inner is not None:
            return inner(value, kind)
        if len(value) != len(arguments):
            raise Refused(f"a list of {len(arguments)} belongs here, not of {len(value)}")
        return tuple([converter.structure(each, argument) for each, argument in zip(value, arguments, strict=True)])

    return read


def _map_writer(kind: Any, converter: Converter) -> Callable[[Any], Any]:
    value_kind = get_args(kind)[0]

    def write(value: Any) -> Any:
        return {key: converter.unstructure(each, unstructure_as=value_kind) for key, each in value.items()}

    return write


def _map_reader(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    mapping: Any = GenericAlias(dict, (str, *get_args(kind)))

    def read(value: Any, _: Any) -> Any:
        expect(dict, value, "an object")
        return FrozenMap(converter.structure(value, mapping))

    return read
