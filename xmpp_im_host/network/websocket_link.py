"""The links of clients over WebSocket in TLS (RFC 7395): each message of WebSocket is one element of the stream."""

from __future__ import annotations

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from xmpp_im_host.network.client_driver import ClientDriver
from xmpp_im_host.network.client_link import ClientLink
from xmpp_im_host.network.link import Driver
from xmpp_im_host.network.network import Network
from xmpp_im_host.streams.client_stream import ClientStream
from xmpp_im_host.streams.websocket_framing import WebSocketFraming

_PATHS = ("/", "/xmpp-websocket", "/xmpp-websocket/")
_ROOM = 4_096
"""How many bytes more than a stanza a message may have: the limits of the stream say what is wrong with it."""


class WebSocketLink(ClientLink):
    """The connection of a client, with frames around what its stream says."""

    def __init__(self, network: Network, *, direct: bool = True) -> None:
        super().__init__(network, direct=direct)
        largest = network.settings.limits.stanza_bytes + _ROOM
        self.protocol = ServerProtocol(subprotocols=[Subprotocol("xmpp")], max_size=largest)
        self._message = bytearray()
        """The fragments of a message so far, joined: an empty one takes no memory."""
        self._early = 0
        """How many bytes came before the login, in messages or not."""

    def make_driver(self) -> Driver:
        """Return the driver of a new stream."""
        stream = ClientStream(self.network.settings, self.facts(), framing=WebSocketFraming())
        return ClientDriver(self.network, self, stream)

    def read(self, driver: Driver, data: bytes) -> None:
        """Take the frames away, and pass each message to the driver."""
        was_early = not driver.has_session
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Request):
                self._accept(event)
            elif isinstance(event, Frame):
                self._take(driver, event)
        self._send_frames()
        if self.protocol.state is State.CLOSED or self.protocol.close_expected():
            super().close(answered=True)
            self.connection_is_over(driver)
        elif was_early and not driver.has_session:
            self._count_early(len(data))

    def _count_early(self, number: int) -> None:
        """End a stream before which too much came: the stream itself counts neither pings nor headers."""
        self._early += number
        most = self.links.limits.login_bytes
        if self._early - number <= most < self._early:
            self.links.refused("login_bytes", self.address)
            self.stop("policy-violation")

    def connection_is_over(self, driver: Driver) -> None:
        """Tell the driver that nothing more comes: WebSocket itself was closed."""
        driver.lost()

    def _accept(self, request: Request) -> None:
        if self.protocol.eof_sent:  # what came behind the request in the same read is no frame
            return
        if request.path.partition("?")[0] not in _PATHS:
            self.protocol.send_response(self.protocol.reject(404, "XMPP is at /xmpp-websocket\n"))
            return
        response = self.protocol.accept(request)
        if response.status_code == 101 and self.protocol.subprotocol != "xmpp":
            response = self.protocol.reject(400, "the subprotocol xmpp is needed (RFC 7395)\n")
        self.protocol.send_response(response)

    def _take(self, driver: Driver, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            self.protocol.fail(1003, "XMPP has no binary messages")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._message += frame.data
            if frame.fin:
                message = bytes(self._message)
                self._message.clear()
                driver.receive(message)

    def send_from(self, stream: ClientStream) -> None:
        """Write what the stream has to send, each element in a message."""
        for message in stream.frames_to_send():
            if self.protocol.state is State.OPEN:
                self.protocol.send_text(message)
        self._send_frames()

    def close(self, *, answered: bool) -> None:
        """Close WebSocket, and then the connection (RFC 7395 §3.6)."""
        if self.open and self.protocol.state is State.OPEN:
            self.protocol.send_close(1000)
            self._send_frames()
        super().close(answered=answered)

    def _send_frames(self) -> None:
        data = b"".join(self.protocol.data_to_send())
        if data:
            self.write(data)
