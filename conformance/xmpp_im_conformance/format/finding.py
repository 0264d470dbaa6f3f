"""Finding vectors: files and folders, wherever they lie, and the ids that their places give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from attrs import frozen

from xmpp_im_conformance.format.data import VECTORS
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.format.vectors import Identified, MalformedFile, Vector

_FOLDERS: Final = {"scenarios": "", "tables": "tables/", "client": "client/"}


@frozen
class Selection:
    """Which vectors are asked for. Each choice that is empty allows all."""

    sections: tuple[str, ...] = ()
    """Sections of RFC 6121; those below them belong to them."""
    ids: tuple[str, ...] = ()
    """Ids, in which ``*`` and ``?`` are wildcards."""
    levels: tuple[str, ...] = ()

    def wants(self, vector: Identified) -> bool:
        """Whether a vector was asked for."""
        return self.names(vector.id) and self.is_about(vector)

    def names(self, id: str) -> bool:
        """Whether the vector of this id may be among those asked for."""
        return not self.ids or any(fnmatchcase(id, pattern) for pattern in self.ids)

    def may_be_in(self, id: str) -> bool:
        """Whether the file of this id may hold such a vector: that of the file, or, in a table, a row."""
        return self.names(id) or any(_agree(_literal(pattern), f"{id}#") for pattern in self.ids)

    def may_want(self, named: MalformedFile) -> bool:
        """Whether a vector that is not checked yet may be asked for. The id of a row ends with ``#`` until then."""
        return self.is_about(named) and (named.id.endswith("#") or self.names(named.id))

    def is_about(self, vector: Identified) -> bool:
        """Whether a vector is about one of the sections, and has one of the levels.

        A malformed one that does not say what it is about may be about anything.
        """
        if self.levels and vector.level not in self.levels and (vector.level or not isinstance(vector, MalformedFile)):
            return False
        if not self.sections or (isinstance(vector, MalformedFile) and not vector.sections):
            return True
        return any(vector.is_in(section) for section in self.sections)


ALL: Final = Selection()


def _literal(pattern: str) -> str:
    """Return what stands before the first wildcard."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]


def _agree(beginning: str, other: str) -> bool:
    return beginning.startswith(other) or other.startswith(beginning)


def find(paths: Iterable[Path], selection: Selection = ALL) -> Iterator[Vector | MalformedFile]:
    """Yield the vectors of files and folders, each file once, sorted by path; without any, those of the package.

    Only what is selected is checked and yielded.
    """
    for file, id in files(paths):
        if selection.may_be_in(id):
            for vector in read_file(file, id, selection.may_want):
                if selection.wants(vector):
                    yield vector


def files(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield the files, each once and sorted by path, with the ids that their places give them."""
    seen: set[Path] = set()
    for root in list(paths) or [VECTORS]:
        base = root.resolve()
        for place in sorted(base.rglob("*.json")) if base.is_dir() else [base]:
            # Thousands of files are not resolved one by one: below a folder that is resolved, only links need it.
            resolved = place.resolve() if place.is_symlink() else place
            if resolved not in seen:
                seen.add(resolved)
                below = place.relative_to(base)
                yield root / below, _id(resolved, below)


def existing(ids: Iterable[str], paths: Iterable[Path]) -> frozenset[str]:
    """Return which of these ids vectors have: those at these paths, or those of the package."""
    wanted = frozenset(ids)
    listed = {id: file for place in ([], list(paths)) for file, id in files(place)}
    found = wanted & listed.keys()
    for table in {id.partition("#")[0] for id in wanted - found if "#" in id} & listed.keys():
        found |= wanted & {vector.id for vector in read_file(listed[table], table)}
    return frozenset(found)


def id_of(file: Path, root: Path) -> str:
    """Return the id that a file's place gives its vector.

    It is the path below the folder ``scenarios``, or from the folder ``tables`` or ``client`` on; of a file in none
    of these, the path below the folder that was asked for.
    """
    return _id(file.resolve(), file.relative_to(root))


def _id(resolved: Path, below: Path) -> str:
    parts = resolved.with_suffix("").parts
    for position in range(len(parts) - 2, -1, -1):
        prefix = _FOLDERS.get(parts[position])
        if prefix is not None:
            return prefix + "/".join(parts[position + 1 :])
    return below.with_suffix("").as_posix() if below.name else resolved.stem


def wanted(vector: Vector | MalformedFile, sections: Iterable[str], ids: Iterable[str]) -> bool:
    """Whether a vector was asked for. Without any choice, all are."""
    return Selection(tuple(sections), tuple(ids)).wants(vector)
