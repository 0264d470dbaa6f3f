"""An engine together with the leases that this process holds: it groups commits and settles those that are in doubt.

Commits that are asked for in the same turn of the event loop, or while all writers of the engine are busy, become one
batch. If a batch fails, each of its commits is tried by itself, so that only the cause fails.

If it is in doubt whether a batch was committed, its leases are renewed: that ends the doubt, because no earlier commit
can be done after that, and the new lease names the last one. Until the engine answers, the commits of
these partitions wait. Two batches that are under way never concern the same partition, so the last commit of a
partition is the one in doubt.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from time import perf_counter
from typing import Final
from uuid import uuid4

from attrs import define, field

from xmpp_im_host.counters import Histogram
from xmpp_im_host.hosting import outages
from xmpp_im_host.hosting.outages import StorageOutage, renewed
from xmpp_im_host.hosting.stored_records import accounts_of
from xmpp_im_host.hosting.waiting import Tasks
from xmpp_im_host.log import failure, log
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.records import PARTITIONS, Batch, Change, Found, Lease, Listed, partition_of

MOST: Final = 256
"""The maximum number of commits in a batch."""

Report = Callable[[Exception | None], None]
"""Takes the result of a commit: None if it is durable; ``Unknown`` if nobody can tell; otherwise why nothing has
changed."""


@define(eq=False)
class Asked:
    """A commit that somebody waits for."""

    changes: tuple[Change, ...]
    report: Report
    partitions: frozenset[int]


@define
class CommitCounts:
    """What was committed since the start."""

    commits: int = 0
    """Commits that were asked for and done."""
    batches: int = 0
    """Batches in which they were done: one transaction each."""
    failures: int = 0
    """Commits that failed."""
    in_doubt: int = 0
    """Batches of which it was in doubt whether they were done."""
    seconds: Histogram = field(factory=Histogram)
    """How long the batches took."""


async def scan(engine: Engine, kind: str) -> AsyncIterator[Listed]:
    """Yield the rows of a kind, of all accounts; see :meth:`Engine.scan`."""
    after = 0
    while page := await engine.scan(range(PARTITIONS), kind, after):
        for each in page:
            yield each
        after = page[-1].place


class OwnedEngine:
    """All partitions of an engine, owned by this process."""

    def __init__(self, engine: Engine, node: str, lost: Callable[[], None] = lambda: None) -> None:
        """Begin without leases.

        :param node: the name of this machine or program; a part that makes it unique is added.
        :param lost: called once, when another process has claimed a partition.
        """
        self.engine, self.node = engine, f"{node}/{uuid4().hex}"
        self.counts = CommitCounts()
        self.fenced = asyncio.Event()
        """Set when another process has claimed a partition: everything fails from then on."""
        self._lost = lost
        self._leases: dict[int, Lease] = {}
        self._asked: deque[Asked] = deque()
        self._busy: set[int] = set()
        """The partitions of the batches that are under way."""
        self._under_way = 0
        self._due = False
        self._doubtful: set[int] = set()
        """The partitions of the batches of which it is in doubt whether they were done."""
        self._batches = Tasks(self._begin_soon)
        self._outage = StorageOutage()

    async def claim(self) -> None:
        """Become the owner of all partitions.

        :raises EngineFailed: if the engine does not answer.
        """
        self._note_leases(await self.engine.claim(range(PARTITIONS), self.node))

    def _note_leases(self, leases: Iterable[Lease]) -> None:
        self._leases |= {lease.partition: lease for lease in leases}

    @property
    def waiting(self) -> int:
        """How many commits are asked for and not answered yet."""
        return len(self._asked) + self._under_way

    def abandon(self) -> None:
        """Stop at once. Commits that are under way may be done or not, as in a crash; nobody is told."""
        self._asked.clear()
        self._batches.cancel()

    # --- reads --------------------------------------------------------------------------------------------------

    async def load(self, account: str, kinds: Collection[str], counted: Collection[str] = ()) -> Found:
        """Read rows of an account; see :meth:`Engine.load`.

        :raises EngineFailed: if they cannot be read.
        """
        while True:
            lease = self._lease(partition_of(account))
            try:
                return await self.engine.load(lease, account, kinds, counted)
            except Fenced as error:
                while lease.partition in self._doubtful:  # this process renews the lease, perhaps successfully already
                    await asyncio.sleep(outages.FIRST_PAUSE)
                if self._leases[lease.partition].epoch == lease.epoch:
                    self._lose(error)
                    raise

    def _lease(self, partition: int) -> Lease:
        if self.fenced.is_set():
            raise EngineFailed("another server has taken the database over")
        return self._leases[partition]

    def _lose(self, error: Fenced) -> None:
        if not self.fenced.is_set():
            log(logging.CRITICAL, "another server has taken the database over", partitions=len(error.partitions))
            self.fenced.set()
            self._lost()

    async def scan(self, kind: str) -> AsyncIterator[Listed]:
        """Yield the rows of a kind, of all accounts; see :meth:`Engine.scan`."""
        async for each in scan(self.engine, kind):
            yield each

    # --- commits ------------------------------------------------------------------------------------------------

    async def commit(self, changes: Iterable[Change]) -> None:
        """Commit changes, together with whatever else is to be committed now. They are durable when this returns.

        :raises EngineFailed: if nothing has changed; or if nobody can tell, and this process has lost the database.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def report(error: Exception | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error if isinstance(error, EngineFailed) else EngineFailed(str(error)))

        self.ask(tuple(changes), report)
        await done

    def ask(self, changes: tuple[Change, ...], report: Report) -> None:
        """Ask for a commit. The result is reported later, never before this returns."""
        partitions = frozenset([partition_of(account) for account in accounts_of(changes)])
        self._asked.append(Asked(changes, report, partitions))
        self._begin_soon()

    def _begin_soon(self) -> None:
        """Begin at the end of this turn of the event loop, so that everything that is asked for in it goes together."""
        if self._asked and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._due = False
        while self._asked and len(self._batches) < self.engine.writers:
            group = self._next_group()
            if not group:
                return
            partitions = frozenset().union(*[each.partitions for each in group])
            self._busy |= partitions
            self._under_way += len(group)
            self._batches.start(self._commit_group(group, partitions))

    def _next_group(self) -> list[Asked]:
        """Take the commits that may be done now: no batch that is under way concerns their partitions."""
        group: list[Asked] = []
        left: deque[Asked] = deque()
        for each in self._asked:
            free = len(group) < MOST and (not self._busy or not each.partitions & self._busy)
            (group if free else left).append(each)
        self._asked = left
        return group

    async def _commit_group(self, group: Sequence[Asked], partitions: frozenset[int]) -> None:
        error = await self._try(group, partitions)
        results = [error] * len(group)
        if error is not None and len(group) > 1 and not self.fenced.is_set():
            results = [await self._try([each], each.partitions) for each in group]
        self._busy -= partitions
        self._under_way -= len(group)
        for each, result in zip(group, results, strict=True):
            self._report(each, result)

    def _report(self, asked: Asked, error: Exception | None) -> None:
        if error is None:
            self.counts.commits += 1
        else:
            self.counts.failures += 1
        self._outage.note(error)
        try:
            asked.report(error)
        except Exception as raised:
            failure("report of a commit failed", raised)

    async def _try(self, group: Sequence[Asked], partitions: frozenset[int]) -> Exception | None:
        """Commit as one batch, and return what is to be reported."""
        batch = Batch(tuple([change for each in group for change in each.changes]), token=uuid4().hex)
        began = perf_counter()
        try:
            self._note_leases(await self.engine.commit([self._lease(each) for each in partitions], batch))
        except Fenced as error:
            self._lose(error)
            return error
        except EngineFailed as error:
            return error
        except Exception as error:
            if not isinstance(error, Unknown):  # a fault of the engine must not end the server
                failure("engine raised an unexpected error", error)
            result = await self._settled(batch, partitions, error)
            if result is not None:
                return result
        self.counts.batches += 1
        self.counts.seconds.add(perf_counter() - began)
        return None

    async def _settled(self, batch: Batch, partitions: frozenset[int], error: Exception) -> Exception | None:
        """End the doubt about a batch: renew its leases, however long that takes. Return what is to be reported.

        If another server has taken the partitions over, nobody can tell any more. This server is at its end then.
        """
        self.counts.in_doubt += 1
        log(logging.WARNING, "commit in doubt", reason=str(error))
        self._doubtful |= partitions
        try:
            self._note_leases(await renewed(self.engine, partitions, self.node, self._outage))
        except Fenced as fenced:
            self._lose(fenced)
            return Unknown(str(error))
        finally:
            self._doubtful -= partitions
        if all(self._leases[each].token == batch.token for each in partitions):
            return None
        return EngineFailed(f"the commit was not done: {error!r}")
