"""The command: draw mutants, try them on the vectors and on the tests, and compare what survives with what is known."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from attrs import define, field

from tests.mutants.changes import Mutant
from tests.mutants.drawing import all_mutants, commit, drawn, in_modules
from tests.mutants.planting import Functions
from tests.mutants.playing import Tests, Vectors, record
from tests.mutants.report import table
from tests.mutants.selecting import Recording, Uses
from tests.mutants.survivors import read_survivors, unexpected
from tests.mutants.trying import Trials, Tried, Warm, recorded_apart

BY: Final = ("vectors", "tests")


@define
class Run:
    """One run of the command."""

    mutants: Sequence[Mutant]
    functions: Functions
    by: Sequence[str]
    jobs: int
    log: Path | None
    tried: list[Tried] = field(factory=list)

    def __call__(self, tests: Tests) -> None:
        """Record, then try each mutant; the tests are collected, and none has run."""
        vectors = Vectors.read()
        say(f"recording what {len(vectors.found)} vectors and {len(tests.items)} tests run")
        warm = Warm(self.functions, vectors, tests)
        recorded = recorded_apart(lambda: self._recorded(vectors, tests))
        for by, recording in recorded.items():
            say(f"{len(recording.seconds)} {by} pass, in {recording.cost(recording.seconds):.0f} s")
        gc.collect()
        gc.freeze()
        trials = Trials(warm, recorded, Uses.in_core(), self.jobs)
        trials.check()
        for each in trials.tried(self.mutants):
            self.tried.append(each)
            self._note(each)

    def _recorded(self, vectors: Vectors, tests: Tests) -> dict[str, Recording]:
        clear, recorded = self.functions.clear_caches, dict[str, Recording]()
        if "vectors" in self.by:
            recorded["vectors"] = record(list(vectors.found), lambda id, _: vectors.passes(id), clear)
        if "tests" in self.by:
            recorded["tests"] = record(list(tests.items), tests.passes, clear)
        return recorded

    def _note(self, each: Tried) -> None:
        if not each.killed:
            say(f"survives: {each.mutant.id}")
        if len(self.tried) % 100 == 0:
            say(f"{len(self.tried)} of {len(self.mutants)} tried")
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as file:
                line = {"mutant": each.mutant.id, "vectors": each.by_vectors, "tests": each.by_tests}
                file.write(json.dumps({**line, "line": each.mutant.lines[0]}) + "\n")


def say(line: str) -> None:
    """Print a line, also while pytest has its output redirected."""
    print(line, file=sys.__stdout__, flush=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sample", type=click.IntRange(1), default=1500, show_default=True, help="How many mutants to draw.")
@click.option("--all", "everything", is_flag=True, help="Try all mutants, and draw none.")
@click.option("--module", "patterns", multiple=True, help="Only mutants of this module, as in 'server.*'.")
@click.option("--seed", help="Draw by this instead of the commit's hash.")
@click.option("--by", multiple=True, type=click.Choice(BY), default=BY, help="Try only these; all are the default.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="How many to try at a time.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Add what becomes of each to this file.")
@click.pass_context
def main(
    context: click.Context,
    /,
    sample: int,
    everything: bool,
    patterns: tuple[str, ...],
    seed: str | None,
    by: tuple[str, ...],
    jobs: int,
    log: Path | None,
) -> None:
    """Change the core in one place at a time, and see whether a vector fails then, and whether a test does.

    Known survivors of the modules are always tried. Exits with 1 where a mutant survives that survivors.toml does not
    list, and where that lists one that is killed, or that there is not.
    """
    os.environ.setdefault("HYPOTHESIS_PROFILE", "quick")
    os.environ.setdefault("COVERAGE_CORE", "ctrace")
    existing, known = all_mutants(), read_survivors()
    mutants = in_modules(existing, patterns)
    if not everything:
        seed = seed or commit()
        ids = {each.id for each in drawn(mutants, sample, seed)}
        mutants = [each for each in mutants if each.id in ids or each.id in known]
        say(f"drawn by {seed}")
    say(f"{len(mutants)} of {len(existing)} mutants")
    run = Run(mutants, Functions.imported(), by, jobs, log)
    if "tests" in by:
        Tests.collected(run)
    else:
        run(Tests(run))
    for line in table(run.tried):
        say(line)
    surprises = list(unexpected(run.tried, known, [each.id for each in existing]))
    for line in surprises:
        say(line)
    context.exit(1 if surprises else 0)
