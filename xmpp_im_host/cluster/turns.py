"""How often a node looks at its queues, and how often it commits.

A transaction costs much the same whether it carries one step or twenty, and so does waking up for its answer. So a
worker, a gateway or an appender that had something to do begins again with the next tick: what comes until then shares
one transaction. One that had nothing to do begins as soon as something comes.

If a turn takes longer than a tick, the node or the database has more to do than it can do at once: the node is busy.
Then the fixed cost of a transaction is taken from the steps that wait. So after a turn with not many entries the next
one waits for a tick that comes four times as seldom, and finds more: the fixed cost of such turns, which is about a
millisecond, takes a fiftieth of a processor then. A turn with many entries has made the cost small by itself. After one
with few, the node has only waited for a slow database: it has time for turns, and the next one does not wait.

All of them wait for the same ticks, so the process wakes up once for all of them, and they look together.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import floor
from typing import Final

from attrs import define, field

TICK: Final = 0.012
"""The time between two ticks, in seconds."""
LONGEST_PAUSE: Final = 4 * TICK
"""The longest pause between looks at queues in which nothing waits, in seconds: other nodes ring no bell here. It is
also the time between two ticks for turns that begin too often while the node is busy."""
FEW: Final = 16
"""A node can process more entries than this in a tick: a turn with fewer does not show that it has much to do."""
MANY: Final = 128
"""In a turn with so many entries, the fixed cost of its transaction is less than a tenth of what the entries cost."""
_STRAINED: Final = 2 * LONGEST_PAUSE
"""How long a node counts as busy after a turn that took long, in seconds: turns of each kind come in that time."""
_GOLDEN: Final = 0.618034
"""Multiples of the golden ratio divide a circle evenly, however many there are."""


@define(eq=False)
class Strain:
    """Whether a node is busy. All its turns tell, and ask."""

    until: float = 0.0

    def note(self, began: float, now: float) -> None:
        """Note how long a turn took."""
        if now - began > TICK:
            self.until = now + _STRAINED


@define(eq=False)
class Turns:
    """The turns of one reader or writer."""

    phase: float = 0.0
    """When the ticks of this node come. Those of several nodes come at different times, because each leaves work for
    the others: see :func:`phase_of`."""
    strain: Strain = field(factory=Strain)
    """That of the node."""
    bell: asyncio.Event = field(factory=asyncio.Event, init=False)
    """Set when there is something to do."""
    _began: float = field(default=0.0, init=False)
    _until: float = field(default=0.0, init=False)
    """When the next turn may begin."""
    _pause: float = field(default=TICK, init=False)

    def begin(self) -> None:
        """Begin a turn."""
        self._began = asyncio.get_running_loop().time()
        self.bell.clear()

    def finish(self, entries: int) -> None:
        """Note that this turn is over, and had something to do.

        :param entries: how much that was.
        """
        self._pause = TICK
        now = asyncio.get_running_loop().time()
        self.strain.note(self._began, now)
        step = LONGEST_PAUSE if now < self.strain.until and FEW <= entries < MANY else TICK
        # A turn that has begun between two ticks does not begin again at once.
        self._until = self._next(self._began + step / 2, step)

    async def wait(self) -> None:
        """Wait until the next turn may begin, and let others go on in any case."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._until - loop.time()))
        while (left := self._until - loop.time()) > 0:  # there was a turn meanwhile
            await asyncio.sleep(left)

    async def end(self, entries: int) -> None:
        """Finish this turn, and wait until the next one may begin."""
        self.finish(entries)
        await self.wait()

    async def rest(self) -> None:
        """Wait for the bell, or for a pause. The pauses grow while there is nothing to do."""
        if self.bell.is_set():
            return
        until = self._next(asyncio.get_running_loop().time(), self._pause)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self.bell.wait()
        self._pause = TICK if self.bell.is_set() else min(2 * self._pause, LONGEST_PAUSE)

    def _next(self, time: float, step: float) -> float:
        """Return the next tick after a time, of those that are so far from each other."""
        tick = (floor((time - self.phase) / step) + 1) * step + self.phase
        return tick if tick > time else tick + step  # it was rounded


def phase_of(number: int) -> float:
    """Return the phase of a node: those of any few numbers in a row are far from each other."""
    return number * _GOLDEN % 1.0 * LONGEST_PAUSE
