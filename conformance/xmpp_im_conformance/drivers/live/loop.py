"""The event loop of the driver, in a separate thread: all connections are there, those of all scenarios.

Scenarios run in threads, as many as run side by side. Each hands its coroutines over and waits for what becomes of
them, so that nothing of a connection is touched by two threads. There are several hand-overs in each scenario: a queue
is the cheapest way.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from queue import SimpleQueue
from typing import TypeVar

from attrs import define, field

from xmpp_im_conformance.format.worlds import ServerFailed

_T = TypeVar("_T")


@define(eq=False)
class Loop:
    """Runs coroutines for any thread. It is to be closed."""

    _loop: asyncio.AbstractEventLoop = field(factory=asyncio.new_event_loop)
    _thread: threading.Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, name="xmpp-im-conformance live", daemon=True)
        self._thread.start()

    def run(self, doing: Coroutine[None, None, _T], seconds: float) -> _T:
        """Run something to its end.

        :raises ServerFailed: if that takes too long.
        """
        begun: list[asyncio.Task[_T]] = []
        ended: SimpleQueue[asyncio.Task[_T]] = SimpleQueue()

        def begin() -> None:
            begun.append(self._loop.create_task(_bounded(doing, seconds)))
            begun[0].add_done_callback(ended.put)

        try:
            self._loop.call_soon_threadsafe(begin)
            task = ended.get()
        except BaseException:  # such as an interrupt: nobody waits any longer
            self._loop.call_soon_threadsafe(lambda: [each.cancel() for each in begun])
            raise
        try:
            return task.result()
        except TimeoutError as problem:
            raise ServerFailed(f"the server has not answered within {seconds:g} seconds") from problem

    def close(self) -> None:
        """Cancel what still runs, and end the thread."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(_end_all(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


async def _bounded(doing: Coroutine[None, None, _T], seconds: float) -> _T:
    async with asyncio.timeout(seconds):
        return await doing


async def _end_all() -> None:
    await asyncio.sleep(0)  # the loop closes the last connections before it is closed itself
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
