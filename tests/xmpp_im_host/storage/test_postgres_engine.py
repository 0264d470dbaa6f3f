"""What is particular to the engine on PostgreSQL: several nodes at once, and batches of any size."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attrs import evolve

psycopg = pytest.importorskip("psycopg")  # only those who need PostgreSQL install it


from tests.xmpp_im_host.running import run  # noqa: E402
from xmpp_im_host.storage import postgres_queues  # noqa: E402
from xmpp_im_host.storage import postgres_statements as statements  # noqa: E402
from xmpp_im_host.storage.errors import EngineFailed, Fenced  # noqa: E402
from xmpp_im_host.storage.postgres_engine import LockTaken, PostgresEngine  # noqa: E402
from xmpp_im_host.storage.postgres_pipeline import Pipeline, Statement  # noqa: E402
from xmpp_im_host.storage.postgres_plans import Plan  # noqa: E402
from xmpp_im_host.storage.records import (  # noqa: E402
    Append,
    Batch,
    Lease,
    Remove,
    RemoveKind,
    Row,
    Write,
    partition_of,
)

pytestmark = pytest.mark.postgres

ROMEO = "romeo@montague.example"
PARTITION = partition_of(ROMEO)


BEGIN: Statement = ("BEGIN", ())
COMMIT: Statement = ("COMMIT", ())
ROLLBACK: Statement = ("ROLLBACK", ())


def written(key: str) -> Batch:
    return Batch((Write(ROMEO, Row("contact", key, "")),), token=f"token-{key}")


async def begun(db: Pipeline, plan: Plan[Any]) -> None:
    """Do all of a transaction but its end."""
    await db.perform([BEGIN, *plan.statements])


# --- two nodes --------------------------------------------------------------------------------------------------


def test_a_claim_waits_for_a_commit_that_is_under_way_and_tells_its_token(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database) as first, await PostgresEngine.open(database) as second:
            (lease,) = await first.claim([PARTITION], "first")
            async with first._writing.lent() as db:
                await begun(db, statements.commit([lease], written("a")))
                claiming = asyncio.ensure_future(second.claim([PARTITION], "second"))
                await asyncio.sleep(0.2)
                assert not claiming.done()
                await db.perform([COMMIT])
            (newer,) = await claiming
            assert (newer.epoch > lease.epoch, newer.token) == (True, "token-a")
            with pytest.raises(Fenced):
                await first.commit([lease], written("b"))
            with pytest.raises(Fenced):
                await first.load(lease, ROMEO, ["contact"])
            assert [row.key for row in (await second.load(newer, ROMEO, ["contact"])).rows] == ["a"]

    run(play())


@pytest.mark.parametrize("done", [True, False])
def test_a_commit_waits_for_a_claim_that_is_under_way(database: str, done: bool) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database) as first, await PostgresEngine.open(database) as second:
            leases = await first.claim([PARTITION, PARTITION + 1], "first")
            async with second._writing.lent() as db:
                await begun(db, statements.claim([PARTITION], "second"))
                committing = asyncio.ensure_future(first.commit(leases, written("a")))
                await asyncio.sleep(0.2)
                assert not committing.done()
                await db.perform([COMMIT if done else ROLLBACK])
            if done:
                with pytest.raises(Fenced) as fenced:
                    await committing
                assert fenced.value.partitions == {PARTITION}
            else:
                assert [each.token for each in await committing] == ["token-a", "token-a"]
            rows = (await second.load(None, ROMEO, ["contact"])).rows
            assert [row.key for row in rows] == ([] if done else ["a"])

    run(play())


async def in_transaction(engine: PostgresEngine, lease: Lease, left: asyncio.Event) -> None:
    """Do all of a commit but its end, and wait: so does a process that is stopped."""
    async with engine._writing.lent() as db:
        batch = Batch(appends=(Append("q", "s", 1, b""),), token="token")
        await begun(db, statements.commit([lease], batch))
        await left.wait()
        await db.perform([COMMIT])


def test_a_node_that_is_stopped_during_a_commit_keeps_nobody_from_claiming_and_appending(database: str) -> None:
    async def play() -> None:
        async with (
            await PostgresEngine.open(database) as first,
            await PostgresEngine.open(database, lock_seconds=0.2) as second,
        ):
            (lease,) = await first.claim([PARTITION], "first")
            reader = await psycopg.AsyncConnection.connect(database)
            await reader.execute("SELECT * FROM leases, sources")  # a backup, which may take long
            for number in (1, 2):
                left = asyncio.Event()
                stopped = asyncio.ensure_future(in_transaction(first, lease, left))
                while not await locks(database):
                    await asyncio.sleep(0.01)
                if number == 1:
                    await second.append("q", "s", 1, b"another")
                else:
                    (newer,) = await second.claim([PARTITION], "second")
                    assert newer == Lease(PARTITION, 2, "")
                left.set()
                with pytest.raises(psycopg.Error):
                    await stopped
            with pytest.raises(Fenced):
                await first.commit([lease], written("b"))
            assert [each.body for each in await second.entries({"q": 0})] == [b"another"]
            await reader.execute("SELECT * FROM leases")
            await reader.close()

    run(play())


async def locks(database: str) -> int:
    """Return how many transactions have appended to a queue and are not done."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as db:
        query = "SELECT count(*) FROM pg_locks WHERE relation = 'sources'::regclass AND mode = 'RowExclusiveLock'"
        row = await (await db.execute(query)).fetchone()
        return int(row[0]) if row else 0


