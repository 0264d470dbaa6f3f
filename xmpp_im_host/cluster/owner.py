"""The owner: a node as the holder of partitions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, Generic, TypeVar

from xmpp_im_core.host import Clock, Ids
from xmpp_im_core.policy import Policy
from xmpp_im_core.server.service.serving import Service
from xmpp_im_host.cluster.actor import PartitionActor, Setting
from xmpp_im_host.cluster.committing import Appended, Committer
from xmpp_im_host.cluster.interfaces import PartitionFigures
from xmpp_im_host.cluster.outgoing import Domains
from xmpp_im_host.cluster.partition_worker import Worker
from xmpp_im_host.cluster.queue_entries import EntryReader, OwnEntries
from xmpp_im_host.cluster.queue_names import partition_of_queue
from xmpp_im_host.cluster.step import Delegated
from xmpp_im_host.cluster.turns import Turns
from xmpp_im_host.hosting.idle_accounts import IdleAccounts
from xmpp_im_host.hosting.outages import FIRST_PAUSE, LONGEST_PAUSE
from xmpp_im_host.hosting.owned_engine import CommitCounts
from xmpp_im_host.hosting.waiting import Tasks
from xmpp_im_host.log import failure, log
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed, Fenced
from xmpp_im_host.storage.records import PARTITIONS, partition_of

S = TypeVar("S")

_PARTITIONS: Final = frozenset(range(PARTITIONS))
_STRANGERS: Final = {partition_of(name): name for name in map(str, range(4_096))}
"""For each partition a name that would belong to it, and is no account's."""
_ASKED_AT_ONCE: Final = 32
"""How many of the partitions that are placed elsewhere are asked for whenever the placement is told."""


