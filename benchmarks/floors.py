"""The floor of a step: the minimum of work for Python to make its result.

``floor`` examines the result of a step, and writes straight-line code that makes the same result: one positional call
for each new record, each new tuple, and for each changed map one ``set`` or ``delete`` for each key. Values from before
the step are reused, and so are strings and rules. The code looks up, checks and decides nothing.

The records are made of twin classes: frozen attrs classes with the same fields, without validators, converters and
derived fields. So the floor depends on how wide the records are, and not on what their construction costs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import attrs

from benchmarks.racing import Statement
from xmpp_im_core.client import Ignored as IgnoredByClient
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.rules.rule import Rule
from xmpp_im_core.server import Ignored

_CONSTANTS = (str, bytes, int, float, type(None), Enum, Rule, Ignored, IgnoredByClient, datetime, type)
"""Values that no step makes, or that a step could keep ready."""

_twins: dict[type, type] = {}


def twin(cls: type) -> type:
    """Return a class with the same fields and no checks."""
    if cls not in _twins:
        _twins[cls] = attrs.make_class(cls.__name__, _fields(cls), frozen=True, slots=True)
    return _twins[cls]


def floor(result: object, *inputs: object) -> Statement:
    """Return the code that makes the result of a step from the arguments of the step."""
    writer = _Writer(_reachable(*inputs, *_kept_by_modules()))
    return Statement(writer.expression(result), writer.names)


def _all_fields(cls: type[Any]) -> list[str]:
    return [each.name for each in attrs.fields(cls)]


def _fields(cls: type[Any]) -> list[str]:
    return [each.name for each in attrs.fields(cls) if each.init]


def _kept_by_modules() -> Iterable[object]:
    for name, module in list(sys.modules.items()):
        if name.startswith("xmpp_im_core") and module is not None:
            for value in vars(module).values():
                if attrs.has(type(value)) or isinstance(value, tuple):
                    yield value


def _reachable(*roots: object) -> dict[int, object]:
    """Return all values that can be reached from these, by identity."""
    seen: dict[int, object] = {}
    todo = list(roots)
    while todo:
        value = todo.pop()
        if isinstance(value, _CONSTANTS) or id(value) in seen:
            continue
        seen[id(value)] = value
        if attrs.has(type(value)):
            todo += [getattr(value, name) for name in _all_fields(type(value))]
        elif isinstance(value, FrozenMap):
            todo += value.values()
        elif isinstance(value, tuple):
            todo += value
    return seen


class _Writer:
    """Writes one nested expression. A value that is used again gets a name where it is made."""

    def __init__(self, known: Mapping[int, object]) -> None:
        self.names: dict[str, Any] = {}
        self._known = known
        self._maps = [dict(each) for each in known.values() if isinstance(each, FrozenMap)]
        self._of_maps = [each for each in known.values() if isinstance(each, FrozenMap)]
        self._made: dict[int, str] = {}
        self._alive: list[object] = []  # keeps the values alive, so that no two have the same id

    def expression(self, value: object) -> str:
        if value == () and type(value) is tuple:
            return "()"
        if id(value) in self._made:
            return self._made[id(value)]
        code = None if self._is_constant(value) else self._making(value)
        if code is None:
            return self._constant(value)
        name = f"v{len(self._made)}"
        self._made[id(value)] = name
        self._alive.append(value)
        return f"({name} := {code})"

    def _is_constant(self, value: object) -> bool:
        return isinstance(value, _CONSTANTS) or id(value) in self._known

    def _constant(self, value: object) -> str:
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def _making(self, value: object) -> str | None:
        if attrs.has(type(value)):
            written = [self.expression(getattr(value, name)) for name in _fields(type(value))]
            return f"{self._constant(twin(type(value)))}({', '.join(written)})"
        if isinstance(value, FrozenMap):
            return self._map(value)
        if isinstance(value, tuple):
            return self._tuple(value)
        return None

    def _tuple(self, value: tuple[object, ...]) -> str | None:
        if len(value) > 8 and all(self._is_constant(each) for each in value):
            return None  # such as all recipients of a broadcast, which a step can keep ready
        written = "".join([f"{self.expression(each)}, " for each in value])
        if type(value) is tuple:
            return f"({written})"
        return f"{self._constant(type(value))}({written})"  # a named tuple

    def _map(self, value: FrozenMap[Any]) -> str:
        """Write the changes from the most similar earlier map, or the whole map if every earlier one differs much."""
        mine = dict(value)
        changes = [(_changed(mine, theirs), number) for number, theirs in enumerate(self._maps)]
        least, number = min(changes, key=lambda change: len(change[0]), default=([*mine], -1))
        if number < 0 or len(least) > max(8, len(mine) // 4):
            entries = ", ".join([f"{key!r}: {self.expression(each)}" for key, each in mine.items()])
            return f"{self._constant(FrozenMap)}({{{entries}}})"
        code = self._constant(self._of_maps[number])
        for key in least:
            code += f".set({key!r}, {self.expression(mine[key])})" if key in mine else f".delete({key!r})"
        return code


def _changed(mine: Mapping[str, object], theirs: Mapping[str, object]) -> list[str]:
    new = [key for key, value in mine.items() if key not in theirs or theirs[key] is not value]
    return [*new, *[key for key in theirs if key not in mine]]
