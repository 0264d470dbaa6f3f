"""The embedded world: what a scenario does and looks at, on a host in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import define, evolve, field

from xmpp_im_conformance.drivers.embedded.features import machine_for, policy_for
from xmpp_im_conformance.drivers.embedded.host import DrivenHost
from xmpp_im_conformance.drivers.embedded.storage import found_item, initial_records
from xmpp_im_conformance.drivers.embedded.wire import ClientStream, Incoming, StreamBroken, from_server, to_client
from xmpp_im_conformance.format.items import RosterItem, SharedRosterItem
from xmpp_im_conformance.format.worlds import HOSTED, NotApplicable, Setup, World, taken
from xmpp_im_core import roster
from xmpp_im_core.codec import SERVER
from xmpp_im_core.element import Element
from xmpp_im_core.event import Decision
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.events import AccountMoved, SharedItemsChanged, TimePassed
from xmpp_im_core.server.service.binding import may_bind
from xmpp_im_core.server.service.features import stream_features
from xmpp_im_core.server.service.serving import hosting
from xmpp_im_core.server.state import Account, Moved
from xmpp_im_core.stanza import (
    Presence,
    Stanza,
)
from xmpp_im_core.subscription import subscription_state

BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The time at which a scenario begins that does not say when."""


@define
class EmbeddedWorld(World):
    """A service of two domains for one scenario."""

    host: DrivenHost
    decisions: dict[tuple[str, str], Decision] = field(factory=dict)
    """The service's own answers to the next request, by bare JID of the user and of the requester."""

    @classmethod
    def of(cls, setup: Setup, policy: Policy = DEFAULT, arranged: type[DrivenHost] = DrivenHost) -> EmbeddedWorld:
        """Return the world in which a scenario begins: all its accounts are loaded.

        :param policy: what holds unless the scenario's features ask for something else.
        :param arranged: how the host keeps the accounts.
        :raises NotApplicable: if a feature is not supported.
        """
        service = hosting(*HOSTED, machine=machine_for(setup.features))
        stored = evolve(policy, keep_sessions=True, store_remembered_events=True)  # so that records say everything
        host = arranged(policy_for(setup.features, stored), setup.time or BEGINNING, service)
        host.resumable = "no-resumption" not in setup.features
        for account, items in setup.accounts.items():
            jid = parse_jid(account).bare
            host.records.commit([(jid, put) for put in initial_records(items, host.now, host.policy)])
            host.happened(jid, TimePassed)
        return cls(host)

    # --- what scenarios do ------------------------------------------------------------------------------

    def connect(self, jid: str) -> None:
        """Bind a session; if the resource is in use, the old session is replaced."""
        address = parse_jid(jid)
        old = self.host.streams.get(jid)
        if old is not None:
            old.replaced = True
            self.host.ending.append(old)
        session = self.host.session(address.resource or "")
        self.host.streams[jid] = ClientStream(jid, address.bare, session)
        self.host.bind(address.bare, session, "en")
        if old is not None and old in self.host.ending:
            self.host.lose(old)

    def replace(self, jid: str) -> None:
        """Bind the same resource again; the end of the old session is reported after that."""
        self.connect(jid)

    def send(self, jid: str, xml: str) -> None:
        """Read what a client writes to its stream; on one that has been closed nothing can be written."""
        stream = self.host.streams.get(jid)
        if stream is None:
            return
        try:
            stanzas, broken = stream.incoming.stanzas(xml.encode()), ""
        except StreamBroken as problem:
            stanzas, broken = problem.before, problem.condition
        for stanza in stanzas:
            self.host.receive(stream.account, stream.session, stanza, self._decision(parse_jid(jid), stanza))
        if broken:
            self.host.break_off(stream, broken)

    def remote_send(self, xml: str) -> None:
        """Read what another server writes; a stanza that is not its own, or for nobody, ends its stream."""
        try:
            stanzas = Incoming(SERVER).stanzas(from_server(xml))
        except StreamBroken as problem:
            stanzas = problem.before
        for stanza in stanzas:
            sender = stanza.from_jid
            if sender is not None and stanza.to is not None and sender.domain not in HOSTED:
                self.host.arrive(stanza, self._decision(sender, stanza))

    def disconnect(self, jid: str, clean: bool) -> None:
        """End a client's stream."""
        stream = self.host.streams[jid]
        if clean:
            stream.incoming.close()
        self.host.lose(stream)

    def detach(self, jid: str) -> None:
        """Lose a client's stream; what is delivered meanwhile is kept for it if the stream may be resumed."""
        stream = self.host.streams[jid]
        stream.attached = False
        if self.host.resumable:
            self.host.detach(stream.account, stream.session)

    def resume(self, jid: str) -> None:
        """Give a session a stream again, and first what was kept for it."""
        if not self.host.resumable:
            raise NotApplicable("no stream can be resumed")
        stream = self.host.streams[jid]
        stream.attached, kept, stream.kept = True, stream.kept, []
        for _, stanza in kept:
            self.host.arrives_at(jid, to_client(stanza))
        self.host.resume(stream.account, stream.session)

    def expire(self, jid: str) -> None:
        """End a detached session; what was kept for it is given back."""
        self.host.lose(self.host.streams[jid])

    def restart(self, account: str) -> None:
        """Forget all of an account that is not stored, its sessions too, and load it."""
        jid = parse_jid(account).bare
        self.host.streams = {full: stream for full, stream in self.host.streams.items() if stream.account != jid}
        self.host.forget(jid)
        self.host.records.forget_sessions(jid)
        self.host.records.reopen(jid)
        if self.host.is_delayed(jid):
            self.host.forget_reads(jid)  # the next event of the account reads it again
        else:
            self.host.happened(jid, TimePassed)

    def fail_storage(self, account: str, what: str) -> None:
        """Let the next load or commit of an account fail."""
        self.host.records.failing.add((parse_jid(account).bare, what))

    def delay_storage(self, account: str) -> None:
        """Let the answers of the storage wait."""
        self.host.delayed[parse_jid(account).bare] = []

    def answer_storage(self, account: str) -> None:
        """Let the answers come that wait, in order."""
        self.host.answer_reads(parse_jid(account).bare)

    def set_time(self, at: datetime) -> None:
        """Move the clock, and wake the accounts that asked for it."""
        self.host.now = at
        self.host.wake()

    def create_account(self, account: str) -> None:
        """Create an account."""
        self.host.create(parse_jid(account).bare)

    def remove_account(self, account: str) -> None:
        """Remove an account."""
        self.host.remove(parse_jid(account).bare)

    def move_account(self, account: str, to: str | None, permanently: bool) -> None:
        """Note where the user has moved to."""
        moved = None if to is None else Moved(to, permanently)
        self.host.happened(parse_jid(account).bare, AccountMoved, moved)

    def share_items(self, account: str, items: Sequence[SharedRosterItem]) -> None:
        """Show these items in an account's roster."""
        shown = [
            roster.SharedItem(parse_jid(item.jid).bare, subscription_state(item.subscription), item.name, item.groups)
            for item in items
        ]
        self.host.happened(parse_jid(account).bare, SharedItemsChanged, tuple(shown))

    def take_again(self, sender: str) -> None:
        """Feed the event of the sender's last stanza again."""
        event = self.host.latest.get(sender)
        if event is not None:
            self.host.feed(event)

    def decide(self, account: str, request_from: str, decision: str) -> None:
        """Note the service's own answer to the next request of this sender."""
        self.decisions[parse_jid(account).bare, parse_jid(request_from).bare] = Decision(decision)

    # --- what scenarios look at -------------------------------------------------------------------------

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        """Return what has come since the last call."""
        if self.host.waiting:
            raise RuntimeError(f"one event has caused more than {self.host.at_once} others")
        return taken(self.host.arrived)

    def closed(self) -> Mapping[str, Sequence[str]]:
        """Return how the host has closed streams since the last call."""
        return taken(self.host.closed)

    def stream_features(self, jid: str) -> Sequence[Element]:
        """Return the stream features that the host offers."""
        return stream_features(self.host.policy)

    def binding_refused(self, jid: str) -> str | None:
        """Ask as a host does before it answers a request to bind a resource."""
        address, _, resource = jid.partition("/")
        account = parse_jid(address).bare
        refusal = may_bind(self.host.service_of(account), account, resource, self.host.policy)
        return None if refusal is None else refusal.value

    def roster(self, account: str) -> Sequence[RosterItem]:
        """Return the contacts as they are stored; those in memory have to be the same."""
        jid = parse_jid(account).bare
        stored = self.host.records.contacts(jid)
        state = self.host.service_of(jid).accounts.get(jid)
        account_state = None if state is None else account_of(state)
        if isinstance(account_state, Account):
            in_memory = {contact.jid: contact for contact in account_state.roster.contacts.values()}
            assert in_memory == {contact.jid: contact for contact in stored}, "memory and storage differ"
        items = [found_item(contact) for contact in stored]
        return [item for item in items if item is not None]

    def sees_requests(self) -> bool:
        """Whether ``roster`` shows what no client sees: it does."""
        return True

    def obeyed(self) -> frozenset[str]:
        """Return the requirements that the rules of all effects so far cite."""
        self.host.check_promises()
        return frozenset(self.host.cited)

    def _decision(self, sender: JID, stanza: Stanza) -> Decision:
        """Return the service's own answer to a request, if there is one; it counts once."""
        if not isinstance(stanza, Presence) or stanza.type != "subscribe" or stanza.to_jid is None:
            return Decision.ASK
        return self.decisions.pop((stanza.to_jid.bare, sender.bare), Decision.ASK)
