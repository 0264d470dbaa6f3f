"""Fuzz every part of the core for a time, and print figures.

    python -m fuzz [--seconds 600] [--seed N] [--only reduce,codec] [--steps N] [--every 60]

If atheris is installed, coverage guides the bytes (codec, JIDs, snapshots); otherwise they are mutated at random, and
the table says so. Events (reducers, ``serve``, the client, a host that is killed) are drawn at random.

A line of progress is printed each minute. The table is printed at the end, and also after SIGINT or SIGTERM. The exit
status is 1 if something raised an exception; what reproduces it is printed. Otherwise it is 0, or 128 plus the number
of the signal that stopped the run.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib.util import find_spec

from fuzz import byte_targets, event_targets, mutation
from fuzz.figures import Figures, Stopped
from fuzz.libfuzzer import guide


def fuzz(name: str, options: argparse.Namespace, seconds: int, figures: Figures) -> None:
    """Fuzz one target."""
    until = time.monotonic() + seconds

    def enough(steps: int) -> bool:
        if options.steps and name in event_targets.TARGETS:
            return bool(steps >= options.steps)
        return time.monotonic() >= until

    if name in event_targets.TARGETS:
        with figures.target(name, "events at random") as findings:
            event_targets.run(name, options.seed, enough, findings)
    elif find_spec("atheris") is not None:
        with figures.target(name, "bytes, guided by coverage") as findings:
            guide(name, seconds, findings)
    else:
        with figures.target(name, "bytes, mutated at random (atheris is not installed)") as findings:
            mutation.run(name, options.seed, enough, findings)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=0, help="for each target that takes events, instead of a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=60, help="seconds between two lines of progress (%(default)s)")
    every = (*event_targets.TARGETS, *byte_targets.TARGETS)
    parser.add_argument("--only", default=",".join(every), help="targets, separated by commas (all: %(default)s)")
    options = parser.parse_args()
    options.names = options.only.split(",")
    if not set(options.names) <= set(every):
        parser.error(f"--only: {options.only}; there are {', '.join(every)}")
    return options


def main() -> int:
    options = _options()
    figures, stopped = Figures(), 0
    try:
        with figures.watched(options.every):
            for name in options.names:
                fuzz(name, options, max(options.seconds // len(options.names), 1), figures)
    except Stopped as signal:
        stopped = 128 + signal.number
    figures.print_all()
    return 1 if figures.exceptions else stopped


if __name__ == "__main__":
    sys.exit(main())
