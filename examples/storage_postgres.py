"""A storage on PostgreSQL for asyncio: several connections, so that a slow commit does not delay the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import psycopg

from xmpp_im_core.host import Messages, Operations, StorageFailed, Stored
from xmpp_im_core.server import Clear, Damaged, Delete, Kind, Put, StoreOperation
from xmpp_im_core.snapshot import Loaded, dump_record, load_records
from xmpp_im_core.stanza import Message

TABLE = """
CREATE TABLE IF NOT EXISTS records (
    place bigserial, account text, kind text, key text, value text, size integer,
    PRIMARY KEY (account, kind, key)
);
CREATE INDEX IF NOT EXISTS of_kind ON records (kind, key)
"""
PUT = """
INSERT INTO records (account, kind, key, value, size) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (account, kind, key) DO UPDATE SET value = EXCLUDED.value, size = EXCLUDED.size, place = DEFAULT
"""
DELETE = "DELETE FROM records WHERE account = %s AND kind = %s AND key = %s"
CLEAR = "DELETE FROM records WHERE account = %s AND kind = %s"
ACCOUNT = "SELECT kind, key, value FROM records WHERE account = %s AND kind NOT IN ('offline', 'outbox')"
OFFLINE = "SELECT kind, key, value FROM records WHERE account = %s AND kind = 'offline' ORDER BY place"
OUTBOX = "SELECT account, kind, key, value FROM records WHERE kind = 'outbox' ORDER BY place"
EVERY = "SELECT account, kind, key, value FROM records WHERE kind = %s ORDER BY key"
COUNT = "SELECT count(*), coalesce(sum(size), 0)::int FROM records WHERE account = %s AND kind = 'offline'"

Connection: TypeAlias = psycopg.AsyncConnection[Any]
Report = Callable[[str, Damaged], None]  # takes the account and the damaged record


class PostgresStorage:
    """Open it with :meth:`open`. Each connection does one commit or read at a time."""

    def __init__(self, conninfo: str, report: Report, connections: int = 4) -> None:
        self.conninfo, self.report, self.writers = conninfo, report, connections
        self.free: asyncio.LifoQueue[Connection | None] = asyncio.LifoQueue()

    async def open(self) -> None:
        for _ in range(2 * self.writers):  # twice, so that reads need not wait for commits
            self.free.put_nowait(None)
        async with self.connection() as db, db.transaction():
            await db.execute(TABLE)

    async def close(self) -> None:
        while not self.free.empty():
            db = self.free.get_nowait()
            if db is not None:
                await db.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection. A connection that has failed is replaced when it is needed again."""
        db = await self.free.get()
        try:
            if db is None or db.closed:
                db = await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True)
            yield db
        except psycopg.Error as error:
            raise StorageFailed(str(error)) from error
        finally:
            self.free.put_nowait(db)

    # --- called by AsyncHost --------------------------------------------------------------------------------

    async def commit(self, operations: Operations) -> None:
        number: str | None = None
        try:
            async with self.connection() as db, db.transaction():
                async with db.pipeline():
                    for account, operation in operations:
                        await self.perform(db, account, operation)
                number = await self.number(db)
        except StorageFailed:
            if number is None or not await self.was_committed(number):
                raise

    async def perform(self, db: Connection, account: str, operation: StoreOperation) -> None:
        kind = operation.kind.value
        match operation:
            case Put(_, key, _):
                await db.execute(PUT, (account, kind, key, dump_record(operation), size_of(operation)))
            case Delete(_, key):
                await db.execute(DELETE, (account, kind, key))
            case Clear():
                await db.execute(CLEAR, (account, kind))

    async def number(self, db: Connection) -> str:
        row = await (await db.execute("SELECT pg_current_xact_id()::text")).fetchone()
        assert row is not None
        return str(row[0])

    async def was_committed(self, number: str) -> bool:
        """Ask whether the transaction was committed, until there is an answer: the connection broke during COMMIT."""
        while True:
            with suppress(StorageFailed):
                async with self.connection() as db:
                    row = await (await db.execute("SELECT pg_xact_status(%s::xid8)", (number,))).fetchone()
                if row is not None and row[0] in ("committed", "aborted"):
                    return bool(row[0] == "committed")
            await asyncio.sleep(1)

    async def account(self, jid: str) -> Stored:
        async with self.connection() as db:
            rows = await (await db.execute(ACCOUNT, (jid,))).fetchall()
            [(count, size)] = await (await db.execute(COUNT, (jid,))).fetchall()
        found = self.undamaged(jid, rows)
        return Stored(found.records, count, size, found.damaged)

    async def messages(self, jid: str) -> Messages:
        async with self.connection() as db:
            rows = await (await db.execute(OFFLINE, (jid,))).fetchall()
        found = self.undamaged(jid, rows)
        return tuple([(put.key, put.value) for put in found.records if isinstance(put.value, Message)])

    async def owed(self) -> Sequence[tuple[str, Put]]:
        async with self.connection() as db:
            rows = await (await db.execute(OUTBOX)).fetchall()
        return [(account, put) for account, *row in rows for put in self.undamaged(account, [row]).records]

    async def every(self, kind: Kind) -> Sequence[tuple[str, Put]]:
        async with self.connection() as db:
            rows = await (await db.execute(EVERY, (kind.value,))).fetchall()
        return [(account, put) for account, *row in rows for put in self.undamaged(account, [row]).records]

    def undamaged(self, account: str, rows: Iterable[Sequence[str]]) -> Loaded:
        """Read records; report the damaged ones, which stay in the table."""
        found = load_records([(Kind(kind), key, value) for kind, key, value in rows])
        for each in found.damaged:
            self.report(account, each)
        return found


def size_of(put: Put) -> int:
    return put.value.size() if put.kind is Kind.OFFLINE and isinstance(put.value, Message) else 0
