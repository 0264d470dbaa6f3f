"""The server of host.py on Twisted: `python loop_twisted.py [port]`, for users romeo and juliet."""

from __future__ import annotations

import sys
from typing import Any

from host import Server
from negotiation import Stream
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import react
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]  # it has no types

SLOWEST = 1_000_000  # bytes that may wait for a client; beyond it the client is disconnected


@implementer(IPushProducer)
class Connection(Protocol):
    """One connection. It is the producer of what it writes, so Twisted tells it when its client reads too slowly."""

    transport: Any  # its types are zope interfaces, which mypy cannot read

    def __init__(self, listener: Listener) -> None:
        self.listener, self.server = listener, listener.server
        self.stream = self.server.connect()
        self.behind: int | None = None  # bytes written since the client reads too slowly; None if it does not
        listener.connections[self.stream] = self

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        if not self.stream.closed:
            self.server.receive(self.stream, data)
            self.listener.write()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.server.lose(self.stream)
        self.listener.write()

    def pauseProducing(self) -> None:
        self.behind = self.behind or 0  # it is told at each write
        self.transport.pauseProducing()  # do not read from a client that does not read

    def resumeProducing(self) -> None:
        self.behind = None
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Do nothing: Twisted reports the lost connection by connectionLost."""


class Listener(Factory):
    def __init__(self, server: Server) -> None:
        self.server = server
        self.connections: dict[Stream, Connection] = {}

    def buildProtocol(self, addr: object) -> Connection:
        return Connection(self)

    def write(self) -> None:
        for stream, data in self.server.to_write():
            connection = self.connections[stream]
            connection.transport.write(data)
            if stream.closed:
                del self.connections[stream]
                connection.transport.unregisterProducer()
                connection.transport.loseConnection()
            elif connection.behind is not None:
                connection.behind += len(data)
                if connection.behind > SLOWEST:
                    connection.transport.abortConnection()  # connectionLost follows


async def main(reactor: Any, port: str = "5222") -> None:
    server = Server("montague.example", {"romeo": "rosaline", "juliet": "balcony"})
    server.create_accounts()
    socket = reactor.listenTCP(int(port), Listener(server), interface="127.0.0.1")
    print(socket.getHost().port, flush=True)
    await Deferred()  # until the process ends


if __name__ == "__main__":
    react(main, sys.argv[1:])
