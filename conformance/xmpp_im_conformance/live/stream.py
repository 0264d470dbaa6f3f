"""An XML stream over TCP, as its initiating entity sees it (RFC 6120 §4)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from xml.sax.saxutils import quoteattr

from attrs import define, field

from xmpp_im_conformance.driver import ServerFailed
from xmpp_im_core.codec import (
    STREAMS,
    CodecError,
    NonStanza,
    StreamClosed,
    StreamEvent,
    StreamOpened,
    StreamParser,
)
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import CLIENT, Stanza, to_element

_PIECE: Final = 65_536
_QUICK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)


class StreamEnded(ServerFailed):
    """The server has ended the stream; the message says how.

    :param condition: that of the stream error, where there was one.
    """

    def __init__(self, how: str, condition: str = "") -> None:
        super().__init__(how if not condition else f"{how}: {condition}")
        self.condition = condition


@define(eq=False)
class Stream:
    """A stream to the server. Its methods wait without a bound: the caller sets one."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    namespace: str = CLIENT
    encrypted: bool = False
    id: str = ""
    """The id that the server has given the stream."""
    _parser: StreamParser = field(factory=StreamParser)
    _events: deque[StreamEvent] = field(factory=deque)

    @classmethod
    async def connect(cls, host: str, port: int, namespace: str = CLIENT) -> Stream:
        """Connect to a port.

        :raises ServerFailed: where nobody listens there.
        """
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError as problem:
            raise ServerFailed(f"no connection to {host}:{port}: {problem}") from problem
        return cls(reader, writer, namespace)

    async def open(self, to: str) -> None:
        """Send a stream header, and read the server's; also what restarts a stream.

        :raises ServerFailed: where something else comes.
        """
        self._parser = StreamParser(self.namespace)
        self._events.clear()
        version = "" if self.namespace != CLIENT else " version='1.0'"
        self.write(
            f"<?xml version='1.0'?><stream:stream xmlns='{self.namespace}' xmlns:stream='{STREAMS}'"
            f" to={quoteattr(to)}{version}>"
        )
        opened = await self.next()
        if not isinstance(opened, StreamOpened):
            raise ServerFailed(f"expected a stream header, came {opened}")
        self.id = opened.id or ""

    def write(self, xml: str) -> None:
        """Write text to the stream; on one that is closed nothing can be written."""
        self.writer.write(xml.encode())

    async def next(self) -> StreamEvent:
        """Return what comes next.

        :raises StreamEnded: where the stream ends, with a stream error or without.
        :raises ServerFailed: where what comes is not XMPP's XML.
        """
        while not self._events:
            try:
                data = await self.reader.read(_PIECE)
            except OSError as problem:
                raise StreamEnded(f"the connection is broken: {problem}") from problem
            _acknowledge(self.writer)
            if not data:
                raise StreamEnded("the server has closed the connection")
            try:
                self._events.extend(self._parser.feed(data))
            except CodecError as error:
                raise ServerFailed(f"the server has sent what is not XMPP ({error}): {data[:200]!r}") from error
        event = self._events.popleft()
        if isinstance(event, StreamClosed):
            raise StreamEnded("the server has closed the stream")
        if isinstance(event, NonStanza) and (event.element.name, event.element.namespace) == ("error", STREAMS):
            raise StreamEnded("the server has closed the stream", _condition(event.element))
        return event

    async def next_element(self) -> Element:
        """Return the first-level element that comes next.

        :raises ServerFailed: where none comes.
        """
        event = await self.next()
        if isinstance(event, Stanza):
            return to_element(event)
        if isinstance(event, NonStanza):
            return event.element
        raise ServerFailed(f"expected an element, came {event}")

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Encrypt the connection; the stream has to be opened again after that.

        :raises ServerFailed: where the negotiation of TLS fails.
        """
        try:
            await self.writer.start_tls(context, server_hostname=name)
        except (OSError, ssl.SSLError) as problem:
            raise ServerFailed(f"TLS: {problem}") from problem
        self.encrypted = True

    async def close(self, clean: bool = True) -> None:
        """End the stream, with a closing tag or without one, and wait until the server has ended it too."""
        try:
            if clean:
                self.write("</stream:stream>")
            elif self.writer.can_write_eof():
                self.writer.write_eof()
            else:
                self.writer.close()
            with suppress(OSError, ServerFailed):
                while True:
                    await self.next()
        finally:
            self.drop()

    def drop(self) -> None:
        """Let go of the connection, without waiting for anybody."""
        self.writer.transport.abort()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the connection if all goes well, and let go of it otherwise."""
        try:
            yield
        except BaseException:
            self.drop()
            raise


def _acknowledge(writer: asyncio.StreamWriter) -> None:
    """Let the server know at once that data has come, where the system can.

    A server that has not switched off Nagle's algorithm waits for it with what it writes next, and the system may
    wait for 40 milliseconds: for each of the many round trips of a scenario.
    """
    plain: socket.socket | None = writer.get_extra_info("socket")
    if plain is not None and _QUICK is not None:
        with suppress(OSError):
            plain.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)


def _condition(error: Element) -> str:
    return next((child.name for child in error.elements if child.name != "text"), "undefined-condition")
