"""The explorer, with three stanzas in flight each way: too long for the test-suite, short enough to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xmpp_im_core.testing.explorer import Pair, StepTable, disagreements, explore, settled, tabulate

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


def test_making_the_table_with_the_reducer(benchmark: BenchmarkFixture) -> None:
    assert len(benchmark(tabulate).moves) == 14


def ends(table: StepTable, pairs: frozenset[Pair]) -> set[Pair]:
    return {settled(table, pair) for pair in pairs}


def test_three_in_flight(benchmark: BenchmarkFixture) -> None:
    table = tabulate()

    found = benchmark.pedantic(explore, (table, 3), rounds=1)

    benchmark.extra_info["joint states"] = len(found.pairs)
    benchmark.extra_info["steps"] = found.steps
    assert (len(found.pairs), found.depth) == (229_065, 30)
    assert ends(table, found.pairs) == ends(table, explore(table, 1).pairs)
    assert {name for end in ends(table, found.pairs) for name in disagreements(end.one, end.other)} == {
        "from, not to",
        "pending in, not pending out",
    }
