"""Copy a record with a change: ``copied(account, roster=roster)``.

The result is that of ``attrs.evolve``, and the type checker treats it as ``evolve``. But ``evolve`` examines each field
of the class in each call, and calls the constructor. A class marked with ``@copyable`` has a copy function that is
generated once and sets the fields directly. Every step copies such records, so this matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

__all__ = ["copied", "copyable"]

T = TypeVar("T")

_KEPT: Final = object()
"""The default of each parameter of a copy function: the field does not change."""

if TYPE_CHECKING:
    from attrs import evolve as copied
else:

    def copied(record: T, /, **changes: Any) -> T:
        """Return a copy of a record in which these fields have these values."""
        copy = getattr(record, "__copied__", None)
        return attrs.evolve(record, **changes) if copy is None else copy(**changes)


def copyable(cls: type[T]) -> type[T]:
    """Give a final record class a fast copy function. It computes fields with ``init=False`` for each copy.

    :raises TypeError: if the constructor of the class checks or converts values, because the copy function does not; or
        if the class is not final, because a copy of an instance of a subclass would have this class.
    """
    if not getattr(cls, "__final__", False):
        raise TypeError(f"{cls.__name__}: not a final class")
    fields = attrs.fields(cls)  # type: ignore[arg-type]  # attrs refuses other classes
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
    exec(f"def __copied__(self, {parameters}):\n{body}", names)  # like attrs, from names of fields only
    cls.__copied__ = names["__copied__"]  # type: ignore[attr-defined]  # a class that calls it directly declares it
    return cls
