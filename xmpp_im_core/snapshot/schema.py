"""A schema lists the classes of one package that may be in snapshots.

If a field has exactly one possible class, that class needs no entry. If a field, a log or a file may have one of
several classes (states, events, effects), the value is written with a tag, ``schema.Class``, and the class must be
listed. A field of type ``object`` may have any listed class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from cattrs import Converter

from xmpp_im_core.record import record
from xmpp_im_core.snapshot.errors import Refused


@record
class Schema:
    """The classes of one package: records, all of whose fields can be written."""

    name: str
    """The first part of the tags."""
    classes: tuple[type, ...]
    """The classes that are written with a tag."""
    register: Callable[[Converter], None] | None = None
    """Registers converter hooks for classes that are not written field by field."""
    checks: Mapping[type, Callable[[Any], None]] = MappingProxyType({})
    """Checks of loaded values, by class. Each raises :class:`~xmpp_im_core.snapshot.Refused` for an invalid value."""
    earlier: Mapping[str, type] = MappingProxyType({})
    """Names under which earlier releases wrote classes. They are read, and no longer written."""


TAG: Final = "class"
"""The key of the tag among the fields of an object; no field may have this name."""


@record
class Tags:
    """The tags of all schemas."""

    of: Mapping[type, str]
    """The tag that is written for each class."""
    classes: Mapping[str, type]
    """The class of each tag, earlier tags included."""

    def tag(self, value: object) -> str:
        """Return the tag of a value's class.

        :raises Refused: if no schema lists the class.
        """
        tag = self.of.get(type(value))
        if tag is None:
            raise Refused(f"{type(value).__name__} is in no schema of this format")
        return tag


def tags_of(schemas: tuple[Schema, ...]) -> Tags:
    """Collect the tags of schemas."""
    of = {cls: f"{schema.name}.{cls.__name__}" for schema in schemas for cls in schema.classes}
    earlier = {f"{schema.name}.{name}": cls for schema in schemas for name, cls in schema.earlier.items()}
    return Tags(MappingProxyType(of), MappingProxyType(earlier | {tag: cls for cls, tag in of.items()}))
