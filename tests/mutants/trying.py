"""Trying mutants: each in a separate process, whose end says what became of the mutant."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from ctypes import Structure, c_int
from enum import IntEnum
from functools import partial
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


_BATCH: Final = 20
"""How many mutants one process tries on the vectors."""


class Status(IntEnum):
    """What became of a trial. A trial without a status has ended its process."""

    SURVIVED = 0
    KILLED = 10
    CANNOT_PLANT = 11
    BROKEN = 12
    SPOILT = 13
    """What killed the mutant fails without it too, in this process: an earlier mutant has left something behind."""


class Mark(Structure):
    """What a process says of a trial, in memory that it shares with the one that started it."""

    _fields_ = (("at", c_int), ("status", c_int))
    at: int
    """Which of what was chosen is being tried; -1 before the first."""
    status: int
    """-1: none yet."""


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
        resource.setrlimit(resource.RLIMIT_CPU, (left, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def status(self, passes: Callable[[str, str | None], bool], mark: Mark, first: Collection[str] = ()) -> Status:
        """Try until one fails, and note in the mark which one is tried.

        :param first: what is tried before the others.
        """
        self.limit()
        order = sorted(range(len(self.chosen)), key=lambda n: self.chosen[n] not in first)
        for n, following in zip(order, [*order[1:], None], strict=True):
            mark.at = n
            if not passes(self.chosen[n], None if following is None else self.chosen[following]):
                return Status.KILLED
        return Status.SURVIVED

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

    def run(self, trials: Sequence[Trial], marks: Sequence[Mark]) -> None:
        """Plant one mutant after the other, try it, and end the process."""
        _silence()
        killers: list[str] = []
        for trial, mark in zip(trials, marks, strict=True):
            mark.status = _caught(partial(self._status, trial, mark, killers), (AssertionError, OSError, KeyError))
            if mark.status == Status.KILLED and mark.at >= 0:
                killers.append(trial.chosen[mark.at])
            elif mark.status in (Status.BROKEN, Status.SPOILT):
                break
        os._exit(0)

    def _status(self, trial: Trial, mark: Mark, killers: Sequence[str]) -> Status:
        passes = self.vectors.passes if trial.by == "vectors" else self.tests.passes
        before = [] if trial.mutant is None else self.functions.plant(trial.mutant)
        self.functions.clear_caches()
        try:
            status = trial.status(passes, mark, killers[-_BATCH:])
        finally:
            for function, code in before:
                function.__code__ = code
        self.functions.clear_caches()
        if status == Status.KILLED and trial.by == "vectors" and not passes(trial.chosen[mark.at], None):
            return Status.SPOILT
        return status


# --- in a process that has nothing of the core yet --------------------------------------------------------


def run_fresh(trials: Sequence[Trial], marks: Sequence[Mark]) -> None:
    """Import the core with a mutant, try, and end the process."""
    _silence()
    (trial,), (mark,) = trials, marks
    mark.status = _caught(partial(_status_fresh, trial, mark), (OSError,))
    os._exit(0)


def _status_fresh(trial: Trial, mark: Mark) -> Status:
    if trial.mutant is not None:
        import_changed(trial.mutant)
    if trial.by == "vectors":
        return trial.status(Vectors.read(trial.chosen).passes, mark)
    found: list[Status] = []
    Tests.collected(lambda tests: found.append(trial.status(tests.passes, mark)), trial.chosen)
    return found[0]


def _caught(status: Callable[[], Status], broken: tuple[type[Exception], ...]) -> Status:
    """Return a status, also where an exception is raised instead.

    :param broken: the exceptions that say nothing of the mutant.
    """
    try:
        return status()
    except CannotPlant:
        return Status.CANNOT_PLANT
    except broken as problem:
        print(f"a process could not try a mutant: {problem!r}", file=sys.__stderr__)
        return Status.BROKEN
    except BaseException:  # the core cannot be imported with the mutant, or the tests cannot
        return Status.KILLED


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
    """A process, and what it tries."""

    trials: Sequence[Trial]
    process: BaseProcess
    marks: Sequence[Mark]
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
    _ready: list[Trial] = field(factory=list)
    """What the next process is to try on the vectors."""
    _running: dict[int, _Running] = field(factory=dict)

    def check(self) -> None:
        """See, by some of the vectors and tests, that nothing fails where nothing is changed.

        :raises RuntimeError: where something does: then it could not be told what a mutant does.
        """
        for by, fresh in [(by, fresh) for by in self.by for fresh in (False, True)]:
            recording = self.results.recordings[by]
            chosen = tuple(sorted(recording.ran)[::_EVERY])
            running = self._started([Trial(None, by, chosen, recording.cost(chosen))], fresh)
            running.process.join()
            if running.marks[0].status != Status.SURVIVED:
                how = "in a fresh process" if fresh else "in a process that inherits the core"
                raise RuntimeError(f"{how} {chosen[running.marks[0].at]} fails though nothing is changed")

    def tried(self, mutants: Sequence[Mutant]) -> Iterator[Tried]:
        """Yield what became of each mutant, as it becomes known."""
        quick_first = sorted(mutants, key=self.warm.functions.can_take, reverse=True)
        # They are taken from the end.
        self._left = [(mutant, by[0]) for mutant in reversed(quick_first) if (by := self._tried_on(mutant))]
        while self._left or self._ready or self._running:
            while self._left and len(self._running) < self.jobs:
                yield from self._begun(*self._left.pop())
                if len(self._ready) == _BATCH:
                    self._start_ready()
            if self._ready and not self._left:
                self._start_ready()
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

    def _tried_on(self, mutant: Mutant) -> Sequence[str]:
        """Return on what a mutant is tried: one in a check of arguments is tried on no vector."""
        return [by for by in self.by if by != "vectors" or not mutant.checks]

    def _touching(self, mutant: Mutant, by: str) -> list[str]:
        at_import = self.warm.functions.ran_at_import(mutant)
        return self.results.recordings[by].touching(mutant, self.uses, at_import)[: self.most]

    def _start(self, mutant: Mutant, by: str, chosen: Sequence[str], fresh: bool = False, piece: int = _PIECE) -> None:
        """Try a mutant in a process that begins now, or with others on the vectors."""
        fresh = fresh or not self.warm.functions.can_take(mutant)
        now = chosen[:piece] if fresh else chosen
        trial = Trial(mutant, by, now, self.results.recordings[by].cost(now), chosen[len(now) :])
        if by == "vectors" and not fresh:
            self._ready.append(trial)
        else:
            self._note(self._started([trial], fresh))

    def _start_ready(self) -> None:
        self._note(self._started(self._ready, fresh=False))
        self._ready = []

    def _note(self, running: _Running) -> None:
        self._running[running.process.sentinel] = running

    def _started(self, trials: Sequence[Trial], fresh: bool) -> _Running:
        context = _nursery() if fresh else multiprocessing.get_context("fork")
        marks = context.RawArray(Mark, [(-1, -1) for _ in trials])
        process: BaseProcess = context.Process(target=run_fresh if fresh else self.warm.run, args=(trials, marks))
        process.start()
        patience = sum([trial.patience for trial in trials])
        return _Running(trials, process, list(marks), time.monotonic() + patience)

    def _ended(self, running: _Running) -> Iterator[Tried]:
        """Say what became of the mutants, or go on with them."""
        pairs = list(zip(running.trials, running.marks, strict=True))
        done = [trial for trial, mark in pairs if mark.status >= 0]
        for trial, mark in pairs[: len(done) + 1]:
            yield from self._outcome(trial, mark, len(running.trials) > 1)
        for trial, _ in reversed(pairs[len(done) + 1 :]):
            assert trial.mutant is not None
            self._left.append((trial.mutant, trial.by))

    def _outcome(self, trial: Trial, mark: Mark, in_company: bool) -> Iterator[Tried]:
        mutant = trial.mutant
        if mark.status == Status.BROKEN or mutant is None:
            raise RuntimeError(f"{mutant} could not be tried on the {trial.by}")
        if mark.status == Status.SPOILT and in_company:
            self._note(self._started([trial], fresh=False))
        elif mark.status == Status.CANNOT_PLANT:
            self._start(mutant, trial.by, trial.chosen, fresh=True)
        elif mark.status == Status.SURVIVED and trial.rest:
            self._start(mutant, trial.by, trial.rest, fresh=True, piece=10 * len(trial.chosen))
        elif mark.status == Status.SURVIVED:
            self.results.note(mutant.id, mutant.module, trial.by, None, self._touching(mutant, trial.by))
            yield from self._survived(mutant, trial.by)
        else:
            killer = AT_IMPORT if mark.at < 0 else trial.chosen[mark.at]
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
