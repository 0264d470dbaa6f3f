"""The links of clients over TCP: STARTTLS begins TLS on an open connection, direct TLS begins with it."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from xmpp_im_host.log import failure
from xmpp_im_host.network.client_driver import ClientDriver
from xmpp_im_host.network.link import Driver, Hold, Link
from xmpp_im_host.network.network import Network
from xmpp_im_host.network.tls import ServerTLS
from xmpp_im_host.streams.client_stream import ClientStream
from xmpp_im_host.streams.settings import ChannelBinding, Transport


class ClientLink(Link):
    """The connection of a client."""

    def __init__(self, network: Network, *, direct: bool = False) -> None:
        """Begin.

        :param direct: whether TLS begins with the first byte (XEP-0368).
        """
        super().__init__(network.links)
        self.network, self.direct = network, direct
        self.tls: ServerTLS | None = None
        """What TLS on this connection began with. The server may have another certificate since."""

    def begin(self) -> None:
        """Begin TLS or a stream."""
        if self.direct:
            self.start_tls()
        else:
            super().begin()

    def make_driver(self) -> Driver:
        """Return the driver of a new stream."""
        return ClientDriver(self.network, self, ClientStream(self.network.settings, self.facts()))

    def facts(self) -> Transport:
        """Return what the stream has to know of this connection."""
        return Transport() if self.tls is None else facts_of(self.tls)

    def send_from(self, stream: ClientStream) -> None:
        """Write what the stream has to send."""
        data = stream.data_to_send()
        if data:
            self.write(data)

    def start_tls(self) -> None:
        """Begin TLS. Bytes that wait in the connection belong to the handshake."""
        self.keep(Hold.SECURING)
        self.network.start(self._secure())

    async def _secure(self) -> None:
        if self.transport.is_closing():  # start_tls would wait for a handshake without end
            return
        self.tls, transport = self.network.tls, None
        with suppress(OSError, ssl.SSLError):
            transport = await asyncio.get_running_loop().start_tls(
                self.transport,
                self,
                self.tls.context,
                server_side=True,
                ssl_handshake_timeout=self.links.limits.login_seconds,
            )
        if transport is None:  # asyncio has closed the connection, and tells nobody
            self.transport.abort()
            self.connection_lost(None)
            return
        self.below, self.transport = self.transport, transport
        self.hold &= ~Hold.SECURING
        if self.hold:
            transport.pause_reading()
        if self.open:
            try:
                if self.driver is None:
                    self.driver = self.make_driver()
                else:
                    self.driver.secured(self.facts())
                early, self.early = self.early, b""
                if early:
                    self.data_received(early)
            except Exception as error:
                failure("connection failed", error, address=self.address)
                self.drop("internal error")


def facts_of(tls: ServerTLS) -> Transport:
    """Return what a stream has to know of a connection with this certificate."""
    return Transport(True, (ChannelBinding("tls-server-end-point", tls.end_point),))
