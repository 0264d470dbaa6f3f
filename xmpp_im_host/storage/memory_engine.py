"""An engine in memory, for tests: it starts at once, and everything is gone when the process ends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import define, evolve, field

from xmpp_im_host.storage.errors import EngineFailed, Fenced
from xmpp_im_host.storage.records import (
    Append,
    Batch,
    Change,
    Entry,
    Found,
    Lease,
    Listed,
    Node,
    Remove,
    Row,
    Sums,
    Write,
    check_leases,
    check_listed,
    partition_of,
)


@define(eq=False)
class MemoryEngine:
    """An engine that never fails. What one host has committed is there for the next one on the same engine."""

    writers: int = 1
    shards: int = field(default=1, init=False)
    _leases: dict[int, Lease] = field(factory=dict, init=False)
    _owners: dict[int, str] = field(factory=dict, init=False)
    _rows: dict[str, dict[tuple[str, str], tuple[int, Row]]] = field(factory=dict, init=False)
    """By account, then by kind and key: the place and the row, in the order of the places."""
    _place: int = field(default=0, init=False)
    _queues: dict[str, dict[int, bytes]] = field(factory=dict, init=False)
    _position: int = field(default=0, init=False)
    _sources: dict[tuple[str, str], int] = field(factory=dict, init=False)
    """By queue and source: the highest number that was appended."""
    _nodes: dict[int, Node] = field(factory=dict, init=False)
    _joined: int = field(default=0, init=False)

    # --- leases -------------------------------------------------------------------------------------------------

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """See :meth:`Engine.claim`."""
        claimed: list[Lease] = []
        for partition in partitions:
            before = self._leases.get(partition, Lease(partition, 0))
            self._leases[partition] = Lease(partition, before.epoch + 1, before.token)
            self._owners[partition] = node
            claimed.append(self._leases[partition])
        return tuple(claimed)

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """See :meth:`Engine.renew`."""
        wanted = tuple(partitions)
        lost = [each for each in wanted if self._owners.get(each) != node]
        if lost:
            raise Fenced(lost)
        return await MemoryEngine.claim(self, wanted, node)

    def _check(self, leases: Collection[Lease]) -> None:
        ended = [each.partition for each in leases if not self._stands(each)]
        if ended:
            raise Fenced(ended)

    def _stands(self, lease: Lease) -> bool:
        now = self._leases.get(lease.partition)
        return now is not None and now.epoch == lease.epoch

    # --- rows ---------------------------------------------------------------------------------------------------

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        """See :meth:`Engine.load`."""
        self._check([lease] if lease else [])
        rows = [row for _, row in self._rows.get(account, {}).values()]
        return Found(
            tuple([row for row in rows if row.kind in kinds]),
            {kind: _sums([row for row in rows if row.kind == kind]) for kind in counted},
        )

    async def scan(self, partitions: Collection[int], kind: str, after: int = 0, limit: int = 1000) -> Sequence[Listed]:
        """See :meth:`Engine.scan`."""
        check_listed(kind)
        wanted = frozenset(partitions)
        found = [
            Listed(place, account, row)
            for account, rows in self._rows.items()
            if partition_of(account) in wanted
            for place, row in rows.values()
            if row.kind == kind and place > after
        ]
        return sorted(found, key=_place)[:limit]

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        """See :meth:`Engine.commit`."""
        check_leases(leases, batch)
        self._check(leases)
        _check_texts(batch)
        for change in batch.changes:
            self._change(change)
        for append in batch.appends:
            self._append(append)
        for queue, position in batch.done:
            self._queues.get(queue, {}).pop(position, None)
        renewed = tuple([Lease(each.partition, each.epoch, batch.token) for each in leases])
        self._leases |= {each.partition: each for each in renewed}
        return renewed

    def _change(self, change: Change) -> None:
        rows = self._rows.setdefault(change.account, {})
        if isinstance(change, Write):
            row = change.row
            rows.pop((row.kind, row.key), None)
            self._place += 1
            rows[row.kind, row.key] = self._place, row
            return
        if isinstance(change, Remove):
            rows.pop((change.kind, change.key), None)
        else:
            for each in [each for each in rows if each[0] == change.kind]:
                del rows[each]
        if not rows:
            del self._rows[change.account]

    # --- queues -------------------------------------------------------------------------------------------------

    async def append(self, queue: str, source: str, n: int, body: bytes) -> None:
        """See :meth:`Engine.append`."""
        self._append(Append(queue, source, n, body))

    def _append(self, append: Append) -> None:
        if append.source:
            source = append.queue, append.source
            if append.n <= self._sources.get(source, -1):
                return
            self._sources[source] = append.n
        self._position += 1
        self._queues.setdefault(append.queue, {})[self._position] = append.body

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        """See :meth:`Engine.entries`."""
        found = [
            Entry(queue, position, body)
            for queue, after in queues.items()
            for position, body in self._queues.get(queue, {}).items()
            if position > after
        ]
        return sorted(found, key=_position)[:limit]

    async def settle(self, queue: str, positions: Collection[int]) -> None:
        """See :meth:`Engine.settle`."""
        for position in positions:
            self._queues.get(queue, {}).pop(position, None)

    # --- nodes --------------------------------------------------------------------------------------------------

    async def join(self, name: str) -> int:
        """See :meth:`Engine.join`."""
        self._joined += 1
        self._nodes[self._joined] = Node(self._joined, name)
        return self._joined

    async def beat(self, number: int, report: str) -> Sequence[Node]:
        """See :meth:`Engine.beat`."""
        if node := self._nodes.get(number):
            self._nodes[number] = evolve(node, beats=node.beats + 1, report=report)
        return tuple(self._nodes.values())

    async def leave(self, number: int) -> None:
        """See :meth:`Engine.leave`."""
        self._nodes.pop(number, None)

    async def direct(self, number: int, *, weight: float | None = None, draining: bool | None = None) -> None:
        """See :meth:`Engine.direct`."""
        if node := self._nodes.get(number):
            self._nodes[number] = evolve(
                node,
                weight=node.weight if weight is None else weight,
                draining=node.draining if draining is None else draining,
            )

    async def aclose(self) -> None:
        """Do nothing: the next host on this engine finds what was committed."""


def _check_texts(batch: Batch) -> None:
    """Refuse text that no database could store, before anything is changed."""
    for change in batch.changes:
        if isinstance(change, Write):
            try:
                f"{change.account}{change.row.kind}{change.row.key}{change.row.text}".encode()
            except UnicodeError as error:
                raise EngineFailed(f"a text cannot be stored: {error}") from None


def _sums(rows: Collection[Row]) -> Sums:
    return Sums(len(rows), sum([row.size for row in rows]))


def _place(listed: Listed) -> int:
    return listed.place


def _position(entry: Entry) -> int:
    return entry.position
