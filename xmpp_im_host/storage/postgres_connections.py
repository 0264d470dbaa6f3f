"""The connections of the PostgreSQL engine: each is lent to one call at a time, and replaced when it is broken."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from xmpp_im_host.storage.postgres_plans import Connection

DEFAULTS: Final[Mapping[str, int | str]] = {
    "connect_timeout": 10,
    "target_session_attrs": "read-write",  # of several hosts, the one that has the database now
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What libpq is told unless the configuration says something else: a host that is gone is noticed within seconds."""


class Connections:
    """Some connections."""

    def __init__(self, conninfo: str, number: int, lock_seconds: float) -> None:
        """Connect to nothing yet.

        :param conninfo: a URI or key words, as libpq reads them.
        :param lock_seconds: how long a statement waits for a lock.
        """
        self._conninfo, self._number, self._lock_seconds = with_defaults(conninfo), number, lock_seconds
        # The connection that was used last is used next: the others open when they are needed.
        self._free: asyncio.LifoQueue[Connection | None] = asyncio.LifoQueue()
        for _ in range(number):
            self._free.put_nowait(None)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Connection]:
        """Lend a connection. It is closed if what is done with it fails.

        A transaction that is under way is undone by that, and so is what psycopg has noted of statements that it
        prepared and PostgreSQL has skipped.
        """
        db = await self._free.get()
        try:
            if db is not None and _ended(db):
                await db.close()
                db = None
            if db is None:
                db = await self.connect()
            yield db
        except BaseException:
            if db is not None:
                await db.close()
            raise
        finally:
            self._free.put_nowait(None if db is None or db.closed else db)

    async def connect(self) -> Connection:
        """Return another connection; the caller closes it."""
        db = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        try:
            await db.execute(f"SET lock_timeout = {round(self._lock_seconds * 1000)}")
            await db.execute("SET jit = off")  # compiling takes longer than any statement of the engine
        except BaseException:
            await db.close()
            raise
        return db

    async def aclose(self) -> None:
        """Wait for the calls that are under way, and close all connections."""
        for db in [await self._free.get() for _ in range(self._number)]:
            if db is not None:
                await db.close()


def with_defaults(conninfo: str) -> str:
    """Return how to connect, with what the engine wants where nothing is said."""
    given = conninfo_to_dict(conninfo)
    return make_conninfo(conninfo, **{key: value for key, value in DEFAULTS.items() if key not in given})


def _ended(db: Connection) -> bool:
    """Return whether the server has ended an idle connection: then nothing is sent on it, and no call is in doubt.

    An idle connection has nothing to read otherwise, or so seldom that a new one is made for no reason.
    """
    poll = select.poll()
    poll.register(db.fileno(), select.POLLIN)
    return bool(poll.poll(0))
