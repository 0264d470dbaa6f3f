"""The other server, for all scenarios: one component connection, renewed when it breaks.

Scenarios that run side by side share it. Each stanza is for the scenario that has an account, or a user of the other
server, among its addresses: their localparts end with the scenario's suffix.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field

from xmpp_im_conformance.drivers.live.addresses import localpart_suffix
from xmpp_im_conformance.drivers.live.channel import check_untaken
from xmpp_im_conformance.drivers.live.component import Component, as_component
from xmpp_im_conformance.drivers.live.config import LiveConfig
from xmpp_im_conformance.drivers.live.settling import round_trip
from xmpp_im_conformance.drivers.live.speaking import attribute, third_domain
from xmpp_im_conformance.drivers.live.tolerance import Tolerance
from xmpp_im_conformance.format.worlds import HOSTED, REMOTE, Disturbed, NotApplicable, ServerFailed, taken
from xmpp_im_core.element import Element

IN_OTHERS: Final = "the server sends the component stanzas in another namespace than jabber:component:accept (XEP-0114)"


@define(eq=False)
class Remote:
    """The component that plays ``remote.example``; none if the configuration names none."""

    config: LiveConfig
    run: str
    """What the suffixes of all localparts of this run begin with."""
    tolerance: Tolerance = field(factory=Tolerance)
    component: Component | None = None
    _sides: dict[str, RemoteSide] = field(factory=dict)
    """What the scenarios that run now see of it, by suffix."""
    _in_others: int = 0
    """How many stanzas came in another namespace than that of components, on connections that have broken since."""
    _connecting: asyncio.Lock = field(factory=asyncio.Lock)

    @property
    def domain(self) -> str:
        """What the server calls ``remote.example``."""
        return REMOTE if self.config.component is None else self.config.component.domain

    def side(self, suffix: str) -> RemoteSide:
        """Return what a scenario sees of the other server, until it leaves."""
        side = self._sides[suffix] = RemoteSide(self, suffix)
        return side

    def leave(self, suffix: str) -> None:
        """Let a scenario end: what comes for it from now on is late, and nobody looks at it."""
        self._sides.pop(suffix, None)

    async def connect(self) -> None:
        """Connect, if there should be a connection and is none.

        :raises ServerFailed: if the server does not accept it.
        """
        async with self._connecting:
            if self.config.component is None or (self.component is not None and self.component.ended is None):
                return
            if self.component is not None:
                self.component.drop()
                self._in_others += self.component.stream.in_others
            config, host, mark = self.config.component, self.config.host, self.run[1:]
            self.component = await Component.connect(config, host, mark, self.tolerance, self._deliver, self._ended)

    @property
    def remarks(self) -> Mapping[str, int]:
        """What the server does otherwise on the component's stream."""
        number = self._in_others + (0 if self.component is None else self.component.stream.in_others)
        return {IN_OTHERS: number} if number else {}

    def drop(self) -> None:
        """Close the connection without waiting."""
        if self.component is not None:
            self.component.drop()

    def _deliver(self, stanza: Element) -> None:
        """Give a stanza to its scenario; one that names no scenario's address is for each that runs now."""
        for name in ("from", "to"):
            suffix = localpart_suffix(stanza.get(name) or "", self.run)
            if suffix is not None:
                if suffix in self._sides:
                    self._sides[suffix].take_in(stanza)
                return
        for side in [*self._sides.values()]:
            side.take_in(stanza)

    def _ended(self) -> None:
        """Note that scenarios side by side have lost what may have been on its way to them."""
        sides = [*self._sides.values()]  # threads add theirs meanwhile
        if len(sides) > 1:
            for side in sides:
                side.disturbed = True


@define(eq=False)
class RemoteSide:
    """What one scenario sees of the other server, and how it speaks for it."""

    shared: Remote
    suffix: str
    came: int = 0
    """How many stanzas have come for the scenario."""
    disturbed: bool = False
    """Whether the connection has ended while other scenarios used it too."""
    _inbox: list[Element] = field(factory=list)

    @property
    def component(self) -> Component | None:
        """The connection; None if nobody plays the other server."""
        return self.shared.component

    @property
    def domain(self) -> str:
        """What the server calls ``remote.example``."""
        return self.shared.domain

    @property
    def ended(self) -> ServerFailed | None:
        """How the connection has ended; None while there is one, or if there should be none."""
        return None if self.component is None else self.component.ended

    async def connect(self) -> None:
        """Connect again, if the connection has ended.

        :raises ServerFailed: if the server does not accept it.
        """
        await self.shared.connect()

    async def send(self, xml: str, scenario: str) -> None:
        """Send a stanza of the scenario from the other server.

        :param xml: what is sent.
        :param scenario: how the scenario writes it.
        :raises NotApplicable: if nobody plays the other server, or it is to speak for a third one.
        """
        if self.component is None:
            raise NotApplicable("there is no component that could play the other server")
        to = attribute(scenario, "to")
        if to is None or third_domain(scenario, HOSTED) is not None:
            raise NotApplicable("to a component the server is a router, as it is to no other server")
        sender = attribute(scenario, "from")
        if sender is not None and not re.search(rf"(^|@){re.escape(REMOTE)}(/|$)", sender):
            raise NotApplicable("a component speaks for its own domain only")
        hosted = self.shared.config.domain(HOSTED[0])
        await round_trip(self.component, sender=self.domain, to=hosted, before=as_component(xml))

    def take_in(self, stanza: Element) -> None:
        """Keep a stanza that has come for the scenario.

        :raises ServerFailed: if there are too many.
        """
        self.came += 1
        self._inbox.append(stanza)
        check_untaken(len(self._inbox))

    def take(self) -> Sequence[Element]:
        """Return what has come since the last call."""
        if self.component is not None:
            self.component.forget()
        return taken(self._inbox)

    def check(self) -> None:
        """See that no other scenario has disturbed this one.

        :raises Disturbed: if one may have.
        """
        if self.disturbed:
            raise Disturbed("the component's stream, which several scenarios share, has ended")

    def leave(self) -> None:
        """Let the scenario end."""
        self.shared.leave(self.suffix)
