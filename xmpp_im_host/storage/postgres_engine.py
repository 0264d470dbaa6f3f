"""An engine on PostgreSQL 14 or newer, for a server that outlives its machine.

Each call is one transaction on a connection that no other call uses: commits do not wait for each other, and reads do
not wait for commits. A connection that breaks is replaced by the next call. If it breaks while a transaction is being
committed, the call raises :class:`~xmpp_im_host.storage.errors.Unknown`; before that, nothing has changed.

A node that is stopped, or cut off, in the middle of a transaction holds its locks. A call that waits for a lock for
some seconds ends the transactions that wait for their clients as long, and tries once more. So another node can claim
what the lost one owned.

How durable a commit is follows from ``synchronous_commit`` and ``synchronous_standby_names`` of the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Final, LiteralString, Self, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from xmpp_im_host.storage import postgres_statements as statements
from xmpp_im_host.storage.errors import DatabaseFull, DatabaseRefused, EngineFailed, Unknown
from xmpp_im_host.storage.postgres_schema import Connection, migrate
from xmpp_im_host.storage.records import Append, Batch, Entry, Found, Lease, Listed, Node, check_leases, check_listed

T = TypeVar("T")

_OLDEST: Final = 140_000
_CONNECT_SECONDS: Final = 10


class PostgresEngine:
    """The engine. :meth:`open` makes one; use it with ``async with``, or call :meth:`aclose`."""

    def __init__(self, conninfo: str, *, writers: int = 4, lock_seconds: float = 5.0) -> None:
        """Note where the database is; :meth:`open` connects.

        :param conninfo: a URI or key words, as libpq reads them. Its environment variables and files count too.
        :param writers: how many commits are done at the same time; as many reads are done at the same time.
        :param lock_seconds: how long a call waits for a lock, and how long others may do nothing in a transaction.
        """
        self.writers = writers
        self._lock_seconds = lock_seconds
        self._under_way: set[asyncio.Future[Any]] = set()
        """The calls that write."""
        self._writing = _Connections(conninfo, writers, lock_seconds)
        self._reading = _Connections(conninfo, writers, lock_seconds)

    @classmethod
    async def open(cls, conninfo: str, *, writers: int = 4, lock_seconds: float = 5.0) -> Self:
        """Connect, and give the database the schema of this release.

        :raises DatabaseRefused: if the database cannot be used: it is too old, of a later release or of another
            program, or it cannot be reached. The message has no password.
        """
        engine = cls(conninfo, writers=writers, lock_seconds=lock_seconds)
        try:
            async with engine._writing.lent() as db:
                if db.info.server_version < _OLDEST:
                    raise DatabaseRefused("PostgreSQL 14 or newer is needed")
                await migrate(db)
        except (psycopg.Error, OSError) as error:
            await engine.aclose()
            raise DatabaseRefused(f"the database cannot be used: {_reason(error)}") from None
        except BaseException:
            await engine.aclose()
            raise
        return engine

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """See :meth:`Engine.aclose`."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._reading.aclose()
        await self._writing.aclose()

    # --- the protocol -------------------------------------------------------------------------------------------

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """See :meth:`Engine.claim`."""
        wanted = tuple(partitions)
        return await self._write(lambda db: statements.claim(db, wanted, node))

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """See :meth:`Engine.renew`."""
        wanted = tuple(partitions)
        return await self._write(lambda db: statements.renew(db, wanted, node))

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        """See :meth:`Engine.load`."""
        return await self._read(lambda db: statements.load(db, lease, account, kinds, counted))

    async def scan(self, partitions: Collection[int], kind: str, after: int = 0, limit: int = 1000) -> Sequence[Listed]:
        """See :meth:`Engine.scan`."""
        check_listed(kind)
        return await self._read(lambda db: statements.scan(db, partitions, kind, after, limit))

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        """See :meth:`Engine.commit`."""
        check_leases(leases, batch)
        return await self._write(lambda db: statements.commit(db, leases, batch))

    async def append(self, queue: str, source: str, n: int, body: bytes) -> None:
        """See :meth:`Engine.append`."""
        entry = Append(queue, source, n, body)
        await self._write(lambda db: statements.append(db, entry))

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        """See :meth:`Engine.entries`."""
        return await self._read(lambda db: statements.entries(db, queues, limit))

    async def settle(self, queue: str, positions: Collection[int]) -> None:
        """See :meth:`Engine.settle`."""
        await self._write(lambda db: statements.settle(db, queue, positions))

    async def join(self, name: str) -> int:
        """See :meth:`Engine.join`."""
        return await self._write(lambda db: statements.join(db, name))

    async def beat(self, number: int, report: str) -> Sequence[Node]:
        """See :meth:`Engine.beat`."""
        return await self._write(lambda db: statements.beat(db, number, report))

    async def leave(self, number: int) -> None:
        """See :meth:`Engine.leave`."""
        await self._write(lambda db: statements.leave(db, number))

    async def direct(self, number: int, *, weight: float | None = None, draining: bool | None = None) -> None:
        """See :meth:`Engine.direct`."""
        await self._write(lambda db: statements.direct(db, number, weight, draining))

    # --- transactions -------------------------------------------------------------------------------------------

    async def _write(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do something in a transaction. A cancelled call goes on: its commit is not left in doubt without need."""
        task = asyncio.ensure_future(self._written(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _written(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            return await self._done(self._writing, "BEGIN", work)
        except LockTaken:
            await self._done(self._reading, "BEGIN", self._end_stuck)
            return await self._done(self._writing, "BEGIN", work)

    async def _end_stuck(self, db: Connection) -> None:
        await statements.end_stuck(db, self._lock_seconds)

    async def _read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Read in a transaction that sees one moment and changes nothing."""
        return await self._done(self._reading, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work)

    async def _done(
        self, connections: _Connections, begin: LiteralString, work: Callable[[Connection], Awaitable[T]]
    ) -> T:
        try:
            async with connections.lent() as db:
                await db.execute(begin)
                result = await work(db)
                await _commit(db)
                return result
        except (psycopg.Error, OSError, UnicodeError) as error:
            raise translated(error) from error


async def _commit(db: Connection) -> None:
    """Commit the transaction.

    :raises Unknown: if the connection breaks meanwhile.
    """
    try:
        await db.execute("COMMIT")
    except (psycopg.Error, OSError) as error:
        if db.closed or db.broken:
            raise Unknown(f"PostgreSQL: {_reason(error)}") from error
        raise


class _Connections:
    """Some connections, each of which is lent to one call at a time."""

    def __init__(self, conninfo: str, number: int, lock_seconds: float) -> None:
        self._conninfo, self._number, self._lock_seconds = conninfo, number, lock_seconds
        # The connection that was used last is used next: the others open when they are needed.
        self._free: asyncio.LifoQueue[Connection | None] = asyncio.LifoQueue()
        for _ in range(number):
            self._free.put_nowait(None)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Connection]:
        """Lend a connection. A transaction that it still has afterwards is undone; one that is broken is closed."""
        db = await self._free.get()
        try:
            if db is None:
                db = await self._connected()
            yield db
        finally:
            self._free.put_nowait(await _sound(db))

    async def _connected(self) -> Connection:
        db = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS)
        await db.execute(f"SET lock_timeout = {round(self._lock_seconds * 1000)}")
        return db

    async def aclose(self) -> None:
        """Wait for the calls that are under way, and close all connections."""
        for db in [await self._free.get() for _ in range(self._number)]:
            if db is not None:
                await db.close()


async def _sound(db: Connection | None) -> Connection | None:
    """Return a connection without a transaction; None if it cannot be used any more."""
    if db is None or db.closed:
        return None
    if db.info.transaction_status == TransactionStatus.IDLE:
        return db
    with suppress(psycopg.Error, OSError):
        await db.execute("ROLLBACK")
        return db
    await db.close()
    return None


class LockTaken(EngineFailed):
    """Another transaction has held a lock for too long."""


# --- errors -----------------------------------------------------------------------------------------------------


def translated(error: Exception) -> Exception:
    """Return the error of the engine that stands for an error of PostgreSQL."""
    if isinstance(error, UnicodeError):
        return EngineFailed(f"a text cannot be stored: {error}")
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return LockTaken(f"PostgreSQL: {_reason(error)}")
    if isinstance(error, psycopg.errors.DiskFull):
        return DatabaseFull(f"PostgreSQL: {_reason(error)}")
    return EngineFailed(f"PostgreSQL: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Return the first line of what an error says: it has no password."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
