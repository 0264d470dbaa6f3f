"""Clients on plain sockets with stream management (XEP-0198). They know no XML: they look for tags in the bytes."""

from __future__ import annotations

import asyncio
import base64
import re
from collections import Counter, deque
from time import perf_counter
from typing import Final

from attrs import define, field

from benchmarks.cluster.users import DOMAIN, PASSWORD, account

_SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"
_BIND: Final = "urn:ietf:params:xml:ns:xmpp-bind"
_MANAGEMENT: Final = "urn:xmpp:sm:3"
_EVENTS: Final = re.compile(
    rb"<a [^>]*?h=['\"](\d+)['\"]|(<r[ />])|<(message|presence|iq)[ >]|<body>at ([0-9.]+) from (\d+) |(<stream:error)"
)
_LONGEST_TAG: Final = 300
_PATIENCE: Final = 60.0


@define
class Measured:
    """What the clients of one phase have measured."""

    sent: int = 0
    delivered: int = 0
    acknowledgements: list[float] = field(factory=list)
    """Seconds from sending a message until the server has acknowledged it."""
    deliveries: list[float] = field(factory=list)
    """Seconds from sending a message until its reader has got it."""
    arrived: list[float] = field(factory=list)
    """When each message came."""
    under_way: Counter[int] = field(factory=Counter)
    """How many messages of each client have not come."""


@define(eq=False)
class Client(asyncio.Protocol):
    """One session."""

    number: int
    node: int
    measured: Measured
    _transport: asyncio.Transport = field(init=False)
    _came: bytes = b""
    _waiting: tuple[re.Pattern[bytes], asyncio.Future[None]] | None = None
    _enabled: bool = False
    _received: int = 0
    _acknowledged: int = 0
    _sent_at: deque[float] = field(factory=deque)
    lost: bool = False

    @property
    def unacknowledged(self) -> int:
        """How many messages the server has not acknowledged."""
        return len(self._sent_at)

    @property
    def under_way(self) -> int:
        """How many messages have not come to their readers."""
        return self.measured.under_way[self.number]

    # --- the connection -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Note the end."""
        self.lost = True
        if self._waiting is not None and not self._waiting[1].done():
            self._waiting[1].set_exception(ConnectionError(f"the stream of user {self.number} was closed"))

    def data_received(self, data: bytes) -> None:
        """Look for what came."""
        self._came += data
        if self._enabled:
            self._look()
        elif self._waiting is not None:
            pattern, future = self._waiting
            found = pattern.search(self._came)
            if found is not None and not future.done():
                self._came = self._came[found.end() :]
                future.set_result(None)

    def _look(self) -> None:
        now, end = perf_counter(), 0
        for found in _EVENTS.finditer(self._came):
            end = found.end()
            handled, asked, stanza, sent_at, sender, error = found.groups()
            if handled is not None:
                self._note_handled(int(handled), now)
            elif asked is not None:
                self._transport.write(f"<a xmlns='{_MANAGEMENT}' h='{self._received}'/>".encode())
            elif stanza is not None:
                self._received += 1
            elif sent_at is not None:
                self.measured.delivered += 1
                self.measured.under_way[int(sender)] -= 1
                self.measured.deliveries.append(now - float(sent_at))
                self.measured.arrived.append(now)
            elif error is not None:
                self.lost = True
        self._came = self._came[max(end, len(self._came) - _LONGEST_TAG) :]

    def _note_handled(self, handled: int, now: float) -> None:
        while self._acknowledged < handled and self._sent_at:
            self._acknowledged += 1
            self.measured.acknowledgements.append(now - self._sent_at.popleft())

    # --- what it sends ------------------------------------------------------------------------------------------

    async def _until(self, pattern: bytes) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting = re.compile(pattern), future
        self.data_received(b"")
        await asyncio.wait_for(future, _PATIENCE)

    def _write(self, text: str) -> None:
        self._transport.write(text.encode())

    async def log_in(self) -> None:
        """Begin a session that acknowledges and can be resumed."""
        await self._open()
        bare = account(self.number).partition("@")[0]
        plain = base64.b64encode(f"\0{bare}\0{PASSWORD}".encode()).decode()
        self._write(f"<auth xmlns='{_SASL}' mechanism='PLAIN'>{plain}</auth>")
        await self._until(b"<success")
        await self._open()
        self._write(f"<iq type='set' id='b'><bind xmlns='{_BIND}'><resource>r</resource></bind></iq>")
        await self._until(b"type=['\"]result['\"].*?</iq>")
        self._write(f"<enable xmlns='{_MANAGEMENT}' resume='true'/>")
        await self._until(b"<enabled[^>]*>")
        self._enabled = True
        self._write(f"<presence/><r xmlns='{_MANAGEMENT}'/>")
        self._sent_at.append(perf_counter())
        while self._sent_at:
            await asyncio.sleep(0.01)

    async def _open(self) -> None:
        self._write(
            f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        await self._until(b"</stream:features>")

    def say(self, to: int) -> None:
        """Send a message, and ask for its acknowledgement."""
        now = perf_counter()
        self._sent_at.append(now)
        self.measured.sent += 1
        self.measured.under_way[self.number] += 1
        self._write(
            f"<message to='{account(to)}' type='chat' id='m{self.measured.sent}'>"
            f"<body>at {now:.6f} from {self.number} art thou not Romeo, and a Montague?</body></message>"
            f"<r xmlns='{_MANAGEMENT}'/>"
        )

    def close(self) -> None:
        """Drop the connection."""
        self._transport.abort()


async def connected(port: int, number: int, node: int, measured: Measured) -> Client:
    """Return a client with a session."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(number, node, measured), "127.0.0.1", port)
    await client.log_in()
    return client
