"""Trying mutants: each in a separate process, whose result says what became of the mutant."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from math import ceil
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Final

from attrs import define, field, frozen

from tests.mutants.changes import Mutant
from tests.mutants.planting import PRELOADED, CannotPlant, Functions, import_changed
from tests.mutants.playing import Tests, Vectors
from tests.mutants.selecting import Recording, Uses

_TIMES: Final = 5
"""How many times as much processor time as the unchanged code a mutant may take; else it counts as endless."""
_SECONDS: Final = 10
_MEMORY: Final = 4 << 30
_EVERY: Final = 40


class Status(IntEnum):
    """What a process ends with. Any other status is that of one that a mutant has ended."""

    SURVIVED = 0
    KILLED = 10
    CANNOT_PLANT = 11
    BROKEN = 12


@frozen
class Trial:
    """A mutant, and what is to be tried on it."""

    mutant: Mutant | None
    """None: nothing is changed."""
    by: str
    """``"vectors"`` or ``"tests"``."""
    chosen: Sequence[str]
    seconds: float
    """What these take where nothing is changed."""

    def limit(self) -> None:
        """Let the operating system end this process when it takes too long or too much memory."""
        left = ceil(time.process_time() + self.seconds * _TIMES + _SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, (left, left))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    @property
    def patience(self) -> float:
        """How many seconds to wait for the process, on a machine that does other things too."""
        return 20 * (self.seconds * _TIMES + _SECONDS)


# --- in a process that has the core, unchanged ------------------------------------------------------------


@frozen
class Warm:
    """What a process inherits that plants a mutant in functions which are there."""

    functions: Functions
    vectors: Vectors
    tests: Tests

    def run(self, trial: Trial) -> None:
        """Plant, try, and end the process."""
        _end_with(lambda: self._survives(trial))

    def _survives(self, trial: Trial) -> bool:
        if trial.mutant is not None:
            self.functions.plant(trial.mutant)
        self.functions.clear_caches()
        trial.limit()
        if trial.by == "vectors":
            return all(self.vectors.passes(id) for id in trial.chosen)
        return self.tests.first_failing(trial.chosen) is None


# --- in a process that has nothing of the core yet --------------------------------------------------------


def run_fresh(trial: Trial) -> None:
    """Import the core with a mutant, try, and end the process."""
    _end_with(lambda: _survives_fresh(trial))


def _survives_fresh(trial: Trial) -> bool:
    if trial.mutant is not None:
        import_changed(trial.mutant)
    trial.limit()
    if trial.by == "vectors":
        vectors = Vectors.read(trial.chosen)
        return all(vectors.passes(id) for id in trial.chosen if id in vectors.found)
    failing: list[str | None] = []

    def loop(tests: Tests) -> None:
        failing.append(tests.first_failing([id for id in trial.chosen if id in tests.items]))

    Tests.collected(loop, trial.chosen)
    return failing == [None]


def _end_with(survives: Callable[[], bool]) -> None:
    """End this process at once; nothing that the mutant has left behind can change the status."""
    try:
        _silence()
        status = Status.SURVIVED if survives() else Status.KILLED
    except CannotPlant:
        status = Status.CANNOT_PLANT
    except (AssertionError, OSError, KeyError) as problem:
        print(f"a process could not try a mutant: {problem!r}", file=sys.__stderr__)
        status = Status.BROKEN
    except BaseException:  # the core cannot be imported with the mutant, or the tests cannot
        status = Status.KILLED
    os._exit(status)


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def recorded_apart(recorded: Callable[[], dict[str, Recording]]) -> dict[str, Recording]:
    """Record in a process that ends afterwards: what tests leave behind is not inherited by the trials."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)

    def send() -> None:
        _silence()
        try:
            sending.send(recorded())
        except BaseException:
            sending.send(traceback.format_exc())
            raise

    process = context.Process(target=send)
    process.start()
    sending.close()
    try:
        found: dict[str, Recording] | str = receiving.recv()
    except EOFError:
        found = "the process has ended"
    process.join()
    if isinstance(found, str):
        raise RuntimeError(f"what runs could not be recorded: {found}")
    return found


