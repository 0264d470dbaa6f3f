"""The errors of loading: where the data is not a snapshot, and why."""

from __future__ import annotations

from typing import Any

from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError


class SnapshotError(ValueError):
    """The data is not a snapshot, a record or an event log of this format.

    ``path`` is the place in the data, in the notation of JSONPath (``$.roster.contacts[3].jid``). ``reason`` says what
    is wrong there.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Refused(ValueError):
    """A value was refused. :func:`located` adds the place and makes a :class:`SnapshotError` of it."""


def located(error: BaseException, path: str = "$") -> SnapshotError:
    """Return the first refusal in an error of the converter, with its place."""
    if isinstance(error, ClassValidationError):
        placed, others = error.group_exceptions()
        if placed:
            inner, field = placed[0]
            return located(inner, f"{path}.{field.name}")
        return located(others[0], path)
    if isinstance(error, IterableValidationError):
        items, _ = error.group_exceptions()
        refused, item = items[0]
        return located(refused, f"{path}[{item.index!r}]")
    if isinstance(error, KeyError):
        return SnapshotError(path, "is missing")
    if isinstance(error, ForbiddenExtraKeysError):
        unknown = ", ".join(sorted(repr(field) for field in error.extra_fields))
        return SnapshotError(path, f"has unknown fields: {unknown}")
    if isinstance(error, RecursionError):
        return SnapshotError(path, "is nested too deeply")
    return SnapshotError(path, str(error))


def found(value: Any) -> str:
    """Describe a value of JSON data for an error message."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
