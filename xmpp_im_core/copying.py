"""Copy a record with a change: ``copied(account, roster=roster)``.

The result is that of ``attrs.evolve``, and the type checker treats it as ``evolve``. But ``evolve`` examines each field
of the class in each call, and calls the constructor. A class marked with ``@copyable`` has a copy function that is
generated for the fields that change, and sets all fields directly. Every step copies such records, so this matters.

``copied`` collects its arguments by name, which takes longer than the copy. So the methods that most steps call look up
the copy function themselves, in :data:`Copiers`: ``self.__copiers__["roster",](self, roster)``. For a change of many
fields they call ``self.__copied__(...)``, which takes the values by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import attrs

__all__ = ["OF", "Copiers", "copied", "copyable"]

T = TypeVar("T")

Copiers: TypeAlias = Mapping[tuple[str, ...], Callable[..., T]]
"""The copy functions of a class, by the fields that change. Each takes the record, and the values in this order.

A class marked with ``@copyable`` has them as ``__copiers__``, which a class that uses them declares.
"""

OF: Final = "of"
"""The key in the metadata of a computed field, for the name of the one field that it follows from."""

_KEPT: Final = object()
"""The default of each parameter of a copy function: the field does not change."""

if TYPE_CHECKING:
    from attrs import evolve as copied
else:

    def copied(record: T, /, **changes: Any) -> T:
        """Return a copy of a record in which these fields have these values."""
        copiers = getattr(record, "__copiers__", None)
        if copiers is None:
            return attrs.evolve(record, **changes)
        return copiers[tuple(changes)](record, *changes.values())


def copyable(cls: type[T]) -> type[T]:
    """Give a final record class fast copy functions.

    They compute fields with ``init=False`` for each copy; one with ``metadata={OF: name}`` only if that field changes.

    A copy function converts and checks the values that it is given, as the constructor does. The other fields have
    their values from a record, so the constructor has checked them before.

    :raises TypeError: if the class is not final, because a copy of an instance of a subclass would have this class; or
        if its constructor does more than to convert and check values, because a copy function does not.
    """
    if not getattr(cls, "__final__", False):
        raise TypeError(f"{cls.__name__}: not a final class")
    fields = attrs.fields(cls)  # type: ignore[arg-type]  # attrs refuses other classes
    if hasattr(cls, "__attrs_post_init__") or any(isinstance(each.converter, attrs.Converter) for each in fields):
        raise TypeError(f"{cls.__name__}: its constructor does more than to convert and check values")
    cls.__copied__ = _copier(cls, None)  # type: ignore[attr-defined]  # a class that calls it directly declares it
    cls.__copiers__ = _Copiers(cls)  # type: ignore[attr-defined]  # as above
    return cls


class _Copiers(dict[tuple[str, ...], Callable[..., Any]]):
    """The copy functions of a class, by the fields that they change: each is compiled when it is first needed.

    A function that knows which fields change need not ask this of each of twenty fields. That halves its time.
    """

    def __init__(self, cls: type[Any]) -> None:
        super().__init__()
        self._cls = cls

    def __missing__(self, changed: tuple[str, ...]) -> Callable[..., Any]:
        self[changed] = copier = _copier(self._cls, changed)
        return copier


def _copier(cls: Any, changed: tuple[str, ...] | None) -> Callable[..., Any]:
    """Compile a function that copies a record.

    :param changed: the fields whose values it takes, in this order. None: it takes all by name, and each may be absent.
    :raises TypeError: if there is no such field.
    """
    fields = attrs.fields(cls)
    every = [each.alias for each in fields if each.init]
    if unknown := {*(changed or ())}.difference(every):
        raise TypeError(f"{cls.__name__}: no field {min(unknown)!r} can be given")
    names: dict[str, Any] = {"cls": cls, "new": object.__new__, "KEPT": _KEPT}
    lines = [line for each in fields for line in _copying(cls, each, changed, names)]
    for each in [each for each in fields if each.init and each.validator]:
        names |= {f"check_{each.name}": each.validator, f"field_{each.name}": each}
        check = f"check_{each.name}(made, field_{each.name}, made.{each.name})"
        if changed is None:
            lines.append(f"if {each.alias} is not KEPT: {check}")
        elif each.alias in changed:
            lines.append(check)
    parameters = [f"{each}=KEPT" for each in every] if changed is None else changed
    body = "".join([f"    {line}\n" for line in ("made = new(cls)", *lines, "return made")])
    exec(f"def copy(self, {', '.join(parameters)}):\n{body}", names)  # like attrs, from names of fields only
    return names["copy"]  # type: ignore[no-any-return]


def _copying(
    cls: Any, each: attrs.Attribute[Any], changed: tuple[str, ...] | None, names: dict[str, Any]
) -> Iterator[str]:
    """Yield the lines that set a field of the copy. Add what they use to ``names``."""
    kept = f"self.{each.name}"
    if each.init:
        of, value = each.alias, each.alias
        if each.converter:
            names[f"convert_{each.name}"] = each.converter
            value = f"convert_{each.name}({each.alias})"
    else:
        of, value = each.metadata.get(OF), f"compute_{each.name}(made)"
        names[f"compute_{each.name}"] = each.default.factory  # type: ignore[union-attr]  # it takes the record
    if of and changed is None:
        value = f"{kept} if {of} is KEPT else {value}"
    elif of and changed is not None and of not in changed:
        value = kept
    if cls.__setattr__ is object.__setattr__:
        yield f"made.{each.name} = {value}"  # half as long as a call of the slot, which a guarded record needs
    else:
        names[f"set_{each.name}"] = getattr(cls, each.name).__set__
        yield f"set_{each.name}(made, {value})"
