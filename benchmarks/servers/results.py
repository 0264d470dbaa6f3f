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
    versions: Mapping[str, str]
    """By server, in the order of the table."""
    found: Mapping[str, Mapping[str, float]] = field(factory=dict)
    """By operation and server: microseconds, or KiB."""

    def with_earlier(self, earlier: Results) -> Results:
        """Add the operations of an earlier run that are not in this one."""
        found = {name: line for name, line in earlier.found.items() if name not in self.found}
        return Results(self.made, self.machine, {**earlier.versions, **self.versions}, {**found, **self.found})


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
    return f"{results.machine}, {results.made}; {servers}."


def write(results: Results, path: Path) -> None:
    """Write results to a file, with four digits of each figure."""
    kept = asdict(results)
    kept["found"] = {
        name: {server: float(f"{value:.4g}") for server, value in line.items()} for name, line in results.found.items()
    }
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> Results:
    """Read what ``write`` wrote."""
    return Results(**json.loads(path.read_text(encoding="utf-8")))
