"""The component port of the tiny server: a client that knows the secret speaks for another server (XEP-0114)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final, Protocol

from attrs import define

from xmpp_im_core.codec import COMPONENT, SERVER_TO_SERVER, NonStanza, StreamOpened, StreamParser
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import Stanza, to_element

_HEADER: Final = (
    f"<?xml version='1.0'?><stream:stream xmlns='{COMPONENT}'"
    " xmlns:stream='http://etherx.jabber.org/streams' id='c1' from='remote.example'>"
)


class Server(Protocol):
    """What there is behind the port."""

    secret: str
    remote_answer: Callable[[Element], str | None]
    remote_asks: str
    from_component: list[Element]

    def deliver(self, stanza: Element) -> None: ...


@define(eq=False)
class ComponentConnection:
    """The component's connection."""

    server: Server
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    asked: bool = False
    """Whether it has said what the server asks: it does so when a scenario speaks first."""

    async def serve(self) -> None:
        """Read, deliver and answer until the stream ends; what is said otherwise is the last that is said."""
        parser = StreamParser(COMPONENT, SERVER_TO_SERVER)
        while data := await self.reader.read(65_536):
            for event in parser.feed(data):
                if isinstance(event, StreamOpened):
                    self.writer.write(_HEADER.encode())
                    continue
                if not isinstance(event, Stanza | NonStanza):
                    return
                element = to_element(event) if isinstance(event, Stanza) else event.element
                last = self.server.remote_answer(element)
                if last is not None:
                    self.writer.write(last.encode())
                    self.writer.transport.abort()  # with what it has not read, the connection breaks at once
                    return
                self._take(element)

    def _take(self, element: Element) -> None:
        if element.name == "handshake":
            proof = hashlib.sha1(f"c1{self.server.secret}".encode()).hexdigest()
            self.writer.write(b"<handshake/>" if element.text == proof else b"</stream:stream>")
        elif element.name == "iq" and element.get("type") == "get":
            if not self.asked:
                self.writer.write(self.server.remote_asks.encode())
                self.asked = True
            addresses = f"from='{element.get('to')}' to='{element.get('from')}'"
            self.writer.write(f"<iq type='result' id='{element.get('id')}' {addresses}/>".encode())
        else:
            self.server.from_component.append(element)
            self.server.deliver(element)