class Owner(Generic[S]):
    """The partitions of a node, and the workers that process their queues.

    Call :meth:`start`, then :meth:`set_wanted` whenever the placement of partitions may have changed. See
    :class:`~xmpp_im_host.cluster.interfaces.PartitionOwner`.
    """

    def __init__(
        self,
        engine: Engine,
        node: str,
        service: Service[S],
        policy: Policy,
        delegated: Delegated,
        components: Collection[str],
        clock: Clock,
        ids: Ids,
        appended: Appended = lambda queues: None,
        *,
        workers: int = 1,
        idle_accounts: int = 1000,
        idle_seconds: float = 300.0,
        event_log: int = 0,
        wake_seconds: float = 1.0,
        own: OwnEntries | None = None,
        turns: Callable[[], Turns] = Turns,
    ) -> None:
        """Begin without partitions.

        :param node: a name that no other process has or has had.
        :param service: the service without accounts in memory.
        :param policy: with ``keep_sessions``.
        :param delegated: the services of the program.
        :param components: the domains of components, prepared.
        :param appended: called after each commit, with the names of the queues that have got entries. Wake the readers
            of these queues on this node. The owner wakes itself.
        :param workers: how many batches may be under way, at least. Each shard of the engine has as many workers as any
            other, because a commit concerns one shard.
        :param idle_accounts: how many accounts without sessions may stay in memory.
        :param idle_seconds: how long each of them may stay.
        :param event_log: how many events of each account in memory are kept for ``inspect``.
        :param wake_seconds: how long to wait between looks for accounts to wake.
        :param own: the entries that this node appends and reads, if its gateway shares them with the owner.
        :param turns: makes the turns of a worker.
        :raises ValueError: if the policy does not keep sessions, or there is no worker.
        """
        if not policy.keep_sessions:
            raise ValueError("policy: keep_sessions is needed, because another node may have to end a session")
        if workers < 1:
            raise ValueError(f"workers: {workers}; at least 1 is needed")
        workers = -(-workers // engine.shards) * engine.shards
        self.setting = Setting(
            engine,
            service,
            policy,
            Domains(service.domains, frozenset(components)),
            delegated,
            clock,
            ids,
            event_log,
            OwnEntries() if own is None else own,
        )
        self.committer = Committer(engine, node, self._note_appended)
        self.workers: tuple[Worker[S], ...] = tuple(
            [
                Worker(
                    self.committer,
                    IdleAccounts(max(1, idle_accounts // workers), idle_seconds),
                    wake_seconds,
                    reader=EntryReader(self.setting.own),
                    turns=turns(),
                )
                for _ in range(workers)
            ]
        )
        self._appended = appended
        self._wanted: frozenset[int] = frozenset()
        self._told = asyncio.Event()
        """Set when the wanted partitions may have changed."""
        self._unsure: dict[int, None] = {}
        """The partitions that another node may have claimed since it was known that this node holds them, in order."""
        self._claiming = Tasks()
        self._working = Tasks()

    @property
    def counts(self) -> CommitCounts:
        """What was committed since the start."""
        return self.committer.counts

    # --- beginning and end ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start to claim what is wanted, and to process it."""
        self._claiming.start(self._claim_wanted())
        for worker in self.workers:
            self._working.start(worker.run())

    async def aclose(self) -> None:
        """Finish the batches that are under way, and stop. This waits for an engine that does not answer."""
        self._claiming.cancel()
        for worker in self.workers:
            worker.stopping = True
            worker.turns.bell.set()
        while self._working:
            await asyncio.sleep(0.005)

    def abandon(self) -> None:
        """Stop at once, as a crash would."""
        self._claiming.cancel()
        self._working.cancel()

    # --- partitions -----------------------------------------------------------------------------------------------

    def set_wanted(self, partitions: Collection[int]) -> None:
        """See :meth:`PartitionOwner.set_wanted`.

        :raises ValueError: if one of them is no partition.
        """
        wanted = frozenset(partitions)
        if not wanted <= _PARTITIONS:
            raise ValueError(f"partitions: {min(wanted - _PARTITIONS)} is none of the {PARTITIONS}")
        self._wanted = wanted
        self._unsure |= dict.fromkeys(sorted(self.held - wanted))
        self._told.set()

    def doubt(self) -> None:
        """Find out soon which partitions this node holds: another one says that it holds some of them.

        It may have claimed them while they were placed there, and they were placed here again before this node noticed.
        """
        self._unsure |= dict.fromkeys(sorted(self.held))

    @property
    def held(self) -> frozenset[int]:
        """The partitions that this node holds now, as far as it knows."""
        return frozenset().union(*[worker.actors for worker in self.workers])

    async def claim_missing(self) -> None:
        """Claim the partitions that are wanted and not held.

        :raises EngineFailed: if the engine does not answer.
        """
        missing = sorted(self._wanted - self.held)
        if not missing:
            return
        await self.committer.claim(missing)
        log(logging.INFO, "partitions claimed", partitions=len(missing))
        for partition in missing:
            worker = self._worker_of(partition)
            worker.actors[partition] = actor = PartitionActor(partition, self.setting)
            self.setting.own.queues.add(actor.queue)
            worker.turns.bell.set()

    async def drop_lost(self, most: int = PARTITIONS) -> None:
        """Find out which partitions another node has claimed, of those that are in doubt, and drop them.

        A commit finds that out too, but a partition in which nothing happens has no commits.

        :param most: how many partitions to ask for.
        :raises EngineFailed: if the engine does not answer.
        """
        for partition in list(self._unsure)[:most]:
            self._unsure.pop(partition, None)
            lease = self.committer.leases.get(partition)
            try:
                if lease is not None:
                    await self.committer.engine.load(lease, _STRANGERS[partition], ())
            except Fenced:
                if self.committer.leases.get(partition) == lease:
                    self._worker_of(partition).drop([partition])

    async def _claim_wanted(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._told.wait()
            self._told.clear()
            try:
                await self.claim_missing()
                await self.drop_lost(_ASKED_AT_ONCE)
                pause = FIRST_PAUSE
                continue
            except EngineFailed as error:
                self.committer.outage.note(error)
            except Exception as error:  # a fault of the engine must not end the server
                failure("partitions could not be claimed", error)
            self._told.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _worker_of(self, partition: int) -> Worker[S]:
        return self.workers[partition % len(self.workers)]

    # --- queues ---------------------------------------------------------------------------------------------------

    def wake(self, queues: Iterable[str]) -> None:
        """See :meth:`PartitionOwner.wake`."""
        for queue in queues:
            partition = partition_of_queue(queue)
            if partition is not None and partition in (worker := self._worker_of(partition)).actors:
                worker.turns.bell.set()

    def _note_appended(self, queues: Collection[str]) -> None:
        self.wake(queues)
        self._appended(queues)

    def figures(self) -> Mapping[int, PartitionFigures]:
        """See :meth:`PartitionOwner.figures`."""
        return {partition: actor.figures for worker in self.workers for partition, actor in worker.actors.items()}
