"""The table of the benchmarks, from the file that ``make bench`` has written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks import tables
from benchmarks.figures import read
from docs.generating.markdown import table

FIGURES: Final = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "figures.json"


def measured() -> str:
    """Return the circumstances, and one table for each group of lines."""
    figures = read(FIGURES)
    parts = [tables.circumstances(figures), tables.summary(figures)]
    for group, lines in tables.by_group(figures.lines).items():
        heads = (group, *tables.HEADS[1:])
        rows = [tables.cells(line) for line in lines]
        parts.append(table(heads, rows, numbers=frozenset({"takes", "ratio", "goal"})))
    return "\n\n".join(parts)
