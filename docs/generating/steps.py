"""The steps of the format, from their classes: their rows on the page, their schemas and those of their ops."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from docs.generating.markdown import table
from xmpp_im_conformance.format.steps.acts import ACTS_OF_CLIENTS, ACTS_OF_HOSTS
from xmpp_im_conformance.format.steps.base import ActingStep, ScenarioStep
from xmpp_im_conformance.format.steps.client import CLIENT_STEPS
from xmpp_im_conformance.format.steps.fields import StepField, stated_fields
from xmpp_im_conformance.format.steps.looks import LOOKS, LOOKS_OF_BRANCHES

Kinds: TypeAlias = Iterable[type[ScenarioStep]]

_ACTS: Final = (*ACTS_OF_CLIENTS, *ACTS_OF_HOSTS)


# --- the tables of conformance/README.md ----------------------------------------------------------------------


def acts_of_clients() -> str:
    """Return the table of what clients and other servers do."""
    return _rows(ACTS_OF_CLIENTS)


def acts_of_hosts() -> str:
    """Return the table of what needs more than a socket."""
    return _rows(ACTS_OF_HOSTS)


def looks() -> str:
    """Return the table of what is observed of a server."""
    return _rows(LOOKS)


def client_steps() -> str:
    """Return the table of the steps of a client scenario."""
    return _rows(CLIENT_STEPS)


def _rows(kinds: Kinds) -> str:
    rows = [
        (", ".join([f'`{{"{kind.key}": {form}}}`' for form in _forms(kind)]), " ".join((kind.__doc__ or "").split()))
        for kind in kinds
    ]
    return table(("Step", "Means"), rows)


def _forms(kind: type[ScenarioStep]) -> tuple[str, ...]:
    fields = stated_fields(kind)
    if kind.examples or not fields:
        return kind.examples or ("true",)
    if len(fields) == 1:
        return (fields[0].kind.example,)
    required = [f'"{each.name}": {each.kind.example}' for each in fields if _is_required(each)]
    return (f"{{{', '.join(required)}}}",)


def _is_required(field: StepField) -> bool:
    return field.default is attrs.NOTHING


# --- conformance/schema/steps.json ----------------------------------------------------------------------------


def schema() -> str:
    """Return the schema of all steps, and of the requests of the stdio protocol that ask for one."""
    made = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "steps.json",
        "title": "The steps of scenarios and of client scenarios, and the requests of the stdio protocol for them",
        "$defs": {
            "step": _one_of_these((*_ACTS, *LOOKS)),
            "observation": {
                "description": "A step that a branch of one_of may hold.",
                **_one_of_these(LOOKS_OF_BRANCHES),
            },
            "client_step": _one_of_these(CLIENT_STEPS),
            "op": {"enum": [act.key for act in _ACTS]},
            "request": {"oneOf": [_request(act) for act in _ACTS]},
        },
    }
    return f"{json.dumps(made, indent=2)}\n"


def _one_of_these(kinds: Kinds) -> Mapping[str, object]:
    keys = {kind.key: _schema(kind) for kind in kinds}
    return {"type": "object", "minProperties": 1, "maxProperties": 1, **_closed(keys)}


def _schema(kind: type[ScenarioStep]) -> Mapping[str, object]:
    fields = stated_fields(kind)
    if not fields:
        return {"const": True}
    if len(fields) == 1:
        return fields[0].kind.schema
    required = [each.name for each in fields if _is_required(each)]
    properties = {each.name: _with_default(each) for each in fields}
    return {"type": "object", **({"required": required} if required else {}), **kind.rules, **_closed(properties)}


def _with_default(field: StepField) -> Mapping[str, object]:
    return {**field.kind.schema, "default": field.default} if isinstance(field.default, bool) else field.kind.schema


def _request(act: type[ActingStep]) -> Mapping[str, object]:
    arguments = {each.op: each.kind.schema for each in stated_fields(act)}
    properties = {"id": {"$ref": "stdio.json#/$defs/id"}, "op": {"const": act.key}, **arguments}
    return {"required": list(arguments), **_closed(properties)}


def _closed(properties: Mapping[str, Any]) -> Mapping[str, object]:
    return {"properties": properties, "additionalProperties": False}
