"""A format: schemas of classes, and the ways to write and read them.

A snapshot is an object of JSON data: ``{"format": 1, "class": "server.Account", ...}``, the fields of the
class beside its tag. A field that has its default is left out, so what was written before a field existed
still loads. The same value gives the same text, in every process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, overload

from attrs import field, frozen
from cattrs import Converter
from cattrs.errors import BaseValidationError

from xmpp_im_core.server.accounts.loading import unusable
from xmpp_im_core.server.effects import Damaged, Kind, Put
from xmpp_im_core.snapshot.converter import converter_of, read_tagged, write_tagged
from xmpp_im_core.snapshot.errors import Refused, SnapshotError, found, located
from xmpp_im_core.snapshot.schema import Schema, Tags, tags_of

VERSION: Final = 1
"""The version of the format that this release writes, and the only one it reads.

What a release has written, each later release reads: if the format ever changes, it gets a new number, and the old one
is still read.
"""

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

T = TypeVar("T")

_REFUSALS: Final = (BaseValidationError, Refused, RecursionError)


class Loaded(NamedTuple):
    """What was read of a storage."""

    records: tuple[Put, ...]
    """The good records, in their order."""
    damaged: tuple[Damaged, ...]
    """The names of the others, and why they cannot be read. They stay where they are."""


@frozen
class Format:
    """What the classes of these schemas look like in files. ``Format((SERVER, MINE))`` adds those of your own."""

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
        """Write a value of one of the schemas' classes as JSON data.

        :raises SnapshotError: where it holds what no schema has.
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

        :param expected: the class of the value; without it, a value of any class is returned.
        :raises SnapshotError: for anything else.
        """
        try:
            value = read_tagged(self._opened(data), self._converter, self._tags)
        except _REFUSALS as error:
            raise located(error) from None
        if not isinstance(value, expected):
            raise SnapshotError("$", f"{type(value).__name__} is not the expected {expected.__name__}")
        return value

    def _opened(self, data: object) -> dict[str, Any]:
        """Return the content of an object of this format's version."""
        if not isinstance(data, dict):
            raise Refused(f"{found(data)} is not an object")
        version = data.get("format")
        if type(version) is not int or version != VERSION:
            raise Refused(f"'format' is {found(version)}; this release reads {VERSION}")
        return {key: value for key, value in data.items() if key != "format"}

    # --- text ---------------------------------------------------------------------------------------------

    def to_text(self, value: object) -> str:
        """Write a value as one line of JSON, in ASCII.

        :raises SnapshotError: as :meth:`dump`.
        """
        return _text(self.dump(value))

    @overload
    def from_text(self, text: str) -> object: ...
    @overload
    def from_text(self, text: str, expected: type[T]) -> T: ...
    def from_text(self, text: str, expected: type[Any] = object) -> Any:
        """Read what :meth:`to_text` wrote.

        :param expected: as in :meth:`load`.
        :raises SnapshotError: for anything else.
        """
        return self.load(_data(text), expected)

    def write_log(self, values: Iterable[object]) -> Iterator[str]:
        """Write values as JSON lines, each with its newline.

        :raises SnapshotError: as :meth:`dump`.
        """
        for value in values:
            yield f"{self.to_text(value)}\n"

    def read_log(self, lines: Iterable[str]) -> Iterator[object]:
        """Read JSON lines; empty ones are skipped.

        :raises SnapshotError: at the first line that is none; its path begins with the number of the line.
        """
        return (value for _, value in self.numbered(lines))

    def numbered(self, lines: Iterable[str]) -> Iterator[tuple[int, object]]:
        """Read JSON lines, each with its number, as :meth:`read_log` does."""
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield number, self.from_text(line)
            except SnapshotError as error:
                raise SnapshotError(f"line {number}: {error.path}", error.reason) from None

    # --- records ------------------------------------------------------------------------------------------

    def dump_record(self, put: Put) -> str:
        """Write the value of a record, to be stored under its kind and key.

        :raises SnapshotError: where the value is not of the kind's type.
        """
        try:
            return _text({"format": VERSION, "value": self._converter.unstructure(put)["value"]})
        except _REFUSALS as error:
            raise located(error) from None

    def load_record(self, kind: Kind, key: str, text: str) -> Put:
        """Read the value of a record that was stored under this kind and key.

        :raises SnapshotError: where the text is none, or belongs to another key.
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
        """Read records, each given by its kind, its key and its text; a damaged one stops none of the others."""
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
        raise SnapshotError("$", f"is no JSON: {error}") from None
