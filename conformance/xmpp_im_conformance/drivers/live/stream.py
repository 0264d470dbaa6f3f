"""An XML stream over TCP (RFC 6120 §4), as its initiating entity sees it, and between servers the receiving one too."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn, SupportsIndex

from attrs import define, field

from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.codec import (
    CLOSING,
    STREAMS,
    CodecError,
    Limits,
    NonStanza,
    StreamClosed,
    StreamEvent,
    StreamOpened,
    StreamParser,
    write_stream_header,
)
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import CLIENT, Stanza, to_element

_PIECE: Final = 65_536
_LIMITS: Final = Limits()
"""The strictest there are: the runner does not trust the server, and no vector makes it send as much."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""What a server may send before the scenario looks at it, and before it has let the user in."""
_QUICK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)


class Reader(asyncio.StreamReader):
    """Reads what has come to its end, and only then says that the connection is broken."""

    broken: Exception | None = None
    unread: int = 0
    """How many bytes have come that nobody has read."""
    push: Callable[[bytes], None] | None = None
    """Gets what comes at once, and nothing at the end: no task has to be woken for each piece. None: it is kept."""

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Take a piece that has come."""
        data = bytes(data)
        if self.push is not None:
            self.push(data)
        else:
            self.unread += len(data)
            super().feed_data(data)

    def feed_eof(self) -> None:
        """Note that nothing more comes."""
        super().feed_eof()
        if self.push is not None:
            self.push(b"")

    async def read(self, n: int = -1) -> bytes:
        """Return at most so many bytes, when some have come."""
        data = await super().read(n)
        self.unread -= len(data)
        return data

    def set_exception(self, exc: Exception) -> None:
        """Note how the connection has broken: what came before may say why."""
        self.broken = exc
        self.feed_eof()

    def how_ended(self) -> str:
        """Say why nothing more comes."""
        return f"the connection is broken: {self.broken}" if self.broken else "the server has closed the connection"


class StreamEnded(ServerFailed):
    """The server has ended the stream; the message says how.

    :param condition: that of the stream error, if there was one.
    """

    def __init__(self, how: str, condition: str = "") -> None:
        super().__init__(how if not condition else f"{how}: {condition}")
        self.condition = condition


@define(eq=False)
class Stream:
    """A stream to the server. Its methods wait without a bound: the caller sets one."""

    reader: Reader
    transport: asyncio.Transport
    namespace: str = CLIENT
    also: Collection[str] = ()
    """The other namespaces in which the server may send stanzas."""
    encrypted: bool = False
    id: str = ""
    """The id that the server has given the stream."""
    _unseen: int = 0
    """How many bytes have come since somebody last looked."""
    _parser: StreamParser = field(factory=StreamParser)
    _events: deque[StreamEvent] = field(factory=deque)
    _written: list[str] = field(factory=list)
    """What is to be sent together: each sending costs as much as many stanzas."""
    _pushing: bool = False
    """Whether what has come is looked at: what is written meanwhile is sent afterwards."""

    @classmethod
    async def connect(cls, host: str, port: int, namespace: str = CLIENT, also: Collection[str] = ()) -> Stream:
        """Connect to a port.

        :raises ServerFailed: if nobody listens there.
        """
        reader = Reader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, host, port)
        except OSError as problem:
            raise ServerFailed(f"no connection to {host}:{port}: {problem}") from problem
        return cls(reader, transport, namespace, also)

    async def open(self, to: str, header: str = "") -> None:
        """Send a stream header, and read the server's; also what restarts a stream.

        :param header: what is sent, if not the usual one.
        :raises ServerFailed: if something else comes.
        """
        self.restart()
        version = "1.0" if self.namespace == CLIENT else None
        self.write(header or write_stream_header(self.namespace, to=to, version=version).decode())
        self.id = (await self.opened()).id or ""

    def restart(self) -> None:
        """Expect another stream header."""
        self._parser = StreamParser(self.namespace, _LIMITS, also=self.also, strange_namespaces=True)
        self._events.clear()

    async def opened(self) -> StreamOpened:
        """Read a stream header.

        :raises ServerFailed: if something else comes.
        """
        opened = await self.next()
        if not isinstance(opened, StreamOpened):
            raise ServerFailed(f"expected a stream header, came {opened}")
        return opened

    @property
    def certificate(self) -> Mapping[str, Any]:
        """What the certificate of the other end says, if it has shown one and it was verified; else nothing."""
        return self.transport.get_extra_info("peercert") or {}

    @property
    def in_others(self) -> int:
        """How many stanzas and the like the server has sent in another namespace than that of the stream."""
        return self._parser.in_others

    def write(self, xml: str, *, later: bool = False) -> None:
        """Write text to the stream; on one that is closed nothing can be written.

        :param later: whether it may wait for what is written next in this round of the event loop.
        """
        if later and not self._written and not self._pushing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._written.append(xml)
        if not later:
            self._flush()

    def _flush(self) -> None:
        if self._written:
            self.transport.write("".join(self._written).encode())
            self._written.clear()

    async def next(self, piece: int = _PIECE) -> StreamEvent:
        """Return what comes next.

        :param piece: how many bytes are read at a time; with 1, what stands behind the event stays unread.
        :raises StreamEnded: if the stream ends, with a stream error or without.
        :raises ServerFailed: if what comes is not XMPP's XML.
        """
        while not self._events:
            self._parse(await self.reader.read(piece))
        return self._next_event()

    async def listen(self, take: Callable[[StreamEvent], None]) -> NoReturn:
        """Give away what comes, as soon as it comes, until the stream ends.

        :raises ServerFailed: as :meth:`next` does, or what ``take`` raises.
        """
        while self._events or self.reader.unread or self.reader.at_eof():
            take(await self.next())
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def push(data: bytes) -> None:
            if over.done():
                return
            self._pushing = True
            try:
                self._parse(data)
                while self._events:
                    take(self._next_event())
            except Exception as problem:
                over.set_exception(problem)
            self._pushing = False
            self._flush()

        self.reader.push = push
        try:
            await over
        finally:
            self.reader.push = None
        raise AssertionError("only an exception ends this")

    def _parse(self, data: bytes) -> None:
        self._unseen += len(data)
        if self._unseen > MOST_BYTES:
            raise ServerFailed(f"the server has sent more than {MOST_BYTES:,} bytes in one step")
        _acknowledge(self.transport)
        if not data:
            raise StreamEnded(self.reader.how_ended())
        try:
            self._events.extend(self._parser.feed(data))
        except CodecError as error:
            raise ServerFailed(f"the server has sent what is not XMPP ({error}): {data[:200]!r}") from error

    def _next_event(self) -> StreamEvent:
        event = self._events.popleft()
        if isinstance(event, StreamClosed):
            raise StreamEnded("the server has closed the stream")
        if isinstance(event, NonStanza) and (event.element.name, event.element.namespace) == ("error", STREAMS):
            raise StreamEnded("the server has closed the stream", _condition(event.element))
        return event

    def allow_more(self) -> None:
        """Note that all that has come by now has been looked at."""
        self._unseen = 0

    async def next_element(self, piece: int = _PIECE) -> Element:
        """Return the first-level element that comes next.

        :raises ServerFailed: if none comes.
        """
        event = await self.next(piece)
        if isinstance(event, Stanza):
            return to_element(event)
        if isinstance(event, NonStanza):
            return event.element
        raise ServerFailed(f"expected an element, came {event}")

    async def start_tls(self, context: ssl.SSLContext, name: str, *, listening: bool = False) -> None:
        """Encrypt the connection; the stream has to be opened again after that.

        What came in the clear is never read as if it had come encrypted: TLS gets a new reader.

        :param name: who is at the other end; the certificate of a server that was dialed has to name it.
        :param listening: whether the other end has dialed.
        :raises ServerFailed: if the negotiation of TLS fails, or more than it came before.
        """
        self._flush()
        before, self.reader = self.reader, Reader()
        protocol = asyncio.StreamReaderProtocol(self.reader)
        start = asyncio.get_running_loop().start_tls
        try:
            expected = None if listening else name
            transport = await start(self.transport, protocol, context, server_side=listening, server_hostname=expected)
            if transport is None:
                raise ConnectionResetError
        except ssl.SSLCertVerificationError as problem:
            raise ServerFailed(f"the certificate of {name} is not trusted: {problem.verify_message}") from problem
        except OSError as problem:
            how = str(problem) or "the server has closed the connection"
            raise ServerFailed(f"TLS with {name} fails: {how}") from problem
        protocol.connection_made(transport)
        self.transport, self.encrypted = transport, True
        before.feed_eof()
        if self._events or await before.read():
            raise ServerFailed(f"more came unencrypted before TLS with {name} had begun")

    async def close(self, clean: bool = True) -> None:
        """End the stream, with a closing tag or without one, and wait until the server has ended it too."""
        try:
            self._flush()
            if clean:
                self.transport.write(CLOSING)
            elif self.transport.can_write_eof():
                self.transport.write_eof()
            else:  # TLS would first be closed itself, which never happens to a connection that is lost
                with suppress(OSError):
                    self.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
            with suppress(OSError, ServerFailed):
                while True:
                    await self.next()
        finally:
            self.drop()

    def end(self, error: str) -> None:
        """End the stream with a stream error, without waiting."""
        self.write(error + CLOSING.decode())
        self._flush()
        self.transport.close()

    def drop(self) -> None:
        """Close the connection without waiting."""
        self._written.clear()
        self.transport.abort()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the connection if all goes well, and close it otherwise."""
        try:
            yield
        except BaseException:
            self.drop()
            raise


def _acknowledge(transport: asyncio.BaseTransport) -> None:
    """Let the server know at once that data has come, if the system can.

    A server that has not switched off Nagle's algorithm waits for it with what it writes next, and the system may
    wait for 40 milliseconds: for each of the many round trips of a scenario.
    """
    plain: socket.socket | None = transport.get_extra_info("socket")
    if plain is not None and _QUICK is not None:
        with suppress(OSError):
            plain.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)


def _condition(error: Element) -> str:
    return next((child.name for child in error.elements if child.name != "text"), "undefined-condition")
