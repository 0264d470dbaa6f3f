"""The server of host.py on Trio: `python loop_trio.py [port]`, for users romeo and juliet."""

from __future__ import annotations

import math
import sys
from functools import partial

import trio
from host import Server
from negotiation import Stream

SLOWEST = 1_000_000  # bytes that may wait for a client; beyond it the client is disconnected


class Connection:
    """One connection: a task reads it while another one writes, so a slow client delays no other."""

    def __init__(self, socket: trio.SocketStream, scope: trio.CancelScope) -> None:
        self.socket, self.scope = socket, scope
        self.queue, self.pieces = trio.open_memory_channel[bytes](math.inf)  # `waiting` bounds it
        self.waiting = 0

    def put(self, data: bytes) -> None:
        self.queue.send_nowait(data)
        self.waiting += len(data)
        if self.waiting > SLOWEST:
            self.scope.cancel()

    async def write(self) -> None:
        async for data in self.pieces:
            await self.socket.send_all(data)
            self.waiting -= len(data)
        self.scope.cancel()  # everything is written, and there is nothing more to read


class Listener:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.connections: dict[Stream, Connection] = {}

    async def serve(self, socket: trio.SocketStream) -> None:
        """Serve one connection to its end. Its stanzas may be delivered to any connection."""
        stream = self.server.connect()
        try:
            async with trio.open_nursery() as nursery:
                self.connections[stream] = Connection(socket, nursery.cancel_scope)
                nursery.start_soon(self.connections[stream].write)
                async for data in socket:
                    self.server.receive(stream, bytes(data))
                    self.write()
                    if stream.closed:
                        break  # the other task still writes the end of the stream
                else:
                    nursery.cancel_scope.cancel()
        except* trio.BrokenResourceError:
            pass  # the connection broke; either task may have noticed it
        self.server.lose(stream)
        self.write()

    def write(self) -> None:
        for stream, data in self.server.to_write():
            connection = self.connections[stream]
            connection.put(data)
            if stream.closed:
                del self.connections[stream]
                connection.queue.close()


async def main(port: int) -> None:
    server = Server("montague.example", {"romeo": "rosaline", "juliet": "balcony"})
    server.create_accounts()
    async with trio.open_nursery() as nursery:
        (socket,) = await nursery.start(partial(trio.serve_tcp, Listener(server).serve, port, host="127.0.0.1"))
        print(socket.socket.getsockname()[1], flush=True)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 5222)
