"""The vectors as the manifest lists them, each with a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.format.reading import kind_of
from xmpp_im_conformance.format.vectors import MalformedFile, Vector

_EDITORIAL: Final = frozenset({"title", "note", "source"})


class MalformedVector(ValueError):
    """A vector is malformed; the message says which and why."""


@frozen
class Entry:
    """A vector: where it is, and what it demands."""

    id: str
    file: str
    """Its path below the folder that was read, with slashes."""
    row: int | None
    """The index of its row, from 0; None if it is not a row of a table."""
    kind: str
    """``scenario``, ``client`` or ``table``."""
    level: str
    title: str
    digest: str
    """A digest of what the vector demands: all that it states, except title, note and source."""


def entries(folder: Path, vectors: Iterable[Vector | MalformedFile] | None = None) -> Iterator[Entry]:
    """Yield the vectors of a folder, in the order of their files and rows.

    :param vectors: what was read of the folder already.
    :raises MalformedVector: if one is malformed.
    """
    rows: dict[str, int] = {}
    for vector in find([folder]) if vectors is None else vectors:
        if isinstance(vector, MalformedFile):
            raise MalformedVector(f"{vector.file}: {vector.why}")
        data = json.loads(Path(vector.file).read_text(encoding="utf-8"))
        kind = kind_of(data) or ""
        row = rows.get(vector.file, 0) if kind == "table" else None
        rows[vector.file] = (row or 0) + 1
        file = Path(vector.file).relative_to(folder).as_posix()
        yield Entry(vector.id, file, row, kind, vector.level, vector.title, _digest(data, row))


def _digest(data: Mapping[str, Any], row: int | None) -> str:
    stated = {key: value for key, value in data.items() if key not in _EDITORIAL and key != "rows"}
    if row is not None:
        stated["row"] = {key: value for key, value in data["rows"][row].items() if key not in _EDITORIAL}
    text = json.dumps(stated, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
