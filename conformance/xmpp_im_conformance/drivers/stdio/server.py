"""The server that a program plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import define, field

from xmpp_im_conformance.drivers.stdio.asked_world import AskedWorld
from xmpp_im_conformance.drivers.stdio.messages import ProtocolMessage, read_items, read_program_stanza, write_items
from xmpp_im_conformance.drivers.stdio.ops import SERVER_OPS, request
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.steps.fields import written
from xmpp_im_conformance.format.worlds import REMOTE, ServerFailed, Setup, World, taken
from xmpp_im_core.element import Element

_ACTED = "server_acted"


@define
class StdioWorld(AskedWorld, World):
    """A program during one scenario. Its methods that act are made of ``SERVER_OPS``, at the end of this module."""

    came: dict[str, list[Element]] = field(factory=dict)
    ended: dict[str, list[str]] = field(factory=dict)
    """How it has closed streams, by full JID."""
    sessions: set[str] = field(factory=set)
    """The full JIDs that have been connected."""

    @classmethod
    def begun(cls, program: Program, setup: Setup) -> StdioWorld:
        """Let a program begin a scenario.

        :raises NotApplicable: if it plays no server, or cannot make the set-up.
        :raises ServerFailed: if it does not get that far.
        """
        can = program.ready().as_server()
        can.need_features(setup.features)
        if setup.time is not None:
            can.need_op("time")
        world = cls(program, can)
        accounts = {jid: {"roster": write_items(items)} for jid, items in setup.accounts.items()}
        time = None if setup.time is None else written(setup.time)
        answer = program.ask("begin", _ACTED, accounts=accounts, features=sorted(setup.features), time=time)
        world.take("begin", answer)
        return world

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        """Return what has come since the last call."""
        return taken(self.came)

    def closed(self) -> Mapping[str, Sequence[str]] | None:
        """Return which streams it has closed since the last call."""
        return taken(self.ended) if self.can.tells_closing else None

    def stream_features(self, jid: str) -> Sequence[Element]:
        """Return the stream features that a session was offered."""
        answer = self.ask("stream_features", "stream_features", jid=jid)
        return [read_program_stanza(xml, f"{jid} as a stream feature") for xml in answer["stream_features"]]

    def binding_refused(self, jid: str) -> str | None:
        """Return the stanza error that answers a request to bind a resource, or None."""
        condition: str | None = self.ask("binding_refused", "binding_refused", jid=jid)["condition"]
        return condition

    def roster(self, account: str) -> Sequence[RosterItem]:
        """Return the contacts of an account as they are stored."""
        return read_items(self.ask("roster", "roster", account=account)["roster"])

    def sees_requests(self) -> bool:
        """Whether the program's rosters show what no client sees."""
        return self.can.sees_requests

    def take(self, op: str, answer: ProtocolMessage) -> None:
        """Note what an answer says has left.

        :raises ServerFailed: if it is for a session that never was, or is not XML.
        """
        for jid, xml in answer.get("deliver", ()):
            if jid not in self.sessions:
                # It would be lost in silence, and silence may be what the scenario expects.
                raise ServerFailed(f"the program's answer to {op!r} delivers to {jid}, which has not connected")
            self.came.setdefault(jid, []).append(read_program_stanza(xml, jid))
        for jid, condition in answer.get("closed", ()):
            if jid not in self.sessions:
                raise ServerFailed(f"the program's answer to {op!r} closes {jid}, which has not connected")
            self.ended.setdefault(jid, []).append(condition)
        for xml in answer.get("remote", ()):
            self.came.setdefault(REMOTE, []).append(read_program_stanza(xml, REMOTE))

    def act(self, name: str, *values: object) -> None:
        """Let the program perform an op, and note what left because of it.

        :raises NotApplicable: if the program does not have it.
        """
        self.take(name, self.ask(name, _ACTED, **request(name, values)))

    def connect(self, jid: str) -> None:
        """Let a session be bound."""
        self.sessions.add(jid)
        self.act("connect", jid)


def _asking(name: str) -> Callable[..., None]:
    """Return the method of the world that asks for an op."""
    return lambda world, *values: world.act(name, *values)


for _name, _op in SERVER_OPS.items():
    if _name != "connect":
        setattr(StdioWorld, _op.calls.__name__, _asking(_name))
