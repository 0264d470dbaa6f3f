"""The side of the other server, for all scenarios: one component connection, renewed when it breaks."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from attrs import define, field

from xmpp_im_conformance.drivers.live.component import Component, as_component
from xmpp_im_conformance.drivers.live.config import LiveConfig
from xmpp_im_conformance.drivers.live.settling import round_trip
from xmpp_im_conformance.drivers.live.tolerance import Tolerance
from xmpp_im_conformance.format.markup import BadXML, read_xml
from xmpp_im_conformance.format.worlds import HOSTED, REMOTE, NotApplicable
from xmpp_im_core.element import Element
from xmpp_im_core.jid import Address, parse_address

IN_OTHERS: Final = "the server sends the component stanzas in another namespace than jabber:component:accept (XEP-0114)"


@define
class Remote:
    """The component that plays ``remote.example``; none if the configuration names none."""

    config: LiveConfig
    run: str
    """What the suffixes of all localparts of this run begin with."""
    tolerance: Tolerance = field(factory=Tolerance)
    suffix: str = ""
    """That of the scenario which runs now."""
    component: Component | None = None
    _kept: list[Element] = field(factory=list)
    """What came on a connection that has broken since."""
    _in_others: int = 0
    """How many stanzas came in another namespace than that of components, on connections that have broken since."""

    @property
    def domain(self) -> str:
        """What the server calls ``remote.example``."""
        return REMOTE if self.config.component is None else self.config.component.domain

    async def connect(self) -> None:
        """Connect, if there should be a connection and is none.

        :raises ServerFailed: if the server does not accept it.
        """
        if self.config.component is None or (self.component is not None and self.component.ended is None):
            return
        if self.component is not None:
            self._kept += self.component.take()
            self.component.drop()
            self._in_others += self.component.stream.in_others
        config, host = self.config.component, self.config.host
        self.component = await Component.connect(config, host, self.run[1:], self.tolerance)

    async def send(self, xml: str, scenario: str) -> None:
        """Send a stanza of the scenario from the other server.

        :param xml: what is sent.
        :param scenario: how the scenario writes it.
        :raises NotApplicable: if nobody plays the other server, or it is to speak for a third one.
        """
        if self.component is None:
            raise NotApplicable("there is no component that could play the other server")
        to = _attribute(scenario, "to")
        if to is None or third_domain(scenario, HOSTED) is not None:
            raise NotApplicable("to a component the server is a router, as it is to no other server")
        sender = _attribute(scenario, "from")
        if sender is not None and not re.search(rf"(^|@){re.escape(REMOTE)}(/|$)", sender):
            raise NotApplicable("a component speaks for its own domain only")
        hosted = self.config.domain(HOSTED[0])
        await round_trip(self.component, sender=self.domain, to=hosted, before=as_component(xml))

    def take(self) -> Sequence[Element]:
        """Return what has come, without what is late from accounts of scenarios before."""
        came, self._kept = [*self._kept, *(self.component.take() if self.component is not None else ())], []
        return [stanza for stanza in came if not self._is_late(stanza)]

    @property
    def remarks(self) -> Mapping[str, int]:
        """What the server does otherwise on the component's stream."""
        number = self._in_others + (0 if self.component is None else self.component.stream.in_others)
        return {IN_OTHERS: number} if number else {}

    def drop(self) -> None:
        """Close the connection without waiting."""
        if self.component is not None:
            self.component.drop()

    def _is_late(self, stanza: Element) -> bool:
        found = re.search(rf"{re.escape(self.run)}[0-9a-z]*(?=@)", stanza.get("from") or "")
        return found is not None and found[0] != self.suffix


def third_domain(xml: str, known: Collection[str] = (*HOSTED, REMOTE)) -> str | None:
    """Return the domain that a stanza is sent to, if it is not a known one."""
    to = _attribute(xml, "to")
    address = None if to is None else parse_address(to)
    if not isinstance(address, Address) or address.jid.domain in known:
        return None
    return address.jid.domain


def _attribute(xml: str, name: str) -> str | None:
    try:
        return read_xml(xml).get(name)
    except BadXML:
        return None