# --- many of them -----------------------------------------------------------------------------------------


@frozen
class Tried:
    """What became of a mutant."""

    mutant: Mutant
    by_vectors: bool
    """Whether the vectors killed it."""
    by_tests: bool
    """Whether the tests did; where only one of the two was asked for, the other has not."""

    @property
    def killed(self) -> bool:
        """Whether something killed it."""
        return self.by_vectors or self.by_tests


@define
class Trials:
    """Tries mutants, several at a time."""

    warm: Warm
    recorded: dict[str, Recording]
    """What the vectors and the tests ran, under the names that ``Trial.by`` has."""
    uses: Uses
    jobs: int
    _killed: dict[tuple[str, str], bool] = field(factory=dict)

    def check(self) -> None:
        """See, by some of the vectors and tests, that nothing fails where nothing is changed.

        :raises RuntimeError: where something does: then it could not be told what a mutant does.
        """
        for by, fresh in [(by, fresh) for by in self.recorded for fresh in (False, True)]:
            recorded = self.recorded[by]
            chosen = tuple(sorted(recorded.seconds)[::_EVERY])
            process = self._started(Trial(None, by, chosen, recorded.cost(chosen)), fresh)
            process.join()
            if process.exitcode != Status.SURVIVED:
                how = "in a fresh process" if fresh else "in a process that inherits the core"
                raise RuntimeError(f"{how} some {by} fail though nothing is changed ({process.exitcode})")

    def tried(self, mutants: Sequence[Mutant]) -> Iterator[Tried]:
        """Yield what became of each mutant, as it becomes known."""
        left = [self._trial(mutant, by) for mutant in reversed(mutants) for by in reversed(self.recorded)]
        running: dict[int, tuple[BaseProcess, Trial, float]] = {}
        while left or running:
            while left and len(running) < self.jobs:
                trial = left.pop()
                process = self._started(trial, fresh=not self._fits(trial))
                running[process.sentinel] = (process, trial, time.monotonic() + trial.patience)
            wait(list(running), timeout=1)
            for sentinel, (process, trial, until) in list(running.items()):
                if process.is_alive() and time.monotonic() > until:
                    process.kill()
                if not process.is_alive():
                    del running[sentinel]
                    process.join()
                    yield from self._ended(process, trial)

    def _trial(self, mutant: Mutant, by: str) -> Trial:
        recorded = self.recorded[by]
        chosen = recorded.touching(mutant, self.uses)
        return Trial(mutant, by, tuple(chosen), recorded.cost(chosen))

    def _fits(self, trial: Trial) -> bool:
        return trial.mutant is not None and self.warm.functions.can_take(trial.mutant)

    def _started(self, trial: Trial, fresh: bool) -> BaseProcess:
        process: BaseProcess
        if fresh:
            process = _nursery().Process(target=run_fresh, args=(trial,))
        else:
            process = multiprocessing.get_context("fork").Process(target=self.warm.run, args=(trial,))
        process.start()
        return process

    def _ended(self, process: BaseProcess, trial: Trial) -> Iterator[Tried]:
        if process.exitcode == Status.CANNOT_PLANT:
            process = self._started(trial, fresh=True)
            process.join(trial.patience)
            process.kill()
            process.join()
        if process.exitcode == Status.BROKEN or trial.mutant is None:
            raise RuntimeError(f"{trial.mutant} could not be tried on the {trial.by}")
        id = trial.mutant.id
        self._killed[id, trial.by] = process.exitcode != Status.SURVIVED
        if all((id, by) in self._killed for by in self.recorded):
            yield Tried(trial.mutant, self._killed.get((id, "vectors"), False), self._killed.get((id, "tests"), False))


def _nursery() -> multiprocessing.context.ForkServerContext:
    """Return where processes begin that have imported what the core needs, and nothing of the core."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, "tests.mutants.trying"])
    return context
