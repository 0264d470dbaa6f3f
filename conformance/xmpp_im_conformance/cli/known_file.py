"""The options ``--known`` and ``--write-known``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from xmpp_im_conformance.format.finding import existing
from xmpp_im_conformance.verdict.judging import Verdict
from xmpp_im_conformance.verdict.known import BadKnownFile, Deviation, read_known
from xmpp_im_conformance.verdict.writing import as_toml, renewed

_WRITE: Final = "--write-known"


def recorded(file: Path | None, paths: Sequence[Path]) -> tuple[Deviation, ...]:
    """Return what the file of ``--known`` records; without a file, nothing.

    :raises click.BadParameter: if it cannot be read, or names a vector that is neither at these paths nor in the
        package.
    """
    if file is None:
        return ()
    known = _read(file, "--known")
    ids = [id for each in known for id in each.vectors]
    there = existing(ids, paths)
    unknown = [id for id in ids if id not in there]
    if unknown:
        raise click.BadParameter(f"{file}: there is no vector {', '.join(unknown)}", param_hint="--known")
    return known


def to_renew(file: Path | None, known: tuple[Deviation, ...]) -> tuple[Deviation, ...]:
    """Return what the file of ``--write-known`` records; if there is none yet, what is known.

    :raises click.BadParameter: if there is another file of this name, or it cannot be written.
    """
    if file is None:
        return ()
    if file.exists():
        return _read(file, _WRITE)
    _write(file, "")
    file.unlink()  # no run, no file
    return known


def renew(file: Path, before: Sequence[Deviation], verdict: Verdict, paths: Sequence[Path]) -> None:
    """Write the file of ``--write-known``. What it says by hand of vectors that still fail stays.

    :param before: what it records.
    :raises click.BadParameter: if it cannot be written.
    """
    there = existing([id for each in before for id in each.vectors], paths)
    _write(file, as_toml(renewed(before, verdict.results, there)))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise click.BadParameter(f"{file}: {problem.strerror}", param_hint=_WRITE) from problem


def _read(file: Path, option: str) -> tuple[Deviation, ...]:
    try:
        return read_known(file)
    except BadKnownFile as problem:
        raise click.BadParameter(str(problem), param_hint=option) from problem
