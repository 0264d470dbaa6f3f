"""The engine on PostgreSQL while connections break, and while the database is silent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

psycopg = pytest.importorskip("psycopg")  # only those who need PostgreSQL install it


from tests.xmpp_im_host.running import run  # noqa: E402
from tests.xmpp_im_host.storage.postgres_proxy import proxied  # noqa: E402
from xmpp_im_host.storage.errors import EngineFailed, Fenced, Unknown  # noqa: E402
from xmpp_im_host.storage.postgres_engine import PostgresEngine  # noqa: E402
from xmpp_im_host.storage.records import (  # noqa: E402
    Append,
    Batch,
    Lease,
    Row,
    Write,
    partition_of,
)

pytestmark = pytest.mark.postgres

ROMEO = "romeo@montague.example"
PARTITION = partition_of(ROMEO)


def written(key: str) -> Batch:
    return Batch((Write(ROMEO, Row("contact", key, "")),), token=f"token-{key}")


async def other_connections(database: str, what: str) -> None:
    """Do something to all other connections to the database.

    :param what: an expression of ``pid``. To end a connection, give the milliseconds to wait until it has ended.
    """
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as db:
        query = f"SELECT {what} FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
        await db.execute(query, (db.info.backend_pid,))


# --- connections that break -------------------------------------------------------------------------------------


def test_a_connection_that_breaks_is_replaced(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database, writers=1) as engine:
            leases = await engine.claim([PARTITION], "node")
            await other_connections(database, "pg_terminate_backend(pid, 60000)")
            assert await engine.commit(leases, written("b")) == (Lease(PARTITION, 1, "token-b"),)
            assert [row.key for row in (await engine.load(leases[0], ROMEO, ["contact"])).rows] == ["b"]

    run(play())


def test_a_commit_during_which_the_connection_breaks_is_in_doubt_until_the_leases_are_renewed(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database, writers=1) as engine:
            leases = await engine.claim([PARTITION], "node")
            # A deferred check runs inside COMMIT: there the connection is ended, after all statements have succeeded.
            async with await engine._connector.connect() as db:
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


@pytest.mark.parametrize("done", [True, False])
def test_renewing_tells_whether_a_commit_was_done_whose_answer_was_lost(
    database: str, done: bool, tmp_path: Path
) -> None:
    async def play() -> None:
        async with proxied(database, tmp_path) as (proxy, conninfo), await PostgresEngine.open(conninfo) as engine:
            leases = await engine.claim([PARTITION], "node")
            leases = await engine.commit(leases, written("a"))
            await engine.append("q", "", 0, b"in")
            (entry,) = await engine.entries({"q": 0})
            proxy.answers_lost, proxy.requests_lost = done, not done
            batch = Batch(
                (Write(ROMEO, Row("contact", "b", "")),),
                (Append("out", "", body=b"out"),),
                ((entry.queue, entry.position),),
                token="token-b",
            )
            with pytest.raises(Unknown):
                await engine.commit(leases, batch)
            with pytest.raises((Unknown, EngineFailed)):
                await engine.renew([PARTITION], "node")
            proxy.answers_lost = proxy.requests_lost = False
            (lease,) = await engine.renew([PARTITION], "node")
            assert lease.token == ("token-b" if done else "token-a")
            rows = (await engine.load(lease, ROMEO, ["contact"])).rows
            assert [row.key for row in rows] == (["a", "b"] if done else ["a"])
            assert [each.body for each in await engine.entries({"q": 0, "out": 0})] == ([b"out"] if done else [b"in"])

    run(play())


@pytest.mark.long
def test_a_database_that_is_silent_is_not_waited_for_without_end(database: str, tmp_path: Path) -> None:
    async def play() -> None:
        async with (
            proxied(database, tmp_path) as (proxy, conninfo),
            await PostgresEngine.open(conninfo, writers=1) as engine,
        ):
            leases = await engine.claim([PARTITION], "node")
            await engine.load(None, ROMEO, ["contact"])
            proxy.silent, engine._answer_seconds = True, 0.5
            with pytest.raises(EngineFailed):
                await engine.load(None, ROMEO, ["contact"])
            with pytest.raises(Unknown):
                await engine.commit(leases, written("a"))
            proxy.silent, engine._answer_seconds = False, 30.0
            (lease,) = await engine.renew([PARTITION], "node")
            assert lease.token == "token-a"

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


def test_the_connection_of_a_cancelled_call_is_free_again_when_the_call_is_done(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database, writers=1) as engine:
            leases = await engine.claim([PARTITION], "node")
            async with engine._writing.lent() as db:
                pass
            committing = asyncio.ensure_future(engine.commit(leases, written("a")))
            await asyncio.sleep(0)
            committing.cancel()
            await engine.commit(leases, written("c"))
            async with engine._writing.lent() as same:
                assert same is db
            assert [row.key for row in (await engine.load(leases[0], ROMEO, ["contact"])).rows] == ["a", "c"]

    run(play())


def test_a_cancelled_call_that_fails_leaves_no_transaction_open(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database, writers=1) as engine:
            old = await engine.claim([PARTITION], "node")
            new = await engine.claim([PARTITION], "node")
            committing = asyncio.ensure_future(engine.commit(old, written("a")))
            await asyncio.sleep(0)
            committing.cancel()
            assert await engine.commit(new, written("b")) == (Lease(PARTITION, 2, "token-b"),)

    run(play())


def test_calls_after_the_end_fail(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database) as engine:
            leases = await engine.claim([PARTITION], "node")
        for call in (engine.commit(leases, Batch()), engine.entries({"q": 0}), engine.load(None, ROMEO, ["contact"])):
            with pytest.raises(EngineFailed):
                await call

    run(play())
