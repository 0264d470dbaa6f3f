"""The known deviations of each server: the vectors that it fails, and the sentence that it does not follow."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal

import cattrs
from attrs import frozen

from xmpp_im_conformance.running.outcome import Outcome, Result

FILE: Final = Path(__file__).resolve().parent / "deviations.toml"
_READER: Final = cattrs.Converter(forbid_extra_keys=True, detailed_validation=False)


@frozen(kw_only=True)
class Deviation:
    """One behaviour of a server, and the vectors that show it."""

    server: str
    does: str
    """What the server does, in one line."""
    section: str
    """The section that it concerns: ``6121 3.1.6``, ``XEP-0191 3.4`` and so on."""
    kind: Literal["against", "beyond", "configuration"]
    """``against``: the sentence requires another behaviour. ``beyond``: no sentence does; the vectors have the level
    ``MAY`` or ``peer``. ``configuration``: the setup of the server, or the way to reach it, causes the failure."""
    vectors: tuple[str, ...]
    sentence: str = ""
    """The sentence of that section, word for word; empty if there is none."""
    note: str = ""
    unsteady: bool = False
    """Whether it happens in some runs only, because two processes of the server race."""


def read_deviations(file: Path = FILE) -> tuple[Deviation, ...]:
    """Return all recorded deviations, in order.

    :raises ValueError: if the file does not have this form, or records a vector twice for a server.
    """
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    recorded = tuple([_READER.structure(each, Deviation) for each in data["deviation"]])
    for server in {each.server for each in recorded}:
        ids = [id for each in recorded if each.server == server for id in each.vectors]
        twice = {id for id in ids if ids.count(id) > 1}
        if twice:
            raise ValueError(f"{file}: recorded twice for {server}: {', '.join(sorted(twice))}")
    return recorded


def unexpected(server: str, results: Sequence[Result], recorded: Iterable[Deviation]) -> list[str]:
    """Return one line for each difference between the results of a server and what is recorded."""
    known = {id for each in recorded if each.server == server for id in each.vectors}
    failed = {result.vector.id for result in results if result.outcome is Outcome.FAILED}
    run = {result.vector.id for result in results}
    steady = {id for each in recorded if each.server == server and not each.unsteady for id in each.vectors}
    lines = [f"{server} fails {id}, which is not recorded" for id in sorted(failed - known)]
    lines += [f"{server} no longer fails {id}, which is recorded" for id in sorted((steady & run) - failed)]
    return lines + [f"{server}: there is no vector {id}, which is recorded" for id in sorted(known - run)]
