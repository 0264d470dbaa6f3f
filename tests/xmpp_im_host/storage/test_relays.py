"""Relays between databases: what a commit does in another one happens once and in order, whatever dies in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import pytest

from tests.xmpp_im_host.running import run
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import Append, Batch, Entry, Lease
from xmpp_im_host.storage.relay import Relay, relay_queue
from xmpp_im_host.storage.sharded_engine import ShardedEngine
from xmpp_im_host.storage.shards import Moved, dump_moved, load_moved

T = TypeVar("T")

COMMITS: Final = 5
TURNS: Final = 12
"""How often others have their turn between two commits: a relay moves them in several parts."""
FAULTS: Final = ("fails", "unknown", "done and unknown", "dies", "done and dies")


class Faults:
    """Counts the calls of relays, and lets one of them fail."""

    def __init__(self, number: int, kind: str) -> None:
        self.left, self.kind = number, kind
        self.happened = False

    async def around(self, work: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(0)  # so that others come in between
        self.left -= 1
        if self.left != -1:
            return await work()
        self.happened = True
        if self.kind.startswith("done"):
            await work()
        if self.kind.endswith("dies"):
            raise asyncio.CancelledError
        raise EngineFailed("away") if self.kind == "fails" else Unknown("the connection broke")


class FaultyShard(MemoryEngine):
    """A database as a relay sees it."""

    def __init__(self, database: MemoryEngine, faults: Faults) -> None:
        super().__init__()
        self.database, self.faults = database, faults

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        return await self.faults.around(lambda: self.database.claim(partitions, node))

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        return await self.faults.around(lambda: self.database.commit(leases, batch))

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        return await self.faults.around(lambda: self.database.entries(queues, limit))

    async def settle(self, queue: str, positions: Collection[int]) -> None:
        await self.faults.around(lambda: self.database.settle(queue, positions))


async def commits(
    databases: Sequence[MemoryEngine], writer: int, number: int = COMMITS, wake: Callable[[], None] = lambda: None
) -> None:
    """Let a writer of the first database append to queues of the second one, and remove entries there."""
    engine = ShardedEngine(databases)
    (lease,) = await engine.claim([writer], f"writer {writer}")
    for n in range(number):
        appends = tuple([Append(f"{queue}/1", source, n, f"{writer}:{n}".encode()) for queue, source in QUEUES])
        (lease,) = await engine.commit([lease], Batch((), appends, (("done/1", n + 1),), f"{writer} {n}"))
        wake()
        for _ in range(TURNS):
            await asyncio.sleep(0)


QUEUES = (("plain", ""), ("counted", "source"))


async def until_moved(databases: Sequence[MemoryEngine]) -> None:
    while await ShardedEngine(databases).unmoved():
        await asyncio.sleep(0)


async def bodies(database: MemoryEngine, queue: str, writer: int) -> list[str]:
    found = [each.body.decode() for each in await database.entries({queue: 0})]
    return [each for each in found if each.startswith(f"{writer}:")]


@asynccontextmanager
async def relays(*running: Relay) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(each.run()) for each in running]
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def play(kind: str, number: int, nodes: int) -> bool:
    """Let relays of some nodes move what two writers do. Return whether the fault has happened."""
    databases = MemoryEngine(), MemoryEngine()
    for n in range(COMMITS):
        await databases[1].append("done/1", "s", n, b"")  # at the positions 1, 2, ...
    faults = Faults(number, kind)
    shards = [FaultyShard(each, faults) for each in databases]
    of_nodes = [Relay(shards, 0, 1, 0.0) for _ in range(nodes)]

    def wake() -> None:
        for each in of_nodes:
            each.wake()

    async with relays(*of_nodes):
        await asyncio.gather(*[commits(databases, writer, wake=wake) for writer in (0, 2)])
        for _ in range(200):
            await asyncio.sleep(0)
    async with relays(Relay(databases, 0, 1, 0.0)):  # the next process
        await until_moved(databases)
    for writer in (0, 2):
        assert await bodies(databases[1], "plain/1", writer) == [f"{writer}:{n}" for n in range(COMMITS)]
    counted = await databases[1].entries({"counted/1": 0})
    assert [each.body.decode().partition(":")[2] for each in counted] == [str(n) for n in range(COMMITS)]
    assert len(await databases[1].entries({"done/1": 0})) == 0
    return faults.happened


@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize("kind", FAULTS)
def test_whatever_call_of_a_relay_fails_everything_is_moved_once_and_in_order(kind: str, nodes: int) -> None:
    async def play_all() -> None:
        number = 0
        while number < 80 and await play(kind, number, nodes):
            number += 1
        assert number > 20  # a relay has made so many calls

    run(play_all())


def test_an_entry_that_appears_before_one_that_was_moved_is_moved() -> None:
    """Its writer has got the position earlier, and has committed later."""

    async def play() -> None:
        databases = MemoryEngine(), MemoryEngine()
        databases[0]._position = early = 1
        async with relays(Relay(databases, 0, 1, 0.0)):
            await commits(databases, 0, 1)
            await until_moved(databases)
            late = dump_moved(Moved((Append("plain/1", "", body=b"2:0"),)))
            databases[0]._queues.setdefault(relay_queue(1), {})[early] = late
            await until_moved(databases)
        assert await bodies(databases[1], "plain/1", 0) == ["0:0"]
        assert await bodies(databases[1], "plain/1", 2) == ["2:0"]

    run(play())


def test_another_node_moves_when_the_one_that_moved_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    """A stopped node that goes on cannot move anything twice: its lease has ended."""

    async def play() -> None:
        databases = MemoryEngine(), MemoryEngine()
        stopped, shards = Relay(databases, 0, 1, 0.0), [Stopping(each) for each in databases]
        stopped = Relay(shards, 0, 1, 0.0)
        async with relays(stopped):
            await commits(databases, 0, 1)
            await shards[1].reached.wait()
            async with relays(Relay(databases, 0, 1, 0.0)):
                await until_moved(databases)
                await commits(databases, 0, 1)
                await until_moved(databases)
                shards[1].go_on.set()
                for _ in range(50):
                    await asyncio.sleep(0)
        assert await bodies(databases[1], "plain/1", 0) == ["0:0", "0:0"]

    run(play())
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []


class Stopping(FaultyShard):
    """The first commit waits, as that of a process that is stopped before it sends anything."""

    def __init__(self, database: MemoryEngine) -> None:
        super().__init__(database, Faults(-1, ""))
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        self.reached.set()
        await self.go_on.wait()
        return await super().commit(leases, batch)


def test_what_is_moved_is_stored_and_read_as_it_is() -> None:
    moved = Moved((Append("q\nü", "s", 7, b"\0\n\xff"), Append("p", "", 0, b"")), (("q", 9), ("p", 2**60)))
    assert load_moved(dump_moved(moved)) == moved
    assert load_moved(dump_moved(Moved())) == Moved()
