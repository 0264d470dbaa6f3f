"""Writing the artefact into a folder: a new one, an empty one, or an earlier export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from xmpp_im_conformance.artefact.contents import MANIFEST, listed_files

_OUTSIDE: Final = frozenset({"..", ".", ""})


class NotAnExport(Exception):
    """The folder holds something other than an earlier export; nothing was written."""


def write(held: Mapping[str, bytes], folder: Path) -> None:
    """Write files into a folder. Those of an earlier export that are no part of it any more are removed.

    Other files in the folder stay. The manifest is written last, so an export that was interrupted can be repeated.

    :param held: the files by path, with the manifest.
    :raises NotAnExport: if the folder is not empty and not an earlier export.
    :raises OSError: if a file cannot be written.
    """
    earlier: frozenset[str] = frozenset()
    if folder.is_dir() and any(folder.iterdir()):
        found = listed_files(folder)
        if found is None:
            raise NotAnExport(f"{folder} is not empty, and not an earlier export: it has no {MANIFEST} of the vectors")
        earlier = found
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(earlier - held.keys()):
        _remove(folder, path)
    for path in [*[path for path in held if path != MANIFEST], MANIFEST]:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(held[path])


def _remove(folder: Path, path: str) -> None:
    """Remove a file that an earlier manifest lists, and the folders that are empty without it."""
    parts = PurePosixPath(path).parts
    # The manifest is a file that anybody may have edited: it cannot name a file outside of the folder.
    if not parts or "\0" in path or not _OUTSIDE.isdisjoint(parts):
        return
    file = folder.joinpath(*parts)
    if not file.resolve().is_relative_to(folder.resolve()):
        return
    if file.is_file():
        file.unlink()
    for above in [folder.joinpath(*parts[:depth]) for depth in range(len(parts) - 1, 0, -1)]:
        if not above.is_dir() or any(above.iterdir()):
            return
        above.rmdir()
