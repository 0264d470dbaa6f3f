"""Values as PostgreSQL takes and gives them.

A text and an array of texts or bytes are sent in the binary format: it says how long each is, so PostgreSQL refuses a
text that it cannot store, instead of cutting it off. Results come in the binary format. Each parameter is cast in its
statement (``$1::text[]``), so its type does not follow from the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple, TypeAlias

from psycopg.pq import Format
from psycopg.pq.abc import PGresult

Rows: TypeAlias = Sequence[tuple[Any, ...]]

_TEXT, _BYTEA = 25, 17
"""The numbers of the types that are the elements of arrays (pg_type.oid)."""
_AS_TEXT, _AS_BINARY = int(Format.TEXT), int(Format.BINARY)
_HEAD: Final = Struct("!iiIii").pack
_LENGTH: Final = Struct("!i").pack
_DOUBLE: Final = Struct("!d").unpack


class Dumped(NamedTuple):
    """A parameter as it is sent. A caller that sends a long one again and again keeps it."""

    data: bytes | None
    format: int


def dumped(value: Any) -> Dumped:
    """Return a parameter as it is sent.

    :raises UnicodeError: if a text has a surrogate.
    """
    return _DUMP[type(value)](value)


def _list(values: Sequence[Any]) -> Dumped:
    if not values:
        return Dumped(b"{}", _AS_TEXT)
    if isinstance(values[0], int):
        return Dumped(f"{{{str(values)[1:-1]}}}".encode(), _AS_TEXT)
    if isinstance(values[0], str):
        return Dumped(_array(_TEXT, list(map(str.encode, values))), _AS_BINARY)
    return Dumped(_array(_BYTEA, values), _AS_BINARY)


def _array(type: int, values: Sequence[bytes]) -> bytes:
    """Return an array of one dimension, without NULL, whose first element has the number 1."""
    parts = [b""] * (2 * len(values))
    parts[::2] = map(_LENGTH, map(len, values))
    parts[1::2] = values
    return _HEAD(1, 0, type, len(values), 1) + b"".join(parts)


_DUMP: Final[Mapping[type, Callable[[Any], Dumped]]] = {
    Dumped: lambda value: value,
    type(None): lambda value: Dumped(None, _AS_TEXT),
    bool: lambda value: Dumped(b"t" if value else b"f", _AS_TEXT),
    int: lambda value: Dumped(b"%d" % value, _AS_TEXT),
    float: lambda value: Dumped(repr(value).encode(), _AS_TEXT),
    str: lambda value: Dumped(value.encode(), _AS_BINARY),
    bytes: lambda value: Dumped(value, _AS_BINARY),
    list: _list,
}


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


_LOAD: Final[Mapping[int, Callable[[bytes], Any]]] = {
    16: lambda data: data != b"\0",  # boolean
    17: bytes,
    19: bytes.decode,  # name
    20: _integer,  # bigint
    23: _integer,
    25: bytes.decode,
    701: lambda data: _DOUBLE(data)[0],  # double precision
}
"""By the number of the type (pg_type.oid): those that the statements of the engine return."""


def loaded(result: PGresult) -> Rows:
    """Return the rows of a result, which is in the binary format."""
    get, numbers = result.get_value, range(result.ntuples)
    columns = [
        [None if (data := get(row, column)) is None else load(data) for row in numbers]
        for column, load in enumerate([_LOAD[result.ftype(column)] for column in range(result.nfields)])
    ]
    return list(zip(*columns, strict=True))
