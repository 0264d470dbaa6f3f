"""A thread with a connection to the database: it performs together what waits for it.

Jobs come from event loops. The thread takes all jobs that wait, lets a function perform them as a group, and reports
the results of the group to each loop in one call.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future as Result
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, Generic, TypeVar

from attrs import define, field

T = TypeVar("T")

MOST: Final = 256
"""The maximum number of jobs in a group."""


@define(eq=False)
class Job(Generic[T]):
    """What is to be done, and then its result or its error."""

    work: Callable[[sqlite3.Connection], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    result: T | None = None
    error: Exception | None = field(default=None)

    def report(self) -> None:
        """Give the result to the one who waits for it, unless that one has been cancelled."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # it is set if there is no error


Perform = Callable[[sqlite3.Connection, Sequence[Job[Any]]], None]
"""Performs a group of jobs: sets the result or the error of each. It raises nothing if all goes well."""


class WorkerThread:
    """A thread. It opens its connection itself, because a connection belongs to its thread."""

    def __init__(self, name: str, opening: Callable[[], sqlite3.Connection], perform: Perform) -> None:
        """Start the thread, and wait until it has opened its connection.

        This blocks. It raises what ``opening`` raises.
        """
        self._jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._opening, self._perform = opening, perform
        self._opened: Result[None] = Result()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._opened.result()
        self._closed = False

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Let the thread do this, and return the result.

        :raises RuntimeError: if the thread has been closed.
        """
        if self._closed:
            raise RuntimeError("the database is closed")
        loop = asyncio.get_running_loop()
        job: Job[T] = Job(work, loop, loop.create_future())
        self._jobs.put(job)
        return await job.future

    def stop(self) -> None:
        """Let the thread end when all jobs are finished; it takes no others."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)

    def join(self) -> None:
        """Wait until the thread has closed its connection and ended. This blocks."""
        self._thread.join()

    # --- in the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            db = self._opening()
        except BaseException as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        try:
            while group := self._next_group():
                self._perform_safely(db, group)
                _report(group)
        finally:
            db.close()

    def _perform_safely(self, db: sqlite3.Connection, group: Sequence[Job[Any]]) -> None:
        try:
            self._perform(db, group)
        except Exception as error:  # nobody may wait without end, and the thread goes on
            for job in group:
                job.error = error

    def _next_group(self) -> list[Job[Any]]:
        """Wait for a job, and return it with those that wait behind it; none if the thread is to end."""
        group: list[Job[Any]] = []
        while len(group) < MOST and (not group or not self._jobs.empty()):
            job = self._jobs.get()
            if job is None:
                if group:
                    self._jobs.put(None)
                break
            group.append(job)
        return group


def _report(group: Sequence[Job[Any]]) -> None:
    for loop in {job.loop for job in group}:
        mine = [job for job in group if job.loop is loop]
        try:
            loop.call_soon_threadsafe(_report_all, mine)
        except RuntimeError:  # the loop is closed, so nobody waits
            continue


def _report_all(jobs: Sequence[Job[Any]]) -> None:
    for job in jobs:
        job.report()
