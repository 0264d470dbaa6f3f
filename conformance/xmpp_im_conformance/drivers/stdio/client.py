"""The client that a program plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, field

from xmpp_im_conformance.drivers.stdio.asked_world import AskedWorld
from xmpp_im_conformance.drivers.stdio.messages import ProtocolMessage, read_items, read_program_stanza, write_items
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.evidence import FROM_SERVER
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.worlds import ClientSetup, ClientWorld, KnownResource, taken
from xmpp_im_core.codec import write_element
from xmpp_im_core.element import Element

_ACTED = "client_acted"


@define
class StdioClientWorld(AskedWorld, ClientWorld):
    """A program during one client scenario."""

    out: list[Element] = field(factory=list)
    told: list[Mapping[str, object]] = field(factory=list)

    @classmethod
    def begun(cls, program: Program, setup: ClientSetup) -> StdioClientWorld:
        """Let a program begin a scenario.

        :raises NotApplicable: if it plays no client, or cannot make the set-up.
        :raises ServerFailed: if it does not get that far.
        """
        can = program.ready().as_client()
        can.need_features(setup.features)
        world = cls(program, can)
        cache = None if setup.cache is None else {"ver": setup.cache[0], "items": write_items(setup.cache[1])}
        answer = program.ask(
            "begin_client",
            _ACTED,
            account=setup.account,
            resource=setup.resource,
            stream_features=[write_element(feature).decode() for feature in setup.stream_features],
            cache=cache,
            features=sorted(setup.features),
        )
        world.take(answer)
        return world

    def do(self, action: str, arguments: Mapping[str, object]) -> None:
        """Let the user want something."""
        self._act("client_does", action=action, arguments=dict(arguments))

    def send(self, xml: str) -> None:
        """Hand over a stanza for sending."""
        self._act("client_sends", xml=xml)

    def receive(self, xml: str) -> None:
        """Let a stanza arrive."""
        self._act("from_server", xml=xml)

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        """Return what was sent since the last call."""
        return {FROM_SERVER: taken(self.out)}

    def events(self) -> Sequence[Mapping[str, object]]:
        """Return what was told since the last call."""
        return taken(self.told)

    def knows_event(self, type: str) -> bool:
        """Whether the program tells events of this type at all."""
        return type in self.can.events

    def roster(self) -> Sequence[RosterItem]:
        """Return the roster as the program knows it."""
        return read_items(self.ask("client_roster", "roster")["roster"])

    def ver(self) -> str | None:
        """Return the version that the next roster get would have."""
        ver: str | None = self.ask("client_ver", "client_ver")["ver"]
        return ver

    def resources(self, jid: str) -> Sequence[KnownResource]:
        """Return the available resources of a bare JID, the best first."""
        return [KnownResource(**each) for each in self.ask("client_presence", "client_presence", jid=jid)["resources"]]

    def take(self, answer: ProtocolMessage) -> None:
        """Note what an answer says was sent, and told."""
        self.out += [read_program_stanza(xml, "its server") for xml in answer.get("sent", ())]
        self.told += answer.get("events", ())

    def _act(self, op: str, **arguments: object) -> None:
        self.take(self.ask(op, _ACTED, **arguments))
