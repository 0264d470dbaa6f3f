"""The server of host.py on asyncio: `python loop_asyncio.py [port]`, for users romeo and juliet."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

from host import Server
from negotiation import Stream

SLOWEST = 1_000_000  # bytes that may wait for a client; beyond it the client is disconnected


class Listener:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.writers: dict[Stream, asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one connection to its end. Its stanzas may be delivered to any connection."""
        stream = self.server.connect()
        self.writers[stream] = writer
        with suppress(OSError):
            while not stream.closed and (data := await reader.read(65536)):
                await self.receive(stream, data)
                await writer.drain()  # do not read from a client that does not read
        self.server.lose(stream)
        self.write()

    async def receive(self, stream: Stream, data: bytes) -> None:
        self.server.receive(stream, data)
        self.write()

    def write(self) -> None:
        for stream, data in self.server.to_write():
            writer = self.writers[stream]
            writer.write(data)
            if stream.closed:
                del self.writers[stream]
                writer.close()
            elif writer.transport.get_write_buffer_size() > SLOWEST:
                writer.transport.abort()  # `serve` then gets the end of the connection, and calls `lose`


async def main(port: int) -> None:
    server = Server("montague.example", {"romeo": "rosaline", "juliet": "balcony"})
    server.create_accounts()
    await listen(Listener(server), port)


async def listen(listener: Listener, port: int) -> None:
    socket = await asyncio.start_server(listener.serve, "127.0.0.1", port)
    print(socket.sockets[0].getsockname()[1], flush=True)
    async with socket:
        await socket.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5222))
