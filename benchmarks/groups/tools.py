"""The tools: the command that runs the vectors, and the explorer."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.processes import race_processes
from xmpp_im_core.testing.explorer import Pair, StepTable, disagreements, explore, settled, tabulate

GROUP = "tools"


def measure(bench: Bench) -> None:
    """Add the lines."""
    command = str(Path(sys.executable).with_name("xmpp-im-conformance"))
    few = max(2, bench.rounds // 8)
    took = race_processes({"its help": [command, "--help"], "its version": [command, "--version"]}, few)
    took |= race_processes({"all vectors": [command, "run", "-q"]}, 1)
    for name, time_taken in took.items():
        bench.took(GROUP, f"xmpp-im-conformance: {name}", time_taken)
    table, start = tabulate(), time.process_time()
    found = explore(table, 3)
    bench.took(GROUP, "explorer, three stanzas in flight each way", (time.process_time() - start) * 1e6)
    assert (len(found.pairs), found.depth) == (229_065, 30)
    # With two or three stanzas on their way, the settled states are the same as with one.
    assert _ends(table, found.pairs) == _ends(table, explore(table, 1).pairs)
    assert {name for end in _ends(table, found.pairs) for name in disagreements(end.one, end.other)} == {
        "from, not to",
        "pending in, not pending out",
    }


def _ends(table: StepTable, pairs: frozenset[Pair]) -> set[Pair]:
    return {settled(table, pair) for pair in pairs}
