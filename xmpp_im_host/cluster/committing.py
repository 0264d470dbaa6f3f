"""Commits under the leases that a node holds, and the end of doubt about them.

The owner of partitions commits under the leases of its partitions, a gateway under the lease of its node. If it is in
doubt whether a batch was committed, the leases are renewed, however long that takes: no earlier commit can be done
after that, and the new lease names the last one. Only the caller of that commit waits.

Two commits that are under way must not concern the same partition: the last commit of a partition is the one in doubt.

The fixed cost of a transaction is the same for all of them. So what the gateway has to commit is part of the next
transaction of the owner, if there is one before the gateway begins its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from time import perf_counter
from typing import Protocol
from uuid import uuid4

from xmpp_im_core.record import record
from xmpp_im_host.hosting.outages import StorageOutage, renewed
from xmpp_im_host.hosting.owned_engine import CommitCounts
from xmpp_im_host.log import failure, log
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.records import Append, Batch, Change, Lease

Appended = Callable[[Collection[str]], None]
"""Takes the names of the queues to which something was appended."""


@record
class Outcome:
    """What has become of a commit."""

    error: Exception | None = None
    """None if it is durable. :class:`Unknown` if nobody can tell: then all of its leases are lost. Otherwise why
    nothing has changed."""
    lost: frozenset[int] = frozenset()
    """The partitions that somebody else has claimed. They may be lost although the commit was done."""

    @property
    def done(self) -> bool:
        """Whether it is durable."""
        return self.error is None


class Passenger(Protocol):
    """Commits under another lease of the same node, by itself or as a part of the transactions of others."""

    lease: int
    """The number of that lease."""

    def board(self) -> Batch | None:
        """Return what is to be committed, or None. Nothing else is committed under that lease before it has landed."""

    def land(self, outcome: Outcome) -> None:
        """Note what has become of it."""


class Committer:
    """The leases of a node, and commits under them."""

    def __init__(self, engine: Engine, node: str, appended: Appended = lambda queues: None) -> None:
        """Begin without leases.

        :param node: a name that no other process has or has had.
        :param appended: called after each commit that has appended entries, with the names of their queues.
        """
        self.engine, self.node = engine, node
        self.leases: dict[int, Lease] = {}
        self.counts = CommitCounts()
        self._appended = appended
        self.outage = StorageOutage()
        self.passenger: Passenger | None = None
        """Commits under a lease that this has too."""

    async def claim(self, partitions: Iterable[int]) -> None:
        """Become the owner of these partitions.

        :raises EngineFailed: if the engine does not answer. Call it again then.
        """
        try:
            self._note_leases(await self.engine.claim(tuple(partitions), self.node))
        except Unknown as error:
            raise EngineFailed(str(error)) from error

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget the leases of these partitions."""
        for each in partitions:
            self.leases.pop(each, None)

    async def commit(
        self,
        partitions: Collection[int],
        changes: Iterable[Change] = (),
        appends: Iterable[Append] = (),
        done: Iterable[tuple[str, int]] = (),
    ) -> Outcome:
        """Commit under the leases of these partitions, and return when it is certain what has become of it.

        If the outcome has lost partitions, :meth:`drop` them. An empty commit tells whether the engine works.
        """
        missing = frozenset([each for each in partitions if each not in self.leases])
        if missing:
            return Outcome(Fenced(missing), missing)
        batch = Batch(tuple(changes), tuple(appends), tuple(done), uuid4().hex)
        began = perf_counter()
        outcome = await self._try(partitions, batch)
        if batch.changes or batch.appends or batch.done or not outcome.done:
            self.outage.note(outcome.error)
        if not outcome.done:
            self.counts.failures += 1
            return outcome
        self.counts.commits += 1
        self.counts.batches += 1
        self.counts.seconds.add(perf_counter() - began)
        if batch.appends:
            self._appended({each.queue for each in batch.appends})
        return outcome

    async def commit_together(
        self,
        partitions: Collection[int],
        changes: Iterable[Change],
        appends: Iterable[Append],
        done: Iterable[tuple[str, int]],
    ) -> Outcome:
        """Do what :meth:`commit` does, and in the same transaction what the passenger has to commit.

        All of it is done, or nothing. So the outcome may be an error, or have lost a lease, because of the passenger.
        """
        passenger, shards = self.passenger, self.engine.shards
        if passenger is None or any((passenger.lease - each) % shards for each in partitions):
            return await self.commit(partitions, changes, appends, done)
        aboard = passenger.board()
        if aboard is None:
            return await self.commit(partitions, changes, appends, done)
        leases = (*partitions, passenger.lease)
        outcome = await self.commit(leases, changes, (*appends, *aboard.appends), (*done, *aboard.done))
        passenger.land(outcome)
        return outcome

    async def _try(self, partitions: Collection[int], batch: Batch) -> Outcome:
        try:
            self._note_leases(await self.engine.commit([self.leases[each] for each in partitions], batch))
        except Fenced as error:
            return Outcome(error, error.partitions)
        except EngineFailed as error:
            return Outcome(error)
        except Exception as error:
            if not isinstance(error, Unknown):  # a fault of the engine must not end the server
                failure("engine raised an unexpected error", error)
            return await self._settled(partitions, batch, error)
        return Outcome()

    async def _settled(self, partitions: Collection[int], batch: Batch, error: Exception) -> Outcome:
        """End the doubt about a batch. A batch is done as a whole, so one lease that still stands tells about all."""
        self.counts.in_doubt += 1
        log(logging.WARNING, "commit in doubt", reason=str(error))
        left, lost = frozenset(partitions), frozenset[int]()
        while left:
            try:
                self._note_leases(await renewed(self.engine, left, self.node, self.outage))
            except Fenced as fenced:
                lost |= fenced.partitions & left or left
                left -= lost
                continue
            done = all(self.leases[each].token == batch.token for each in left)
            return Outcome(None if done else EngineFailed(f"the commit was not done: {error!r}"), lost)
        return Outcome(error if isinstance(error, Unknown) else Unknown(str(error)), lost)

    def _note_leases(self, leases: Iterable[Lease]) -> None:
        for lease in leases:  # a partition that was lost and claimed again meanwhile has a newer one
            known = self.leases.get(lease.partition)
            if known is None or known.epoch <= lease.epoch:
                self.leases[lease.partition] = lease
