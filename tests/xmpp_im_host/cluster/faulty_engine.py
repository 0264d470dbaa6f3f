"""An engine between a node and the database of the twin: every call is a point at which something may go wrong."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from enum import Enum
from random import Random
from typing import Any, Final, Protocol, TypeVar

from attrs import define, field, frozen

from tests.xmpp_im_host.cluster.virtual_loop import Stage, immediately
from xmpp_im_host.cluster.queue_entries import Called, EntryReader
from xmpp_im_host.hosting.stored_records import ROSTER
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import PARTITIONS, Append, Batch, Entry, Found, Lease, Listed, Node, Write

T = TypeVar("T")


class Outcome(Enum):
    """What becomes of a call."""

    DONE = "done"
    FAILED = "failed"
    IN_DOUBT_DONE = "in doubt and done"
    IN_DOUBT_LOST = "in doubt and lost"
    SLOW = "takes seconds"
    TAKEN = "somebody else claims the partitions before"
    CRASH_BEFORE = "the node crashes, and the call is lost"
    CRASH_AFTER = "the node crashes, and the call is done"
    STOP_BEFORE = "the node is stopped; the call is done when it goes on"
    STOP_AFTER = "the node is stopped before the answer"


FAULTS: Final = tuple([each for each in Outcome if each is not Outcome.DONE])
_LATENCIES: Final = (0.0, 0.0, 0.0005, 0.001, 0.004, 0.02)
_SLOW: Final = (0.5, 2.0, 8.0)


@frozen
class Fate:
    """What is decided about a call: how long it takes to the database and back, and what becomes of it."""

    outcome: Outcome
    there: float
    back: float


@define(eq=False)
class Weather:
    """Decides what becomes of each call. The same seed and the same plan decide the same."""

    random: Random
    plan: deque[tuple[int, Outcome]]
    """The faults: each one after so many calls that write."""
    calm: bool = True
    """Whether every call is done, and soon."""
    distance: float = 0.0005
    """How long a call takes to the database, and its answer back, while it is calm."""
    away: bool = False
    """Whether the database cannot be reached."""
    counts: Counter[Outcome] = field(factory=Counter)
    calls: int = 0

    def fate(self, writes: bool) -> Fate:
        self.calls += 1
        if self.calm:
            return Fate(Outcome.DONE, self.distance, self.distance)
        if self.away:
            return self._counted(Outcome.FAILED, 0.01)
        outcome = self._planned() if writes else Outcome.DONE
        slow = self.random.choice(_SLOW) if outcome is Outcome.SLOW else 0.0
        return self._counted(outcome, slow)

    def _counted(self, outcome: Outcome, slow: float) -> Fate:
        self.counts[outcome] += outcome is not Outcome.DONE
        return Fate(outcome, slow + self.latency(), self.latency())

    def _planned(self) -> Outcome:
        if not self.plan:
            return Outcome.DONE
        gap, outcome = self.plan[0]
        if gap:
            self.plan[0] = gap - 1, outcome
            return Outcome.DONE
        self.plan.popleft()
        return outcome

    def latency(self) -> float:
        return self.distance if self.calm else self.random.choice(_LATENCIES)


class Machine(Protocol):
    """The node, as what its database connection does to it."""

    crashed: bool
    stopped: bool

    def crash(self) -> None:
        """End at once."""

    def stop(self) -> None:
        """Stop, until somebody lets it go on."""

    def when_it_goes_on(self, event: Callable[[], None]) -> None:
        """Do something when it goes on, or now if it is not stopped."""


class TwinStore(MemoryEngine):
    """The database. Positions come from a sequence, as in PostgreSQL: a later commit may get an earlier one."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.random = random
        self.disorder = 0
        self._last: dict[object, int] = {}
        """The last position of each that has to get later ones: a source, or the partition of a lease."""
        self._used: set[int] = set()
        self._writing: tuple[object, ...] = ()
        self.taken: dict[int, list[bytes]] = {}
        """By partition: the entries of its queue that were done, in their order, without calls that created nothing."""
        self.ends: list[Callable[[int], None]] = []
        """Called with the number of a node whose lease somebody else claims."""

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        wanted = tuple(partitions)
        for each in wanted:
            if each >= PARTITIONS and self._owners.get(each, node) != node:
                for end in self.ends:
                    end(each - PARTITIONS)
        return await super().claim(wanted, node)

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        self._writing = tuple([lease.partition for lease in leases])
        created = self._created(batch)
        done = [
            (queue, body)
            for queue, position in batch.done
            if (body := self._queues.get(queue, {}).get(position)) and _has_effect(body, created)
        ]
        try:
            renewed = await super().commit(leases, batch)
        finally:
            self._writing = ()
        for queue, body in done:
            kind, _, partition = queue.partition("/")
            if kind == "partition":
                self.taken.setdefault(int(partition), []).append(body)
        return renewed

    def _append(self, append: Append) -> None:
        before = self._position
        writers = [*self._writing, *([(append.queue, append.source)] if append.source else [])]
        earliest = max([self._last.get(each, 0) for each in writers], default=0)
        highest = max(self._used, default=0) + 1
        position = max(earliest, highest - self.random.randrange(self.disorder + 1))
        while position + 1 in self._used or position < earliest:
            position += 1
        self._position = position
        super()._append(append)
        if self._position != position:
            self._used.add(self._position)
            for each in writers:
                self._last[each] = self._position
        self._position = max(before, self._position)

    def _created(self, batch: Batch) -> set[str]:
        """Return the accounts that a batch creates."""
        return {
            change.account
            for change in batch.changes
            if isinstance(change, Write)
            and change.row.kind == ROSTER
            and (ROSTER, "") not in self._rows.get(change.account, {})
        }

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        found = {queue: after for queue, after in queues.items() if self._queues.get(queue)}
        return await super().entries(found, limit)

    def waiting(self, queue: str) -> dict[int, bytes]:
        """Return what waits in a queue."""
        return dict(sorted(self._queues.get(queue, {}).items()))

    def rows(self, kind: str) -> dict[str, dict[str, str]]:
        """Return the rows of a kind: by account and by key."""
        found = {
            account: {key: row.text for (each, key), (_, row) in rows.items() if each == kind}
            for account, rows in self._rows.items()
        }
        return {account: rows for account, rows in found.items() if rows}

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues in which something waits."""
        return tuple([name for name, entries in self._queues.items() if entries])


def _has_effect(body: bytes, created: Collection[str]) -> bool:
    """Whether an entry was more than the call to create an account that is there, or cannot be created yet."""
    if b"create" not in body:
        return True
    entry = EntryReader().partition_entry(body)
    return not isinstance(entry, Called) or entry.operation != "create" or entry.account in created


class FaultyEngine:
    """The engine of one node."""

    writers = 4
    shards = 1

    def __init__(self, store: TwinStore, stage: Stage, machine: Machine, weather: Weather) -> None:
        self.store, self.stage, self.machine, self.weather = store, stage, machine, weather
        self.loop: Any = None

    async def _call(
        self, work: Callable[[], Coroutine[Any, Any, T]], partitions: Iterable[int] = (), *, writes: bool = True
    ) -> T:
        future: Any = self.loop.create_future()
        if self.machine.crashed:
            return await future  # type: ignore[no-any-return]
        call = _Call(self, work, tuple(partitions), writes, self.weather.fate(writes), future)
        self.stage.later(call.fate.there, call.arrive)
        return await future  # type: ignore[no-any-return]

    # --- the protocol -------------------------------------------------------------------------------------------

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        wanted = tuple(partitions)
        return await self._call(lambda: self.store.claim(wanted, node), wanted)

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        wanted = tuple(partitions)
        return await self._call(lambda: self.store.renew(wanted, node), wanted)

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        return await self._call(lambda: self.store.load(lease, account, kinds, counted), writes=False)

    async def scan(self, partitions: Collection[int], kind: str, after: int = 0, limit: int = 1000) -> Sequence[Listed]:
        return await self._call(lambda: self.store.scan(partitions, kind, after, limit), writes=False)

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        held = tuple(leases)
        return await self._call(lambda: self.store.commit(held, batch), [each.partition for each in held])

    async def append(self, queue: str, source: str, n: int, body: bytes) -> None:
        await self._call(lambda: self.store.append(queue, source, n, body))

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        wanted = dict(queues)
        return await self._call(lambda: self.store.entries(wanted, limit), writes=False)

    async def settle(self, queue: str, positions: Collection[int]) -> None:
        wanted = tuple(positions)
        await self._call(lambda: self.store.settle(queue, wanted))

    async def join(self, name: str) -> int:
        return await self._call(lambda: self.store.join(name))

    async def beat(self, number: int, report: str) -> Sequence[Node]:
        return await self._call(lambda: self.store.beat(number, report), writes=False)

    async def leave(self, number: int) -> None:
        await self._call(lambda: self.store.leave(number))

    async def direct(self, number: int, *, weight: float | None = None, draining: bool | None = None) -> None:
        await self._call(lambda: self.store.direct(number, weight=weight, draining=draining))

    async def aclose(self) -> None:
        """Do nothing: the database goes on without the node."""


@define(eq=False)
class _Call:
    """A call on its way to the database and back."""

    engine: FaultyEngine
    work: Callable[[], Coroutine[Any, Any, Any]]
    partitions: tuple[int, ...]
    writes: bool
    fate: Fate
    future: Any

    def arrive(self) -> None:
        machine, outcome = self.engine.machine, self.fate.outcome
        if machine.crashed and self.engine.weather.random.random() < 0.5:
            return  # the crash was faster
        if outcome is Outcome.CRASH_BEFORE:
            machine.crash()
        elif outcome is Outcome.STOP_BEFORE:
            machine.stop()
            machine.when_it_goes_on(self._perform)
        elif outcome is Outcome.FAILED:
            self._answer(error=EngineFailed("so the weather says"))
        elif outcome is Outcome.IN_DOUBT_LOST:
            self._answer(error=Unknown("so the weather says"))
        else:
            self._perform()

    def _perform(self) -> None:
        engine, outcome = self.engine, self.fate.outcome
        if outcome is Outcome.TAKEN:
            # A node's own lease is claimed only by somebody who ends its sessions in the next step.
            immediately(engine.store.claim([each for each in self.partitions if each < PARTITIONS], "somebody else"))
        result, error = None, None
        try:
            result = immediately(self.work())
        except Exception as raised:
            error = raised
        if outcome is Outcome.CRASH_AFTER:
            engine.machine.crash()
        elif outcome is Outcome.STOP_AFTER:
            engine.machine.stop()
        elif outcome is Outcome.IN_DOUBT_DONE:
            error = Unknown("so the weather says")
        self._answer(result, error)

    def _answer(self, result: Any = None, error: Exception | None = None) -> None:
        self.engine.stage.later(self.fate.back, lambda: self._resolve(result, error))

    def _resolve(self, result: Any, error: Exception | None) -> None:
        if self.future.done() or self.engine.machine.crashed:
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)
