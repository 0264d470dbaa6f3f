"""Fuzz every part of the core for a time, and end with figures.

    python -m fuzz [--seconds 600] [--seed N] [--only reduce,codec] [--steps N]

Bytes (codec, JIDs, snapshots) are guided by coverage where atheris is installed; elsewhere they are mutated by chance,
and the table says so. Events (reducers, ``serve``, the client, a host that is killed) are drawn by chance. Exit status
1 if anything raised; what led to it is printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from fuzz import chance, inputs
from fuzz.findings import Findings


def guided(target: str, seconds: int) -> Findings:
    """Let libFuzzer look for inputs that reach new code."""
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        inputs.write_seeds(target, folder)
        command = [sys.executable, "-m", "fuzz.guided", target, where, f"-max_total_time={seconds}"]
        command += ["-print_final_stats=1", "-max_len=4096", f"-artifact_prefix={where}/found-", "-verbosity=0"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        steps = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
        findings = Findings(int(steps[1]) if steps else 0)
        if done.returncode:
            found = [f"input: {path.read_bytes()!r}" for path in folder.glob("found-*")]
            findings.exceptions.append("\n".join([done.stdout[-4000:], done.stderr[-4000:], *found]))
        return findings


def mutated(target: str, seed: int, until: Callable[[int], bool]) -> Findings:
    """Mutate the first inputs by chance, where there is nothing that watches coverage."""
    findings, random, known = Findings(), Random(seed), inputs.seeds(target)
    read = inputs.TARGETS[target]
    while not until(findings.steps):
        for _ in range(1000):
            data = bytearray(random.choice(known))
            for _ in range(random.randrange(1, 8)):
                at = random.randrange(len(data) + 1)
                other = random.choice(known)
                cut = random.randrange(len(other) + 1)
                data[at : at + random.randrange(6)] = random.choice((random.randbytes(2), other[cut : cut + 20]))
            findings.attempt(partial(read, bytes(data)), f"input: {bytes(data)!r}")
    return findings


def fuzzed(name: str, options: argparse.Namespace, seconds: int) -> tuple[str, Findings]:
    """Fuzz one target; return how that was done, and what was found."""
    until = time.monotonic() + seconds

    def enough(steps: int) -> bool:
        if options.steps and name in chance.TARGETS:
            return bool(steps >= options.steps)
        return time.monotonic() >= until

    if name in chance.TARGETS:
        return "events by chance", chance.run(name, options.seed, enough)
    if find_spec("atheris") is not None:
        return "bytes, guided by coverage", guided(name, seconds)
    return "bytes, mutated by chance (atheris is not here)", mutated(name, options.seed, enough)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together")
    parser.add_argument("--steps", type=int, default=0, help="of each target that takes events, however long they take")
    parser.add_argument("--seed", type=int, default=1)
    every = (*chance.TARGETS, *inputs.TARGETS)
    parser.add_argument("--only", default=",".join(every), help="targets, separated by commas (all: %(default)s)")
    options = parser.parse_args()
    names = options.only.split(",")
    if not set(names) <= set(every):
        parser.error(f"--only: {options.only}; there are {', '.join(every)}")
    table = Table("target", "how", "steps", "seconds", "exceptions")
    exceptions: list[str] = []
    for name in names:
        began = time.monotonic()
        how, findings = fuzzed(name, options, max(options.seconds // len(names), 1))
        seconds = time.monotonic() - began
        table.add_row(name, how, f"{findings.steps:,}", f"{seconds:.0f}", str(len(findings.exceptions)))
        exceptions += findings.exceptions
    for exception in exceptions[:20]:
        print(exception, end="\n\n")
    Console(width=100).print(table)
    return 1 if exceptions else 0


if __name__ == "__main__":
    sys.exit(main())
