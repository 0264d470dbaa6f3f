"""A tiny XMPP server on loopback, for the tests of the live driver: it speaks correctly until told otherwise."""

from __future__ import annotations

import asyncio
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from attrs import define, field
from scramp import ScramMechanism  # type: ignore[import-untyped]  # it has no type hints

from tests.conformance.loopback_component import ComponentConnection
from xmpp_im_core.codec import CLIENT_TO_SERVER, NonStanza, StreamOpened, StreamParser, write_element
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import Stanza, to_element

SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"
_STREAM: Final = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"

Answer = Callable[["Connection", Element], "str | None"]


@define(eq=False)
class Loopback:
    """What the server does otherwise than it should."""

    mechanisms: tuple[str, ...] = ("PLAIN",)
    registers: bool = True
    tls: ssl.SSLContext | None = None
    """With it STARTTLS is offered, besides PLAIN; the mechanisms are offered after it."""
    offers: str = ""
    """What it offers to a user besides binding and roster versions."""
    injected: str = ""
    """What somebody between puts behind ``<proceed/>``, unencrypted."""
    script: tuple[bytes, ...] | None = None
    """What it says instead of what it should, each piece when something has come; then nothing more."""
    hangs_up: bool = False
    """Whether it closes each connection, at once or where the script ends."""
    closes: bool = True
    """Whether it ends a stream that the client has ended."""
    negotiates: Answer = field(default=lambda connection, element: None)
    """What it says to an element of STARTTLS or SASL, or to a request to bind, instead; None: what it should."""
    answer: Answer = field(default=lambda connection, stanza: None)
    """What it says to a stanza of a bound client instead; None: what it should."""
    remote_answer: Callable[[Element], str | None] = field(default=lambda element: None)
    """What it says to an element of the component, before it ends that stream; None: what it should."""
    remote_asks: str = ""
    """What it says to the component once that has proved who it is."""
    from_component: list[Element] = field(factory=list)
    """What the component has sent, but for its questions."""
    secret: str = "rose"
    port: int = 0
    component_port: int = 0
    passwords: dict[str, str] = field(factory=dict)
    rosters: dict[str, str] = field(factory=dict)
    connections: int = 0
    components: int = 0
    used: list[str] = field(factory=list)
    """The mechanisms that clients have used."""
    heard: list[tuple[str, bool]] = field(factory=list)
    """What clients have sent, by name, and whether it came encrypted."""
    bound: dict[str, Connection] = field(factory=dict)
    """The connections of bound clients, by full JID."""

    component_writer: asyncio.StreamWriter | None = None

    def tell_component(self, xml: str) -> None:
        """Send a stanza to the component."""
        assert self.component_writer is not None
        self.component_writer.write(xml.encode())

    def deliver(self, stanza: Element) -> None:
        """Give a stanza to the clients that it is for."""
        for jid, connection in self.bound.items():
            if stanza.get("to") in (jid, connection.bare):
                connection.write(write_element(stanza).decode())


