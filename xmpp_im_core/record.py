"""A record: an attrs class with slots, compared and hashed by its fields, which nothing changes.

The type checker takes a record for frozen: it refuses an assignment to a field. At run time an assignment is refused
only if :data:`GUARDED` was set before the class was made, as this project's tests do. The guard of ``attrs.frozen``
makes the constructor set each field by ``object.__setattr__``, which takes three times as long as an assignment, and a
step makes up to twelve records. Code that assigns to a field of a record changes every state that shares the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

__all__ = ["GUARDED", "assigner", "maker", "record", "unchecked"]

T = TypeVar("T")

GUARDED: bool = False
"""Whether the classes that are made from now on refuse assignments. Set it before any other module is imported."""

if TYPE_CHECKING:
    from attrs import frozen as record
else:

    def record(cls: type | None = None, /, **options: Any) -> Any:
        """Make a class a record. The options are those of ``attrs.frozen``."""
        if cls is None:
            return lambda cls: record(cls, **options)
        shows_itself = "__repr__" in vars(cls) or not options.pop("repr", True)
        is_compared = options.pop("eq", True)
        options |= {"repr": False, "eq": False}
        make = attrs.frozen if GUARDED else partial(attrs.define, on_setattr=attrs.setters.NO_OP)
        made = make(cls, **options)
        if is_compared:
            made.__eq__, made.__hash__ = _compared_later(made)
        if not shows_itself:
            made.__repr__ = _show
        return made


def _compared_later(cls: type[Any]) -> tuple[Callable[[Any, object], bool], Callable[[Any], int]]:
    """Return ``__eq__`` and ``__hash__`` of a record class, which compile both when one of them is first called.

    They become those of attrs, which compiles them with the class. That is a quarter of the time in which attrs makes a
    class; a program imports about a hundred of these classes, and compares the records of few. They are functions: an
    interrupt that comes while a descriptor is asked for ``__eq__`` would be lost, and the records be unequal.
    """

    def __eq__(self: Any, other: object) -> bool:
        equal, _ = cls.__eq__, cls.__hash__ = _comparing(cls)  # type: ignore[assignment]
        return equal(self, other)

    def __hash__(self: Any) -> int:
        _, hashed = cls.__eq__, cls.__hash__ = _comparing(cls)  # type: ignore[assignment]
        return hashed(self)

    return __eq__, __hash__


def _comparing(cls: type[Any]) -> tuple[Callable[[Any, object], bool], Callable[[Any], int]]:
    """Compile the methods that compare records of one class by their fields, and hash them."""
    fields = [each.name for each in attrs.fields(cls) if each.eq]
    equal = " and ".join([f"self.{each} == other.{each}" for each in fields]) or "True"
    values = "".join([f"self.{each}, " for each in fields])
    names: dict[str, Any] = {}
    exec(  # like attrs, from names of fields only
        "def __eq__(self, other):\n"
        "    if other.__class__ is not self.__class__:\n"
        "        return NotImplemented\n"
        f"    return {equal}\n"
        "def __hash__(self):\n"
        f"    return hash(({values}))\n",
        names,
    )
    return names["__eq__"], names["__hash__"]


def _show(record: Any) -> str:
    """Show a record as attrs does, as the call of its constructor. attrs compiles a function for each class."""
    fields = [f"{each.name}={getattr(record, each.name)!r}" for each in attrs.fields(type(record)) if each.repr]
    return f"{type(record).__qualname__.rpartition('>.')[2]}({', '.join(fields)})"


def assigner(cls: Any, *fields: str) -> Callable[..., None]:
    """Return a function that assigns to these fields of a record what follows from its other fields: a cache.

    It takes the record and the values. ``object.__setattr__``, which a guarded record needs, takes ten times as long as
    an assignment.
    """
    names: dict[str, Any] = {}
    lines = _assignments(cls, {each: each for each in fields}, names)
    exec(f"def assign(record, {', '.join(fields)}): {'; '.join(lines)}", names)  # like attrs, from names of fields only
    return names["assign"]  # type: ignore[no-any-return]


def maker(cls: type[T], *given: str, absent: tuple[str, ...] = ()) -> Callable[..., T]:
    """Return a function that makes a record from the values of some fields, as they are.

    It is for a record that computes a field when somebody asks for it. That field is left out here, and has no value.

    :param given: the fields whose values the function takes, in this order.
    :param absent: the fields that are None.
    """
    names: dict[str, Any] = {"cls": cls, "new": object.__new__}
    values = {each: each for each in given} | dict.fromkeys(absent, "None")
    lines = ("record = new(cls)", *_assignments(cls, values, names), "return record")
    exec(f"def make({', '.join(given)}): {'; '.join(lines)}", names)  # like attrs, from names of fields only
    return names["make"]  # type: ignore[no-any-return]


def _assignments(cls: Any, values: Mapping[str, str], names: dict[str, Any]) -> list[str]:
    """Return statements that assign to fields of ``record``. Add what they use to ``names``."""
    if cls.__setattr__ is object.__setattr__:
        return [f"record.{each} = {value}" for each, value in values.items()]
    names |= {f"set_{each}": getattr(cls, each).__set__ for each in values}
    return [f"set_{each}(record, {value})" for each, value in values.items()]


def unchecked(cls: type[T]) -> type[T]:
    """Return a constructor of a record that runs no validators, for values that other records have passed them with.

    The validators of an event take longer than a short step does. Under the guard the class itself is returned, so the
    tests find a caller whose values would not pass. The class has no computed fields and no default factories.
    """
    if GUARDED:
        return cls
    names: dict[str, Any] = {"cls": cls, "new": object.__new__}
    parameters, lines = [], ["made = new(cls)"]
    for each in attrs.fields(cls):  # type: ignore[arg-type]  # attrs refuses other classes
        names[f"default_{each.name}"] = each.default
        parameters.append(each.name if each.default is attrs.NOTHING else f"{each.name}=default_{each.name}")
        lines.append(f"made.{each.name} = {each.name}")
    body = "".join([f"    {line}\n" for line in (*lines, "return made")])
    exec(f"def made({', '.join(parameters)}):\n{body}", names)  # like attrs, from names of fields only
    return names["made"]  # type: ignore[no-any-return]
