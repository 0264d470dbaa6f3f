"""The fields of steps: how the format and the stdio protocol write each, and what it is read into.

A class of steps declares its fields once. From them come how the step is read, its schema, its row on the page, and the
arguments of its op. What a field is says its type, which is ``Annotated`` with a :class:`FieldKind`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from xmpp_im_conformance.format.items import RosterItem, SharedRosterItem, read_roster
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.matching import check_pattern
from xmpp_im_core.element import Element

JSONSchema: TypeAlias = Mapping[str, object]


class Role(Enum):
    """What the runner does with a value besides passing it on."""

    CLIENT = "client"
    """It names clients, which must have connected before."""
    ACCOUNT = "account"
    """It names an account, which must exist."""
    STANZA = "stanza"
    """It is sent: bound names are filled in."""


def _same(value: Any) -> Any:
    return value


@frozen(eq=False)
class FieldKind:
    """What a value is in JSON, and in a step."""

    schema: JSONSchema
    example: str
    """How the page writes it."""
    read: Callable[[Any], Any] = _same
    """Reads what the schema has accepted; raises ValueError if it is wrong nevertheless."""
    write: Callable[[Any], object] = _same
    role: Role | None = None


def ref(name: str) -> JSONSchema:
    """Return the schema that ``common.json`` has under this name."""
    return {"$ref": f"common.json#/$defs/{name}"}


def list_of(name: str, **more: object) -> JSONSchema:
    """Return the schema of a list of what ``common.json`` has under this name."""
    return {"type": "array", **more, "items": ref(name)}


def pattern(xml: str) -> Element:
    """Read an expectation.

    :raises BadXML: if it is not exactly one element.
    :raises BadPlaceholder: if something in braces is not of the format.
    """
    expected = read_xml(xml)
    check_pattern(expected)
    return expected


def patterns(xmls: Sequence[str]) -> tuple[Element, ...]:
    """Read several expectations."""
    return tuple([pattern(xml) for xml in xmls])


def _stanza(xml: str) -> str:
    """Return a stanza that is to be sent as it is; it is read once, to see that it is XML."""
    read_xml(xml)
    return xml


def written(at: datetime) -> str:
    """Return a time as XMPP writes it (XEP-0082)."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


FullJID: TypeAlias = Annotated[str, FieldKind(ref("full_jid"), "FULL_JID", role=Role.CLIENT)]
FullJIDs: TypeAlias = Annotated[
    tuple[str, ...], FieldKind(ref("full_jids"), "[FULL_JID, ...]", tuple, role=Role.CLIENT)
]
BareJID: TypeAlias = Annotated[str, FieldKind(ref("bare_jid"), "BARE_JID", role=Role.ACCOUNT)]
ContactJID: TypeAlias = Annotated[str, FieldKind(ref("contact_jid"), "BARE_JID")]
StanzaText: TypeAlias = Annotated[str, FieldKind(ref("xml"), "XML", _stanza, role=Role.STANZA)]
Pattern: TypeAlias = Annotated[Element, FieldKind(ref("xml"), "XML", pattern)]
Patterns: TypeAlias = Annotated[tuple[Element, ...], FieldKind(ref("xmls"), "[XML, ...]", patterns)]
Items: TypeAlias = Annotated[tuple[RosterItem, ...], FieldKind(list_of("item"), "[ITEM, ...]", read_roster)]
SharedItems: TypeAlias = Annotated[
    tuple[SharedRosterItem, ...],
    FieldKind(
        list_of("shared_item"),
        '[{"jid": BARE_JID, "subscription": "both"}]',
        lambda items: tuple([SharedRosterItem(**item) for item in items]),
        lambda items: [attrs.asdict(item) for item in items],
    ),
]
Moment: TypeAlias = Annotated[
    datetime, FieldKind(ref("time"), '"2026-01-01T12:00:00Z"', datetime.fromisoformat, written)
]
Clean: TypeAlias = Annotated[
    bool,
    FieldKind({"enum": ["clean", "abrupt"]}, '"clean"', "clean".__eq__, lambda clean: "clean" if clean else "abrupt"),
]
StreamError: TypeAlias = Annotated[str, FieldKind(ref("stream_error"), '"conflict"')]
StanzaError: TypeAlias = Annotated[
    str | None, FieldKind({"anyOf": [ref("stanza_error"), {"type": "null"}]}, '"resource-constraint"')
]
URIOrNull: TypeAlias = Annotated[str | None, FieldKind({"anyOf": [ref("text"), {"type": "null"}]}, "URI")]


@frozen
class Name:
    """The name that a field has in the format, if it is another than that of the attribute."""

    name: str
    op: str = ""
    """Its name as an argument of the op, if that is yet another."""


NOT_STATED: Final = Name("")
"""The format does not have the field; the runner sets it."""


@frozen
class StepField:
    """A field of a class of steps."""

    attribute: str
    name: str
    """Its name in the format."""
    op: str
    """Its name as an argument of the op."""
    kind: FieldKind
    default: Any
    is_stated: bool
    """Whether the format can have it; otherwise the class says what it is."""


@cache
def fields_of(step: Any) -> tuple[StepField, ...]:
    """Return the fields of a class of steps."""
    types = get_type_hints(step, include_extras=True)
    return tuple([_field(each, types[each.name]) for each in attrs.fields(step)])


def _field(attribute: attrs.Attribute[Any], type: Any) -> StepField:
    notes = _notes(type)
    name = next((each for each in notes if isinstance(each, Name)), Name(attribute.name))
    kind = next((each for each in notes if isinstance(each, FieldKind)), _BOOLEAN)
    return StepField(attribute.name, name.name, name.op or name.name, kind, attribute.default, attribute.init)


def _notes(type: Any) -> list[object]:
    """Return what a type is annotated with; of one that may be None, the other."""
    if get_origin(type) is Annotated:
        return list(get_args(type))
    if get_origin(type) is Literal:
        return [FieldKind({"enum": list(get_args(type))}, json.dumps(get_args(type)[0]))]
    return [note for each in get_args(type) for note in _notes(each)]


_BOOLEAN: Final = FieldKind({"type": "boolean"}, "true")


def stated_fields(step: Any) -> tuple[StepField, ...]:
    """Return the fields that the format has."""
    return tuple([each for each in fields_of(step) if each.is_stated and each.name])


def read_fields(step: Any, value: Any) -> dict[str, Any]:
    """Read what stands under a step's key: an object with its fields, its only field, or ``true`` if it has none.

    :raises ValueError: if a field is wrong.
    """
    fields = stated_fields(step)
    if len(fields) == 1:
        return {fields[0].attribute: fields[0].kind.read(value)}
    return {
        each.attribute: each.kind.read(value[each.name]) for each in fields if value is not True and each.name in value
    }


def values_of(step: Any, role: Role) -> tuple[str, ...]:
    """Return the values of a step's fields that have this role."""
    found = [getattr(step, each.attribute) for each in fields_of(step.__class__) if each.kind.role is role]
    return tuple([each for value in found for each in ((value,) if isinstance(value, str) else value)])
