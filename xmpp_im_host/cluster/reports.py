"""What a node says about itself with each beat, for operators. Nothing else is concluded from it."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import attrs
from attrs import frozen

T = TypeVar("T")


@frozen
class Report:
    """The figures of one node at one moment."""

    partitions: int = 0
    """How many partitions it owns."""
    sessions: int = 0
    """How many sessions of clients it holds, also those that wait for their client."""
    lag: float = 0.0
    """How many seconds the entries of its partitions wait, where they wait longest."""

    def dump(self) -> str:
        """Return the report as JSON."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def load(cls, text: str) -> Report:
        """Read a report. A node of another release may leave fields out, or have others: they do not matter."""
        try:
            found = json.loads(text)
        except ValueError:
            return cls()
        if not isinstance(found, dict):
            return cls()
        return cls(_number(found, "partitions", 0), _number(found, "sessions", 0), _number(found, "lag", 0.0))


def _number(found: dict[str, Any], key: str, default: T) -> T:
    value = found.get(key)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return type(default)(value)
    return value if type(value) is type(default) else default
