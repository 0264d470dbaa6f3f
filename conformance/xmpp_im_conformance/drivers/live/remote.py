"""The other server, for all scenarios: its streams, renewed when they break.

It is a component of the server under test, or a server that federates with it. Scenarios that run side by side share
it. Each stanza is for the scenario that has an account, or a user of the other server, among its addresses: their
localparts end with the scenario's suffix.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field

from xmpp_im_conformance.drivers.live.addresses import localpart_suffix
from xmpp_im_conformance.drivers.live.channel import check_untaken
from xmpp_im_conformance.drivers.live.component import Component
from xmpp_im_conformance.drivers.live.config import ComponentConfig, LiveConfig
from xmpp_im_conformance.drivers.live.federation.dialing import Identity
from xmpp_im_conformance.drivers.live.federation.server import Federation, Link
from xmpp_im_conformance.drivers.live.other_server import OtherServer, as_sent
from xmpp_im_conformance.drivers.live.settling import round_trip
from xmpp_im_conformance.drivers.live.speaking import attribute, third_domain
from xmpp_im_conformance.drivers.live.tolerance import Tolerance
from xmpp_im_conformance.format.worlds import HOSTED, REMOTE, Disturbed, NotApplicable, ServerFailed, taken
from xmpp_im_core.element import Element
from xmpp_im_core.jid import Address, parse_address

IN_OTHERS: Final = "the server sends the component stanzas in another namespace than jabber:component:accept (XEP-0114)"
BETWEEN_SERVERS: Final = "the server sends servers stanzas in another namespace than jabber:server (RFC 6120 §4.8.2)"


@define(eq=False)
class Remote:
    """Plays ``remote.example`` as the configuration says; nobody does if it says nothing."""

    config: LiveConfig
    run: str
    """What the suffixes of all localparts of this run begin with."""
    tolerance: Tolerance = field(factory=Tolerance)
    links: Mapping[str, OtherServer] = field(factory=dict)
    """What is sent on, by the domain of the server that it leads to; empty if nobody plays the other server."""
    _federation: Federation | None = None
    _sides: dict[str, RemoteSide] = field(factory=dict)
    """What the scenarios that run now see of it, by suffix."""
    _in_others: int = 0
    """How many stanzas came in another namespace than that of components, on connections that have broken since."""
    _connecting: asyncio.Lock = field(factory=asyncio.Lock)

    def __attrs_post_init__(self) -> None:
        if self.config.federation is not None:
            identity = Identity(self.config, self.config.federation, secrets.token_hex(16))
            self._federation = Federation(identity, self.run[1:], self._deliver, self._ended, self.tolerance)

    @property
    def domain(self) -> str:
        """What the server calls ``remote.example``."""
        return self.config.remote_accounts or (REMOTE if self.config.remote is None else self.config.remote.domain)

    @property
    def streams(self) -> tuple[OtherServer, ...]:
        """The streams that there are."""
        return tuple(dict.fromkeys(self.links.values()))

    @property
    def ended(self) -> ServerFailed | None:
        """How a stream has ended; None while there are all of them, or if there should be none."""
        return next((stream.ended for stream in self.streams if stream.ended is not None), None)

    @property
    def lacks(self) -> bool:
        """Whether there should be a connection, and is none."""
        return self.config.remote is not None and (not self.links or self.ended is not None)

    def route(self, to: str | None) -> tuple[str, OtherServer] | None:
        """Return the domain of an address and what is sent on to it; the first domain, if the server has no such one.

        None if nobody plays the other server.
        """
        address = parse_address(to or "")
        domain = address.jid.domain.lower() if isinstance(address, Address) else ""
        if domain not in self.links:
            domain = next(iter(self.links), "")
        return (domain, self.links[domain]) if domain else None

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
            if not self.lacks:
                return
            if self._federation is not None:
                self.links = {domain: await self._federation.connect(domain) for domain in self.config.hosted}
            elif self.config.component is not None:
                self.links = dict.fromkeys(self.config.hosted, await self._component(self.config.component))

    async def _component(self, config: ComponentConfig) -> Component:
        for stream in self.streams:
            stream.drop()
            self._in_others += stream.in_others
        host, mark = self.config.host, self.run[1:]
        return await Component.connect(config, host, mark, self.tolerance, self._deliver, self._ended)

    @property
    def remarks(self) -> Mapping[str, int]:
        """What the server does otherwise on the streams of the other server."""
        if self._federation is not None:
            found = {**self._federation.remarks, BETWEEN_SERVERS: self._federation.in_others}
        else:
            found = {IN_OTHERS: self._in_others + sum([stream.in_others for stream in self.streams])}
        return {remark: number for remark, number in found.items() if number}

    def drop(self) -> None:
        """Close the connections without waiting."""
        for stream in self.streams:
            stream.drop()
        if self._federation is not None:
            self._federation.drop()

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
    def is_played(self) -> bool:
        """Whether somebody plays the other server."""
        return bool(self.shared.links)

    @property
    def sees_all(self) -> bool:
        """Whether all that is sent to the other server is seen."""
        return self.is_played

    @property
    def domain(self) -> str:
        """What the server calls ``remote.example``."""
        return self.shared.domain

    @property
    def title(self) -> str:
        """What is sent on, for messages."""
        return Link.title if self.shared.config.component is None else Component.title

    @property
    def ended(self) -> ServerFailed | None:
        """How the connection has ended; None while there is one, or if there should be none."""
        return self.shared.ended

    async def connect(self) -> None:
        """Connect again, if the connection has ended.

        :raises ServerFailed: if the server does not accept it.
        """
        await self.shared.connect()

    def speak(self, xml: str) -> None:
        """Send a stanza from the other server, without waiting for anything.

        :param xml: what is sent, as the server is to read it.
        """
        route = self.shared.route(attribute(xml, "to"))
        assert route is not None, "somebody plays the other server"
        route[1].send(xml)

    async def send(self, xml: str, scenario: str) -> None:
        """Send a stanza of the scenario from the other server.

        :param xml: what is sent.
        :param scenario: how the scenario writes it.
        :raises NotApplicable: if nobody plays the other server, or it is to speak for a third one.
        """
        route = self.shared.route(attribute(xml, "to"))
        if route is None:
            raise NotApplicable(NOBODY)
        is_component = self.shared.config.component is not None
        elsewhere = attribute(scenario, "to") is None or third_domain(scenario, HOSTED) is not None
        if is_component and elsewhere:
            raise NotApplicable("to a component the server is a router, as it is to no other server")
        sender = attribute(scenario, "from")
        case = re.NOFLAG if is_component else re.IGNORECASE
        if sender is not None and not re.search(rf"(^|@){re.escape(REMOTE)}(/|$)", sender, case):
            raise NotApplicable("the other server speaks for its own domain only")
        domain, link = route
        await round_trip(link, sender=self.domain, to=domain, before=as_sent(xml, link.namespace))

    async def ask(self, number: int, *, asked: bool) -> None:
        """Ask the domains of the server, to know that what they have sent before has come.

        :param number: that of the round.
        :param asked: whether a client has asked the other server, and got its answer.
        """
        links = [*self.shared.links.items()]
        if len(self.shared.streams) <= 1:  # what a client asks comes on the only stream there is
            links = [] if asked or not links else [links[number % len(links)]]
        if links:
            await asyncio.gather(*[round_trip(link, sender=self.domain, to=domain) for domain, link in links])

    def take_in(self, stanza: Element) -> None:
        """Keep a stanza that has come for the scenario.

        :raises ServerFailed: if there are too many.
        """
        self.came += 1
        self._inbox.append(stanza)
        check_untaken(len(self._inbox))

    def take(self) -> Sequence[Element]:
        """Return what has come since the last call."""
        for stream in self.shared.streams:
            stream.forget()
        return taken(self._inbox)

    def is_own(self, stanza: Element) -> bool:
        """Whether the other server has sent a stanza on its own: it does what the scenario says, and nothing else."""
        return False

    def check(self) -> None:
        """See that no other scenario has disturbed this one.

        :raises Disturbed: if one may have.
        """
        if self.disturbed:
            raise Disturbed("a stream of the other server, which several scenarios share, has ended")

    def leave(self) -> None:
        """Let the scenario end."""
        self.shared.leave(self.suffix)


NOBODY: Final = f"nobody plays {REMOTE}: neither a component nor federation is configured"
