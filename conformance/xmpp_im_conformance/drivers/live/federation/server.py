"""The other server as a whole: it listens, and has a stream to each domain of the server under test."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from attrs import define, field

from xmpp_im_conformance.drivers.live.federation.dialing import OTHERS, Identity
from xmpp_im_conformance.drivers.live.federation.names import Names, Zone
from xmpp_im_conformance.drivers.live.federation.receiving import Receiving
from xmpp_im_conformance.drivers.live.other_server import OtherServer
from xmpp_im_conformance.drivers.live.stream import Reader, Stream, StreamEnded
from xmpp_im_conformance.drivers.live.tolerance import Tolerance
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.codec import SERVER
from xmpp_im_core.element import Element

MOST_STREAMS: Final = 100
"""How many streams a server may open to the other server."""


@define(eq=False)
class Link(OtherServer):
    """What the other server and one domain have to do with each other.

    It sends on the stream that it has opened; what it hears comes on those that the domain has opened.
    """

    namespace = SERVER
    title = "the stream to a domain of the server"
    federation: Federation = field(kw_only=True)

    def hear(self, stanza: Element) -> None:
        """Take a stanza of the domain.

        :raises ServerFailed: if there are too many.
        """
        self._take(stanza)

    def forget(self) -> None:
        """Note that all that has come by now has been looked at."""
        super().forget()
        self.federation.allow_more()


class _Accepting(asyncio.StreamReaderProtocol):
    """Makes a stream of each connection."""

    def __init__(self, accept: Callable[[Stream], None]) -> None:
        self.reader = Reader()
        self.accept = accept
        super().__init__(self.reader)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport), "it is a connection"
        self.accept(Stream(self.reader, transport, SERVER, OTHERS))


@define(eq=False)
class Federation:
    """Plays the other server, for all scenarios."""

    identity: Identity
    mark: str
    """How the ids of the driver's own requests begin."""
    deliver: Callable[[Element], None]
    """Gives a stanza to the scenario that it is for."""
    on_end: Callable[[], None] = lambda: None
    """Called when a stream to a domain has ended."""
    tolerance: Tolerance = field(factory=Tolerance)
    links: dict[str, Link] = field(factory=dict)
    """The streams to the domains."""
    remarks: Counter[str] = field(factory=Counter)
    """How streams of the server have failed, and how often."""
    _in_others: int = 0
    """How many stanzas came in another namespace than that of servers, on streams that have ended."""
    _streams: dict[Stream, asyncio.Task[None]] = field(factory=dict)
    _listener: asyncio.Server | None = None
    _names: asyncio.DatagramTransport | None = None

    async def listen(self) -> int:
        """Listen, if nobody does so yet; return the port.

        :raises ServerFailed: if a port cannot be had.
        """
        config, loop = self.identity.config, asyncio.get_running_loop()
        if self._listener is None:
            port = config.listen
            try:
                self._listener = await loop.create_server(lambda: _Accepting(self._accept), config.listen_host, port)
                if config.names is not None:
                    zone, port = Zone(config.domain, config.listen), config.names
                    at = (config.listen_host, port)
                    self._names, _ = await loop.create_datagram_endpoint(lambda: Names(zone), at)
            except OSError as problem:
                where = f"{config.listen_host}:{port}"
                raise ServerFailed(f"{self.identity.domain} cannot listen at {where}: {problem}") from problem
        return int(self._listener.sockets[0].getsockname()[1])

    async def connect(self, domain: str) -> Link:
        """Return a stream to a domain; another one, if the last has ended.

        :raises ServerFailed: if the domain does not accept it, with what went wrong on its own streams meanwhile.
        """
        link = self.links.get(domain)
        if link is not None and link.ended is None:
            return link
        await self.listen()
        before = self.remarks.copy()
        try:
            stream = await self.identity.dial(domain)
        except ServerFailed as problem:
            wrong = "; ".join(self.remarks - before)
            raise ServerFailed(f"{problem} ({wrong})" if wrong else str(problem)) from problem
        if link is not None:
            link.drop()
        link = Link(
            stream,
            self.mark,
            self.mark,
            tolerance=self.tolerance,
            deliver=self.deliver,
            on_end=self.on_end,
            federation=self,
        )
        link.start()
        self.links[domain] = link
        return link

    @property
    def in_others(self) -> int:
        """How many stanzas came in another namespace than that of servers."""
        return self._in_others + sum([stream.in_others for stream in self._streams])

    def allow_more(self) -> None:
        """Note that all that has come by now has been looked at."""
        for stream in self._streams:
            stream.allow_more()

    def drop(self) -> None:
        """Close all connections without waiting, and listen no longer."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._names is not None:
            self._names.abort()
            self._names = None
        for link in self.links.values():
            link.drop()
        for stream, serving in self._streams.items():
            serving.cancel()
            stream.drop()

    def _accept(self, stream: Stream) -> None:
        if len(self._streams) >= MOST_STREAMS:
            self.remarks[f"the server opens more than {MOST_STREAMS} streams to {self.identity.domain}"] += 1
            stream.drop()
            return
        self._streams[stream] = asyncio.get_running_loop().create_task(self._serve(stream))

    async def _serve(self, stream: Stream) -> None:
        receiving = Receiving(self.identity, stream, self._hear)
        try:
            await receiving.serve()
        except ServerFailed as problem:
            self._note(receiving, problem)
        finally:
            self._in_others += stream.in_others
            self._streams.pop(stream, None)

    def _note(self, receiving: Receiving, problem: ServerFailed) -> None:
        """Note how a stream has ended. The end of one that is not needed any longer is no fault."""
        if isinstance(problem, StreamEnded) and (receiving.senders or receiving.only_asked):
            return
        self.remarks[f"a stream of the server to {self.identity.domain} fails: {problem}"] += 1
        for sender in receiving.senders & self.links.keys():
            self.links[sender].end(problem)

    def _hear(self, sender: str, stanza: Element) -> None:
        link = self.links.get(sender)
        if link is None:
            self.remarks[f"the server sends stanzas from {sender} to {self.identity.domain}"] += 1
        else:
            link.hear(stanza)
