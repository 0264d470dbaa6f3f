"""Event loops without real time: one for each node, and one clock for all of them.

A node that is stopped is a loop that does not run, while the clock goes on. Nothing here waits: when no loop has
anything to do, the clock jumps to the next moment at which one has. So a run depends on nothing but its input.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import Context
from itertools import count
from typing import Any, Final, TypeVar

from attrs import define, field

T = TypeVar("T")
_ROUNDS: Final = 1000
"""A loop that has work after so many rounds without time in between never rests: that is a fault."""


class NeverRests(AssertionError):
    """A loop always has something to do, without any time going by."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """What asyncio's tasks, futures and timeouts need of a loop. It has no files and no threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count()
        self._tasks: list[asyncio.Task[Any]] = []
        self.failures: list[str] = []
        """What tasks and callbacks have raised and nobody has taken."""

    # --- what the node calls ------------------------------------------------------------------------------------

    def time(self) -> float:
        return self._clock()

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(  # type: ignore[override]  # the overloads of the type stubs say less
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer is dropped when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, T] | Generator[Any, None, T], *, name: object = None, context: Any = None
    ) -> asyncio.Task[T]:
        task: asyncio.Task[T] = asyncio.Task(coro, loop=self, context=context)
        self._tasks = [each for each in self._tasks if not each.done()]
        self._tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Run it at once: a thread would make the run depend on more than its input."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")

    # --- what the stage calls -----------------------------------------------------------------------------------

    @property
    def due(self) -> float | None:
        """When there is something to do: now, later, or never."""
        if self._ready:
            return self.time()
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def run_soon(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a coroutine on this loop."""
        with _running(self):
            return self.create_task(work)

    def run_round(self) -> None:
        """Call once what is due now."""
        while self._timers and self._timers[0][0] <= self.time():
            handle = heapq.heappop(self._timers)[2]
            if not handle.cancelled():
                self._ready.append(handle)
        due, self._ready = self._ready, deque()
        with _running(self):
            for each in due:
                if not each.cancelled():
                    each._run()

    def end(self) -> None:
        """Cancel everything and let it unwind, so that no coroutine is left to the garbage collector."""
        for _ in range(_ROUNDS):
            self._tasks = [each for each in self._tasks if not each.done()]
            if not self._tasks:
                return
            for each in self._tasks:
                each.cancel()
            self._timers.clear()
            self.run_round()
        raise NeverRests(f"these do not end when they are cancelled: {self._tasks}")


@contextmanager
def _running(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(before)


@define(eq=False)
class Stage:
    """The clock, the loops that run, and what happens between them."""

    now: float = 0.0
    loops: list[VirtualLoop] = field(factory=list)
    """The loops that are not stopped."""
    _events: list[tuple[float, int, Callable[[], object]]] = field(factory=list)
    _numbers: Any = field(factory=count)

    def clock(self) -> float:
        return self.now

    def later(self, delay: float, event: Callable[[], object]) -> None:
        """Let something happen outside of the nodes, such as in the database."""
        heapq.heappush(self._events, (self.now + delay, next(self._numbers), event))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time go by; return whether what was waited for is true."""
        end = self.now + seconds
        while not until():
            due = [at for at in (self._next_event, *[each.due for each in self.loops]) if at is not None]
            at = min(due, default=None)
            if at is None or at > end:
                self.now = end
                return until()
            self.now = max(self.now, at)
            self._run_now(until)
        return True

    @property
    def _next_event(self) -> float | None:
        return self._events[0][0] if self._events else None

    def _run_now(self, until: Callable[[], bool]) -> None:
        """Do what is due at this moment."""
        for _ in range(_ROUNDS):
            while self._events and self._events[0][0] <= self.now:
                heapq.heappop(self._events)[2]()
            busy = [each for each in list(self.loops) if (due := each.due) is not None and due <= self.now]
            for each in busy:
                if each in self.loops:
                    each.run_round()
            if until() or not (busy or (self._events and self._events[0][0] <= self.now)):
                return
        raise NeverRests(f"something is due at {self.now} again and again")

    def wait_for(self, loop: VirtualLoop, work: Coroutine[Any, Any, T], seconds: float = 600.0) -> T:
        """Run a coroutine on a loop, while everything else goes on."""
        task = loop.run_soon(work)
        if not self.run(seconds, task.done):
            task.cancel()
            raise AssertionError(f"not done after {seconds} seconds: {task}")
        return task.result()


def immediately(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    work.close()
    raise AssertionError(f"{work} waits for something")
