"""Checking a file against the JSON Schema of its kind, with errors that name the step and the key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource

from xmpp_im_conformance.format.data import SCHEMA

_NAMES: Final = ("common", "steps", "scenario", "client", "table", "stdio")


def problems(kind: str, data: object, part: str = "") -> list[str]:
    """Return what is wrong with a vector of this kind ("scenario", "client" or "table"), in order.

    :param part: a JSON Pointer to the part of that schema which the data has to fit; left out, the whole.
    """
    validator = _validator(f"{kind}.json#{part}")
    errors = sorted(validator.iter_errors(data), key=lambda error: [str(part) for part in error.absolute_path])
    return list(dict.fromkeys([f"{_place(error.absolute_path)}{_message(error)}" for error in errors]))


_MOST: Final = 10
_LONGEST: Final = 160
"""A file with more different problems, or longer ones, is told in part: at most a screen."""

_FIRST: Final = re.compile(r"\b(row|step|item) (\d+)\b")


def summary(lines: Iterable[str]) -> str:
    """Return what is wrong with a file in at most a screen: what is said of several rows or steps is said once."""
    groups: dict[str, list[int]] = {}
    for line in lines:
        found = _FIRST.search(line)
        numbers = groups.setdefault(_FIRST.sub(r"\1 #", line, count=1), [])
        numbers += [] if found is None else [int(found[2])]
    told = [shortened(_numbered(line, numbers)) for line, numbers in groups.items()]
    if len(told) > _MOST:
        told = [*told[:_MOST], f"and {len(told) - _MOST} more"]
    return told[0] if len(told) == 1 else "".join([f"\n  {line}" for line in told])


def shortened(text: str) -> str:
    """Cut a text that nobody would read to its end."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … {len(text) - _LONGEST} more characters"


def _numbered(line: str, numbers: Iterable[int]) -> str:
    ranges: list[list[int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    if len(ranges) == 1 and len(ranges[0]) == 1:
        return line.replace("#", str(ranges[0][0]), 1)
    return re.sub(" #", f"s {', '.join(['-'.join(map(str, each)) for each in ranges])}", line, count=1)


@cache
def _validator(ref: str) -> Draft202012Validator:
    schemas = {name: json.loads((SCHEMA / f"{name}.json").read_text(encoding="utf-8")) for name in _NAMES}
    resources = [(f"{name}.json", Resource.from_contents(schema)) for name, schema in schemas.items()]
    return Draft202012Validator({"$ref": ref}, registry=Registry().with_resources(resources))


_NUMBERED: Final = {"steps": "step", "rows": "row", "one_of": "branch"}


def _place(place: Iterable[str | int]) -> str:
    """Name a place in a file as people do: steps, rows and branches count from one."""
    path = list(place)
    words: list[str] = []
    counted = ""
    for part in path:
        if isinstance(part, int):
            words.append(f"{counted or 'item'} {part + 1}")
            # What a branch holds is steps again.
            counted = "step" if counted == "branch" else ""
        elif part in _NUMBERED:
            counted = _NUMBERED[part]
        else:
            words.append(part)
    words += [str(part) for part in path[-1:] if part in _NUMBERED]
    return f"{', '.join(words)}: " if words else ""


def _message(error: ValidationError) -> str:
    schema: Mapping[str, object] = error.schema if isinstance(error.schema, Mapping) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        return f"unknown key {', '.join(map(repr, _unknown(error.instance, schema)))}"
    if error.validator in ("oneOf", "anyOf", "not"):
        return f"needs {schema.get('title', 'one of several forms')}"
    if error.validator == "pattern" or (error.validator == "type" and "title" in schema):
        return f"{error.instance!r} is not {schema.get('title', 'of the right form')}"
    if error.validator == "maxProperties" and isinstance(error.instance, Mapping):
        return f"exactly one key makes a step, not {', '.join(map(repr, error.instance))}"
    if error.validator == "minProperties":
        return "a step needs a key"
    return error.message


def _unknown(instance: Mapping[str, object], schema: Mapping[str, object]) -> Iterator[str]:
    known = schema.get("properties")
    for key in instance:
        if not isinstance(known, Mapping) or key not in known:
            yield key
