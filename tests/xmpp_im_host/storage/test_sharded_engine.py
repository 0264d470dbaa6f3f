"""What is particular to the engine on several databases: what is where, and which databases are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.xmpp_im_host.running import run
from tests.xmpp_im_host.storage.contract import entries
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import DatabaseRefused, EngineFailed
from xmpp_im_host.storage.layout import check_layout
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import Append, Batch, Row, Write, node_lease, partition_of
from xmpp_im_host.storage.sharded_engine import ShardedEngine
from xmpp_im_host.storage.shards import number_of_queue

ROMEO = "romeo@montague.example"
AT = partition_of(ROMEO) % 2


@pytest.mark.parametrize(
    ("queue", "number"),
    [
        ("partition/7", 7),
        ("gateway/3/7", 7),
        ("gateway/7/3", 3),
        (f"session/4294967297/orchard/{ROMEO}", partition_of(ROMEO)),
        ("q", partition_of("q")),
        ("x/²", partition_of("²")),
    ],
)
def test_the_last_part_of_a_name_decides_where_a_queue_is(queue: str, number: int) -> None:
    assert number_of_queue(queue) == number


def test_a_step_of_a_partition_is_one_transaction_of_its_database() -> None:
    """Rows, what the partition reads, and what it sends to gateways are in one database; the rest is stored there."""

    async def play() -> None:
        databases = MemoryEngine(), MemoryEngine()
        engine = ShardedEngine(databases)  # its relays are not started
        partition, other = partition_of(ROMEO), partition_of(ROMEO) + 1
        (lease,) = await engine.claim([partition], "node")
        await engine.append(f"partition/{partition}", "s", 1, b"in")
        (entry,) = await engine.entries({f"partition/{partition}": 0})
        batch = Batch(
            (Write(ROMEO, Row("session", "s", "")),),
            (Append(f"gateway/1/{partition}", "", body=b"near"), Append(f"partition/{other}", "", body=b"far")),
            ((entry.queue, entry.position),),
            "token",
        )
        (lease,) = await engine.commit([lease], batch)
        assert lease.token == "token"
        assert await databases[1 - AT].entries({f"partition/{other}": 0}) == []
        assert await engine.unmoved() == 1
        here = databases[AT]
        assert [row.key for row in (await here.load(None, ROMEO, ["session"])).rows] == ["s"]
        queues = {f"partition/{partition}": 0, f"gateway/1/{partition}": 0}
        assert [each.body for each in await here.entries(queues)] == [b"near"]
        async with engine:
            assert [each.body for each in await entries(engine, {f"partition/{other}": 0})] == [b"far"]

    run(play())


def test_a_commit_concerns_one_database() -> None:
    async def play() -> None:
        engine = ShardedEngine([MemoryEngine(), MemoryEngine()])
        leases = await engine.claim([1, 2], "node")
        for call in (engine.commit(leases, Batch()), engine.renew([1, 2], "node")):
            with pytest.raises(ValueError, match=r"^leases: they are of 2 of the 2 databases"):
                await call
        await engine.commit(leases[:1], Batch())

    run(play())


@pytest.mark.parametrize(("queue", "source"), [("q\0/1", "s"), ("q/1", "\ud800")])
def test_what_another_database_would_not_store_is_refused_at_once(queue: str, source: str) -> None:
    async def play() -> None:
        engine = ShardedEngine([MemoryEngine(), MemoryEngine()])
        leases = await engine.claim([0], "node")
        with pytest.raises(EngineFailed, match="a text cannot be stored"):
            await engine.commit(leases, Batch(appends=(Append("a/1", "", body=b"x"), Append(queue, source, 1, b"x"))))
        assert await engine.unmoved() == 0

    run(play())


def test_a_long_queue_leaves_room_for_those_of_other_databases() -> None:
    async def play() -> None:
        engine = ShardedEngine([MemoryEngine(), MemoryEngine()])
        for n in range(20):
            await engine.append("long/0", "s", n, str(n).encode())
        for n in range(3):
            await engine.append("short/1", "s", n, str(n).encode())
        found = await engine.entries({"long/0": 0, "short/1": 0}, 10)
        assert len(found) == 10
        for queue, length in (("long/0", 7), ("short/1", 3)):
            assert [each.body for each in found if each.queue == queue] == [str(n).encode() for n in range(length)]

    run(play())


# --- the layout -------------------------------------------------------------------------------------------------


def test_databases_are_refused_in_another_order_or_number_or_of_another_server() -> None:
    async def play() -> None:
        first, second, another, third = databases = [MemoryEngine() for _ in range(4)]
        await check_layout([first, second])
        await check_layout([first, second])
        await check_layout([another, third])
        for wrong, said in (
            ([second, first], "database 1 of 2 is number 2 of 2: name all databases, always in the same order"),
            ([first], "database 1 of 1 is number 1 of 2: "),
            ([first, second, MemoryEngine()], "database 1 of 3 is number 1 of 2: "),
            ([first, third], "database 2 of 2 belongs to another server than the first one"),
        ):
            with pytest.raises(DatabaseRefused) as refused:
                await check_layout(wrong)
            assert str(refused.value).startswith(said)
        await check_layout(databases[:2])

    run(play())


def test_a_database_with_accounts_of_its_own_is_not_made_one_of_several() -> None:
    async def play() -> None:
        used = MemoryEngine()
        leases = await used.claim([partition_of(ROMEO)], "node")
        await used.commit(leases, Batch((Write(ROMEO, Row("roster", "", "")),)))
        for wrong in ([used, MemoryEngine()], [MemoryEngine(), used]):
            with pytest.raises(DatabaseRefused, match="is number 1 of 1"):
                await check_layout(wrong)
        await check_layout([used])

    run(play())


# --- two nodes on two databases of PostgreSQL -------------------------------------------------------------------


@pytest.mark.postgres
def test_nodes_that_die_lose_double_and_disorder_nothing_between_two_databases(databases: tuple[str, str]) -> None:
    from xmpp_im_host.storage.postgres_engine import PostgresEngine

    async def opened() -> ShardedEngine:
        engine = ShardedEngine([await PostgresEngine.open(each) for each in databases], patience=0.02)
        engine.start()
        return engine

    async def write(engine: Engine, writer: int, number: int, queues: Sequence[str]) -> None:
        (lease,) = await engine.claim([node_lease(writer)], f"writer {writer}")
        for n in range(number):
            appends = tuple([Append(queue, "", body=f"{writer}:{n}".encode()) for queue in queues])
            (lease,) = await engine.commit([lease], Batch((), appends, (), f"{writer} {n}"))

    async def play() -> None:
        queues, writers, number = ("partition/0", "partition/1"), range(4), 40
        last = await opened()
        others = [await opened(), await opened()]
        writing = [asyncio.ensure_future(write(last, each, number, queues)) for each in writers]
        for other in others:  # whether their relays work or watch, they are gone from one moment to the next
            await asyncio.sleep(0.1)
            await other.aclose()
        await asyncio.gather(*writing)
        found = await entries(last, dict.fromkeys(queues, 0), 10_000)
        for queue in queues:
            for writer in writers:
                mine = [each.body.decode() for each in found if each.queue == queue]
                expected = [f"{writer}:{n}" for n in range(number)]
                assert [each for each in mine if each.startswith(f"{writer}:")] == expected
        assert len(found) == number * len(writers) * len(queues)
        await last.aclose()

    run(play())
