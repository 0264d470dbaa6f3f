"""The figures of a cluster and what follows from them, from the file that its benchmark has written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.cluster import sizing
from benchmarks.cluster.results import Results, circumstances, heads, read, rows
from docs.generating.markdown import table

RESULTS: Final = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "cluster.json"


def measured() -> str:
    """Return the circumstances, the table of figures, and what a number of accounts needs."""
    results = read(RESULTS)
    names = heads(results)
    return "\n\n".join(
        [
            circumstances(results),
            table(("figure", *names[1:]), rows(results), numbers=frozenset(names[1:])),
            _assumptions(),
            table(("", *_NUMBERS), sizing.rows(results, tuple(_NUMBERS.values())), numbers=frozenset(_NUMBERS)),
            "**What breaks first.** So many accounts each part allows:",
            table(("part", "accounts"), _limits(results), numbers=frozenset({"accounts"})),
        ]
    )


_NUMBERS: Final = {"a million accounts": 1_000_000, "a hundred million accounts": 100_000_000}


def _limits(results: Results) -> list[tuple[str, ...]]:
    return [(part, f"{accounts:,.0f}") for part, accounts in sizing.limits(results).items()]


def _assumptions() -> str:
    assumed = sizing.Assumed()
    return (
        "**What accounts need.** Computed from the last column, as fast as it goes, and from assumptions about the "
        f"busiest hour: {assumed.online:.0%} of the accounts have a session; each session sends "
        f"{assumed.messages:.0f} messages, and its presence causes {assumed.presence:.0f} steps, its own and its "
        f"contacts'. A processor is {assumed.use:.0%} in use. A database has {assumed.database_processors} processors, "
        f"and a node at most {assumed.sessions:,} sessions (`limits.connections`)."
    )
