"""A stream on which a scenario speaks for the other server."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar
from xml.sax.saxutils import quoteattr

from attrs import define, field

from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.tolerance import COMPONENT_ASKED
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.codec import COMPONENT, SERVER, write_element
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import CLIENT


@define(eq=False)
class OtherServer(Channel):
    """Requests of the driver's own clients are answered on it."""

    asked = COMPONENT_ASKED
    namespace: ClassVar[str]
    """That of the stanzas which are sent."""
    title: ClassVar[str]
    """What it is, for messages."""
    deliver: Callable[[Element], None] = field(kw_only=True)
    """Gives a stanza to the scenario that it is for."""
    on_end: Callable[[], None] = field(kw_only=True)

    def send(self, xml: str) -> None:
        """Send a stanza that stands in ``jabber:client``."""
        self.stream.write(as_sent(xml, self.namespace), later=True)

    @property
    def in_others(self) -> int:
        """How many stanzas the server has sent in another namespace than that of the stream."""
        return self.stream.in_others

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
            self.stream.write(f"<iq id={quoteattr(id)} type='result' {addresses}/>", later=True)
        return True


def as_sent(xml: str, namespace: str) -> str:
    """Return a stanza that stands in ``jabber:client`` as another stream has it: as it is, if it names no namespace."""
    named = any(each in xml for each in (CLIENT, SERVER, COMPONENT))
    return write_element(read_xml(xml), namespace).decode() if named else xml
