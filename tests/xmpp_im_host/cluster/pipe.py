"""A connection between a client and a node, without a socket: bytes take their time, in order, until it is cut."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final, Protocol

from tests.xmpp_im_host.cluster.ledger import Ledger
from tests.xmpp_im_host.cluster.virtual_loop import Stage, VirtualLoop

_IDS: Final = re.compile(rb"<(?:message|iq)[^>]* id=['\"]((?:chat|iq)-\d+)['\"]")


class Peer(Protocol):
    """A client or a component. It does no I/O."""

    managed: bool
    """Whether it uses stream management."""
    broken: bool
    ledger: Ledger

    def connected(self) -> None:
        """Begin a stream on a new connection."""

    def data_to_send(self) -> str:
        """Return what it has to say, and forget it."""

    def arrived(self, data: str) -> None:
        """Note that something that it has written has come to a gateway that lives."""

    def receive(self, data: bytes) -> None:
        """Take bytes."""

    def lost(self) -> None:
        """Note that the connection is gone."""


class Pipe(asyncio.Transport):
    """The node's end of the connection, and what carries the bytes both ways."""

    def __init__(self, stage: Stage, loop: VirtualLoop, talker: Peer, delay: Callable[[], float]) -> None:
        super().__init__({"peername": ("127.0.0.1", 5)})
        self.stage, self.loop, self.talker, self.delay = stage, loop, talker, delay
        self.protocol: asyncio.Protocol
        self.open = True
        """Whether the client's end is open."""
        self.closing = False
        """Whether the node's end is closed."""
        self.gone: Callable[[], None] = lambda: None
        """Called when the client has lost the connection."""
        self._reading = True
        self._held: list[bytes] = []
        """What has come while the node did not read."""
        self._to_node = self._to_client = 0.0
        """When what was written last arrives."""
        self._under_way: list[bytes] = []
        """What was written to the client and has not arrived."""

    def begin(self, protocol: asyncio.Protocol) -> None:
        self.protocol = protocol
        self.loop.call_soon(protocol.connection_made, self)
        self.talker.connected()
        self.flush_client()

    # --- from the client ----------------------------------------------------------------------------------------

    def flush_client(self) -> None:
        """Send what the client has to say."""
        data = self.talker.data_to_send()
        if data and self.open:
            self._to_node = max(self._to_node, self.stage.now + self.delay())
            self.stage.later(self._to_node - self.stage.now, lambda: self._at_node(data))

    def _at_node(self, data: str) -> None:
        if self.open and not self.closing:
            self.loop.call_soon(self._received, data)

    def _received(self, data: str) -> None:
        """Note the arrival when the node takes it: one that is stopped does not."""
        if self.open and not self.closing:
            self._held.append(data.encode())
            self._pass_on()

    def _pass_on(self) -> None:
        while self._reading and self._held and not self.closing:
            data = self._held.pop(0)
            self.talker.arrived(data.decode())
            self.protocol.data_received(data)

    def cut(self) -> None:
        """Break the connection: what is under way is lost, and each end learns it."""
        if not self.open:
            return
        self.open = False
        if not self.talker.managed:
            self.talker.ledger.unread.update(id.decode() for data in self._under_way for id in _IDS.findall(data))
        self.talker.lost()
        self.gone()
        self.loop.call_soon(self._lost)

    def _lost(self) -> None:
        if not self.closing:
            self.closing = True
            self.protocol.connection_lost(None)

    # --- from the node ------------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        data = bytes(data)
        if self.closing or not self.open:
            if not self.talker.managed:
                self.talker.ledger.unread.update(id.decode() for id in _IDS.findall(data))
            return
        self._under_way.append(data)
        self._to_client = max(self._to_client, self.stage.now + self.delay())
        self.stage.later(self._to_client - self.stage.now, lambda: self._at_client(data))

    def _at_client(self, data: bytes) -> None:
        if self.open:
            self._under_way.remove(data)
            self.talker.receive(data)
            self.flush_client()
            if self.talker.broken:
                self.cut()

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self._to_client = max(self._to_client, self.stage.now + self.delay())
            self.stage.later(self._to_client - self.stage.now, self._closed)
            self.loop.call_soon(self.protocol.connection_lost, None)

    def _closed(self) -> None:
        if self.open:
            self.open = False
            self.talker.lost()
            self.gone()

    def abort(self) -> None:
        self.cut()

    def write_eof(self) -> None:
        """Do nothing: the connection closes soon after it."""

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self.loop.call_soon(self._pass_on)
