"""What a node says about itself with each beat.

It is for operators. Nodes conclude one thing from it: if all of them together say that they own more partitions than
there are, each asks the database which ones it owns.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, TypeVar

import attrs
from attrs import frozen

T = TypeVar("T")


class State(Enum):
    """Whether a node serves clients."""

    SERVING = "serving"
    DRAINING = "draining"
    """It gives up its sessions and its partitions, because an operator has said so."""
    DRAINED = "drained"
    """It has given up all of them, and waits."""
    STOPPING = "stopping"
    """It gives them up and ends."""


@frozen
class Report:
    """The figures of one node at one moment."""

    partitions: int = 0
    """How many partitions it owns."""
    sessions: int = 0
    """How many sessions of clients it holds, also those that wait for their client."""
    lag: float = 0.0
    """How many seconds the entries of its partitions wait, where they wait longest."""

    state: State | None = None
    """None if it is a node of a release that does not say it."""

    def dump(self) -> str:
        """Return the report as JSON."""
        said = None if self.state is None else self.state.value
        return json.dumps({**attrs.asdict(self), "state": said})

    @classmethod
    def load(cls, text: str) -> Report:
        """Read a report. A node of another release may leave fields out, or have others: they do not matter."""
        try:
            found = json.loads(text)
        except ValueError:
            return cls()
        if not isinstance(found, dict):
            return cls()
        return cls(
            _number(found, "partitions", 0), _number(found, "sessions", 0), _number(found, "lag", 0.0), _state(found)
        )


def _state(found: dict[str, Any]) -> State | None:
    try:
        return State(found.get("state"))
    except ValueError:
        return None


def _number(found: dict[str, Any], key: str, default: T) -> T:
    value = found.get(key)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return type(default)(value)
    return value if type(value) is type(default) else default
