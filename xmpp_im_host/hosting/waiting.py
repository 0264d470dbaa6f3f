"""Waiting in an event loop: for an event that is processed, and tasks whose failures are logged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from xmpp_im_host.log import failure


class Waiter:
    """Pass :meth:`finish` as ``done``, and await :meth:`finished`. A future is made only if there is need to wait."""

    def __init__(self) -> None:
        self._finished = False
        self._future: asyncio.Future[None] | None = None

    def finish(self) -> None:
        """Note that the event has been processed."""
        self._finished = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def finished(self) -> None:
        """Return when the event has been processed."""
        if not self._finished:
            self._future = asyncio.get_running_loop().create_future()
            await self._future


class Tasks:
    """Tasks that run until they end or all are cancelled."""

    def __init__(self, ended: Callable[[], None] = lambda: None) -> None:
        """:param ended: called whenever a task has ended without being cancelled."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_end = ended

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def cancel(self) -> None:
        """Cancel all tasks."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            failure("task failed", error)
        self._on_end()
