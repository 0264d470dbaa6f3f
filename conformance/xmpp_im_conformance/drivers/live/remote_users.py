"""The other server, played by users who have accounts at a domain of the server under test.

They do what clients can do, and see what their server delivers to them. Whether that is enough for a scenario follows
from its steps (``format.remote_users``).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from attrs import define, field

from xmpp_im_conformance.drivers.live.addresses import Addresses
from xmpp_im_conformance.drivers.live.channel import Channel
from xmpp_im_conformance.drivers.live.sessions import Sessions
from xmpp_im_conformance.drivers.live.settling import round_trip
from xmpp_im_conformance.drivers.live.speaking import attribute
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.story import bare
from xmpp_im_conformance.format.worlds import HOSTED, NotApplicable, ServerFailed
from xmpp_im_core.codec import Unwritable, write_element
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.roster import ROSTER

OWN: Final = "the server sends presence in the name of users who play remote.example, which is left out"


@define(eq=False)
class Users:
    """What a scenario sees of the other server, which these users play."""

    addresses: Addresses
    channels: dict[str, Channel] = field(factory=dict)
    """The session of each user, by bare JID."""
    remarks: Counter[str] = field(factory=Counter)
    """What their server does on its own, and how often."""
    _shown: set[tuple[str, str | None]] = field(factory=set)
    """Who has sent presence of which type, by bare JID."""
    title = "the stream of a user who plays the other server"
    domain = ""
    """Whom the scenario's clients ask, to know that all has come: nobody. Each asks its own server."""

    @property
    def is_played(self) -> bool:
        """Whether somebody plays the other server."""
        return True

    @property
    def sees_all(self) -> bool:
        """Whether all that is sent to the other server is seen: a server shows its clients less than it gets."""
        return False

    @property
    def came(self) -> int:
        """How many stanzas have come."""
        return sum([channel.came for channel in self.channels.values()])

    @property
    def ended(self) -> ServerFailed | None:
        """How a session has ended; None while all are open."""
        return next((each.ended for each in self.channels.values() if each.ended is not None), None)

    async def open(self, sessions: Sessions, jids: Sequence[str]) -> None:
        """Bind the sessions of the users, whose accounts there are; they are interested (RFC 6121 §2.2).

        :raises NotApplicable: if another resource is bound.
        """
        for jid in jids:
            channel = self.channels[bare(jid)] = await sessions.separate(jid)
            await channel.request(f"<query xmlns='{ROSTER}'/>")

    def appear(self) -> None:
        """Let the users become available."""
        for channel in self.channels.values():
            channel.stream.write("<presence/>", later=True)

    async def connect(self) -> None:
        """Do nothing: a session that has ended is not bound again."""

    def speak(self, xml: str) -> None:
        """Send a stanza of a user, as the server is to read it, without waiting for anything."""
        channel, stanza = self._of(self.addresses.to_scenario(attribute(xml, "from") or ""), xml)
        channel.stream.write(stanza, later=True)

    async def send(self, xml: str, scenario: str) -> None:
        """Send a stanza of the scenario from the user who stands in ``from``.

        :param xml: what is sent.
        :param scenario: how the scenario writes it.
        """
        sender = attribute(scenario, "from") or ""
        channel, stanza = self._of(sender, xml)
        self._shown.add((bare(sender), attribute(scenario, "type")))
        await round_trip(channel, before=stanza)

    def _of(self, sender: str, xml: str) -> tuple[Channel, str]:
        if bare(sender) not in self.channels:
            raise NotApplicable(f"{sender} is no user who plays the other server")
        stanza = read_xml(xml)
        attributes = {name: value for name, value in stanza.attributes if name != "from"}
        sent = element(stanza.name, stanza.namespace, attributes, stanza.children)  # the server says who has sent it
        try:
            return self.channels[bare(sender)], write_element(sent).decode()
        except Unwritable as problem:
            raise NotApplicable(f"a user cannot send it: {problem}") from problem

    async def ask(self, number: int, *, asked: bool) -> None:
        """Ask the users' own server, to know that all that it has for them has come."""
        await asyncio.gather(*[round_trip(channel) for channel in self.channels.values()])

    def take(self) -> Sequence[Element]:
        """Return what has come since the last call, but for what the users' own server tells them."""
        came = [stanza for channel in self.channels.values() for stanza in [*channel.inbox]]
        for channel in self.channels.values():
            channel.take()
        return [stanza for stanza in came if self._is_of_scenario(stanza)]

    def _is_of_scenario(self, stanza: Element) -> bool:
        sender = parse_address(self.addresses.to_scenario(stanza.get("from") or ""))
        return isinstance(sender, Address) and sender.jid.domain in HOSTED

    def is_own(self, stanza: Element) -> bool:
        """Whether the users' own server has sent a stanza on its own: presence that none of them has sent.

        Some servers answer a request with unavailable presence, for example.
        """
        sender, type = bare(stanza.get("from") or ""), stanza.get("type")
        shows = stanza.name == "presence" and type in (None, "unavailable") and sender in self.channels
        if not shows or (sender, type) in self._shown:
            return False
        self.remarks[OWN] += 1
        return True

    def check(self) -> None:
        """Nothing is shared with other scenarios."""

    def leave(self) -> None:
        """Close the sessions without waiting."""
        for channel in self.channels.values():
            channel.drop()
