"""The table of whole servers, from the file that ``python -m benchmarks.servers`` has written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.servers.results import circumstances, heads, read, rows
from docs.generating.markdown import table

RESULTS: Final = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "servers.json"


def measured() -> str:
    """Return the circumstances and the table."""
    results = read(RESULTS)
    names = heads(results)
    return f"{circumstances(results)}\n\n{table(names, rows(results), numbers=frozenset(names[1:]))}"
