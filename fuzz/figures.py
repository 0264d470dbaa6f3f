"""The figures of a fuzzing run: a line of progress at intervals, and a table at the end or at an interruption."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from attrs import define, field
from rich.console import Console
from rich.table import Table

from fuzz.findings import Findings

_PRINTED = 20
"""How many exceptions are printed at the end."""


class Stopped(BaseException):
    """SIGINT or SIGTERM came. It is not an Exception, so no target can catch it and continue.

    :param number: the number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@define
class Row:
    """The figures of one target."""

    target: str
    how: str
    findings: Findings
    began: float
    seconds: float | None = None
    """How long it ran; None while it runs."""

    def elapsed(self) -> float:
        return time.monotonic() - self.began if self.seconds is None else self.seconds


@define
class Figures:
    """The figures of a run: one row for each target that was begun."""

    rows: list[Row] = field(factory=list)

    @contextmanager
    def target(self, name: str, how: str) -> Iterator[Findings]:
        """Add a row, whose time ends with the context."""
        row = Row(name, how, Findings(), time.monotonic())
        self.rows.append(row)
        try:
            yield row.findings
        finally:
            row.seconds = row.elapsed()

    @contextmanager
    def watched(self, every: float) -> Iterator[None]:
        """Print a line of progress each ``every`` seconds, and raise :class:`Stopped` at SIGINT and SIGTERM.

        A timer interrupts the main thread, so progress is printed even if a step never ends.
        """

        def stop(number: int, _: FrameType | None) -> None:
            raise Stopped(number)

        signal.signal(signal.SIGALRM, lambda *_: self.print_progress())
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        signal.setitimer(signal.ITIMER_REAL, every, every)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

    @property
    def exceptions(self) -> list[str]:
        """All exceptions, each with what reproduces it."""
        return [exception for row in self.rows for exception in row.findings.exceptions]

    def print_progress(self) -> None:
        """Print the figures of the target that runs, in one line."""
        if self.rows:
            row = self.rows[-1]
            steps, raised = row.findings.steps, len(row.findings.exceptions)
            print(f"{row.target}: {row.elapsed():.0f} s, {steps:,} steps, {raised} exceptions", flush=True)

    def print_all(self) -> None:
        """Print the first exceptions and the table."""
        for exception in self.exceptions[:_PRINTED]:
            print(exception, end="\n\n")
        table = Table("target", "how", "steps", "seconds", "exceptions")
        for row in self.rows:
            findings = row.findings
            raised = str(len(findings.exceptions))
            table.add_row(row.target, row.how, f"{findings.steps:,}", f"{row.elapsed():.0f}", raised)
        Console(width=100).print(table)
