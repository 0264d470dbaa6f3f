"""A worker takes what waits in the queues of its partitions, processes it, and commits it: one batch after the other.

If a batch fails, its partitions forget their state and nothing has happened. The entries come again in smaller batches,
until the cause is found: an entry that fails repeatedly by itself is refused if the engine works otherwise.
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

from xmpp_im_host.cluster.actor import PartitionActor
from xmpp_im_host.cluster.batch_rows import BatchRows
from xmpp_im_host.cluster.committing import Committer, Outcome
from xmpp_im_host.cluster.pending import Pending
from xmpp_im_host.cluster.preparing import prepare
from xmpp_im_host.cluster.queue_entries import DamagedEntry, EntryReader, GatewayEnded, PartitionEntry
from xmpp_im_host.cluster.turns import Turns
from xmpp_im_host.hosting.idle_accounts import IdleAccounts
from xmpp_im_host.hosting.outages import FIRST_PAUSE, LONGEST_PAUSE
from xmpp_im_host.log import failure, log
from xmpp_im_host.storage.errors import DatabaseFull, EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.records import Entry, partition_of

S = TypeVar("S")

MOST: Final = 256
"""The maximum number of entries in a batch."""
_SMALLER: Final = 4
"""After a failure so many times fewer entries are in a batch, and more again after a success."""
_TURN: Final = 32
"""After so many entries other tasks run."""
_STRIKES: Final = 2
"""An entry is refused when it has failed so often by itself while the engine worked otherwise."""
_SKIPPED: Final = 16
"""Accounts are no longer taken out of memory when so many could not leave it; the next time others are tried."""


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
    """A worker with its share of the partitions."""

    committer: Committer
    idle: IdleAccounts
    wake_seconds: float = 1.0
    """How long to wait between looks for accounts to wake."""
    clock: Callable[[], float] = monotonic
    reader: EntryReader = field(factory=EntryReader)
    turns: Turns = field(factory=Turns)
    actors: dict[int, PartitionActor[S]] = field(factory=dict, init=False)
    stopping: bool = field(default=False, init=False)
    _most: int = field(default=MOST, init=False)
    """The maximum number of entries in the next batch."""
    _entries: int = field(default=0, init=False)
    """How many entries the last look has found."""
    _strikes: Counter[tuple[str, int | str]] = field(factory=Counter, init=False)
    _left_asleep: set[str] = field(factory=set, init=False)
    """Accounts whose waking cannot be committed."""
    _woken: float = field(default=float("-inf"), init=False)

    # --- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until :attr:`stopping` is set."""
        pause = FIRST_PAUSE
        while not self.stopping:
            self.turns.begin()
            cycle = await self.cycle()
            if cycle is Cycle.FAILED:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            if cycle is Cycle.WORKED:
                pause = FIRST_PAUSE
                await self.turns.end(self._entries)
            await self.turns.rest()

    async def cycle(self) -> Cycle:
        """Process what waits, in one batch."""
        try:
            return await self._cycle()
        except Fenced as error:
            self.drop(error.partitions)
            return Cycle.WORKED
        except EngineFailed as error:
            self.committer.outage.note(error)
        except Exception as error:
            failure("partitions could not be processed", error)
            self._forget(list(self.actors))
        return Cycle.FAILED

    async def _cycle(self) -> Cycle:
        actors = dict(self.actors)
        if not actors:
            return Cycle.IDLE
        await self._prepare(actors.values())
        by_queue = {actor.queue: actor for actor in actors.values()}
        found = await self.committer.engine.entries(dict.fromkeys(by_queue, 0), self._most)
        self._entries = len(found)
        if len(found) == self._most:
            self.turns.bell.set()  # more may wait
        works = [self._read(by_queue[entry.queue], entry) for entry in found]
        if not works and self._most < MOST:
            return await self._wake_one_by_one(actors.values())
        if self._most == MOST:
            works += self._due(actors.values())
        if not works:
            return Cycle.IDLE
        if self._most == 1:
            return await self._one(works[0])
        outcome = await self._batch(works)
        if outcome.done or isinstance(outcome.error, Fenced | Unknown):
            self._most = min(self._most * _SMALLER, MOST)
            return Cycle.WORKED
        self._most = max(self._most // _SMALLER, 1)
        return Cycle.WORKED if await self._engine_works(works[0].actor) else Cycle.FAILED

    async def _prepare(self, actors: Iterable[PartitionActor[S]]) -> None:
        fresh = [actor for actor in actors if not actor.prepared]
        if fresh:
            await prepare(fresh, self.committer.engine)

    def _read(self, actor: PartitionActor[S], entry: Entry) -> Work[S]:
        work = Work(actor, (entry.queue, entry.position))
        try:
            work.entry = self.reader.partition_entry(entry.body)
        except DamagedEntry as error:
            log(logging.ERROR, "entry damaged", queue=entry.queue, position=entry.position, reason=str(error))
            actor.tally.refused += 1
        return work

    def _due(self, actors: Iterable[PartitionActor[S]]) -> list[Work[S]]:
        """Return the accounts to wake."""
        now = self.clock()
        if now - self._woken < self.wake_seconds:
            return []
        self._woken = now
        due = [(actor, jid) for actor in actors for jid in actor.due()]
        return [Work(actor, (actor.queue, jid)) for actor, jid in due if jid not in self._left_asleep]

    async def _wake_one_by_one(self, actors: Iterable[PartitionActor[S]]) -> Cycle:
        """Wake accounts, because a batch has failed and no entry is left that was the cause."""
        cycles = [await self._one(work) for work in self._due(actors)]
        if not cycles or not self._strikes:
            self._most = MOST
            self._strikes.clear()
        return Cycle.FAILED if Cycle.FAILED in cycles else Cycle.WORKED if cycles else Cycle.IDLE

    # --- batches --------------------------------------------------------------------------------------------------

    async def _batch(self, works: Sequence[Work[S]], *, last_resort: bool = False) -> Outcome:
        """Process and commit. If that fails, the partitions have forgotten what they did."""
        batch, touched = Pending(), dict[int, PartitionActor[S]]()
        rows = BatchRows(self.committer)
        try:
            await self._prepare({work.actor.partition: work.actor for work in works}.values())
            if len(works) > 1:
                await rows.prefetch([(work.actor, work.entry) for work in works if work.entry is not None])
            await self._process(works, batch, rows, touched, last_resort)
            if any(self.actors.get(partition) is not actor for partition, actor in touched.items()):
                raise Fenced([])  # one was lost meanwhile, and perhaps claimed again: this state is from before that
            # A transaction that may be the cause of a failure has nothing of others.
            commit = self.committer.commit_together if self._most == MOST else self.committer.commit
            outcome = await commit(sorted(touched), batch.changes, batch.appends, batch.done)
        except Fenced as error:
            outcome = Outcome(error, error.partitions)
        except EngineFailed as error:
            outcome = Outcome(error)
            self.committer.outage.note(error)
        except BaseException:
            self._forget(touched)
            raise
        self.drop(outcome.lost)
        left = [partition for partition in touched if partition not in outcome.lost]
        if not outcome.done:
            self._forget(left)
            self._woken = float("-inf")
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
                self.turns.bell.set()
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
        """Process one entry by itself, because earlier batches have failed."""
        key, refused = work.key, self._strikes[work.key] >= _STRIKES
        outcome = await self._batch([work], last_resort=refused)
        if outcome.done or isinstance(outcome.error, Fenced | Unknown):
            self._most = _SMALLER
            del self._strikes[key]
            return Cycle.WORKED
        if not await self._engine_works(work.actor):
            return Cycle.FAILED
        if not refused:
            self._strikes[key] += 1
        elif isinstance(outcome.error, DatabaseFull):
            del self._strikes[key]
            return Cycle.FAILED
        else:
            await self._give_up(work, str(outcome.error))
        return Cycle.WORKED

    async def _engine_works(self, actor: PartitionActor[S]) -> bool:
        """Whether the engine can commit anything for a partition, or has given it to another node."""
        probe = await self.committer.commit([actor.partition])
        self.drop(probe.lost)
        return probe.done or bool(probe.lost)

    async def _give_up(self, work: Work[S], reason: str) -> None:
        """Remove an entry that cannot even be refused, so that the others of its queue go on."""
        queue, key = work.key
        del self._strikes[work.key]
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
        lost = [actor for each in partitions if (actor := self.actors.pop(each, None)) is not None]
        for actor in lost:
            actor.setting.own.queues.discard(actor.queue)
        if lost:
            log(logging.INFO, "partitions lost", partitions=len(lost))

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