def test_a_transaction_that_does_something_is_waited_for(database: str) -> None:
    """Only the transactions that wait for their clients are ended: this one computes."""

    async def play() -> None:
        async with (
            await PostgresEngine.open(database) as first,
            await PostgresEngine.open(database, lock_seconds=0.2) as second,
        ):
            (lease,) = await first.claim([PARTITION], "first")
            async with first._writing.lent() as db:
                await begun(db, statements.commit([lease], written("a")))
                busy = asyncio.ensure_future(db.perform([("SELECT 1 FROM pg_sleep(1)", ())]))
                await asyncio.sleep(0.1)
                with pytest.raises(LockTaken):
                    await second.claim([PARTITION], "second")
                await busy
                await db.perform([COMMIT])
            assert await second.claim([PARTITION], "second") == (Lease(PARTITION, 2, "token-a"),)

    run(play())


def test_claims_and_commits_of_many_partitions_by_two_nodes_end(database: str) -> None:
    """Each transaction takes the partitions in the same order, so none waits for another one in a circle."""

    async def owner(engine: PostgresEngine, node: str, partitions: list[int]) -> int:
        fenced = 0
        for n in range(10):
            leases = await engine.claim(partitions, node)
            try:
                await engine.commit(leases, Batch(token=f"{node}-{n}"))
            except Fenced:
                fenced += 1
        return fenced

    async def play() -> None:
        async with await PostgresEngine.open(database) as first, await PostgresEngine.open(database) as second:
            both = list(range(20)), list(reversed(range(20)))
            await asyncio.gather(owner(first, "first", both[0]), owner(second, "second", both[1]))
            (lease,) = await first.claim([0], "end")
            assert lease.epoch == 21

    run(play())


def test_those_who_append_to_a_queue_do_not_wait_for_each_other(database: str) -> None:
    """So an entry may appear before one that was found: a reader that begins at the start of the queue finds it."""

    async def play() -> None:
        async with await PostgresEngine.open(database) as engine:
            async with engine._writing.lent() as db:
                await begun(db, postgres_queues.append(Append("q", "slow", 1, b"slow")))
                await engine.append("q", "quick", 1, b"quick")
                (quick,) = await engine.entries({"q": 0})
                await db.perform([COMMIT])
            slow, again = await engine.entries({"q": 0})
            assert (slow.body, again) == (b"slow", quick)
            assert await engine.entries({"q": quick.position}) == ()

    run(play())


def test_batches_that_append_for_the_same_sources_in_another_order_end(database: str) -> None:
    """The sources are locked in one order. Each entry is there once, whichever was first."""

    async def play() -> None:
        async with await PostgresEngine.open(database) as first, await PostgresEngine.open(database) as second:
            (one,), (other,) = await first.claim([1], "first"), await second.claim([2], "second")
            forward = [Append(f"q{each}", "s", 0, b"x") for each in range(20)]

            async def commits(engine: PostgresEngine, lease: Lease, appends: list[Append]) -> None:
                for n in range(1, 11):
                    numbered = tuple([evolve(each, n=n, body=str(n).encode()) for each in appends])
                    (lease,) = await engine.commit([lease], Batch(appends=numbered))

            await asyncio.gather(commits(first, one, forward), commits(second, other, forward[::-1]))
            found = await first.entries({f"q{each}": 0 for each in range(20)})
            for queue in {entry.queue for entry in found}:
                assert [int(entry.body) for entry in found if entry.queue == queue] == list(range(1, 11))
            assert len(found) == 200

    run(play())


def test_long_queues_are_read_from_their_beginning_to_the_limit(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database) as engine:
            leases = await engine.claim([1], "node")
            appends = [Append(queue, "", body=str(n).encode()) for n in range(100) for queue in ("a", "b")]
            await engine.commit(leases, Batch(appends=(Append("short", "", body=b"0"), *appends)))
            found = await engine.entries({"a": 0, "b": 0, "short": 0, **{f"none{n}": 0 for n in range(250)}}, 150)
            lengths = {queue: len([entry for entry in found if entry.queue == queue]) for queue in ("a", "b", "short")}
            assert (sum(lengths.values()), len(found), lengths["short"]) == (150, 150, 1)
            for queue, length in lengths.items():
                assert [int(entry.body) for entry in found if entry.queue == queue] == list(range(length))

    run(play())


def test_a_batch_is_as_many_statements_however_large_it_is() -> None:
    def of(size: int) -> int:
        accounts = [f"user{n}@capulet.example" for n in range(size)]
        leases = tuple([Lease(each, 1) for each in sorted({partition_of(account) for account in accounts})])
        batch = Batch(
            tuple(
                [
                    change
                    for account in accounts
                    for change in (
                        Write(account, Row("contact", "a", "")),
                        Remove(account, "contact", "b"),
                        RemoveKind(account, "offline"),
                    )
                ]
            ),
            tuple([Append(f"q{n}", source, n, b"") for n in range(size) for source in ("", "s")]),
            tuple([(f"q{n}", n) for n in range(size)]),
        )
        return len(statements.commit(leases, batch).statements)

    assert of(1) == of(1000) <= 10


def test_nodes_that_start_at_once_give_the_database_its_schema_once(database: str) -> None:
    async def play() -> None:
        engines = await asyncio.gather(*[PostgresEngine.open(database) for _ in range(4)])
        for engine in engines:
            await engine.aclose()

    run(play())


@pytest.mark.parametrize("text", ["\ud800", "\0"])
def test_a_text_that_cannot_be_stored_changes_nothing(database: str, text: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database) as engine:
            leases = await engine.claim([PARTITION], "node")
            rows = (Row("contact", "a", "good"), Row("contact", "b", text))
            with pytest.raises(EngineFailed):
                await engine.commit(leases, Batch(tuple([Write(ROMEO, row) for row in rows]), token="t"))
            assert (await engine.load(leases[0], ROMEO, ["contact"])).rows == ()
            assert await engine.renew([PARTITION], "node") == (Lease(PARTITION, 2, ""),)

    run(play())
