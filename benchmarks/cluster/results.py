"""The results of a run: their file, and their table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import asdict, frozen

Phases = Mapping[str, Mapping[str, float]]

PHASES: Final[Mapping[str, str]] = {
    "idle": "idle",
    "steady": "at a fixed rate",
    "full": "as fast as it goes",
    "death": "a node is killed",
}


@frozen
class Results:
    """What clusters of several sizes have taken."""

    made: str
    """The date."""
    machine: str
    processors: int
    load: float
    """The average number of other processes that ran or waited when the run began."""
    postgres: str
    python: str
    clients: int
    rate: float
    """Messages a second in the steady phase."""
    stored: Mapping[str, float]
    """The size of accounts in the database."""
    memory: Mapping[str, float]
    """The memory of the nodes, by their number: bytes for each session."""
    runs: Mapping[str, Phases]
    """By the number of nodes, then by phase."""


def heads(results: Results) -> tuple[str, ...]:
    """Return the heads of the table."""
    return ("", *[f"{number} node{'' if number == '1' else 's'}" for number in results.runs])


def rows(results: Results) -> list[Sequence[str]]:
    """Return the rows of the table: each phase, then its figures."""
    lines: list[Sequence[str]] = []
    for phase, title in PHASES.items():
        found = [run.get(phase, {}) for run in results.runs.values()]
        names = dict.fromkeys([name for each in found for name in each])
        lines += [(f"{title}: {name}", *[written(each.get(name)) for each in found]) for name in names]
    return lines


def written(value: float | None) -> str:
    """Write a figure with three digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def circumstances(results: Results) -> str:
    """Return a sentence about the circumstances of the figures."""
    return (
        f"{results.machine}, {results.processors} processors for nodes, database and clients together, {results.made}, "
        f"with a load of {results.load:.1f} from other work; PostgreSQL {results.postgres}, Python {results.python}; "
        f"{results.clients} sessions. An account with {results.stored['contacts']:.0f} contacts takes "
        f"{results.stored['bytes per account'] / 1_000:.1f} kB in the database."
    )


def write(results: Results, path: Path) -> None:
    """Write results to a file, with four digits of each figure."""
    path.write_text(json.dumps(_rounded(asdict(results)), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def read(path: Path) -> Results:
    """Read what ``write`` wrote."""
    return Results(**json.loads(path.read_text(encoding="utf-8")))
