"""How many mutants were killed, by module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.mutants.trying import Tried

_LINE = "{:<30} {:>7} {:>9} {:>7} {:>9}"


def table(tried: Iterable[Tried]) -> list[str]:
    """Return the lines of the table: each module, then the parts that have a limit, then all."""
    tried = list(tried)
    names = sorted({each.mutant.module for each in tried})
    yours = [each for each in tried if each.mutant.module.startswith("server.") or each.mutant.module == "subscription"]
    lines = [_LINE.format("module", "mutants", "vectors", "tests", "together")]
    lines += [_row(name, [each for each in tried if each.mutant.module == name]) for name in names]
    return [*lines, _row("server, subscription", yours), _row("all", tried)]


def _row(name: str, tried: Sequence[Tried]) -> str:
    by_vectors = _share(sum(each.by_vectors for each in tried), len(tried))
    by_tests = _share(sum(each.by_tests for each in tried), len(tried))
    return _LINE.format(name, len(tried), by_vectors, by_tests, _share(sum(each.killed for each in tried), len(tried)))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
