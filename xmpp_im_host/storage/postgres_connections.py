"""The connections of the PostgreSQL engine: some for what writes, lent to one call at a time, and one for all reads.

Each is opened when it is needed, and replaced when it is broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from xmpp_im_core.record import record
from xmpp_im_host.storage.postgres_pipeline import Bound, Connection, Pipeline, Statement, bound, resolve
from xmpp_im_host.storage.postgres_values import Rows

DEFAULTS: Final[Mapping[str, int | str]] = {
    "connect_timeout": 10,
    "target_session_attrs": "read-write",  # of several hosts, the one that has the database now
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""What libpq is told unless the configuration says something else: a host that is gone is noticed within seconds."""


@record
class Connector:
    """Opens connections."""

    conninfo: str
    """A URI or key words, as libpq reads them."""
    lock_seconds: float
    """How long a statement waits for a lock."""

    async def connect(self) -> Connection:
        """Return another connection; the caller closes it."""
        db = await psycopg.AsyncConnection.connect(with_defaults(self.conninfo), autocommit=True)
        try:
            await db.execute("SET client_encoding = 'UTF8'")
            await db.execute(f"SET lock_timeout = {round(self.lock_seconds * 1000)}")
            await db.execute("SET jit = off")  # compiling takes longer than any statement of the engine
        except BaseException:
            await db.close()
            raise
        return db


def with_defaults(conninfo: str) -> str:
    """Return how to connect, with what the engine wants where nothing is said."""
    given = conninfo_to_dict(conninfo)
    return make_conninfo(conninfo, **{key: value for key, value in DEFAULTS.items() if key not in given})


class Connections:
    """Connections that are lent."""

    def __init__(self, connector: Connector, number: int) -> None:
        """Connect to nothing yet."""
        self._connector, self._number = connector, number
        # The connection that was used last is used next: the others open when they are needed.
        self._free: asyncio.LifoQueue[Pipeline | None] = asyncio.LifoQueue()
        for _ in range(number):
            self._free.put_nowait(None)
        self._closed = False

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Pipeline]:
        """Lend a connection. It is closed if what is done with it fails: that ends a transaction that is under way.

        If what is done with it is cancelled, that goes on, and the connection is free again when it is done.

        :raises psycopg.OperationalError: if the connections were closed.
        """
        db = await self._free.get()
        try:
            if db is not None and db.ended:
                db.close()
                db = None
            if self._closed:
                raise psycopg.OperationalError("the engine is closed")
            if db is None:
                db = Pipeline(await self._connector.connect())
            yield db
        except asyncio.CancelledError:
            if db is None:
                self._free.put_nowait(None)
            else:
                db.when_idle(partial(self._put, db))
            raise
        except BaseException:
            if db is not None:
                db.close()
            self._free.put_nowait(None)
            raise
        else:
            self._put(db)

    def _put(self, db: Pipeline) -> None:
        if not db.usable:
            db.close()
        self._free.put_nowait(db if db.usable else None)

    async def aclose(self) -> None:
        """Wait for the calls that are under way, and close all connections."""
        for db in [await self._free.get() for _ in range(self._number)]:
            if db is not None:
                db.close()
        self._closed = True
        for _ in range(self._number):
            self._free.put_nowait(None)  # for those who wait: they are refused


class SharedConnection:
    """A connection for all reads. What is asked for in one round of the event loop is sent, and answered, together.

    If one of these statements fails, all of them do, and another connection is opened for the next ones.
    """

    def __init__(self, connector: Connector) -> None:
        """Connect to nothing yet."""
        self._connector = connector
        self._db: Pipeline | None = None
        self._asked: list[tuple[Bound, asyncio.Future[Rows]]] = []
        """What is to be sent."""
        self._waiting: set[asyncio.Future[Rows]] = set()
        """What is not answered."""
        self._connecting: asyncio.Task[None] | None = None
        self._closed = False

    async def perform(self, statement: Statement) -> Rows:
        """Perform a statement that only reads, and return its rows.

        :raises psycopg.Error: if it fails, or the connection breaks.
        :raises OSError: likewise.
        :raises UnicodeError: if a text cannot be sent.
        """
        if self._closed:
            raise psycopg.OperationalError("the engine is closed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Rows] = loop.create_future()
        self._asked.append((bound(statement), answer))
        self._waiting.add(answer)
        answer.add_done_callback(self._waiting.discard)
        if len(self._asked) == 1:
            loop.call_soon(self._send)
        return await answer

    def _send(self) -> None:
        if self._connecting is not None:
            return
        if self._db is None or self._db.ended:
            self.drop()
            self._connecting = asyncio.ensure_future(self._connect())
            return
        asked, self._asked = self._asked, []
        answers = [answer for _, answer in asked]
        try:
            self._db.send([each for each, _ in asked], partial(self._answered, answers))
        except psycopg.Error as error:
            self._answered(answers, error)

    async def _connect(self) -> None:
        try:
            self._db = Pipeline(await self._connector.connect())
        except Exception as error:
            asked, self._asked = self._asked, []
            self._answered([answer for _, answer in asked], error)
        finally:
            self._connecting = None
        if self._asked:
            self._send()

    def _answered(self, answers: Sequence[asyncio.Future[Rows]], rows: Sequence[Rows] | Exception) -> None:
        if isinstance(rows, Exception):
            self.drop()
        for n, answer in enumerate(answers):
            resolve(answer, rows if isinstance(rows, Exception) else rows[n])

    def drop(self) -> None:
        """Close the connection. What is not answered fails."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    async def aclose(self) -> None:
        """Wait for the calls that are under way, and close the connection."""
        self._closed = True
        connecting = [] if self._connecting is None else [self._connecting]
        await asyncio.gather(*self._waiting, *connecting, return_exceptions=True)
        self.drop()
