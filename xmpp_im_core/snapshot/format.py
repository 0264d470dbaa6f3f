"""A format: schemas of classes, and the methods that write and read their values.

A snapshot is a JSON object with the format, the tag of the class and the fields:
``{"format": 1, "class": "server.Account", ...}``. A field with its default value is left out, so data that was written
before a field existed still loads. The same value gives the same text in every process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, overload

from attrs import field
from cattrs import Converter
from cattrs.errors import BaseValidationError

from xmpp_im_core.record import record
from xmpp_im_core.server.accounts.loading import unusable
from xmpp_im_core.server.effects import Damaged, Kind, Put
from xmpp_im_core.snapshot.converter import converter_of, read_tagged, write_tagged
from xmpp_im_core.snapshot.errors import Refused, SnapshotError, found, located
from xmpp_im_core.snapshot.schema import Schema, Tags, tags_of

VERSION: Final = 1
"""The version of the format that this release writes, and the only one that it reads.

If a later release changes the format, it writes a new number and still reads this one.
"""

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

T = TypeVar("T")

_REFUSALS: Final = (BaseValidationError, Refused, RecursionError)


class Loaded(NamedTuple):
    """The result of reading stored records."""

    records: tuple[Put, ...]
    """The good records, in the order in which they were given."""
    damaged: tuple[Damaged, ...]
    """The names of the other records, and why they cannot be read. The records stay in the storage."""


@record
class Format:
    """Writes and reads the classes of these schemas. ``Format((SERVER, MINE))`` includes your own."""

    schemas: tuple[Schema, ...]
    _tags: Tags = field(init=False, eq=False, repr=False)
    _converter: Converter = field(init=False, eq=False, repr=False)

    @_tags.default
    def _collect_tags(self) -> Tags:
        return tags_of(self.schemas)

    @_converter.default
    def _build_converter(self) -> Converter:
        return converter_of(self.schemas, self._tags)

    # --- data ---------------------------------------------------------------------------------------------

    def dump(self, value: object) -> dict[str, JSON]:
        """Convert a value to JSON data.

        :raises SnapshotError: if the value, or a part of it, is of a class that no schema lists, or a stanza in it
            cannot be written.
        """
        try:
            return {"format": VERSION, **write_tagged(value, self._converter, self._tags)}
        except _REFUSALS as error:
            raise located(error) from None

    @overload
    def load(self, data: object) -> object: ...
    @overload
    def load(self, data: object, expected: type[T]) -> T: ...
    def load(self, data: object, expected: type[Any] = object) -> Any:
        """Read what :meth:`dump` wrote.

        :param expected: the class of the value. By default the value may be of any class.
        :raises SnapshotError: if the data is not what :meth:`dump` writes, or the value is not of the expected class.
        """
        try:
            value = read_tagged(self._opened(data), self._converter, self._tags)
        except _REFUSALS as error:
            raise located(error) from None
        if not isinstance(value, expected):
            raise SnapshotError("$", f"{type(value).__name__} is not the expected {expected.__name__}")
        return value

    def _opened(self, data: object) -> dict[str, Any]:
        """Check the version of an object, and return its other fields."""
        if not isinstance(data, dict):
            raise Refused(f"{found(data)} is not an object")
        version = data.get("format")
        if type(version) is not int or version != VERSION:
            raise Refused(f"'format' is {found(version)}; this release reads {VERSION}")
        return {key: value for key, value in data.items() if key != "format"}

    # --- text ---------------------------------------------------------------------------------------------

    def to_text(self, value: object) -> str:
        """Write a value as one line of JSON, in ASCII.

        :raises SnapshotError: as :meth:`dump` does.
        """
        return _text(self.dump(value))

    @overload
    def from_text(self, text: str) -> object: ...
    @overload
    def from_text(self, text: str, expected: type[T]) -> T: ...
    def from_text(self, text: str, expected: type[Any] = object) -> Any:
        """Read what :meth:`to_text` wrote.

        :param expected: as in :meth:`load`.
        :raises SnapshotError: as :meth:`load` does, and if the text is not JSON.
        """
        return self.load(_data(text), expected)

    def write_log(self, values: Iterable[object]) -> Iterator[str]:
        """Yield values as JSON lines, each with its newline.

        :raises SnapshotError: as :meth:`dump` does.
        """
        for value in values:
            yield f"{self.to_text(value)}\n"

    def read_log(self, lines: Iterable[str]) -> Iterator[object]:
        """Read JSON lines; empty lines are skipped.

        :raises SnapshotError: at the first line that cannot be read; its path begins with the number of the line.
        """
        return (value for _, value in self.numbered(lines))

    def numbered(self, lines: Iterable[str]) -> Iterator[tuple[int, object]]:
        """Read JSON lines as :meth:`read_log` does, and yield each value with the number of its line, from 1."""
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield number, self.from_text(line)
            except SnapshotError as error:
                raise SnapshotError(f"line {number}: {error.path}", error.reason) from None

    # --- records ------------------------------------------------------------------------------------------

    def dump_record(self, put: Put) -> str:
        """Write the value of a record as text, to be stored under its kind and key.

        :raises SnapshotError: if the value does not have the type of its kind.
        """
        try:
            return _text({"format": VERSION, "value": self._converter.unstructure(put)["value"]})
        except _REFUSALS as error:
            raise located(error) from None

    def load_record(self, kind: Kind, key: str, text: str) -> Put:
        """Read a record that was stored under this kind and key.

        :raises SnapshotError: if the text is not what :meth:`dump_record` writes, or belongs to another key.
        """
        try:
            content = self._opened(_data(text))
            put = self._converter.structure({**content, "kind": kind.name, "key": key}, Put)
        except _REFUSALS as error:
            raise located(error) from None
        jid = getattr(put.value, "jid", key)
        if jid != key:
            raise SnapshotError("$.value.jid", f"{found(jid)} was stored under the key {found(key)}")
        return put

    def load_records(self, stored: Iterable[tuple[Kind, str, str]]) -> Loaded:
        """Read records. A damaged record does not prevent the others from being read.

        :param stored: the kind, the key and the text of each record.
        """
        records: list[Put] = []
        damaged: list[Damaged] = []
        for kind, key, text in stored:
            try:
                records.append(self.load_record(kind, key, text))
            except SnapshotError as error:
                damaged.append(Damaged(kind, key, str(error)))
        unfit = unusable(records)
        names = {(each.kind, each.key) for each in unfit}
        fit = tuple([put for put in records if (put.kind, put.key) not in names])
        return Loaded(fit, (*damaged, *unfit))


def _text(data: JSON) -> str:
    return json.dumps(data, separators=(",", ":"))


def _data(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SnapshotError("$", f"is not JSON: {error}") from None
