"""What is particular to the engine on PostgreSQL: several nodes at once, connections that break, other databases."""

from __future__ import annotations

import asyncio

import pytest

psycopg = pytest.importorskip("psycopg")  # only those who need PostgreSQL install it

from psycopg.conninfo import make_conninfo  # noqa: E402  # after the check

from tests.xmpp_im_host.running import run  # noqa: E402
from xmpp_im_host.storage import postgres_statements as statements  # noqa: E402
from xmpp_im_host.storage.errors import DatabaseRefused, EngineFailed, Fenced, Unknown  # noqa: E402
from xmpp_im_host.storage.postgres_engine import LockTaken, PostgresEngine  # noqa: E402
from xmpp_im_host.storage.postgres_plans import perform  # noqa: E402
from xmpp_im_host.storage.records import Append, Batch, Lease, Row, Write, partition_of  # noqa: E402

pytestmark = pytest.mark.postgres

ROMEO = "romeo@montague.example"
PARTITION = partition_of(ROMEO)


def written(key: str) -> Batch:
    return Batch((Write(ROMEO, Row("contact", key, "")),), token=f"token-{key}")


async def other_connections(database: str, what: str) -> None:
    """Do something to all other connections to the database."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as db:
        query = f"SELECT {what}(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
        await db.execute(query, (db.info.backend_pid,))


# --- two nodes --------------------------------------------------------------------------------------------------


def test_a_claim_waits_for_a_commit_that_is_under_way_and_tells_its_token(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database) as first, await PostgresEngine.open(database) as second:
            (lease,) = await first.claim([PARTITION], "first")
            async with first._writing.lent() as db:
                await db.execute("BEGIN")
                await perform(db, statements.commit([lease], written("a")))
                claiming = asyncio.ensure_future(second.claim([PARTITION], "second"))
                await asyncio.sleep(0.2)
                assert not claiming.done()
                await db.execute("COMMIT")
            (newer,) = await claiming
            assert (newer.epoch > lease.epoch, newer.token) == (True, "token-a")
            with pytest.raises(Fenced):
                await first.commit([lease], written("b"))
            with pytest.raises(Fenced):
                await first.load(lease, ROMEO, ["contact"])
            assert [row.key for row in (await second.load(newer, ROMEO, ["contact"])).rows] == ["a"]

    run(play())


async def in_transaction(engine: PostgresEngine, lease: Lease, left: asyncio.Event) -> None:
    """Do all of a commit but its end, and wait: so does a process that is stopped."""
    async with engine._writing.lent() as db:
        await db.execute("BEGIN")
        batch = Batch(appends=(Append("q", "s", 1, b""),), token="token")
        await perform(db, statements.commit([lease], batch))
        await left.wait()
        await db.execute("COMMIT")


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
                await db.execute("BEGIN")
                await perform(db, statements.commit([lease], written("a")))
                busy = asyncio.ensure_future(db.execute("SELECT pg_sleep(1)"))
                await asyncio.sleep(0.1)
                with pytest.raises(LockTaken):
                    await second.claim([PARTITION], "second")
                await busy
                await db.execute("COMMIT")
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
                await db.execute("BEGIN")
                await perform(db, statements.append(Append("q", "slow", 1, b"slow")))
                await engine.append("q", "quick", 1, b"quick")
                (quick,) = await engine.entries({"q": 0})
                await db.execute("COMMIT")
            slow, again = await engine.entries({"q": 0})
            assert (slow.body, again) == (b"slow", quick)
            assert await engine.entries({"q": quick.position}) == ()

    run(play())


def test_nodes_that_start_at_once_give_the_database_its_schema_once(database: str) -> None:
    async def play() -> None:
        engines = await asyncio.gather(*[PostgresEngine.open(database) for _ in range(4)])
        for engine in engines:
            await engine.aclose()

    run(play())


# --- connections that break -------------------------------------------------------------------------------------


def test_a_connection_that_breaks_is_replaced(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database, writers=1) as engine:
            leases = await engine.claim([PARTITION], "node")
            await other_connections(database, "pg_terminate_backend")
            assert await engine.commit(leases, written("b")) == (Lease(PARTITION, 1, "token-b"),)
            assert [row.key for row in (await engine.load(leases[0], ROMEO, ["contact"])).rows] == ["b"]

    run(play())


def test_a_commit_during_which_the_connection_breaks_is_in_doubt_until_the_leases_are_renewed(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database, writers=1) as engine:
            leases = await engine.claim([PARTITION], "node")
            # A deferred check runs inside COMMIT: there the connection is ended, after all statements have succeeded.
            async with engine._writing.lent() as db:
                await db.execute("""
                    CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
                    CREATE CONSTRAINT TRIGGER ends AFTER INSERT ON records
                        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ends();
                """)
            with pytest.raises(Unknown):
                await engine.commit(leases, written("a"))
            (lease,) = await engine.renew([PARTITION], "node")
            assert lease.token == ""  # it was not done, and can never be done now
            with pytest.raises(Fenced):
                await engine.commit(leases, Batch())
            assert (await engine.load(lease, ROMEO, ["contact"])).rows == ()

    run(play())


def test_a_cancelled_call_is_done_nevertheless(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database) as engine:
            leases = await engine.claim([PARTITION], "node")
            committing = asyncio.ensure_future(engine.commit(leases, written("a")))
            await asyncio.sleep(0)
            committing.cancel()
        async with await PostgresEngine.open(database) as engine:
            assert [row.key for row in (await engine.load(leases[0], ROMEO, ["contact"])).rows] == ["a"]

    run(play())


# --- databases that are refused ---------------------------------------------------------------------------------


def test_a_database_of_a_later_release_is_refused_and_stays_as_it_is(database: str) -> None:
    async def play() -> None:
        await (await PostgresEngine.open(database)).aclose()
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as db:
            await db.execute("UPDATE xmpp_im_host SET migrations = 99")
            with pytest.raises(DatabaseRefused, match="schema 99"):
                await PostgresEngine.open(database)
            assert await (await db.execute("SELECT migrations FROM xmpp_im_host")).fetchone() == (99,)

    run(play())


def test_a_database_with_tables_of_another_program_is_refused(database: str) -> None:
    async def play() -> None:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as db:
            await db.execute("CREATE TABLE records (name text)")
            with pytest.raises(DatabaseRefused, match="another program: records"):
                await PostgresEngine.open(database)
            assert await (await db.execute("SELECT count(*) FROM xmpp_im_host")).fetchone() == (0,)

    run(play())


def test_a_database_that_cannot_be_reached_is_refused_without_its_password(database: str) -> None:
    async def play() -> None:
        with pytest.raises(DatabaseRefused) as refused:
            await PostgresEngine.open(make_conninfo(database, host="/nowhere", password="sesame"))
        assert "sesame" not in str(refused.value)

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
