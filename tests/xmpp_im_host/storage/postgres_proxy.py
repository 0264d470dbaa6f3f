"""What stands between an engine and PostgreSQL, and breaks the connection at a chosen moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Proxy:
    """A socket that passes everything on, until it is told otherwise."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._passing: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self.requests_lost = False
        """Whether what the client sends from now on breaks the connection, and does not arrive."""
        self.answers_lost = False
        """Whether what the server answers from now on breaks the connection, and does not arrive."""
        self.silent = False
        """Whether what the server answers from now on does not arrive, and nothing breaks."""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(self._path)
        self._open |= {writer, server_writer}
        for passing in (self._to_server(reader, server_writer, writer), self._to_client(server_reader, writer)):
            self._passing.add(asyncio.ensure_future(passing))

    async def _to_server(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while (data := await reader.read(65536)) and not self.requests_lost:
            server.write(data)
        server.close()
        client.close()

    async def _to_client(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while (data := await reader.read(65536)) and not self.answers_lost:
            if not self.silent:
                client.write(data)
        client.close()

    async def aclose(self) -> None:
        for each in self._passing:
            each.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)
        for writer in self._open:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def proxied(database: str, folder: Path) -> AsyncIterator[tuple[Proxy, str]]:
    """Yield a proxy in front of a database, and how to connect through it."""
    proxy = Proxy(f"{conninfo_to_dict(database)['host']}/.s.PGSQL.5432")
    server = await asyncio.start_unix_server(proxy.connected, folder / ".s.PGSQL.5432")
    try:
        yield proxy, make_conninfo(database, host=str(folder))
    finally:
        server.close()
        await proxy.aclose()
