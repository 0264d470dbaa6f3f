"""The client that a program plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, evolve, field

from xmpp_im_conformance.drivers.stdio.asked_world import AskedWorld
from xmpp_im_conformance.drivers.stdio.messages import ProtocolMessage, read_items, read_program_stanza, write_items
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.evidence import FROM_SERVER
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.worlds import ClientSetup, ClientWorld, KnownResource, taken
from xmpp_im_core.codec import write_element
from xmpp_im_core.element import Element
from xmpp_im_core.roster import ROSTER

_ACTED = "client_acted"


@define
class StdioClientWorld(AskedWorld, ClientWorld):
    """A program during one client scenario."""

    out: list[Element] = field(factory=list)
    told: list[Mapping[str, object]] = field(factory=list)
    account: str = ""
    unsigned: set[str | None] = field(factory=set)
    """The ids of the stanzas that came without ``from``."""

    @classmethod
    def begun(cls, program: Program, setup: ClientSetup) -> StdioClientWorld:
        """Let a program begin a scenario.

        :raises NotApplicable: if it plays no client, or cannot make the set-up.
        :raises ServerFailed: if it does not get that far.
        """
        can = program.ready().as_client()
        can.need_features(setup.features)
        world = cls(program, can, account=setup.account)
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
        """Let the user want something.

        :raises NotApplicable: if the client does not have the action.
        """
        self.can.need_action(action)
        self._act("client_does", action=action, arguments=dict(arguments))

    def send(self, xml: str) -> None:
        """Hand over a stanza for sending."""
        self._act("client_sends", xml=xml)

    def receive(self, xml: str) -> None:
        """Let a stanza arrive."""
        stanza = read_xml(xml)
        if stanza.get("from") is None:
            self.unsigned.add(stanza.get("id"))
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

    def tells_detail(self, name: str) -> bool:
        """Whether the program's events have this detail."""
        return name not in self.can.untold

    def refuses(self) -> bool:
        """Whether the program refuses stanzas that its application may not send."""
        return self.can.refuses

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
        sent = [read_program_stanza(xml, "its server") for xml in answer.get("sent", ())]
        self.out += [_as_processed(self._addressed(stanza)) for stanza in sent]
        self.told += answer.get("events", ())

    def _addressed(self, stanza: Element) -> Element:
        """Drop the address of an answer to a stanza without ``from``: that is from the account (RFC 6120 §8.1.2.1)."""
        answers = stanza.get("type") in ("result", "error") and stanza.get("id") in self.unsigned
        if not answers or stanza.get("to") != self.account:
            return stanza
        return evolve(stanza, attributes=tuple([each for each in stanza.attributes if each[0] != "to"]))

    def _act(self, op: str, **arguments: object) -> None:
        self.take(self.ask(op, _ACTED, **arguments))


def _as_processed(stanza: Element) -> Element:
    """Drop the subscription of an item in a roster set, unless it is "remove": a server must ignore it (§2.1.2.5)."""
    if (stanza.name, stanza.get("type")) != ("iq", "set"):
        return stanza
    return evolve(stanza, children=tuple([_without_subscription(child) for child in stanza.children]))


def _without_subscription(node: Element | str) -> Element | str:
    if isinstance(node, str) or node.namespace != ROSTER:
        return node
    children = tuple([_without_subscription(child) for child in node.children])
    ignored = node.name == "item" and node.get("subscription") != "remove"
    attributes = tuple([each for each in node.attributes if not ignored or each[0] != "subscription"])
    return evolve(node, attributes=attributes, children=children)
