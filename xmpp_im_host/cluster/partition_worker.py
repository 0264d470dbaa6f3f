"""A worker takes what waits in the queues of its partitions, processes it, and commits it: one batch after the other.

If a batch fails, its partitions forget their state and nothing has happened. The entries come again, one by one for a
while: if one of them fails repeatedly and the engine works otherwise, that entry is refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from enum import Enum
from time import monotonic
from typing import Any, Final, Generic, TypeVar

from attrs import define, field

from xmpp_im_host.cluster.actor import PartitionActor, prepare
from xmpp_im_host.cluster.batch_rows import BatchRows
from xmpp_im_host.cluster.committing import FIRST_PAUSE, LONGEST_PAUSE, Committer, Outcome
from xmpp_im_host.cluster.pending import Pending
from xmpp_im_host.cluster.queue_entries import DamagedEntry, EntryReader, GatewayEnded, PartitionEntry
from xmpp_im_host.cluster.queue_names import partition_of_queue
from xmpp_im_host.hosting.idle_accounts import IdleAccounts
from xmpp_im_host.log import failure, log
from xmpp_im_host.storage.errors import DatabaseFull, EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.records import Entry, partition_of

S = TypeVar("S")

MOST: Final = 256
"""The maximum number of entries in a batch."""
_TURN: Final = 32
"""After so many entries other tasks run."""
_STRIKES: Final = 2
"""An entry is refused when it has failed so often by itself while the engine worked otherwise."""
_SKIPPED: Final = 16
"""Accounts are no longer taken out of memory when so many could not leave it; the next time others are tried."""
_SHORTEST_WAIT: Final = 0.002
_LONGEST_WAIT: Final = 0.05
"""The pauses between looks at queues in which nothing waits, in seconds."""


class Cycle(Enum):
    """What has become of a look at the queues."""

    WORKED = "worked"
    IDLE = "idle"
    FAILED = "failed"


@define(eq=False)
class Work(Generic[S]):
    """An entry to process, or an account to wake."""

    actor: PartitionActor[S]
    key: tuple[str, int | str]
    """The queue, and the position of the entry or the account to wake."""
    entry: PartitionEntry | None = None
    """None for an account to wake, and for an entry that cannot be read."""


@define(eq=False)
class Worker(Generic[S]):
    """A worker, and its share of the partitions."""

    committer: Committer
    idle: IdleAccounts
    wake_seconds: float = 1.0
    """How long to wait between looks for accounts to wake."""
    clock: Callable[[], float] = monotonic
    actors: dict[int, PartitionActor[S]] = field(factory=dict, init=False)
    bell: asyncio.Event = field(factory=asyncio.Event, init=False)
    """Set when something was appended to one of the queues."""
    stopping: bool = field(default=False, init=False)
    _careful: int = field(default=0, init=False)
    """How many entries are still to be processed one by one."""
    _strikes: Counter[tuple[str, int | str]] = field(factory=Counter, init=False)
    _left_asleep: set[str] = field(factory=set, init=False)
    """Accounts whose waking cannot be committed."""
    _reader: EntryReader = field(factory=EntryReader, init=False)
    _woken: float = field(default=float("-inf"), init=False)

    # --- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until :attr:`stopping` is set."""
        wait, pause = _SHORTEST_WAIT, FIRST_PAUSE
        while not self.stopping:
            self.bell.clear()
            cycle = await self.cycle()
            if cycle is Cycle.WORKED:
                wait, pause = _SHORTEST_WAIT, FIRST_PAUSE
                await asyncio.sleep(0)
            elif cycle is Cycle.FAILED:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                wait = _SHORTEST_WAIT if await self._rung(wait) else min(2 * wait, _LONGEST_WAIT)

    async def _rung(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.bell.wait()
        except TimeoutError:
            return False
        return True

    async def cycle(self) -> Cycle:
        """Process what waits, in one batch."""
        try:
            return await self._cycle()
        except Fenced as error:
            self.drop(error.partitions)
            return Cycle.WORKED
        except EngineFailed as error:
            self.committer.note(error)
        except Exception as error:
            failure("partitions could not be processed", error)
            self._forget(list(self.actors))
        return Cycle.FAILED

    async def _cycle(self) -> Cycle:
        actors = dict(self.actors)
        if not actors:
            return Cycle.IDLE
        fresh = [actor for actor in actors.values() if not actor.prepared]
        if fresh:
            await prepare(fresh, self.committer.engine)
        found = await self.committer.engine.entries(
            {actor.queue: 0 for actor in actors.values()}, 1 if self._careful else MOST
        )
        works = [self._read(actors, entry) for entry in found]
        if not works or not self._careful:
            works += self._due(actors.values())
        if not works:
            self._careful = 0
            self._strikes.clear()
            return Cycle.IDLE
        if self._careful:
            return await self._one(works[0])
        outcome = await self._batch(works)
        if not outcome.done and not isinstance(outcome.error, Fenced | Unknown):
            self._careful = len(works)
            return Cycle.FAILED
        return Cycle.WORKED

    def _read(self, actors: dict[int, PartitionActor[S]], entry: Entry) -> Work[S]:
        partition = partition_of_queue(entry.queue)
        assert partition is not None  # only such queues are read
        work = Work(actors[partition], (entry.queue, entry.position))
        try:
            work.entry = self._reader.partition_entry(entry.body)
        except DamagedEntry as error:
            log(logging.ERROR, "entry damaged", queue=entry.queue, position=entry.position, reason=str(error))
            work.actor.tally.refused += 1
        return work

    def _due(self, actors: Iterable[PartitionActor[S]]) -> list[Work[S]]:
        """Return the accounts to wake."""
        now = self.clock()
        if now - self._woken < self.wake_seconds:
            return []
        self._woken = now
        due = [(actor, jid) for actor in actors for jid in actor.due()]
        return [Work(actor, (actor.queue, jid)) for actor, jid in due if jid not in self._left_asleep]

    # --- batches --------------------------------------------------------------------------------------------------

    async def _batch(self, works: Sequence[Work[S]], *, last_resort: bool = False) -> Outcome:
        """Process and commit. If that fails, the partitions have forgotten what they did."""
        batch, touched = Pending(), dict[int, PartitionActor[S]]()
        rows = BatchRows(self.committer)
        try:
            if len(works) > 1:
                await rows.prefetch([(work.actor, work.entry) for work in works if work.entry is not None])
            await self._process(works, batch, rows, touched, last_resort)
            outcome = await self.committer.commit(sorted(touched), batch.changes, batch.appends, batch.done)
        except Fenced as error:
            outcome = Outcome(error, error.partitions)
        except EngineFailed as error:
            outcome = Outcome(error)
            self.committer.note(error)
        except BaseException:
            self._forget(touched)
            raise
        self.drop(outcome.lost)
        left = [partition for partition in touched if partition not in outcome.lost]
        if not outcome.done:
            self._forget(left)
            return outcome
        for partition in left:
            touched[partition].committed()
        self._unload_idle()
        return outcome

    async def _process(
        self,
        works: Sequence[Work[S]],
        batch: Pending,
        rows: BatchRows,
        touched: dict[int, PartitionActor[S]],
        last_resort: bool,
    ) -> None:
        later: set[int] = set()
        now = self.clock()
        for n, work in enumerate(works, 1):
            actor, (queue, key) = work.actor, work.key
            if actor.partition in later:
                continue
            if isinstance(work.entry, GatewayEnded) and actor.partition in touched:
                later.add(actor.partition)  # it reads what is stored, so everything before it has to be committed
                continue
            touched[actor.partition] = actor
            if isinstance(key, int):
                batch.done.append((queue, key))
                if work.entry is None:
                    continue
                step = await actor.process(work.entry, batch, rows, last_resort=last_resort)
            else:
                step = await actor.wake(key, batch, rows, last_resort=last_resort)
            for served in step.served:
                self.idle.note(served, now)
            if n % _TURN == 0:
                await asyncio.sleep(0)

    async def _one(self, work: Work[S]) -> Cycle:
        """Process one entry by itself, because an earlier batch has failed."""
        key, refused = work.key, self._strikes[work.key] >= _STRIKES
        outcome = await self._batch([work], last_resort=refused)
        if outcome.done or isinstance(outcome.error, Fenced | Unknown):
            self._careful -= 1
            return Cycle.WORKED
        probe = await self.committer.commit([work.actor.partition])
        self.drop(probe.lost)
        if not probe.done:
            return Cycle.FAILED
        if not refused:
            self._strikes[key] += 1
        elif isinstance(outcome.error, DatabaseFull):
            del self._strikes[key]
            return Cycle.FAILED
        else:
            await self._give_up(work, str(outcome.error))
        return Cycle.WORKED

    async def _give_up(self, work: Work[S], reason: str) -> None:
        """Remove an entry that cannot even be refused, so that the others of its queue go on."""
        queue, key = work.key
        log(logging.ERROR, "entry dropped", queue=queue, position=key, reason=reason)
        if isinstance(key, str):
            self._left_asleep.add(key)
            return
        outcome = await self.committer.commit([work.actor.partition], done=[(queue, key)])
        self.drop(outcome.lost)

    # --- memory ---------------------------------------------------------------------------------------------------

    def drop(self, partitions: Collection[int]) -> None:
        """Forget partitions that another node has claimed."""
        self._forget(partitions)
        self.committer.drop(partitions)
        for each in partitions:
            if self.actors.pop(each, None) is not None:
                log(logging.INFO, "partition lost", partition=each)

    def _forget(self, partitions: Collection[int]) -> None:
        for each in partitions:
            if each in self.actors:
                self.actors[each].forget()
        if partitions:
            for jid in [jid for jid in self.idle.used if partition_of(jid) in partitions]:
                del self.idle.used[jid]

    def _unload_idle(self) -> None:
        now, stay = self.clock(), 0
        while stay < _SKIPPED and (jid := self.idle.next_due(now)) is not None:
            actor: PartitionActor[Any] | None = self.actors.get(partition_of(jid))
            if actor is not None and not actor.unload(jid):
                self.idle.keep(jid, now)
                stay += 1
