"""An engine on one file of SQLite, for a server on one machine.

The file is in write-ahead mode. One thread writes and another one reads, each with a connection. The writer performs
everything that waits for it in one transaction, so the cost of making it durable is shared. A commit survives a loss of
power (``synchronous = FULL``), unless the operator prefers speed. While a commit takes long, reads go on.

One process uses the file at a time; another one is refused, by name.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from xmpp_im_host.storage import sqlite_statements as statements
from xmpp_im_host.storage.errors import DatabaseRefused
from xmpp_im_host.storage.file_lock import FileLock
from xmpp_im_host.storage.migrations import migrate, schema_version
from xmpp_im_host.storage.records import Append, Batch, Entry, Found, Lease, Listed, Node, check_leases, check_listed
from xmpp_im_host.storage.sqlite_transactions import read_together, write_together
from xmpp_im_host.storage.worker_thread import WorkerThread

_BUSY_SECONDS: Final = 5.0
"""How long to wait for a lock that another program, such as a backup, has on the file."""


class SQLiteEngine:
    """The engine. :meth:`open` makes one; use it with ``async with``, or call :meth:`aclose`."""

    shards: int = 1
    writers: int = 1  # SQLite has one writer at a time; the thread groups what waits

    def __init__(self, path: str | os.PathLike[str], *, power_safe: bool = True) -> None:
        """Open a file, and create it if it does not exist. This blocks; :meth:`open` does it in a thread.

        :param power_safe: whether each commit waits until the disk has it. Without that a crash of the process loses
            nothing either, but a loss of power may lose the last commits, and a commit takes less time.
        :raises DatabaseRefused: if the file cannot be used: it is in use, of a later release, of another program, not a
            database, or not accessible.
        """
        self.path, self.power_safe = os.fspath(path), power_safe
        self._lock = FileLock(self.path)
        try:
            self._writer = WorkerThread("xmpp-im-host-writer", self._open_writer, write_together)
            try:
                self._reader = WorkerThread("xmpp-im-host-reader", self._open_reader, read_together)
            except BaseException:
                self._writer.stop()
                self._writer.join()
                raise
        except sqlite3.Error as error:
            self._lock.release()
            raise DatabaseRefused(f"{self.path} cannot be used: {error}") from None
        except BaseException:
            self._lock.release()
            raise

    @classmethod
    async def open(cls, path: str | os.PathLike[str], *, power_safe: bool = True) -> Self:
        """Open a file without blocking the event loop; see ``__init__``."""
        return await asyncio.to_thread(cls, path, power_safe=power_safe)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """See :meth:`Engine.aclose`."""
        self._reader.stop()
        await asyncio.to_thread(self._reader.join)
        self._writer.stop()
        await asyncio.to_thread(self._writer.join)  # the last connection moves the log into the file
        self._lock.release()

    # --- connections --------------------------------------------------------------------------------------------

    def _open_writer(self) -> sqlite3.Connection:
        try:  # the file holds keys, so nobody else may read it; SQLite gives its other files the same mode
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise DatabaseRefused(f"{self.path} cannot be opened: {error.strerror}") from None
        db = self._connect()
        try:
            schema_version(db, self.path)  # before anything is changed in a file of another program
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {'FULL' if self.power_safe else 'NORMAL'}")
            db.execute("PRAGMA journal_size_limit = 67108864")
            migrate(db, self.path)
        except BaseException:
            db.close()
            raise
        return db

    def _open_reader(self) -> sqlite3.Connection:
        db = self._connect()
        db.execute("PRAGMA query_only = ON")
        return db

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)

    # --- the protocol -------------------------------------------------------------------------------------------

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """See :meth:`Engine.claim`."""
        wanted = tuple(partitions)
        return await self._writer.do(lambda db: statements.claim(db, wanted, node))

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """See :meth:`Engine.renew`."""
        wanted = tuple(partitions)
        return await self._writer.do(lambda db: statements.renew(db, wanted, node))

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        """See :meth:`Engine.load`."""
        return await self._reader.do(lambda db: statements.load(db, lease, account, kinds, counted))

    async def scan(self, partitions: Collection[int], kind: str, after: int = 0, limit: int = 1000) -> Sequence[Listed]:
        """See :meth:`Engine.scan`."""
        check_listed(kind)
        return await self._reader.do(lambda db: statements.scan(db, partitions, kind, after, limit))

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        """See :meth:`Engine.commit`."""
        check_leases(leases, batch)
        return await self._writer.do(lambda db: statements.commit(db, leases, batch))

    async def append(self, queue: str, source: str, n: int, body: bytes) -> None:
        """See :meth:`Engine.append`."""
        entry = Append(queue, source, n, body)
        await self._writer.do(lambda db: statements.append(db, entry))

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        """See :meth:`Engine.entries`."""
        return await self._reader.do(lambda db: statements.entries(db, queues, limit))

    async def settle(self, queue: str, positions: Collection[int]) -> None:
        """See :meth:`Engine.settle`."""
        await self._writer.do(lambda db: statements.settle(db, queue, positions))

    async def join(self, name: str) -> int:
        """See :meth:`Engine.join`."""
        return await self._writer.do(lambda db: statements.join(db, name))

    async def beat(self, number: int, report: str) -> Sequence[Node]:
        """See :meth:`Engine.beat`."""
        return await self._writer.do(lambda db: statements.beat(db, number, report))

    async def leave(self, number: int) -> None:
        """See :meth:`Engine.leave`."""
        await self._writer.do(lambda db: statements.leave(db, number))

    async def direct(self, number: int, *, weight: float | None = None, draining: bool | None = None) -> None:
        """See :meth:`Engine.direct`."""
        await self._writer.do(lambda db: statements.direct(db, number, weight, draining))
