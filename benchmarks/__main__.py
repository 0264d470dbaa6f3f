"""Measure the core against floors, peers and itself among many things, and print one table.

    python -m benchmarks [--only steps,codec,...] [--rounds N] [--json FILE]

All times are CPU time, the least of interleaved rounds in one process. Ratios hold on other machines; times do not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.bench import Bench
from benchmarks.figures import figures, write
from benchmarks.tables import for_terminal

GROUPS: Final = ("steps", "codec", "throughput", "clients", "growth", "memory", "imports", "tools")


def groups(text: str) -> Sequence[str]:
    """Read the names of groups, with commas between them."""
    names = text.split(",")
    if unknown := [name for name in names if name not in GROUPS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r}: choose from {', '.join(GROUPS)}")
    return names


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=groups, default=GROUPS, help=f"some of {', '.join(GROUPS)}")
    parser.add_argument("--rounds", type=int, default=40, help="how often each variant runs (40)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    return parser.parse_args(arguments)


def main() -> None:
    """Run the chosen groups."""
    chosen = options()
    bench = Bench(chosen.rounds)
    for name in chosen.only:
        start = time.perf_counter()
        measure: Callable[[Bench], None] = import_module(f"benchmarks.groups.{name}").measure
        measure(bench)
        bench.say(f"{name}: {time.perf_counter() - start:.0f} s")
    found = figures(bench.lines, bench.rounds, bench.e, bench.absent)
    if chosen.json is not None:
        write(found, chosen.json)
    console = Console()
    # A table that is read by a program, or kept in a file, is as wide as its lines.
    Console(width=None if console.is_terminal else 200).print(for_terminal(found))


if __name__ == "__main__":
    main()
