"""The schema of a PostgreSQL database, and how an older database gets it while nodes use it.

The table ``xmpp_im_host`` holds the number of migrations that the database has had. Nodes that start at the same time
migrate one after the other: each locks that table. A migration never changes after its release: another one follows it.

A migration is made so that nodes of the release before it go on working while it is done and after it. What takes long
on a large database, such as an index, is built beforehand without a lock that holds up commits, and begun anew if it
was interrupted. A node of an older release that *starts* on the migrated database is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, LiteralString

import psycopg

from xmpp_im_core.record import record
from xmpp_im_host.storage.errors import DatabaseRefused
from xmpp_im_host.storage.postgres_pipeline import Connection

VERSIONS: Final = "CREATE TABLE IF NOT EXISTS xmpp_im_host (migrations integer NOT NULL)"
TABLES: Final = ("records", "leases", "queues", "entries", "sources", "nodes")


@record
class Migration:
    """One step of the schema."""

    statements: LiteralString
    """Done in one transaction, together with the new number of migrations."""
    before: tuple[LiteralString, ...] = ()
    """Done before that, each outside of a transaction, and all of them again if they were interrupted."""


FIRST: Final = Migration(
    """
    CREATE TABLE records (
        account text NOT NULL,
        kind text NOT NULL,
        key text NOT NULL,
        partition integer NOT NULL,
        place bigserial NOT NULL,
        text text NOT NULL,
        size bigint NOT NULL,
        PRIMARY KEY (account, kind, key)
    );
    CREATE INDEX listed ON records (kind, place)
        WHERE kind IN ('outbox', 'replaced', 'roster', 'session', 'wake');
    CREATE TABLE leases (
        partition integer PRIMARY KEY, epoch bigint NOT NULL, token text NOT NULL, node text NOT NULL
    );
    CREATE TABLE queues (queue text PRIMARY KEY, last bigint NOT NULL);
    CREATE TABLE entries (
        queue text NOT NULL, position bigint NOT NULL, body bytea NOT NULL, PRIMARY KEY (queue, position)
    );
    CREATE TABLE sources (
        queue text NOT NULL, source text NOT NULL, n bigint NOT NULL, PRIMARY KEY (queue, source)
    );
    """
)

# A node of the first schema owns all partitions and uses no queues, so it works until a node of this one claims. Its
# index is replaced under another name: the partition is in it, so that a node finds the rows of its partitions without
# reading those of the others.
SECOND: Final = Migration(
    """
    CREATE SEQUENCE positions;
    SELECT setval('positions', 1 + (SELECT coalesce(max(last), 0) FROM queues));
    DROP TABLE queues;
    CREATE TABLE nodes (
        number serial PRIMARY KEY,
        name text NOT NULL,
        beats bigint NOT NULL DEFAULT 0,
        weight double precision NOT NULL DEFAULT 1.0,
        draining boolean NOT NULL DEFAULT false,
        report text NOT NULL DEFAULT ''
    );
    """,
    before=(
        "DROP INDEX CONCURRENTLY IF EXISTS listed_by_partition",
        """
        CREATE INDEX CONCURRENTLY listed_by_partition ON records (kind, place, partition) WHERE kind IN (
            'component', 'gateway', 'outbox', 'replaced', 'resumption', 'roster', 'session', 'wake'
        )
        """,
        "DROP INDEX CONCURRENTLY IF EXISTS listed",
    ),
)

MIGRATIONS: Final[Sequence[Migration]] = (FIRST, SECOND)
"""In the order in which a database gets them."""

_PAUSE: Final = 0.1
_CREATED_MEANWHILE: Final = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
)
"""What PostgreSQL says if another transaction creates the same table at the same moment."""


async def migrate(
    db: Connection, connect: Callable[[], Awaitable[Connection]], migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Give a database the schema of this release. An empty database gets all migrations.

    :param connect: opens another connection, for what is done outside of a transaction.
    :raises DatabaseRefused: if the database belongs to a later release, or has tables of another program.
    """
    with suppress(*_CREATED_MEANWHILE):
        await db.execute(VERSIONS)
    migrated = False
    while not migrated:
        try:
            migrated = await _is_migrated(db, connect, migrations)
        except psycopg.errors.LockNotAvailable:  # another node does it; this may take as long as it needs
            await asyncio.sleep(_PAUSE)


async def _is_migrated(
    db: Connection, connect: Callable[[], Awaitable[Connection]], migrations: Sequence[Migration]
) -> bool:
    """Perform the next migration, if there is one. Return whether there was none.

    This waits for no lock that another node holds while it migrates: building an index waits for all who wait so.
    """
    async with db.transaction():
        await db.execute("LOCK TABLE xmpp_im_host IN EXCLUSIVE MODE NOWAIT")
        version = await _version(db, len(migrations))
        if version is None:
            await _refuse_strangers(db)
            await db.execute("INSERT INTO xmpp_im_host VALUES (0)")
            return False
        if version == len(migrations):
            return True
        await db.execute("SET LOCAL lock_timeout = 0")
        migration = migrations[version]
        if migration.before:
            await _prepare(await connect(), migration)
        await db.execute(migration.statements)
        await db.execute("UPDATE xmpp_im_host SET migrations = %s", (version + 1,))
        return False


async def _version(db: Connection, known: int) -> int | None:
    """Return how many migrations the database has had; None if it is empty."""
    found = await (await db.execute("SELECT migrations FROM xmpp_im_host")).fetchone()
    if found is None:
        return None
    if found[0] > known:
        raise DatabaseRefused(
            f"the database has schema {found[0]}, and this release of xmpp-im-host knows schema {known}: "
            "start the release that wrote it, or a later one"
        )
    return int(found[0])


async def _prepare(db: Connection, migration: Migration) -> None:
    try:
        await db.execute("SET lock_timeout = 0")  # building an index waits for every transaction that has begun
        for statement in migration.before:
            await db.execute(statement)
    finally:
        await db.close()


async def _refuse_strangers(db: Connection) -> None:
    query = """
        SELECT table_name FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_name = ANY(%s) ORDER BY table_name
    """
    strangers = [name for (name,) in await (await db.execute(query, (list(TABLES),))).fetchall()]
    if strangers:
        raise DatabaseRefused(f"the database has tables of another program: {', '.join(strangers)}")
