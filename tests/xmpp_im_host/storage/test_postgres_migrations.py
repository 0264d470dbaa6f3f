"""The schema on PostgreSQL: migrations while nodes work, and databases that are refused."""

from __future__ import annotations

import asyncio

import pytest

psycopg = pytest.importorskip("psycopg")  # only those who need PostgreSQL install it

from psycopg.conninfo import make_conninfo  # noqa: E402  # after the check

from tests.xmpp_im_host.running import run  # noqa: E402
from xmpp_im_host.storage.errors import DatabaseRefused  # noqa: E402
from xmpp_im_host.storage.postgres_engine import PostgresEngine  # noqa: E402
from xmpp_im_host.storage.postgres_pipeline import Connection  # noqa: E402
from xmpp_im_host.storage.postgres_schema import MIGRATIONS, Migration, migrate  # noqa: E402
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


# --- migrations -------------------------------------------------------------------------------------------------

OLD_COMMIT = (
    "UPDATE leases SET token = 'old' WHERE partition = 7",
    """
    INSERT INTO records (account, kind, key, partition, text, size) VALUES ('a', 'session', 'b', 7, '', 0)
    ON CONFLICT (account, kind, key) DO UPDATE SET text = excluded.text, size = excluded.size, place = excluded.place
    """,
    "SELECT place FROM records WHERE kind = 'session' AND place > 0 AND partition = ANY('{7}') ORDER BY place",
)
"""What a node of the first schema does in a commit and in a scan."""


async def connected(database: str) -> Connection:
    db: Connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
    return db


def test_a_node_of_the_first_schema_goes_on_working_while_the_second_one_is_made(database: str) -> None:
    async def play() -> None:
        async with await connected(database) as old, await connected(database) as other:
            await migrate(old, lambda: connected(database), MIGRATIONS[:1])
            await old.execute("INSERT INTO leases VALUES (7, 1, '', 'old')")
            await old.execute("INSERT INTO queues VALUES ('q', 41)")
            await old.execute("INSERT INTO entries VALUES ('q', 41, 'kept')")
            migrating = asyncio.ensure_future(migrate(other, lambda: connected(database)))
            commits = 0
            while commits < 20 or not migrating.done():
                async with old.transaction():
                    for statement in OLD_COMMIT:
                        await old.execute(statement)
                commits += 1
            await migrating
            async with await PostgresEngine.open(database) as engine:
                (lease,) = await engine.claim([7], "new")
                assert lease == Lease(7, 2, "old")
                assert [each.account for each in await engine.scan([7], "session")] == ["a"]
                await engine.append("q", "s", 1, b"new")
                assert [each.body for each in await engine.entries({"q": 0})] == [b"kept", b"new"]
            with pytest.raises(DatabaseRefused, match="schema 2"):
                await migrate(old, lambda: connected(database), MIGRATIONS[:1])

    run(play())


LATER = Migration(
    "ALTER TABLE nodes ADD COLUMN later text NOT NULL DEFAULT ''; ALTER TABLE records ADD COLUMN later integer",
    before=(
        "DROP INDEX CONCURRENTLY IF EXISTS later",
        "CREATE INDEX CONCURRENTLY later ON records (partition)",
    ),
)


def test_a_later_schema_is_made_while_a_node_of_this_release_works(database: str) -> None:
    async def play() -> None:
        async with await PostgresEngine.open(database) as engine, await connected(database) as other:
            number = await engine.join("node")
            leases = await engine.claim([PARTITION], "node")

            async def work(n: int) -> None:
                nonlocal leases
                batch = Batch((Write(ROMEO, Row("session", "s", str(n))),), (Append("q", "", body=b"x"),))
                leases = await engine.commit(leases, batch)
                (entry,) = await engine.entries({"q": 0})
                leases = await engine.commit(leases, Batch(done=((entry.queue, entry.position),)))
                assert [row.text for row in (await engine.load(leases[0], ROMEO, ["session"])).rows] == [str(n)]
                assert len(await engine.scan([PARTITION], "session")) == 1
                (node,) = await engine.beat(number, "")
                assert node.beats == n + 1

            done = 0
            while done < 20:  # by then all statements are prepared
                await work(done)
                done += 1
            migrating = asyncio.ensure_future(migrate(other, lambda: connected(database), (*MIGRATIONS, LATER)))
            while done < 40 or not migrating.done():
                await work(done)
                done += 1
            await migrating
            with pytest.raises(DatabaseRefused, match="schema 3"):
                await PostgresEngine.open(database)

    run(play())


def test_an_interrupted_migration_is_begun_anew(database: str) -> None:
    broken = Migration("SELECT 1 / 0", LATER.before)

    async def play() -> None:
        async with await connected(database) as db:
            with pytest.raises(psycopg.errors.DivisionByZero):
                await migrate(db, lambda: connected(database), (*MIGRATIONS, broken))
            await migrate(db, lambda: connected(database), (*MIGRATIONS, LATER))
            assert await (await db.execute("SELECT migrations FROM xmpp_im_host")).fetchone() == (3,)

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
