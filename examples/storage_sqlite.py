"""A storage on SQLite: one table contains the records of all accounts and the outbox."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from xmpp_im_core.host import Messages, Operations, StorageFailed, Stored
from xmpp_im_core.server import Clear, Damaged, Delete, Kind, Put
from xmpp_im_core.snapshot import Loaded, dump_record, load_records
from xmpp_im_core.stanza import Message

TABLE = """
CREATE TABLE IF NOT EXISTS records (
    place INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, kind TEXT, key TEXT, value TEXT, size INTEGER,
    UNIQUE (account, kind, key)
);
CREATE INDEX IF NOT EXISTS of_kind ON records (kind, key)
"""
PUT = "INSERT OR REPLACE INTO records (account, kind, key, value, size) VALUES (?, ?, ?, ?, ?)"
DELETE = "DELETE FROM records WHERE account = ? AND kind = ? AND key = ?"
CLEAR = "DELETE FROM records WHERE account = ? AND kind = ?"
ACCOUNT = "SELECT kind, key, value FROM records WHERE account = ? AND kind NOT IN ('offline', 'outbox')"
OFFLINE = "SELECT kind, key, value FROM records WHERE account = ? AND kind = 'offline' ORDER BY place"
OUTBOX = "SELECT account, kind, key, value FROM records WHERE kind = 'outbox' ORDER BY place"
EVERY = "SELECT account, kind, key, value FROM records WHERE kind = ? ORDER BY key"
COUNT = "SELECT count(*), coalesce(sum(size), 0) FROM records WHERE account = ? AND kind = 'offline'"

Report = Callable[[str, Damaged], None]  # takes the account and the damaged record
R = TypeVar("R")


class SQLiteStorage:
    def __init__(self, db: sqlite3.Connection, report: Report) -> None:
        self.db, self.report = db, report
        with failing():
            db.executescript(TABLE)

    def commit(self, operations: Operations) -> None:
        with failing(), self.db:  # one transaction
            for account, operation in operations:
                kind = operation.kind.value
                match operation:
                    case Put(_, key, _):
                        self.db.execute(PUT, (account, kind, key, dump_record(operation), size_of(operation)))
                    case Delete(_, key):
                        self.db.execute(DELETE, (account, kind, key))
                    case Clear():
                        self.db.execute(CLEAR, (account, kind))

    def account(self, jid: str) -> Stored:
        with failing():
            found = self.read(ACCOUNT, jid)
            count, size = self.db.execute(COUNT, (jid,)).fetchone()
        return Stored(found.records, count, size, found.damaged)

    def messages(self, jid: str) -> Messages:
        with failing():
            found = self.read(OFFLINE, jid)
        return tuple([(put.key, put.value) for put in found.records if isinstance(put.value, Message)])

    def owed(self) -> Iterable[tuple[str, Put]]:
        with failing():
            rows = self.db.execute(OUTBOX).fetchall()
        return [(account, put) for account, *row in rows for put in self.undamaged(account, [row]).records]

    def every(self, kind: Kind) -> Iterable[tuple[str, Put]]:
        with failing():
            rows = self.db.execute(EVERY, (kind.value,)).fetchall()
        return [(account, put) for account, *row in rows for put in self.undamaged(account, [row]).records]

    def read(self, query: str, jid: str) -> Loaded:
        return self.undamaged(jid, self.db.execute(query, (jid,)).fetchall())

    def undamaged(self, account: str, rows: Iterable[Sequence[str]]) -> Loaded:
        """Read records; report the damaged ones, which stay in the table."""
        found = load_records([(Kind(kind), key, value) for kind, key, value in rows])
        for each in found.damaged:
            self.report(account, each)
        return found


def size_of(put: Put) -> int:
    return put.value.size() if put.kind is Kind.OFFLINE and isinstance(put.value, Message) else 0


@contextmanager
def failing() -> Iterator[None]:
    """Turn an error of SQLite into StorageFailed."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageFailed(str(error)) from error


# --- with an event loop ---------------------------------------------------------------------------------------


class ThreadedSQLite:
    """The same storage for asyncio: one thread commits and another one reads, each with a connection to the file."""

    writers = 1  # SQLite has one writer at a time

    def __init__(self, path: str, report: Report) -> None:
        self.commits, self.reads = Worker(path, report), Worker(path, report)

    async def commit(self, operations: Operations) -> None:
        await self.commits.do(lambda storage: storage.commit(operations))

    async def account(self, jid: str) -> Stored:
        return await self.reads.do(lambda storage: storage.account(jid))

    async def messages(self, jid: str) -> Messages:
        return await self.reads.do(lambda storage: storage.messages(jid))

    async def owed(self) -> Sequence[tuple[str, Put]]:
        return await self.reads.do(lambda storage: list(storage.owed()))

    async def every(self, kind: Kind) -> Sequence[tuple[str, Put]]:
        return await self.reads.do(lambda storage: list(storage.every(kind)))

    def close(self) -> None:
        self.commits.close()
        self.reads.close()


class Worker:
    """A thread with its own connection."""

    def __init__(self, path: str, report: Report) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.storage = self.thread.submit(open_storage, path, report).result()

    async def do(self, what: Callable[[SQLiteStorage], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self.thread, what, self.storage)

    def close(self) -> None:
        self.thread.submit(self.storage.db.close)
        self.thread.shutdown()


def open_storage(path: str, report: Report) -> SQLiteStorage:
    db = sqlite3.connect(path, timeout=60)
    db.execute("PRAGMA journal_mode = WAL")  # allows reads during a commit
    db.execute("PRAGMA synchronous = FULL")  # commits survive a power failure
    return SQLiteStorage(db, report)
