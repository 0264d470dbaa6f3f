"""Finding vectors: files and folders, wherever they lie, and the ids that their places give them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from xmpp_im_conformance.format.data import VECTORS
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.format.vectors import MalformedFile, Vector

_FOLDERS: Final = {"scenarios": "", "tables": "tables/", "client": "client/"}


def find(paths: Iterable[Path]) -> Iterator[Vector | MalformedFile]:
    """Yield the vectors of files and folders, each file once, sorted by path; without any, those of the package."""
    seen: set[Path] = set()
    for root in list(paths) or [VECTORS]:
        files = sorted(root.rglob("*.json")) if root.is_dir() else [root]
        for file in files:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield from read_file(file, id_of(file, root))


def id_of(file: Path, root: Path) -> str:
    """Return the id that a file's place gives its vector.

    It is the path below the folder ``scenarios``, or from the folder ``tables`` or ``client`` on; of a file in none
    of these, the path below the folder that was asked for.
    """
    parts = file.resolve().with_suffix("").parts
    for position in range(len(parts) - 2, -1, -1):
        prefix = _FOLDERS.get(parts[position])
        if prefix is not None:
            return prefix + "/".join(parts[position + 1 :])
    return file.stem if file == root else file.relative_to(root).with_suffix("").as_posix()


def wanted(vector: Vector | MalformedFile, wanted_sections: Iterable[str], ids: Iterable[str]) -> bool:
    """Whether a vector was asked for. Without any choice, all are.

    A malformed one that does not say which section it is about may be about any.
    """
    wanted_sections, ids = tuple(wanted_sections), tuple(ids)
    if ids and not any(fnmatchcase(vector.id, pattern) for pattern in ids):
        return False
    if not wanted_sections or (isinstance(vector, MalformedFile) and not vector.sections):
        return True
    return any(vector.is_in(section) for section in wanted_sections)
