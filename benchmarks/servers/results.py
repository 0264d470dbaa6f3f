"""The results of a run: their file, and their table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import asdict, field, frozen

HEAD = "processor time of the server"


@frozen
class Results:
    """What each server has taken for each operation."""

    made: str
    """The date."""
    machine: str
    load: float
    """The average number of other processes that ran or waited when the run began."""
    versions: Mapping[str, str]
    """By server, in the order of the table."""
    found: Mapping[str, Mapping[str, float]] = field(factory=dict)
    """By operation and server: microseconds, or KiB."""

    def with_earlier(self, earlier: Results) -> Results:
        """Add what an earlier run has measured and this one has not."""
        names = dict.fromkeys([*earlier.found, *self.found])
        found = {name: {**earlier.found.get(name, {}), **self.found.get(name, {})} for name in names}
        return Results(
            self.made,
            self.machine,
            max(self.load, earlier.load),
            {**earlier.versions, **self.versions},
            found,
        )


def rows(results: Results) -> list[Sequence[str]]:
    """Return the rows of the table."""
    return [
        (name, *["" if server not in line else written(name, line[server]) for server in results.versions])
        for name, line in results.found.items()
    ]


def heads(results: Results) -> tuple[str, ...]:
    """Return the heads of the table."""
    return (HEAD, *results.versions)


def written(name: str, value: float) -> str:
    """Write a figure with three digits and its unit."""
    if name.endswith("KiB"):
        return f"{value:.3g}"
    if value >= 1_000:
        return f"{value / 1_000:.3g} ms"
    return f"{value:.3g} µs"


def circumstances(results: Results) -> str:
    """Return a sentence about the circumstances of the figures."""
    servers = ", ".join([f"{name} {version}" for name, version in results.versions.items()])
    return f"{results.machine}, {results.made}, with a load of {results.load:.1f} from other work; {servers}."


def write(results: Results, path: Path) -> None:
    """Write results to a file, with four digits of each figure."""
    kept = {**asdict(results), "load": round(results.load, 1)}
    kept["found"] = {
        name: {server: float(f"{value:.4g}") for server, value in line.items()} for name, line in results.found.items()
    }
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> Results:
    """Read what ``write`` wrote."""
    return Results(**json.loads(path.read_text(encoding="utf-8")))
