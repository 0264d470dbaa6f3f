"""Copy a record with a change: ``copied(account, roster=roster)``.

The result is that of ``attrs.evolve``, and the type checker treats it as ``evolve``. But ``evolve`` examines each field
of the class in each call, and calls the constructor. A class marked with ``@copyable`` has a copy function that is
generated once and sets the fields directly. Every step copies such records, so this matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

__all__ = ["OF", "copied", "copyable"]

T = TypeVar("T")

OF: Final = "of"
"""The key in the metadata of a computed field, for the name of the one field that it follows from."""

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
    """Give a final record class a fast copy function.

    It computes fields with ``init=False`` for each copy; one with ``metadata={OF: name}`` only if that field changes.

    The copy function converts and checks the values that it is given, as the constructor does. The other fields have
    their values from a record, so the constructor has checked them before.

    :raises TypeError: if the class is not final, because a copy of an instance of a subclass would have this class; or
        if its constructor does more than to convert and check values, because the copy function does not.
    """
    if not getattr(cls, "__final__", False):
        raise TypeError(f"{cls.__name__}: not a final class")
    fields = attrs.fields(cls)  # type: ignore[arg-type]  # attrs refuses other classes
    if hasattr(cls, "__attrs_post_init__") or any(isinstance(each.converter, attrs.Converter) for each in fields):
        raise TypeError(f"{cls.__name__}: its constructor does more than to convert and check values")
    names: dict[str, Any] = {"cls": cls, "new": object.__new__, "KEPT": _KEPT}
    lines = [line for each in fields for line in _copying(cls, each, names)]
    for each in filter(lambda each: each.init and each.validator, fields):
        names |= {f"check_{each.name}": each.validator, f"field_{each.name}": each}
        check = f"check_{each.name}(made, field_{each.name}, made.{each.name})"
        lines.append(f"if {each.alias} is not KEPT: {check}")
    parameters = ", ".join([f"{each.alias}=KEPT" for each in fields if each.init])
    body = "".join([f"    {line}\n" for line in ("made = new(cls)", *lines, "return made")])
    exec(f"def __copied__(self, {parameters}):\n{body}", names)  # like attrs, from names of fields only
    cls.__copied__ = names["__copied__"]  # type: ignore[attr-defined]  # a class that calls it directly declares it
    return cls


def _copying(cls: Any, each: attrs.Attribute[Any], names: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that set a field of the copy. Add what they use to ``names``."""
    if each.init:
        given = each.alias
        if each.converter:
            names[f"convert_{each.name}"] = each.converter
            given = f"convert_{each.name}({each.alias})"
        value = f"self.{each.name} if {each.alias} is KEPT else {given}"
    else:
        names[f"compute_{each.name}"] = each.default.factory  # type: ignore[union-attr]  # it takes the record
        value = f"compute_{each.name}(made)"
        if of := each.metadata.get(OF):
            value = f"self.{each.name} if {of} is KEPT else {value}"
    if cls.__setattr__ is object.__setattr__:
        yield f"made.{each.name} = {value}"  # half as long as a call of the slot, which a guarded record needs
    else:
        names[f"set_{each.name}"] = getattr(cls, each.name).__set__
        yield f"set_{each.name}(made, {value})"
