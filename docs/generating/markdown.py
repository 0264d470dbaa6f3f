"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: frozenset[str] = frozenset()) -> str:
    """Return a table; the columns whose heads are in ``numbers`` are set to the right."""
    lines = [_line(heads), _line(["--:" if head in numbers else "---" for head in heads])]
    return "\n".join([*lines, *[_line(row) for row in rows]])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join([cell.replace('|', chr(92) + '|') for cell in cells])} |"
