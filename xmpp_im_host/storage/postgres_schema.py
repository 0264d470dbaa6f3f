"""The schema of a PostgreSQL database, and how an older database gets it.

The table ``xmpp_im_host`` holds the number of migrations that the database has had. Nodes that start at the same time
migrate one after the other: each locks that table. A migration never changes after its release: another one follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import psycopg

from xmpp_im_host.storage.errors import DatabaseRefused

Connection: TypeAlias = psycopg.AsyncConnection[Any]

VERSIONS: Final = "CREATE TABLE IF NOT EXISTS xmpp_im_host (migrations integer NOT NULL)"
TABLES: Final = ("records", "leases", "queues", "entries", "sources", "nodes")

MIGRATIONS: Final[Sequence[str]] = (
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
    """,
    """
    CREATE SEQUENCE positions;
    SELECT setval('positions', 1 + (SELECT coalesce(max(last), 0) FROM queues));
    DROP TABLE queues;
    CREATE INDEX kept_by_nodes ON records (kind, place) WHERE kind IN ('component', 'gateway', 'resumption');
    CREATE TABLE nodes (
        number serial PRIMARY KEY,
        name text NOT NULL,
        beats bigint NOT NULL DEFAULT 0,
        weight double precision NOT NULL DEFAULT 1.0,
        draining boolean NOT NULL DEFAULT false,
        report text NOT NULL DEFAULT ''
    );
    """,
)
"""In the order in which a database gets them."""

_CREATED_MEANWHILE: Final = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
)
"""What PostgreSQL says if another transaction creates the same table at the same moment."""


async def migrate(db: Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Give a database the schema of this release. An empty database gets all migrations.

    :raises DatabaseRefused: if the database belongs to a later release, or has tables of another program.
    """
    with suppress(*_CREATED_MEANWHILE):
        await db.execute(VERSIONS)
    async with db.transaction():
        await db.execute("LOCK TABLE xmpp_im_host IN EXCLUSIVE MODE")
        found = await (await db.execute("SELECT migrations FROM xmpp_im_host")).fetchone()
        version = 0 if found is None else int(found[0])
        if version > len(migrations):
            raise DatabaseRefused(
                f"the database has schema {version}, and this release of xmpp-im-host knows schema {len(migrations)}: "
                "start the release that wrote it, or a later one"
            )
        if found is None:
            await _refuse_strangers(db)
            await db.execute("INSERT INTO xmpp_im_host VALUES (0)")
        for migration in migrations[version:]:
            await db.execute(migration)
        await db.execute("UPDATE xmpp_im_host SET migrations = %s", (len(migrations),))


async def _refuse_strangers(db: Connection) -> None:
    query = """
        SELECT table_name FROM information_schema.tables
        WHERE table_schema = current_schema() AND table_name = ANY(%s) ORDER BY table_name
    """
    strangers = [name for (name,) in await (await db.execute(query, (list(TABLES),))).fetchall()]
    if strangers:
        raise DatabaseRefused(f"the database has tables of another program: {', '.join(strangers)}")
