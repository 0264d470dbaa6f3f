"""The command: try mutants on the vectors and on the tests, and compare what survives with what is known."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

import click
from attrs import define, field

from tests.mutants.changes import Mutant
from tests.mutants.drawing import all_mutants, commit, drawn, in_modules
from tests.mutants.keeping import KEPT, Recorded, Results
from tests.mutants.planting import Functions
from tests.mutants.playing import Tests, Vectors, record
from tests.mutants.report import HELD, is_held, table
from tests.mutants.selecting import Ran, Uses
from tests.mutants.survivors import read_survivors, unexpected
from tests.mutants.trying import Trials, Tried, Warm, recorded_apart

BY: Final = ("vectors", "tests")
_PART: Final = 100
"""How many vectors one process records."""
_SLOW: Final = 1.0
"""What takes more seconds of processor time is not tried on mutants."""


@define
class Run:
    """One run of the command."""

    mutants: Sequence[Mutant]
    functions: Functions
    by: Sequence[str]
    jobs: int
    most: int | None
    arrangements: bool
    kept: Path
    tried: list[Tried] = field(factory=list)

    def __call__(self, tests: Tests) -> None:
        """Record, then try each mutant; the tests are collected, and none has run."""
        vectors = Vectors.read(arrangements=self.arrangements)
        recorded = self._recorded(vectors, tests)
        recordings = {by: recorded.of(vectors.found if by == "vectors" else tests.items) for by in self.by}
        for by, recording in recordings.items():
            say(f"{len(recording.ran)} {by} pass, in {recording.cost(recording.ran):.0f} s")
            recordings[by] = fast = recording.within(_SLOW)
            say(f"{len(fast.ran)} of these take less than {_SLOW} s, and are tried: {fast.cost(fast.ran):.0f} s")
        gc.collect()
        gc.freeze()
        results = Results.read(recordings, self.kept / "results.jsonl")
        trials = Trials(Warm(self.functions, vectors, tests), self.by, results, Uses.in_core(), self.jobs, self.most)
        trials.check()
        for each in trials.tried(self.mutants):
            self.tried.append(each)
            if not each.killed:
                say(f"survives: {each.mutant.id}")
            if len(self.tried) % 100 == 0:
                say(f"{len(self.tried)} of {len(self.mutants)} tried")

    def _recorded(self, vectors: Vectors, tests: Tests) -> Recorded:
        recorded = Recorded.read({each.module for each in self.mutants}, self.kept / "recorded.jsonl")
        new_vectors = [id for id in vectors.found if "vectors" in self.by and id not in recorded.found]
        new_tests = [id for id in tests.items if "tests" in self.by and id not in recorded.found]
        say(f"recording what {len(new_vectors)} vectors and {len(new_tests)} tests run")
        parts = [*self._of_vectors(vectors, new_vectors), *self._of_tests(tests, new_tests)]
        for ran in recorded_apart(parts, self.jobs):
            recorded.add(ran)
        return recorded

    def _of_vectors(self, vectors: Vectors, ids: Sequence[str]) -> Iterator[Callable[[], dict[str, Ran]]]:
        for n in range(0, len(ids), _PART):
            yield partial(record, ids[n : n + _PART], vectors.passes, self.functions.clear_caches)

    def _of_tests(self, tests: Tests, ids: Sequence[str]) -> Iterator[Callable[[], dict[str, Ran]]]:
        for _, group in groupby(ids, lambda id: id.partition("::")[0]):
            yield partial(record, list(group), tests.passes, self.functions.clear_caches)


def say(line: str) -> None:
    """Print a line, also while pytest has its output redirected."""
    print(line, file=sys.__stdout__, flush=True)


def chosen(existing: Sequence[Mutant], patterns: Sequence[str], sample: int | None, seed: str | None) -> list[Mutant]:
    """Return the mutants of the modules that are asked for: all, or a sample with the known survivors."""
    mutants = in_modules(existing, patterns)
    if sample is None:
        return mutants
    seed, known = seed or commit(), read_survivors()
    say(f"drawn by {seed}")
    ids = {each.id for each in drawn(mutants, sample, seed)}
    return [each for each in mutants if each.id in ids or each.id in known]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--module", "patterns", multiple=True, default=HELD, show_default=True, help="Change these modules only.")
@click.option("--sample", type=click.IntRange(1), help="Draw so many of the mutants; else all are tried.")
@click.option("--seed", help="Draw by this instead of the commit's hash.")
@click.option("--by", multiple=True, type=click.Choice(BY), default=BY, help="Try only these; both are the default.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="How many to try at a time.")
@click.option(
    "--most", type=click.IntRange(1), help="Try so many on a mutant, the nearest; else all that run its line."
)
@click.option("--arrangements", is_flag=True, help="Play each vector in all arrangements. This takes hours.")
@click.option("--kept", type=click.Path(file_okay=False, path_type=Path), default=KEPT, help="Where results are kept.")
@click.pass_context
def main(
    context: click.Context,
    /,
    patterns: tuple[str, ...],
    sample: int | None,
    seed: str | None,
    by: tuple[str, ...],
    jobs: int,
    most: int | None,
    arrangements: bool,
    kept: Path,
) -> None:
    """Change the core in one place at a time, and see whether a vector fails then, or else a test.

    What an earlier run has found is used again where nothing that it depends on has changed. Exits with 1 where a
    mutant of the server half or of the subscription states survives that survivors.toml does not list, and where that
    lists one that is killed, or that there is not.
    """
    os.environ.setdefault("HYPOTHESIS_PROFILE", "quick")
    os.environ.setdefault("COVERAGE_CORE", "ctrace")
    existing = all_mutants()
    mutants, by = chosen(existing, patterns, sample, seed), tuple(each for each in BY if each in by)
    say(f"{len(mutants)} of {len(existing)} mutants")
    run = Run(mutants, Functions.imported(), by, jobs, most, arrangements, kept)
    if "tests" in by:
        Tests.collected(run)
    else:
        run(Tests(run))
    for line in table(run.tried, by):
        say(line)
    if by != BY:  # what survives the vectors alone, or the tests alone, is listed nowhere
        return
    held = [each for each in run.tried if is_held(each.mutant.module)]
    surprises = list(unexpected(held, read_survivors(), [each.id for each in existing]))
    for line in surprises:
        say(line)
    context.exit(1 if surprises else 0)
