"""The files of the artefact, and the manifest that describes them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from xmpp_im_conformance.artefact.entries import Entry, entries
from xmpp_im_conformance.artefact.versions import version_of
from xmpp_im_conformance.format.data import (
    CHANGES,
    FORMAT,
    LICENSE,
    PAGE,
    REQUIREMENTS,
    SCHEMA,
    STDIO_PROTOCOL,
    VECTORS,
)
from xmpp_im_conformance.format.vectors import MalformedFile, Vector

ARTEFACT: Final = "xmpp-im-vectors"
"""The name in the manifest, by which an earlier export is recognised."""
MANIFEST: Final = "manifest.json"

_PACKAGE: Final = "xmpp-im-conformance"
_FORMAT_BEGINS: Final = "## A scenario\n"
"""From this heading on, the page about the vectors defines the format."""


def contents(vectors: Iterable[Vector | MalformedFile] | None = None) -> dict[str, bytes]:
    """Return the files of the artefact by path, the manifest last. The same vectors give the same bytes.

    :param vectors: what was read of the vectors already.
    :raises MalformedVector: if a vector is malformed.
    """
    held = dict(sorted(_files()))
    held[MANIFEST] = _json(_manifest(held, list(entries(VECTORS, vectors))))
    return held


def _files() -> Iterator[tuple[str, bytes]]:
    yield "README.md", _readme().encode()
    yield "CHANGES.md", CHANGES.read_bytes()
    yield "LICENSE", LICENSE.read_bytes()
    yield "requirements.json", REQUIREMENTS.read_bytes()
    yield "docs/stdio-protocol.md", STDIO_PROTOCOL.read_bytes()
    for name, folder in (("schema", SCHEMA), ("vectors", VECTORS)):
        for file in folder.rglob("*.json"):
            yield f"{name}/{file.relative_to(folder).as_posix()}", file.read_bytes()


def _readme() -> str:
    """Return the page for people without Python: how to read, match and run, then the format."""
    page = PAGE.read_text(encoding="utf-8")
    introduction = files(__package__).joinpath("README.md").read_text(encoding="utf-8")
    return f"{introduction.rstrip()}\n\n{page[page.index(_FORMAT_BEGINS) :]}"


def _manifest(held: Mapping[str, bytes], listed: Sequence[Entry]) -> Mapping[str, object]:
    return {
        "artefact": ARTEFACT,
        "version": version_of(CHANGES.read_text(encoding="utf-8")),
        "format": FORMAT,
        "made_by": f"{_PACKAGE} {version(_PACKAGE)}",
        "counts": {"vectors": len(listed), **_counts(listed)},
        "vectors": [_listed(entry) for entry in listed],
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in held.items()},
    }


def _counts(listed: Sequence[Entry]) -> Mapping[str, Mapping[str, int]]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in listed:
        counts[entry.kind][entry.level] += 1
    return {kind: dict(sorted(levels.items())) for kind, levels in sorted(counts.items())}


def _listed(entry: Entry) -> Mapping[str, object]:
    row = {} if entry.row is None else {"row": entry.row}
    place = {"id": entry.id, "file": f"vectors/{entry.file}", **row}
    return {**place, "kind": entry.kind, "level": entry.level, "digest": entry.digest}


def _json(data: Mapping[str, object]) -> bytes:
    """Write a manifest: each vector and each file on a line, for people who compare two versions."""
    return ("{\n" + ",\n".join([f"{_text(key)}: {_lines(value)}" for key, value in data.items()]) + "\n}\n").encode()


def _lines(value: object) -> str:
    if isinstance(value, list):
        return "[\n" + ",\n".join([f" {_text(each)}" for each in value]) + "\n]"
    if isinstance(value, Mapping):
        return "{\n" + ",\n".join([f" {_text(key)}: {_text(each)}" for key, each in value.items()]) + "\n}"
    return _text(value)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def is_manifest(data: object) -> bool:
    """Whether this is the content of a manifest of the artefact."""
    return isinstance(data, Mapping) and data.get("artefact") == ARTEFACT and isinstance(data.get("files"), Mapping)


def listed_files(folder: Path) -> frozenset[str] | None:
    """Return the files that the manifest of a folder lists; None if the folder is not an export."""
    try:
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return frozenset(data["files"]) if is_manifest(data) else None
