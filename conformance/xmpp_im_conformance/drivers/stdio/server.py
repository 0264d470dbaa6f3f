"""The server that a program plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from attrs import define, field, frozen

from xmpp_im_conformance.drivers.stdio.capabilities import ServerCapabilities
from xmpp_im_conformance.drivers.stdio.messages import ProtocolMessage, read_items, read_program_stanza, write_items
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.items import Item, SharedItem
from xmpp_im_conformance.format.worlds import REMOTE, NotApplicable, ServerFailed, Setup, World
from xmpp_im_core.element import Element

_ACTED = "server_acted"


@frozen
class StdioDriver:
    """Runs scenarios on a program, which has all of them to itself, one after the other."""

    program: Program
    name: str = "stdio"

    def world(self, setup: Setup) -> World:
        """Let the program begin a scenario.

        :raises NotApplicable: if it plays no server, or cannot make the set-up.
        :raises ServerFailed: if it does not get that far.
        """
        can = self.program.ready().as_server()
        missing = sorted(setup.features - can.features)
        if missing:
            raise NotApplicable(f"the feature {missing[0]!r} is not supported")
        if setup.time is not None and "time" not in can.ops:
            raise NotApplicable("the program has no op 'time'")
        world = StdioWorld(self.program, can)
        accounts = {jid: {"roster": write_items(items)} for jid, items in setup.accounts.items()}
        time = None if setup.time is None else written(setup.time)
        answer = self.program.ask("begin", _ACTED, accounts=accounts, features=sorted(setup.features), time=time)
        world.take("begin", answer)
        return world


@define
class StdioWorld(World):
    """A program during one scenario."""

    program: Program
    can: ServerCapabilities
    came: dict[str, list[Element]] = field(factory=dict)
    sessions: set[str] = field(factory=set)
    """The full JIDs that have been connected."""

    # --- what scenarios do ------------------------------------------------------------------------------

    def connect(self, jid: str) -> None:
        """Let a session be bound."""
        self.sessions.add(jid)
        self._act("connect", jid=jid)

    def send(self, jid: str, xml: str) -> None:
        """Let a client send a stanza."""
        self._act("send", **{"from": jid}, xml=xml)

    def remote_send(self, xml: str) -> None:
        """Let a stanza arrive from another server."""
        self._act("remote_send", xml=xml)

    def disconnect(self, jid: str, clean: bool) -> None:
        """Let a client's stream end."""
        self._act("disconnect", jid=jid, how="clean" if clean else "abrupt")

    def replace(self, jid: str) -> None:
        """Let the same resource be bound again."""
        self._act("replace", jid=jid)

    def detach(self, jid: str) -> None:
        """Let a session lose its stream."""
        self._act("detach", jid=jid)

    def resume(self, jid: str) -> None:
        """Let it be resumed."""
        self._act("resume", jid=jid)

    def expire(self, jid: str) -> None:
        """Let the time for resuming it pass."""
        self._act("expire", jid=jid)

    def restart(self, account: str) -> None:
        """Let an account be loaded again."""
        self._act("restart", account=account)

    def fail_storage(self, account: str, what: str) -> None:
        """Let the next load or commit of an account fail."""
        self._act("storage_fails", account=account, what=what)

    def set_time(self, at: datetime) -> None:
        """Let it be this time."""
        self._act("time", time=written(at))

    def create_account(self, account: str) -> None:
        """Let an account be created."""
        self._act("account_created", account=account)

    def remove_account(self, account: str) -> None:
        """Let an account be removed."""
        self._act("account_removed", account=account)

    def move_account(self, account: str, to: str, permanently: bool) -> None:
        """Let it be noted that the user has moved."""
        self._act("account_moved", account=account, to=to, permanently=permanently)

    def share_items(self, account: str, items: Sequence[SharedItem]) -> None:
        """Let the service show these items in the account's roster."""
        self._act("items_shared", account=account, items=[_written(item) for item in items])

    def decide(self, account: str, request_from: str, decision: str) -> None:
        """Let the service's own policy answer the next request of this sender."""
        self._act("decide", account=account, request_from=request_from, decision=decision)

    # --- what scenarios look at -------------------------------------------------------------------------

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        """Return what has come since the last call."""
        came, self.came = self.came, {}
        return came

    def stream_features(self, jid: str) -> Sequence[Element]:
        """Return the stream features that a session was offered."""
        self._need("stream_features")
        answer = self.program.ask("stream_features", "stream_features", jid=jid)
        return [read_program_stanza(xml, f"{jid} as a stream feature") for xml in answer["stream_features"]]

    def roster(self, account: str) -> Sequence[Item]:
        """Return the contacts of an account as they are stored."""
        self._need("roster")
        return read_items(self.program.ask("roster", "roster", account=account)["roster"])

    def sees_requests(self) -> bool:
        """Whether the program's rosters show what no client sees."""
        return self.can.sees_requests

    def obeyed(self) -> frozenset[str] | None:
        """Return the requirements that the program's rules cite; None if it knows nothing of the kind."""
        if "obeyed" not in self.can.ops:
            return None
        return frozenset(self.program.ask("obeyed", "obeyed")["requirements"])

    def take(self, op: str, answer: ProtocolMessage) -> None:
        """Note what an answer says has left.

        :raises ServerFailed: if it is for a session that never was, or is not XML.
        """
        for jid, xml in answer.get("deliver", ()):
            if jid not in self.sessions:
                # It would be lost in silence, and silence may be what the scenario expects.
                raise ServerFailed(f"the program's answer to {op!r} delivers to {jid}, which has not connected")
            self.came.setdefault(jid, []).append(read_program_stanza(xml, jid))
        for xml in answer.get("remote", ()):
            self.came.setdefault(REMOTE, []).append(read_program_stanza(xml, REMOTE))

    def _act(self, op: str, **arguments: object) -> None:
        self._need(op)
        self.take(op, self.program.ask(op, _ACTED, **arguments))

    def _need(self, op: str) -> None:
        if op not in self.can.ops:
            raise NotApplicable(f"the program has no op {op!r}")


def written(at: datetime) -> str:
    """Return a time as XMPP writes it (XEP-0082)."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _written(item: SharedItem) -> dict[str, object]:
    return {"jid": item.jid, "subscription": item.subscription, "name": item.name, "groups": list(item.groups)}
