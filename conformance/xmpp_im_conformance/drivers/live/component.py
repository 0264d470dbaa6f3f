"""The other server, played through the component port of the server under test (XEP-0114)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from xml.sax.saxutils import quoteattr

from attrs import define, field

from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.config import ComponentConfig
from xmpp_im_conformance.drivers.live.stream import Stream, StreamEnded
from xmpp_im_conformance.drivers.live.tolerance import COMPONENT_ASKED, Tolerance
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.codec import COMPONENT, SERVER, write_element
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import CLIENT


@define(eq=False)
class Component(Channel):
    """The stream of the remote domain. Requests of the driver's own clients are answered on it."""

    asked = COMPONENT_ASKED
    deliver: Callable[[Element], None] = field(kw_only=True)
    """Gives a stanza to the scenario that it is for."""
    on_end: Callable[[], None] = field(kw_only=True)

    @classmethod
    async def connect(
        cls,
        config: ComponentConfig,
        host: str,
        mark: str,
        tolerance: Tolerance,
        deliver: Callable[[Element], None],
        on_end: Callable[[], None],
    ) -> Component:
        """Connect, and prove to know the secret.

        :raises ServerFailed: if the server does not accept the component.
        """
        stream = await Stream.connect(config.host or host, config.port, COMPONENT, also=(CLIENT, SERVER))
        with stream.kept():
            try:
                await stream.open(config.domain)
                proof = hashlib.sha1(f"{stream.id}{config.secret}".encode()).hexdigest()
                stream.write(f"<handshake>{proof}</handshake>")
                answer = await stream.next_element()
            except StreamEnded as problem:
                raise ServerFailed(f"the server does not accept the component {config.domain}: {problem}") from problem
            if answer.name != "handshake":
                raise ServerFailed(f"the server does not accept the component {config.domain}: <{answer.name}>")
        component = cls(stream, mark, mark, tolerance=tolerance, deliver=deliver, on_end=on_end)
        component.start()
        return component

    def send(self, xml: str) -> None:
        """Send a stanza that stands in ``jabber:client``."""
        self.stream.write(as_component(xml))

    def keep(self, stanza: Element) -> None:
        """Give a stanza to its scenario."""
        self.deliver(stanza)

    def end(self, how: ServerFailed) -> None:
        """Note the end, and tell those who use the stream."""
        self.on_end()
        super().end(how)

    def is_answered(self, stanza: Element) -> bool:
        """Answer a request that a client of the driver has sent, to know that all before it has come."""
        id, sender, to = stanza.get("id") or "", stanza.get("from"), stanza.get("to")
        if not id.startswith(self.mark) or stanza.name != "iq" or sender is None or to is None:
            return False
        if stanza.get("type") == "get":
            addresses = f"from={quoteattr(to)} to={quoteattr(sender)}"
            self.stream.write(f"<iq id={quoteattr(id)} type='result' {addresses}/>")
        return True


def as_component(xml: str) -> str:
    """Return a stanza that stands in ``jabber:client`` as a component writes it: as it is, if it names no namespace."""
    named = any(namespace in xml for namespace in (CLIENT, SERVER, COMPONENT))
    return write_element(read_xml(xml), COMPONENT).decode() if named else xml
