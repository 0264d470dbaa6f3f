"""A link: one connection with its limits. It reads for a driver, and writes what the driver has to say."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from contextlib import suppress
from enum import Flag
from typing import TYPE_CHECKING, Final, Protocol, cast

from xmpp_im_host.log import failure, log
from xmpp_im_host.network.throttle import TokenBucket
from xmpp_im_host.streams.settings import Transport

if TYPE_CHECKING:
    from xmpp_im_host.network.links import Links

_LINGER: Final = 0.5
"""For how many seconds input is dropped after the last output."""


class Hold(Flag):
    """The reasons for which a link does not read."""

    NONE = 0
    RATE = 1
    """The peer has sent more than its share."""
    BUSY = 2
    """The driver processes as much as it may at a time."""
    WRITING = 4
    """The peer reads more slowly than it is written to."""
    SECURING = 8
    """TLS begins."""


_FREE: Final[Hold] = Hold.NONE
"""The usual state. To look for this one takes less time than to ask a flag what it contains."""


class Driver(Protocol):
    """What drives a link: it reads a protocol."""

    @property
    def has_session(self) -> bool:
        """Whether the peer has logged in. Until then, the limits before a login hold."""

    def receive(self, data: bytes) -> None:
        """Take bytes."""

    def secured(self, transport: Transport) -> None:
        """Note that the TLS handshake is done."""

    def go_on(self) -> None:
        """Process what was read: the reason for a pause is over."""

    def lost(self) -> None:
        """Note that the connection is gone; nothing more can be written."""

    def probe(self) -> None:
        """Ask the peer for a sign of life."""

    def rest(self) -> None:
        """Take less memory while nothing comes."""

    def close(self, condition: str) -> None:
        """Close the stream with this stream error."""


class Link(asyncio.Protocol):
    """One connection. Subclasses know what stands between the stream and the bytes of the connection."""

    transport: asyncio.Transport

    def __init__(self, links: Links) -> None:
        limits = links.limits
        self.links = links
        self.driver: Driver | None = None
        """None until a stream can begin: before that there is a TLS handshake."""
        self.address = ""
        self.counted = False
        """Whether the address has this link among those without a session."""
        self.open = False
        """Whether the connection is open, and its driver has not ended it."""
        self.connected = False
        self.closing_since: float | None = None
        self.since = self.heard = links.clock()
        self.early = b""
        """What came with the end of the TLS handshake."""
        self.resting = False
        """Whether the driver has been told to take less memory."""
        self.probed = False
        """Whether the peer was asked for a sign of life, and has not given one."""
        self.hold = Hold.NONE
        self.allowed = 0
        """How many bytes may wait besides ``queue_bytes``: those of the last write that began below that limit."""
        self.written = self.taken = 0
        """The bytes written, and how many of them the peer had taken at the last look of the watch."""
        self.waited = 0
        """The bytes that waited for the peer at that look."""
        self.below: asyncio.Transport | None = None
        """The transport that carries TLS. What waits in it is no part of what waits in ``transport``."""
        self.bytes = TokenBucket(limits.bytes_per_second, limits.bytes_burst, links.clock)

    @abstractmethod
    def make_driver(self) -> Driver:
        """Return the driver of this connection, which is open now."""

    # --- called by asyncio --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read, if the limits allow this connection."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports do not inherit from it
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else ""
        reason = self.links.refusal(self)
        if reason is not None:
            self.links.refused(reason, self.address)
            self.transport.abort()
            return
        self.open = self.connected = True
        self.links.add(self)
        self.begin()

    def begin(self) -> None:
        """Begin to read a stream."""
        self.driver = self.make_driver()

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the driver, within the limits."""
        self.heard, self.probed, self.resting = self.links.clock(), False, False
        if self.hold is not _FREE and Hold.SECURING in self.hold:
            if self.transport.get_protocol() is self:
                self.drop("clear text where TLS has to begin")
            else:  # it came encrypted with the end of the handshake; asyncio says only later that TLS has begun
                self.early += data
            return
        if not self.open or self.driver is None:
            return
        delay = self.bytes.take(len(data))
        if delay:
            self.pause_for(delay)
        try:
            self.read(self.driver, data)
        except Exception as error:
            failure("connection failed", error, address=self.address)
            self.drop("internal error")

    def eof_received(self) -> bool:
        """Let the driver end its stream and then close the connection. With TLS, asyncio closes it at once."""
        if not self.open or self.driver is None or self.transport.get_extra_info("ssl_object") is not None:
            return False
        self.driver.lost()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        if self.connected:
            was_open, self.open, self.connected = self.open, False, False
            self.links.remove(self)
            if was_open and self.driver is not None:
                self.driver.lost()

    def pause_writing(self) -> None:
        """Read nothing from a peer that does not read."""
        self.keep(Hold.WRITING)

    def resume_writing(self) -> None:
        """Read again."""
        self.release(Hold.WRITING)

    # --- reading ------------------------------------------------------------------------------------------

    def read(self, driver: Driver, data: bytes) -> None:
        """Pass bytes to the driver; a subclass takes its framing away first."""
        driver.receive(data)

    def pause_for(self, seconds: float) -> None:
        """Read nothing for a time: the peer has sent more than its share."""
        if Hold.RATE not in self.hold:
            self.links.throttled += 1
            self.keep(Hold.RATE)
            asyncio.get_running_loop().call_later(seconds, self.release, Hold.RATE)

    def keep(self, reason: Hold) -> None:
        """Do not read while this reason holds."""
        if not self.hold and not self.transport.is_closing():
            self.transport.pause_reading()
        self.hold |= reason

    def release(self, reason: Hold) -> None:
        """Read again, unless another reason holds."""
        if self.hold is not _FREE and reason in self.hold:
            self.hold &= ~reason
            if not self.hold and not self.transport.is_closing():
                self.transport.resume_reading()
            if reason is Hold.RATE and self.open and self.driver is not None:
                self.driver.go_on()

    @property
    def throttled(self) -> bool:
        """Whether the peer has sent more than its share."""
        return self.hold is not _FREE and Hold.RATE in self.hold

    def set_busy(self, busy: bool) -> None:
        """Read nothing while the driver is busy."""
        if busy:
            self.keep(Hold.BUSY)
        else:
            self.release(Hold.BUSY)

    # --- writing ------------------------------------------------------------------------------------------

    @property
    def queued(self) -> int:
        """The bytes that wait for the peer."""
        if not self.open:
            return 0
        below = 0 if self.below is None else self.below.get_write_buffer_size()
        return below + self.transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Write bytes; drop a peer for which too many wait already.

        One write may be larger than the limit: stored messages come all at once, and the peer had no time to read them.
        """
        if not self.open or self.transport.is_closing():
            return
        queued, most = self.queued, self.links.limits.queue_bytes
        if queued <= most:
            self.allowed = len(data)
        elif queued > most + self.allowed:
            self.links.refused("queue_bytes", self.address)
            self.drop("the peer does not read")
            return
        self.written += len(data)
        self.send(data)

    def send(self, data: bytes) -> None:
        """Write bytes to the connection; a subclass adds its framing first."""
        self.transport.write(data)

    def stop(self, condition: str) -> None:
        """End the stream with this stream error."""
        if self.driver is None or Hold.SECURING in self.hold:
            self.drop(condition)
        elif self.open:
            self.driver.close(condition)

    @property
    def has_session(self) -> bool:
        """Whether the peer has logged in."""
        return self.driver is not None and self.driver.has_session

    def rest(self) -> None:
        """Let the driver take less memory, once."""
        if not self.resting and self.open and self.driver is not None:
            self.resting = True
            self.driver.rest()

    def look_for_life(self) -> None:
        """Note a sign of life that is no input: this server does not read, or the peer takes what waits for it.

        Without a queue, bytes that were taken are no sign: the kernel takes them for a peer that is gone.
        """
        waits, before, waited = self.queued, self.taken, self.waited
        self.taken, self.waited = self.written - waits, waits
        if self.hold & ~Hold.WRITING or (waited and self.taken > before):
            self.heard, self.probed = self.links.clock(), False

    def probe(self) -> None:
        """Ask the peer for a sign of life."""
        self.probed = True
        if self.open and self.driver is not None:
            self.driver.probe()

    def logged_in(self) -> None:
        """Note that the peer has a session: the limits before the login hold no longer."""
        self.links.logged_in(self)

    def close(self, *, answered: bool) -> None:
        """Close the connection when everything is written. The driver gets nothing from it any longer.

        :param answered: whether the peer has ended its stream too. If not, what the peer still sends is read and
            dropped for a moment: a connection that is closed with unread input loses what was written last.
        """
        if not self.open:
            return
        self.open, self.closing_since = False, self.links.clock()
        if Hold.SECURING in self.hold:
            self.transport.abort()
            return
        self.hold = Hold.NONE
        if self.transport.is_closing():
            return
        self.transport.resume_reading()  # asyncio does not close TLS whose end came while its reading was paused
        if answered:
            self.transport.close()
            return
        if self.transport.can_write_eof():
            with suppress(OSError):  # the peer has reset the connection, and the loop has not noticed yet
                self.transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER, self.transport.close)

    def drop(self, why: str) -> None:
        """Close the connection at once."""
        if self.connected:
            log(logging.INFO, "connection dropped", address=self.address, reason=why)
            self.transport.abort()
