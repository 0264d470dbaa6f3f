"""A schema of classes: what a package adds to the snapshots.

A class that always stands in a field of its own type needs no entry. Those that may stand beside others,
states, events and effects, are written with a tag, ``schema.Class``, and so are listed. A field of type
``object`` takes every class that some schema lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen
from cattrs import Converter

from xmpp_im_core.snapshot.errors import Refused


@frozen
class Schema:
    """The classes of one package: frozen attrs classes, all of whose fields can be written."""

    name: str
    classes: tuple[type, ...]
    register: Callable[[Converter], None] | None = None
    """Registers hooks for what is not written field by field."""
    checks: Mapping[type, Callable[[Any], None]] = MappingProxyType({})
    """What a loaded value of a class must fulfil: each check raises :class:`~xmpp_im_core.snapshot.Refused`."""
    earlier: Mapping[str, type] = MappingProxyType({})
    """The names under which earlier releases wrote some of the classes; they are read, and no longer written."""


TAG: Final = "class"
"""The key under which a tag stands among an object's fields; no field may have this name."""


@frozen
class Tags:
    """The tags of all schemas, both ways."""

    of: Mapping[type, str]
    """The tags that are written."""
    classes: Mapping[str, type]

    def tag(self, value: object) -> str:
        """Return the tag of a value's class.

        :raises Refused: where no schema has the class.
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
