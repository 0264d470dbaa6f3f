"""The vectors of the package, which all test processes read once.

Most of the time of reading goes into the schema. What was read is kept in ``.cache`` for as long as no vector, no
schema and no module of the runner or the core changes. ``make conformance`` always reads the files.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, cast

import xmpp_im_conformance
import xmpp_im_core
from xmpp_im_conformance.format.data import REQUIREMENTS, SCHEMA, VECTORS
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.format.vectors import MalformedFile, Vector

Vectors = tuple[Vector | MalformedFile, ...]

_CACHE: Final = Path(__file__).parents[2] / ".cache"
_SOURCES: Final = [
    SCHEMA,
    REQUIREMENTS.parent,
    *[Path(each).parent for package in (xmpp_im_conformance, xmpp_im_core) if (each := package.__file__)],
]


def packaged() -> Vectors:
    return vectors_in(VECTORS)


@cache
def vectors_in(folder: Path) -> Vectors:
    kept = (
        _CACHE / f"vectors-{sys.implementation.cache_tag}-{'installed' if 'site-packages' in folder.parts else 'here'}"
    )
    state = _state([folder, *_SOURCES])
    return _kept(kept, state) or _keep(kept, state, tuple(find([folder])))


def _state(folders: Iterable[Path]) -> bytes:
    """Return a hash of the place, the size and the time of each file that decides what is read."""
    state = hashlib.blake2b()
    for folder in folders:
        for entry in sorted(_files(folder), key=lambda entry: entry.path):
            found = entry.stat()
            state.update(f"{entry.path} {found.st_size} {found.st_mtime_ns}\n".encode())
    return state.digest()


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    folders = [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.name.endswith((".json", ".py")):
                    yield entry


def _kept(kept: Path, state: bytes) -> Vectors | None:
    try:
        content = kept.read_bytes()
    except OSError:
        return None
    return cast(Vectors, pickle.loads(content.removeprefix(state))) if content.startswith(state) else None


def _keep(kept: Path, state: bytes, vectors: Vectors) -> Vectors:
    """Write what was read, in one step: another process may be doing the same."""
    unfinished = kept.with_suffix(f".{os.getpid()}")
    try:
        kept.parent.mkdir(exist_ok=True)
        unfinished.write_bytes(state + pickle.dumps(vectors))
        unfinished.replace(kept)
    except OSError:
        """The next process reads the files again."""
    return vectors
