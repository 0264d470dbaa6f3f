"""The server of loop_asyncio.py with accounts stored in SQLite or PostgreSQL:

python stored_asyncio.py server.sqlite [port]
python stored_asyncio.py "postgresql://localhost/xmpp" [port]
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress

from async_host import AsyncHost, AsyncStorage
from host import Server
from loop_asyncio import Listener, listen
from negotiation import Stream
from storage_sqlite import ThreadedSQLite

from xmpp_im_core.host import Wire
from xmpp_im_core.jid import JID
from xmpp_im_core.server import Damaged, State, hosting

DOMAIN = "montague.example"


class StoredListener(Listener):
    host: AsyncHost[State]

    def __init__(self, passwords: Mapping[str, str], storage: AsyncStorage) -> None:
        self.storage = storage
        super().__init__(Server(DOMAIN, passwords, self.host_for))

    def host_for(self, wire: Wire) -> AsyncHost[State]:
        self.host = AsyncHost(hosting(DOMAIN), self.storage, wire, outbox=True, flush=self.write)
        return self.host

    async def receive(self, stream: Stream, data: bytes) -> None:
        """Read on only when each stanza has been stored and sent, so that a client cannot fill the memory."""
        for got in stream.receive(data):
            if isinstance(got, JID):
                self.server.bind(stream, got)
            elif stream.bound is not None:
                await self.host.take(*stream.bound, got)
        self.write()


def report(account: str, record: Damaged) -> None:
    print(f"{account}: the record {record.kind.value} {record.key!r} is damaged: {record.reason}", file=sys.stderr)


async def serve(storage: AsyncStorage, port: int) -> None:
    listener = StoredListener({"romeo": "rosaline", "juliet": "balcony"}, storage)
    async with listener.host:
        listener.server.create_accounts()
        await listen(listener, port)


async def main(where: str, port: int) -> None:
    if not where.startswith("postgresql:"):
        storage = ThreadedSQLite(where, report)
        try:
            await serve(storage, port)
        finally:
            storage.close()
        return
    from storage_postgres import PostgresStorage  # it needs psycopg

    database = PostgresStorage(where, report)
    await database.open()
    try:
        await serve(database, port)
    finally:
        await database.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5222))
