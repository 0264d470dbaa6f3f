"""The known deviations of each server: the file ``deviations.toml`` in its folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve

from interop.server import Server
from interop.servers import FOLDER
from xmpp_im_conformance.format.finding import existing
from xmpp_im_conformance.format.steps.looks import FORGIVEN
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.known import Deviation, read_known
from xmpp_im_conformance.verdict.writing import as_toml, renewed

FILE: Final = "deviations.toml"
"""The name of the file in a server's folder; a server without deviations has none."""


def read_deviations(folder: Path = FOLDER) -> tuple[Deviation, ...]:
    """Return the recorded deviations of all servers, in order.

    :raises ValueError: if a file does not have this form, or records a vector twice.
    """
    files = sorted(folder.glob(f"*/{FILE}"))
    return tuple([evolve(each, server=file.parent.name) for file in files for each in read_known(file)])


def renew(server: Server, results: Sequence[Result]) -> None:
    """Write the file of a server anew from a run. What it says of vectors that still fail stays."""
    file = server.folder / FILE
    before = _with_shown(read_known(file) if file.exists() else (), results)
    there = existing([id for each in before for id in each.vectors], ())
    known = renewed(before, with_forgiven(results), there)
    if known:
        file.write_text(as_toml(known), encoding="utf-8")
    elif file.exists():
        file.unlink()


def with_forgiven(results: Sequence[Result]) -> list[Result]:
    """Return the results, in which a vector counts as failed that has passed because a difference was forgiven.

    So each forgiven difference of a server is recorded as any other, with the vectors that show it.
    """
    return [_failed(each) for each in results]


def _failed(result: Result) -> Result:
    forgiven = _forgiven(result)
    return evolve(result, outcome=Outcome.FAILED, detail=forgiven[0]) if forgiven else result


def _forgiven(result: Result) -> list[str]:
    """Return what was forgiven in a vector that has passed, in the words of the server's file."""
    findings = sorted(result.findings) if result.outcome is Outcome.PASSED else []
    return [each.removeprefix(f"{FORGIVEN}: ") for each in findings if each.startswith(f"{FORGIVEN}: ")]


def _with_shown(before: Sequence[Deviation], results: Sequence[Result]) -> tuple[Deviation, ...]:
    """Return the records, where those of what a server is forgiven have the vectors that show that and nothing else.

    A vector that shows several such differences stays with the one that has it, or goes to the first of them.
    """
    places = {}
    for result in results:
        id, forgiven = result.vector.id, _forgiven(result)
        there = [each.does for each in before if each.does in forgiven and id in each.vectors]
        if forgiven:
            places[id] = [*there, *forgiven][0]
    failed = {result.vector.id for result in results if result.outcome is Outcome.FAILED}
    placed = [_placed(each, places, failed if each.does in places.values() else ()) for each in before]
    return tuple([each for each in placed if each is not None])


def _placed(each: Deviation, places: Mapping[str, str], others: Collection[str]) -> Deviation | None:
    """Return a record with the vectors that belong to it, without others; None if none is left."""
    kept = {id for id in each.vectors if places.get(id, each.does) == each.does}
    vectors = kept.union([id for id, does in places.items() if does == each.does]).difference(others)
    if vectors == {*each.vectors}:
        return each
    return evolve(each, vectors=tuple(sorted(vectors))) if vectors else None


def unexpected(server: str, results: Sequence[Result], recorded: Iterable[Deviation]) -> list[str]:
    """Return one line for each difference between the results of a server and what is recorded."""
    known = {id for each in recorded if each.server == server for id in each.vectors}
    results = with_forgiven(results)
    failed = {result.vector.id for result in results if result.outcome is Outcome.FAILED}
    run = {result.vector.id for result in results}
    steady = {id for each in recorded if each.server == server and not each.unsteady for id in each.vectors}
    lines = [f"{server} fails {id}, which is not recorded" for id in sorted(failed - known)]
    lines += [f"{server} no longer fails {id}, which is recorded" for id in sorted((steady & run) - failed)]
    return lines + [f"{server}: there is no vector {id}, which is recorded" for id in sorted(known - run)]
