"""The converter of a format: it writes attrs classes field by field, and tags where several classes are possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from xmpp_im_core.snapshot.errors import Refused, found
from xmpp_im_core.snapshot.schema import TAG, Schema, Tags
from xmpp_im_core.snapshot.values import expect, register_values


def converter_of(schemas: tuple[Schema, ...], tags: Tags) -> Converter:
    """Build the converter for the classes of these schemas."""
    converter = Converter(forbid_extra_keys=True, detailed_validation=True)
    checks = {cls: check for schema in schemas for cls, check in schema.checks.items()}
    converter.register_unstructure_hook_factory(
        _is_record,
        lambda kind: make_dict_unstructure_fn(kind, converter, _cattrs_omit_if_default=True, **_derived(kind)),
    )
    converter.register_structure_hook_factory(_is_record, lambda kind: _record_reader(kind, converter, checks))
    converter.register_unstructure_hook_factory(_is_choice, lambda kind: _choice_writer(converter, tags))
    converter.register_structure_hook_factory(_is_choice, lambda kind: _choice_reader(kind, converter, tags))
    converter.register_unstructure_hook_factory(_is_anything, lambda kind: _choice_writer(converter, tags))
    converter.register_structure_hook_factory(_is_anything, lambda kind: _tagged_reader(converter, tags))
    register_values(converter)
    for schema in schemas:
        if schema.register is not None:
            schema.register(converter)
    return converter


def _is_record(kind: Any) -> bool:
    return attrs.has(get_origin(kind) or kind)


def _derived(kind: Any) -> dict[str, Any]:
    """Leave out the fields that do not count for equality: they are caches that follow from the other fields."""
    return {each.name: override(omit=True) for each in attrs.fields(get_origin(kind) or kind) if not each.eq}


def _is_choice(kind: Any) -> bool:
    """Whether a field of this type may have one of several classes, so that it needs a tag."""
    if get_origin(kind) not in (Union, UnionType):
        return False
    return all(_is_record(each) for each in get_args(kind))


def _is_anything(kind: Any) -> bool:
    """Whether a field of this type may have any class that a schema lists."""
    return kind is object


def _record_reader(
    kind: Any, converter: Converter, checks: Mapping[type, Callable[[Any], None]]
) -> Callable[[Any, Any], Any]:
    inner: Any = make_dict_structure_fn(kind, converter, **_derived(kind))
    check = checks.get(kind)

    def read(value: Any, _: Any) -> Any:
        expect(dict, value, "an object")
        record = inner(value, kind)
        if check is not None:
            check(record)
        return record

    return read


def write_tagged(value: Any, converter: Converter, tags: Tags) -> dict[str, Any]:
    """Write a value with its tag in front."""
    return {TAG: tags.tag(value), **converter.unstructure(value)}


def read_tagged(value: Any, converter: Converter, tags: Tags) -> Any:
    """Read a value by its tag."""
    expect(dict, value, "an object")
    tag = value.get(TAG)
    cls = tags.classes.get(tag) if isinstance(tag, str) else None
    if cls is None:
        raise Refused(f"{TAG!r} must be one of {', '.join(sorted(tags.classes))}, not {found(tag)}")
    return converter.structure({key: each for key, each in value.items() if key != TAG}, cls)


def _choice_writer(converter: Converter, tags: Tags) -> Callable[[Any], Any]:
    return lambda value: write_tagged(value, converter, tags)


def _tagged_reader(converter: Converter, tags: Tags) -> Callable[[Any, Any], Any]:
    return lambda value, _: read_tagged(value, converter, tags)


def _choice_reader(kind: Any, converter: Converter, tags: Tags) -> Callable[[Any, Any], Any]:
    classes = get_args(kind)
    allowed = ", ".join(sorted(tags.of[each] for each in classes if each in tags.of))

    def read(value: Any, _: Any) -> Any:
        record = read_tagged(value, converter, tags)
        if type(record) not in classes:
            raise Refused(f"one of {allowed} belongs here, not {tags.of[type(record)]}")
        return record

    return read