@define(eq=False)
class Connection:
    """A client's connection."""

    server: Loopback
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    domain: str = ""
    user: str = ""
    resource: str = ""
    scram: Any = None
    registered: bool = False
    """Whether an account was created here."""
    restarts: bool = False
    encrypted: bool = False

    @property
    def bare(self) -> str:
        return f"{self.user}@{self.domain}"

    def write(self, text: str) -> None:
        self.writer.write(text.encode())

    async def serve(self) -> None:
        """Read and answer until the client closes."""
        parser = StreamParser(limits=CLIENT_TO_SERVER)
        while data := await self.reader.read(65_536):
            for event in parser.feed(data):
                if isinstance(event, StreamOpened):
                    self._heard("stream")
                    self._open(str(getattr(event.to, "jid", "")))
                elif isinstance(event, NonStanza):
                    self._heard(event.element.name)
                    await self._negotiate(event.element)
                elif isinstance(event, Stanza):
                    stanza = to_element(event)
                    self._heard(stanza.name)
                    self._stanza(stanza)
                elif self.server.closes:
                    self.write("</stream:stream>")
                    return
            if self.restarts:
                parser, self.restarts = StreamParser(limits=CLIENT_TO_SERVER), False

    def _heard(self, name: str) -> None:
        self.server.heard.append((name, self.encrypted))

    def _open(self, domain: str) -> None:
        self.domain = domain
        self.write(f"<?xml version='1.0'?><stream:stream {_STREAM} id='1' from='{domain}' version='1.0'>")
        before_tls = self.server.tls is not None and not self.encrypted
        mechanisms = ("PLAIN",) if before_tls else self.server.mechanisms
        offered = "".join([f"<mechanism>{each}</mechanism>" for each in mechanisms])
        offered = f"<mechanisms xmlns='{SASL}'>{offered}</mechanisms>"
        if before_tls:
            offered = f"<starttls xmlns='{TLS}'/>{offered}"
        if self.user:
            offered = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><ver xmlns='urn:xmpp:features:rosterver'/>"
            offered += self.server.offers
        self.write(f"<stream:features>{offered}</stream:features>")

    async def _negotiate(self, element: Element) -> None:
        otherwise = self.server.negotiates(self, element)
        if otherwise is not None:
            self.write(otherwise)
        elif element.name == "starttls":
            assert self.server.tls is not None
            self.write(f"<proceed xmlns='{TLS}'/>{self.server.injected}")
            await self.writer.start_tls(self.server.tls)
            self.encrypted = self.restarts = True
        else:
            self._authenticate(element)

    def _authenticate(self, element: Element) -> None:
        text = b64decode(element.text).decode()
        if element.name == "auth":
            self.server.used.append(element.get("mechanism") or "")
        if element.get("mechanism") == "PLAIN":
            _, user, password = text.split("\0")
            self._authenticated(user, self.server.passwords.get(user) == password)
        elif element.name == "auth":
            mechanism = ScramMechanism(element.get("mechanism"))

            def known(user: str) -> Any:
                self.user = user
                return mechanism.make_auth_info(self.server.passwords[user], iteration_count=4096)

            self.scram = mechanism.make_server(known)
            self.scram.set_client_first(text)
            self.write(_sasl("challenge", self.scram.get_server_first()))
        else:
            self.scram.set_client_final(text)
            self._authenticated(self.user, True, self.scram.get_server_final())

    def _authenticated(self, user: str, right: bool, final: str = "") -> None:
        if not right:
            self.write(f"<failure xmlns='{SASL}'><not-authorized/></failure>")
            return
        self.user, self.restarts = user, True
        self.write(_sasl("success", final))

    def _stanza(self, stanza: Element) -> None:
        otherwise = (self.server.answer if self.resource else self.server.negotiates)(self, stanza)
        if otherwise is not None:
            self.write(otherwise)
        elif stanza.name == "iq":
            self._iq(stanza, stanza.elements[0])
        elif stanza.name == "presence" and stanza.get("to") is None:
            jid = f"{self.bare}/{self.resource}"
            self.write(f"<presence from='{jid}' to='{self.bare}'/>")

    def _iq(self, iq: Element, request: Element) -> None:
        id, server = iq.get("id"), self.server
        if request.namespace == "jabber:iq:register" and not server.registers:
            self._refuse(id, "not-allowed")
        elif request.namespace == "jabber:iq:register" and request.first("remove") is not None:
            del server.passwords[self.user]
            self.write(f"<iq id='{id}' type='result'/>")
        elif request.namespace == "jabber:iq:register":
            username, password = [request.first(name) for name in ("username", "password")]
            assert username is not None
            assert password is not None
            server.passwords[username.text] = password.text
            self.registered = True
            self.write(f"<iq id='{id}' type='result'/>")
        elif request.name == "bind":
            self.resource = request.elements[0].text
            server.bound[f"{self.bare}/{self.resource}"] = self
            bound = f"<jid>{self.bare}/{self.resource}</jid>"
            self.write(f"<iq id='{id}' type='result'><bind xmlns='{request.namespace}'>{bound}</bind></iq>")
        elif request.namespace == "jabber:iq:roster" and iq.get("type") == "set":
            server.rosters[self.user] = server.rosters.get(self.user, "") + write_element(request.elements[0]).decode()
            self.write(f"<iq id='{id}' type='result'/>")
        elif request.namespace == "jabber:iq:roster":
            items = server.rosters.get(self.user, "")
            self.write(f"<iq id='{id}' type='result'><query xmlns='jabber:iq:roster'>{items}</query></iq>")
        else:
            self._refuse(id, "service-unavailable")

    def _refuse(self, id: str | None, condition: str) -> None:
        error = f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        self.write(f"<iq id='{id}' type='error'><error type='cancel'>{error}</error></iq>")


def _sasl(name: str, text: str) -> str:
    return f"<{name} xmlns='{SASL}'>{b64encode(text.encode()).decode()}</{name}>"


@contextmanager
def listening(server: Loopback) -> Iterator[Loopback]:
    """Let the server listen on a free port, or on that which it had before, in a new thread."""
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        with suppress(OSError, asyncio.CancelledError):
            if server.script is None and not server.hangs_up:
                await Connection(server, reader, writer).serve()
            else:
                await follow_the_script(reader, writer)
        writer.close()

    async def follow_the_script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in server.script or ():
            await reader.read(65_536)
            writer.write(piece)
        if server.hangs_up:
            await reader.read(65_536)
        else:
            await over.wait()

    async def component_connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.components += 1
        server.component_writer = writer
        with suppress(OSError, asyncio.CancelledError):
            await ComponentConnection(server, reader, writer).serve()
        writer.close()

    async def listen() -> None:
        listener = await asyncio.start_server(connected, "127.0.0.1", server.port)
        component_listener = await asyncio.start_server(component_connected, "127.0.0.1", server.component_port)
        server.port, server.component_port = [
            each.sockets[0].getsockname()[1] for each in (listener, component_listener)
        ]
        ready.set()
        await over.wait()
        listener.close()
        component_listener.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(listen(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
