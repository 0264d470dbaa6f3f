"""Drive the stream of a component (XEP-0114): its stanzas arrive at the host like those of another server."""

from __future__ import annotations

import logging
from functools import partial
from uuid import uuid4

from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.stanza import IQ, Condition, Stanza, error_reply, may_be_answered, payload, stanza_error
from xmpp_im_host.log import failure, log
from xmpp_im_host.network.link import Driver, Link
from xmpp_im_host.network.network import Network
from xmpp_im_host.streams.component_stream import ComponentStream
from xmpp_im_host.streams.events import ComponentAuthenticated, StanzaReceived, StreamEnded
from xmpp_im_host.streams.settings import ComponentSettings, Transport

_PING = element("ping", "urn:xmpp:ping")


class ComponentLink(Link):
    """The connection of a component."""

    def __init__(self, network: Network, settings: ComponentSettings) -> None:
        super().__init__(network.links)
        self.network, self.settings = network, settings

    def make_driver(self) -> Driver:
        """Return the driver of a new stream."""
        return ComponentDriver(self.network, self, ComponentStream(self.settings))


class ComponentDriver:
    """Drives one stream of a component."""

    def __init__(self, network: Network, link: Link, stream: ComponentStream) -> None:
        self.network, self.link, self.stream = network, link, stream
        self.unprocessed = 0
        self.over = False
        self.barrier: IQ | None = None
        """A request to the server itself. It waits until everything before it has been processed, so that a component
        can ping the server to learn that."""
        self._advancing = False

    @property
    def has_session(self) -> bool:
        """Whether the component has proved that it knows the secret."""
        return self.stream.domain is not None

    # --- called by the link -------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take bytes."""
        self.stream.receive(data)
        self.go_on()

    def secured(self, transport: Transport) -> None:
        """Components have no TLS."""

    def lost(self) -> None:
        """Note that the connection is gone."""
        self.stream.disconnected()
        self.go_on()

    def probe(self) -> None:
        """Ping the component: any byte of its answer is a sign of life."""
        if self.stream.domain is not None:
            server = parse_address(self.network.configuration.domains[0])
            self.stream.send(IQ(parse_address(self.stream.domain), server, uuid4().hex, "get", payload=payload(_PING)))
            self.flush()

    def rest(self) -> None:
        """Take less memory while nothing comes."""
        self.stream.rest()

    def close(self, condition: str) -> None:
        """Close the stream with this stream error."""
        self.stream.close(condition)
        self.network.advance_later(self)

    # --- the loop -----------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Process what the stream has read, as far as the limits allow now."""
        if self._advancing or self.over:
            return
        self._advancing = True
        try:
            self._take_events()
        except Exception as error:
            failure("connection failed", error, address=self.link.address)
            self.link.drop("internal error")
        finally:
            self._advancing = False

    def _take_events(self) -> None:
        most = self.network.configuration.limits.in_flight * _SHARE
        if self.barrier is not None and not self.unprocessed:
            barrier, self.barrier = self.barrier, None
            self._arrive(barrier)
        if not self._has_to_wait(most):
            for event in self.stream.events():
                self._take(event)
                if self._has_to_wait(most):
                    break
        if not self.over:
            self.link.set_busy(self._is_full(most))
            self.flush()

    def _has_to_wait(self, most: int) -> bool:
        """Return whether no event may be taken now. Those of a closed stream are few, and end it."""
        if self.stream.closed:
            return self.over
        return self._is_full(most) or self.link.throttled

    def _is_full(self, most: int) -> bool:
        return self.barrier is not None or self.unprocessed >= most

    def flush(self) -> None:
        """Write what the stream has to send."""
        data = self.stream.data_to_send()
        if data:
            self.link.write(data)

    def send(self, stanza: Stanza) -> bool:
        """Send a stanza to the component; return whether the connection took it."""
        if self.over or self.stream.closed:
            return False
        self.stream.send(stanza)
        self.network.flush_later(self)
        return True

    def _take(self, event: object) -> None:
        match event:
            case ComponentAuthenticated():
                self._authenticated(event.domain)
            case StanzaReceived():
                self._stanza_received(event.stanza)
            case StreamEnded():
                self._ended(event)

    def _authenticated(self, domain: str) -> None:
        self.network.host.component_connected(domain, partial(self._connected, domain))

    def _connected(self, domain: str) -> None:
        """Tell the component that it is connected: what is sent to it from now on comes to it."""
        if self.stream.closed:
            if domain not in self.network.components:
                self.network.host.component_lost(domain)
            return
        former = self.network.components.get(domain)
        if isinstance(former, ComponentDriver):
            former.close("conflict")  # it has proved that it knows the secret: the other connection may be dead
        self.network.components[domain] = self
        self.stream.accept()
        self.link.logged_in()
        log(logging.INFO, "component connected", domain=domain, address=self.link.address)
        if not self._advancing:
            self.network.advance_later(self)

    def _stanza_received(self, stanza: Stanza) -> None:
        self.network.counters.received += 1
        to = stanza.to_jid
        if to is not None and to.domain not in self.network.configuration.domains:
            self._pass_on(stanza)
        elif isinstance(stanza, IQ) and to is not None and to.local is None and self.unprocessed:
            self.barrier = stanza
        else:
            self._arrive(stanza)

    def _arrive(self, stanza: Stanza) -> None:
        self.unprocessed += 1
        try:
            self.network.host.arrive(stanza, done=partial(self._processed, self.network.clock()))
        except ValueError:
            self.unprocessed -= 1
            self.stream.close("improper-addressing")

    def _pass_on(self, stanza: Stanza) -> None:
        """Send a stanza to another component, or answer with the reason why it cannot be sent."""
        condition: Condition | None = self.network.host.pass_on(stanza)
        if condition is not None and may_be_answered(stanza):
            self.send(error_reply(stanza, stanza_error(condition)))

    def _processed(self, since: float) -> None:
        self.network.counters.latency.add(self.network.clock() - since)
        self.unprocessed -= 1
        if not self._advancing:
            self.network.advance_later(self)

    def _ended(self, event: StreamEnded) -> None:
        self.over = True
        self.flush()
        domain = self.stream.domain
        if domain is not None and self.network.components.get(domain) is self:
            del self.network.components[domain]
            self.network.host.component_lost(domain)
            log(logging.INFO, "component disconnected", domain=domain)
        if event.condition is not None:
            log(logging.INFO, "stream error", condition=event.condition, address=self.link.address)
        self.link.close(answered=event.by_peer)


_SHARE = 8
"""How many times as many stanzas as a client a component may have in process: it speaks for many users."""
