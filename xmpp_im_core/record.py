"""A record: an attrs class with slots, compared and hashed by its fields, which nothing changes.

The type checker takes a record for frozen: it refuses an assignment to a field. At run time an assignment is refused
only if :data:`GUARDED` was set before the class was made, as this project's tests do. The guard of ``attrs.frozen``
makes the constructor set each field by ``object.__setattr__``, which takes three times as long as an assignment, and a
step makes up to twelve records. Code that assigns to a field of a record changes every state that shares the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

__all__ = ["GUARDED", "record"]

GUARDED: bool = False
"""Whether the classes that are made from now on refuse assignments. Set it before any other module is imported."""

if TYPE_CHECKING:
    from attrs import frozen as record
else:

    def record(cls: type | None = None, /, **options: Any) -> Any:
        """Make a class a record. The options are those of ``attrs.frozen``."""
        if cls is None:
            return lambda cls: record(cls, **options)
        if GUARDED:
            return attrs.frozen(cls, **options)
        if options.get("eq", True):
            options["unsafe_hash"] = True
        return attrs.define(cls, on_setattr=attrs.setters.NO_OP, **options)
