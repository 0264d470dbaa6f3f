"""Trying mutants: each in a separate process, whose end says what became of the mutant."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from ctypes import c_int
from enum import IntEnum
from math import ceil
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final

from attrs import define, field, frozen

from tests.mutants.changes import Mutant
from tests.mutants.keeping import AT_IMPORT, Results
from tests.mutants.planting import PRELOADED, CannotPlant, Functions, import_changed
from tests.mutants.playing import Tests, Vectors
from tests.mutants.selecting import Ran, Uses

_TIMES: Final = 5
"""How many times as much processor time as the unchanged code a mutant may take; else it counts as endless."""
_SECONDS: Final = 5
_MEMORY: Final = 4 << 30
_EVERY: Final = 40
_PIECE: Final = 10
"""How many a fresh process tries, for it has to read them first; the one that goes on tries ten times as many."""


class Status(IntEnum):
    """What a process ends with. Any other status is that of one that a mutant has ended."""

    SURVIVED = 0
    KILLED = 10
    CANNOT_PLANT = 11
    BROKEN = 12


Position = c_int
"""Which of what was chosen is being tried, in memory that the processes share; -1 before the first."""


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
    rest: Sequence[str] = ()
    """What another process tries when the mutant survives these."""

    def limit(self) -> None:
        """Let the operating system end this process when it takes too long or too much memory."""
        left = ceil(time.process_time() + self.seconds * _TIMES + _SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, (left, left))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def survives(self, passes: Callable[[str, str | None], bool], at: Position) -> bool:
        """Try until one fails; ``at`` says which of those chosen it was."""
        self.limit()
        for n, (id, following) in enumerate(zip(self.chosen, [*self.chosen[1:], None], strict=True)):
            at.value = n
            if not passes(id, following):
                return False
        return True

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

    def run(self, trial: Trial, at: Position) -> None:
        """Plant, try, and end the process."""
        _end_with(lambda: self._survives(trial, at), (AssertionError, OSError, KeyError))

    def _survives(self, trial: Trial, at: Position) -> bool:
        if trial.mutant is not None:
            self.functions.plant(trial.mutant)
        self.functions.clear_caches()
        return trial.survives(self.vectors.passes if trial.by == "vectors" else self.tests.passes, at)


# --- in a process that has nothing of the core yet --------------------------------------------------------


def run_fresh(trial: Trial, at: Position) -> None:
    """Import the core with a mutant, try, and end the process."""
    _end_with(lambda: _survives_fresh(trial, at), (OSError,))


def _survives_fresh(trial: Trial, at: Position) -> bool:
    if trial.mutant is not None:
        import_changed(trial.mutant)
    if trial.by == "vectors":
        return trial.survives(Vectors.read(trial.chosen).passes, at)
    survived: list[bool] = []
    Tests.collected(lambda tests: survived.append(trial.survives(tests.passes, at)), trial.chosen)
    return survived == [True]


def _end_with(survives: Callable[[], bool], broken: tuple[type[Exception], ...]) -> None:
    """End this process at once; nothing that the mutant has left behind can change the status.

    :param broken: the exceptions that say nothing of the mutant.
    """
    try:
        _silence()
        status = Status.SURVIVED if survives() else Status.KILLED
    except CannotPlant:
        status = Status.CANNOT_PLANT
    except broken as problem:
        print(f"a process could not try a mutant: {problem!r}", file=sys.__stderr__)
        status = Status.BROKEN
    except BaseException:  # the core cannot be imported with the mutant, or the tests cannot
        status = Status.KILLED
    os._exit(status)


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def recorded_apart(parts: Sequence[Callable[[], dict[str, Ran]]], jobs: int) -> Iterator[dict[str, Ran]]:
    """Record each part in a process that ends afterwards: what tests leave behind is not inherited by the trials."""
    context = multiprocessing.get_context("fork")
    left, running = list(reversed(parts)), dict[Connection, BaseProcess]()
    while left or running:
        while left and len(running) < jobs:
            receiving, sending = context.Pipe(duplex=False)
            process = context.Process(target=_send, args=(left.pop(), sending))
            process.start()
            sending.close()
            running[receiving] = process
        for receiving in [each for each in wait(list(running)) if isinstance(each, Connection)]:
            try:
                found: dict[str, Ran] | str = receiving.recv()
            except EOFError:
                found = "the process has ended"
            running.pop(receiving).join()
            if isinstance(found, str):
                raise RuntimeError(f"what runs could not be recorded: {found}")
            yield found


def _send(recorded: Callable[[], dict[str, Ran]], sending: Connection) -> None:
    _silence()
    try:
        sending.send(recorded())
    except BaseException:
        sending.send(traceback.format_exc())
        raise


# --- many of them -----------------------------------------------------------------------------------------


@frozen
class Tried:
    """What became of a mutant."""

    mutant: Mutant
    by: str = ""
    """What has killed it, ``"vectors"`` or ``"tests"``, whichever was tried first; empty where it survives."""

    @property
    def killed(self) -> bool:
        """Whether something has killed it."""
        return bool(self.by)


@define
class _Running:
    """A trial whose process runs."""

    trial: Trial
    process: BaseProcess
    at: Position
    until: float
    """When to end the process, in seconds of the monotonic clock."""


@define
class Trials:
    """Tries mutants, several at a time: first on the vectors, and on the tests those that are left."""

    warm: Warm
    by: Sequence[str]
    """``"vectors"``, ``"tests"``, or both."""
    results: Results
    uses: Uses
    jobs: int
    most: int | None = None
    """How many of those that run what a mutant changes are tried on it; None: all."""
    _left: list[tuple[Mutant, str]] = field(factory=list)
    """What is to be tried on what, the next one last."""
    _running: dict[int, _Running] = field(factory=dict)

    def check(self) -> None:
        """See, by some of the vectors and tests, that nothing fails where nothing is changed.

        :raises RuntimeError: where something does: then it could not be told what a mutant does.
        """
        for by, fresh in [(by, fresh) for by in self.by for fresh in (False, True)]:
            recording = self.results.recordings[by]
            chosen = tuple(sorted(recording.ran)[::_EVERY])
            running = self._started(Trial(None, by, chosen, recording.cost(chosen)), fresh)
            running.process.join()
            if running.process.exitcode != Status.SURVIVED:
                how = "in a fresh process" if fresh else "in a process that inherits the core"
                failed = chosen[running.at.value]
                raise RuntimeError(f"{how} {failed} fails though nothing is changed ({running.process.exitcode})")

    def tried(self, mutants: Sequence[Mutant]) -> Iterator[Tried]:
        """Yield what became of each mutant, as it becomes known."""
        self._left = [(mutant, self.by[0]) for mutant in reversed(mutants)]
        while self._left or self._running:
            while self._left and len(self._running) < self.jobs:
                yield from self._begun(*self._left.pop())
            for sentinel in wait(list(self._running), timeout=1) if self._running else ():
                assert isinstance(sentinel, int)
                running = self._running.pop(sentinel)
                running.process.join()
                yield from self._ended(running)
            for running in self._running.values():
                if time.monotonic() > running.until:
                    running.process.kill()

    def _begun(self, mutant: Mutant, by: str) -> Iterator[Tried]:
        """Begin to try a mutant on the vectors, or on the tests, where it is not known what comes of it."""
        verdict = self.results.verdict(mutant.id, mutant.module, by, self._touching(mutant, by))
        if verdict.killed is None:
            self._start(mutant, by, verdict.chosen)
        elif verdict.killed:
            yield Tried(mutant, by)
        else:
            yield from self._survived(mutant, by)

    def _touching(self, mutant: Mutant, by: str) -> list[str]:
        at_import = self.warm.functions.ran_at_import(mutant)
        return self.results.recordings[by].touching(mutant, self.uses, at_import)[: self.most]

    def _start(self, mutant: Mutant, by: str, chosen: Sequence[str], fresh: bool = False, piece: int = _PIECE) -> None:
        fresh = fresh or not self.warm.functions.can_take(mutant)
        now = chosen[:piece] if fresh else chosen
        seconds = self.results.recordings[by].cost(now)
        running = self._started(Trial(mutant, by, now, seconds, chosen[len(now) :]), fresh)
        self._running[running.process.sentinel] = running

    def _started(self, trial: Trial, fresh: bool) -> _Running:
        context = _nursery() if fresh else multiprocessing.get_context("fork")
        at = context.RawValue(Position, -1)
        process: BaseProcess = context.Process(target=run_fresh if fresh else self.warm.run, args=(trial, at))
        process.start()
        return _Running(trial, process, at, time.monotonic() + trial.patience)

    def _ended(self, running: _Running) -> Iterator[Tried]:
        """Say what became of a mutant, or go on with it."""
        trial, status = running.trial, running.process.exitcode
        mutant = trial.mutant
        if status == Status.BROKEN or mutant is None:
            raise RuntimeError(f"{mutant} could not be tried on the {trial.by}")
        if status == Status.CANNOT_PLANT:
            self._start(mutant, trial.by, trial.chosen, fresh=True)
        elif status == Status.SURVIVED and trial.rest:
            self._start(mutant, trial.by, trial.rest, fresh=True, piece=10 * len(trial.chosen))
        elif status == Status.SURVIVED:
            self.results.note(mutant.id, mutant.module, trial.by, None, self._touching(mutant, trial.by))
            yield from self._survived(mutant, trial.by)
        else:
            killer = AT_IMPORT if running.at.value < 0 else trial.chosen[running.at.value]
            self.results.note(mutant.id, mutant.module, trial.by, killer, ())
            yield Tried(mutant, trial.by)

    def _survived(self, mutant: Mutant, by: str) -> Iterator[Tried]:
        left = self.by[self.by.index(by) + 1 :]
        if left:
            self._left.append((mutant, left[0]))
        else:
            yield Tried(mutant)


def _nursery() -> multiprocessing.context.ForkServerContext:
    """Return where processes begin that have imported what the core needs, and nothing of the core."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, "tests.mutants.trying"])
    return context
