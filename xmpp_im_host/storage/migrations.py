"""The schema of the SQLite file, and how an older file gets it.

The number of migrations that a file has had is its ``user_version``. Each one runs in a transaction with the change of
that number, so an interrupted upgrade is repeated at the next start. A migration never changes after its release:
another one follows it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

from xmpp_im_host.storage.errors import DatabaseRefused

APPLICATION: Final = 0x584D5050
"""The ``application_id`` of a file of this server: "XMPP"."""

Migration = Callable[[sqlite3.Connection], None]


def first(db: sqlite3.Connection) -> None:
    """Create the tables."""
    for statement in (
        """
        CREATE TABLE records (
            place INTEGER PRIMARY KEY AUTOINCREMENT,
            partition INTEGER NOT NULL,
            account TEXT NOT NULL,
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            text TEXT NOT NULL,
            size INTEGER NOT NULL,
            UNIQUE (account, kind, key)
        )
        """,
        "CREATE INDEX listed ON records (kind, place) WHERE kind IN ('outbox', 'roster', 'session', 'wake')",
        """
        CREATE TABLE leases (
            partition INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, token TEXT NOT NULL, node TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE entries (
            position INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body BLOB NOT NULL
        )
        """,
        "CREATE INDEX queues ON entries (queue, position)",
        """
        CREATE TABLE sources (
            queue TEXT NOT NULL, source TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (queue, source)
        ) WITHOUT ROWID
        """,
        "CREATE TABLE nodes (node TEXT PRIMARY KEY, beat REAL NOT NULL) WITHOUT ROWID",
    ):
        db.execute(statement)


def second(db: sqlite3.Connection) -> None:
    """Find replaced sessions. Forget which nodes are alive: nobody has asked for it."""
    kinds = "'outbox', 'replaced', 'roster', 'session', 'wake'"
    db.execute("DROP INDEX listed")
    db.execute(f"CREATE INDEX listed ON records (kind, place) WHERE kind IN ({kinds})")
    db.execute("DROP TABLE nodes")


def third(db: sqlite3.Connection) -> None:
    """Find what several nodes keep, and give nodes numbers."""
    kinds = "'component', 'gateway', 'outbox', 'replaced', 'resumption', 'roster', 'session', 'wake'"
    db.execute("DROP INDEX listed")
    db.execute(f"CREATE INDEX listed ON records (kind, place) WHERE kind IN ({kinds})")
    db.execute(
        """
        CREATE TABLE nodes (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            beats INTEGER NOT NULL DEFAULT 0,
            weight REAL NOT NULL DEFAULT 1.0,
            draining INTEGER NOT NULL DEFAULT 0,
            report TEXT NOT NULL DEFAULT ''
        )
        """
    )


MIGRATIONS: Final[Sequence[Migration]] = (first, second, third)
"""In the order in which a file gets them."""


def migrate(db: sqlite3.Connection, path: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Give a file the schema of this release. A new file gets all migrations.

    :param db: a connection without a transaction, whose ``isolation_level`` is None.
    :param path: the name of the file, for messages.
    :raises DatabaseRefused: if the file belongs to a later release or to another program.
    """
    version = schema_version(db, path, len(migrations))
    for number, migration in enumerate(migrations[version:], version + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            migration(db)
            db.execute(f"PRAGMA user_version = {number}")
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def schema_version(db: sqlite3.Connection, path: str, known: int = len(MIGRATIONS)) -> int:
    """Return how many migrations a file has had; 0 if it is new.

    :param known: how many migrations this release has.
    :raises DatabaseRefused: as :func:`migrate` does.
    """
    ((application,),) = db.execute("PRAGMA application_id")
    ((version,),) = db.execute("PRAGMA user_version")
    ((tables,),) = db.execute("SELECT count(*) FROM sqlite_schema")
    if application != APPLICATION and (application or version or tables):
        raise DatabaseRefused(f"{path} is a database of another program")
    if version > known:
        raise DatabaseRefused(
            f"{path} has schema {version}, and this release of xmpp-im-host knows schema {known}: "
            "start the release that wrote it, or a later one"
        )
    return int(version)
