"""How many mutants were killed, by module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Final

from tests.mutants.trying import Tried

HELD: Final = ("server.*", "subscription")
"""The modules whose survivors have to be listed."""
_LINE: Final = "{:<32} {:>7} {:>7} {:>14} {:>14}"


def is_held(module: str) -> bool:
    """Whether the survivors of a module have to be listed."""
    return any(fnmatchcase(module, pattern) for pattern in HELD)


def table(tried: Iterable[Tried], by: Sequence[str]) -> list[str]:
    """Return the lines of the table: each module, then those whose survivors are listed, then all.

    How many the vectors killed is told of those that are in no check of arguments.

    :param by: what was tried: a column for the first, and one for all.
    """
    tried = sorted(tried, key=lambda each: each.mutant.module)
    rows = [(module, list(group)) for module, group in groupby(tried, lambda each: each.mutant.module)]
    rows += [(", ".join(HELD), [each for each in tried if is_held(each.mutant.module)]), ("all", tried)]
    titles = [by[0], " or ".join(by)] if len(by) > 1 else [by[0], ""]
    return [_LINE.format("module", "mutants", "checks", *titles), *(_row(name, group, by) for name, group in rows)]


def _row(name: str, tried: Sequence[Tried], by: Sequence[str]) -> str:
    checks = sum(each.mutant.checks for each in tried)
    first = _share(sum(each.by == by[0] for each in tried), len(tried) - (checks if by[0] == "vectors" else 0))
    either = _share(sum(each.killed for each in tried), len(tried)) if len(by) > 1 else ""
    return _LINE.format(name, len(tried), checks, first, either).rstrip()


def _share(part: int, whole: int) -> str:
    return f"{part} {100 * part / whole:5.1f}%" if whole else "-"
