"""One way to copy a record with a change: ``copied(account, roster=roster)``.

It does what ``attrs.evolve`` does, and the type checker takes it for that. ``evolve`` looks at each field of the class
in each call, and calls the constructor. A class marked with ``@copyable`` gets a function that is made once, from its
fields, and sets them directly: every step copies such records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

__all__ = ["copied", "copyable"]

T = TypeVar("T")

_KEPT: Final = object()
"""Stands for a field that does not change."""

if TYPE_CHECKING:
    from attrs import evolve as copied
else:

    def copied(record: T, /, **changes: Any) -> T:
        """Return a copy of a frozen attrs record in which these fields have other values."""
        copy = getattr(record, "__copied__", None)
        return attrs.evolve(record, **changes) if copy is None else copy(**changes)


def copyable(cls: type[T]) -> type[T]:
    """Make the copies of a frozen, final attrs class fast. Fields with ``init=False`` are computed anew for each copy.

    :raises TypeError: for a class whose constructor checks or converts, since a fast copy would not; and for one that
        is not final, since a copy of a subclass would have this class.
    """
    if not getattr(cls, "__final__", False):
        raise TypeError(f"{cls.__name__}: not a final class")
    fields = attrs.fields(cls)  # type: ignore[arg-type]  # attrs refuses what is not an attrs class
    if hasattr(cls, "__attrs_post_init__") or any(each.validator or each.converter for each in fields):
        raise TypeError(f"{cls.__name__}: its constructor checks or converts")
    names: dict[str, Any] = {"cls": cls, "new": object.__new__, "KEPT": _KEPT}
    lines = ["made = new(cls)"]
    for each in fields:
        names[f"set_{each.name}"] = getattr(cls, each.name).__set__
        if each.init:
            value = f"self.{each.name} if {each.alias} is KEPT else {each.alias}"
        else:
            names[f"compute_{each.name}"] = each.default.factory
            value = f"compute_{each.name}(made)"
        lines.append(f"set_{each.name}(made, {value})")
    parameters = ", ".join([f"{each.alias}=KEPT" for each in fields if each.init])
    body = "".join([f"    {line}\n" for line in (*lines, "return made")])
    exec(f"def __copied__(self, {parameters}):\n{body}", names)  # of the names of fields alone, as attrs
    cls.__copied__ = names["__copied__"]  # type: ignore[attr-defined]  # declared by a class that calls it itself
    return cls
