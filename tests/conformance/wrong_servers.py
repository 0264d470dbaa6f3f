"""Servers with one thing wrong, each of them the core behind something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import define

from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.worlds import Driver, Setup, World
from xmpp_im_core.element import Element


@define
class Wrong(Driver):
    """The core, behind something that goes wrong."""

    name = "wrong"
    world_class: Callable[[World], World]

    def world(self, setup: Setup) -> World:
        return self.world_class(Embedded().world(setup))


@define
class Around:
    """A world around the embedded one, which does what that does."""

    inner: World

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


@define
class PushesFirst(Around):
    """Each client gets roster pushes before everything else."""

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        return {at: sorted(stanzas, key=self._place) for at, stanzas in self.inner.arrived().items()}

    def _place(self, stanza: Element) -> bool:
        return (stanza.name, stanza.get("type")) != ("iq", "set")


@define
class NeverRevokes(Around):
    """What a user has approved beforehand stays so."""

    def send(self, jid: str, xml: str) -> None:
        stanza = read_xml(xml)
        of = jid.partition("/")[0], stanza.get("to") or ""
        if stanza.get("type") != "unsubscribed" or not self._approved(*of):
            self.inner.send(jid, xml)

    def _approved(self, user: str, contact: str) -> bool:
        return any(item.jid == contact and item.approved for item in self.inner.roster(user))


def wrong(world_class: object) -> Driver:
    assert callable(world_class)
    return Wrong(world_class)


@define
class Shy(Around):
    """Nobody is ever told of a request."""

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        arrived = self.inner.arrived()
        return {at: [each for each in stanzas if each.get("type") != "subscribe"] for at, stanzas in arrived.items()}
