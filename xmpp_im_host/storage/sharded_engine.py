"""An engine on several databases, for a server that outgrows one.

Each database is an engine by itself. What a commit does to rows and to queues of its own database is one transaction.
What it does to queues of other databases is stored in the same transaction, and done there soon after it, once and in
order; see :mod:`~xmpp_im_host.storage.relay`. What is known about nodes is in the first database.

The number of the databases and their order never change: each of them notes which one it is, and is refused in another
place. All of them are needed: a call that concerns one that is away fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from types import TracebackType
from typing import Self, TypeVar

from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.records import Append, Batch, Entry, Found, Lease, Listed, Node, check_leases, partition_of
from xmpp_im_host.storage.relay import Relay, relay_queue
from xmpp_im_host.storage.shards import divided, dump_moved, number_of_queue, shard_of_leases, shard_of_numbers

T = TypeVar("T")


class ShardedEngine:
    """The engine. Use it with ``async with``, or call :meth:`start` and :meth:`aclose`."""

    def __init__(self, engines: Sequence[Engine], *, patience: float = 0.5) -> None:
        """Take engines over; :meth:`aclose` closes them.

        :param engines: always the same databases in the same order.
        :param patience: how long another node may take for one step of a relay before this one does it, in seconds.
        :raises ValueError: if there is none.
        """
        if not engines:
            raise ValueError("engines: at least one is needed")
        self._engines = tuple(engines)
        self.shards = len(self._engines)
        self.writers = sum([each.writers for each in self._engines])
        numbers = range(self.shards)
        self._relays = {
            (source, target): Relay(self._engines, source, target, patience)
            for source in numbers
            for target in numbers
            if source != target
        }
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the relays."""
        self._running = [asyncio.ensure_future(each.run()) for each in self._relays.values()]

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """See :meth:`Engine.aclose`. What is not moved yet is moved by another node, or after the next start."""
        for each in self._running:
            each.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for engine in self._engines:
            await engine.aclose()

    async def unmoved(self) -> int:
        """Return how many commits have done something in other databases that is not there yet, as far as it is known.

        Each way from one database to another one is counted up to a limit.
        """
        waiting = [self._engines[source].entries({relay_queue(target): 0}) for source, target in self._relays]
        return sum([len(each) for each in await asyncio.gather(*waiting)])

    # --- which database -----------------------------------------------------------------------------------------

    def _at(self, number: int) -> Engine:
        return self._engines[number % self.shards]

    def _of_queue(self, queue: str) -> Engine:
        return self._at(number_of_queue(queue))

    def _divided(self, partitions: Iterable[int]) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for each in partitions:
            found.setdefault(each % self.shards, []).append(each)
        return found

    async def _each(self, calls: Mapping[int, Callable[[Engine], Awaitable[T]]]) -> list[T]:
        """Ask several databases at once. If one of them fails, the others are waited for."""
        results = await asyncio.gather(
            *[call(self._engines[shard]) for shard, call in calls.items()], return_exceptions=True
        )
        found: list[T] = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            found.append(result)
        return found

    # --- leases -------------------------------------------------------------------------------------------------

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """See :meth:`Engine.claim`."""
        wanted = tuple(partitions)
        parts = self._divided(wanted)
        claimed = await self._each({shard: _claiming(part, node) for shard, part in parts.items()})
        leases = {lease.partition: lease for lease in chain.from_iterable(claimed)}
        return tuple([leases[each] for each in wanted])

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """See :meth:`Engine.renew`."""
        wanted = tuple(partitions)
        return await self._at(shard_of_numbers(wanted, self.shards)).renew(wanted, node)

    # --- rows ---------------------------------------------------------------------------------------------------

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        """See :meth:`Engine.load`."""
        return await self._at(partition_of(account)).load(lease, account, kinds, counted)

    async def scan(self, partitions: Collection[int], kind: str, after: int = 0, limit: int = 1000) -> Sequence[Listed]:
        """See :meth:`Engine.scan`. A place tells the place in a database, and which database it is."""
        parts = self._divided(partitions) or {0: []}
        begin = {shard: (after - shard) // self.shards for shard in parts}
        found = await self._each({shard: _scanning(parts[shard], kind, begin[shard], limit) for shard in parts})
        listed = [
            Listed(each.place * self.shards + shard, each.account, each.row)
            for shard, part in zip(parts, found, strict=True)
            for each in part
        ]
        return sorted(listed, key=_place)[:limit]

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        """See :meth:`Engine.commit`."""
        check_leases(leases, batch)
        shard = shard_of_leases(leases, self.shards) if leases else self._shard_of(batch)
        own, moved = divided(batch, shard, self.shards)
        relayed = tuple([Append(relay_queue(each), "", body=dump_moved(part)) for each, part in moved.items()])
        own = Batch(own.changes, (*own.appends, *relayed), own.done, own.token)
        renewed = await self._engines[shard].commit(leases, own)
        for target in moved:
            self._relays[shard, target].wake()
        return renewed

    def _shard_of(self, batch: Batch) -> int:
        """Return the shard of a batch without leases: that of the first queue that it concerns."""
        queues = [*[each.queue for each in batch.appends[:1]], *[queue for queue, _ in batch.done[:1]]]
        return number_of_queue(queues[0]) % self.shards if queues else 0

    # --- queues -------------------------------------------------------------------------------------------------

    async def append(self, queue: str, source: str, n: int, body: bytes) -> None:
        """See :meth:`Engine.append`."""
        await self._of_queue(queue).append(queue, source, n, body)

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        """See :meth:`Engine.entries`. If there are too many, each database has its share of the result."""
        parts: dict[int, dict[str, int]] = {}
        for queue, after in queues.items():
            parts.setdefault(number_of_queue(queue) % self.shards, {})[queue] = after
        found = await self._each({shard: _reading(part, limit) for shard, part in parts.items()})
        if len(found) == 1:
            return found[0]
        return [entry for turn in zip_longest(*found) for entry in turn if entry is not None][:limit]

    async def settle(self, queue: str, positions: Collection[int]) -> None:
        """See :meth:`Engine.settle`."""
        await self._of_queue(queue).settle(queue, positions)

    # --- nodes --------------------------------------------------------------------------------------------------

    async def join(self, name: str) -> int:
        """See :meth:`Engine.join`."""
        return await self._engines[0].join(name)

    async def beat(self, number: int, report: str) -> Sequence[Node]:
        """See :meth:`Engine.beat`."""
        return await self._engines[0].beat(number, report)

    async def leave(self, number: int) -> None:
        """See :meth:`Engine.leave`."""
        await self._engines[0].leave(number)

    async def direct(self, number: int, *, weight: float | None = None, draining: bool | None = None) -> None:
        """See :meth:`Engine.direct`."""
        await self._engines[0].direct(number, weight=weight, draining=draining)


def _claiming(partitions: Sequence[int], node: str) -> Callable[[Engine], Awaitable[tuple[Lease, ...]]]:
    return lambda engine: engine.claim(partitions, node)


def _scanning(
    partitions: Sequence[int], kind: str, after: int, limit: int
) -> Callable[[Engine], Awaitable[Sequence[Listed]]]:
    return lambda engine: engine.scan(partitions, kind, after, limit)


def _reading(queues: Mapping[str, int], limit: int) -> Callable[[Engine], Awaitable[Sequence[Entry]]]:
    return lambda engine: engine.entries(queues, limit)


def _place(listed: Listed) -> int:
    return listed.place
