"""The embedded host: the loop that every host of the core has, around ``serve`` (see ``server.effects``).

It plays a real one. What comes in is parsed from bytes, what goes out is written to bytes. What a step wants
stored is committed before anything leaves; what it wants forgotten, last. The clock moves only when a scenario
says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import define, evolve, field

from xmpp_im_conformance.driver import HOSTED, REMOTE, Setup
from xmpp_im_conformance.embedded.features import answer, machine_for, policy_for, stream_features
from xmpp_im_conformance.embedded.storage import Storage, StorageFailed, found_item, initial_records
from xmpp_im_conformance.embedded.wire import ClientStream, Incoming, StreamBroken, from_server, to_client, to_server
from xmpp_im_conformance.items import Item
from xmpp_im_core.codec import SERVER, write_fan_out, write_stanza
from xmpp_im_core.element import Element
from xmpp_im_core.event import Decision
from xmpp_im_core.jid import JID, parse_address, parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server.effects import (
    FULL_JID,
    Delegate,
    Deliver,
    Effect,
    EndSession,
    FanOut,
    Ignored,
    LoadOffline,
    Route,
    StoreOperation,
)
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountLoaded,
    AccountMoved,
    AccountRemoved,
    Event,
    LoadFailed,
    OfflineLoaded,
    Outbound,
    SessionBound,
    SessionDetached,
    SessionEnded,
    SessionResumed,
    TimePassed,
    Undelivered,
    Unroutable,
)
from xmpp_im_core.server.machine import account_of
from xmpp_im_core.server.service import (
    Arrived,
    ForAccount,
    Handled,
    Load,
    Served,
    Service,
    ServiceEvent,
    hosting,
    not_stored,
    serve,
)
from xmpp_im_core.server.state import Account, Moved, NoAccount, SessionId
from xmpp_im_core.stanza import (
    Condition,
    Presence,
    Stanza,
    error_reply,
    result_reply,
    stanza_error,
)

BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The time at which a scenario begins that does not say when."""
_ENDLESS: Final = 10_000


@define
class EmbeddedWorld:
    """A service of two domains for one scenario, with its streams, its storage and its clock."""

    policy: Policy
    now: datetime
    service: Service[object]
    storage: Storage = field(factory=Storage)
    streams: dict[str, ClientStream] = field(factory=dict)
    """The open streams by full JID; of one that was replaced, ``ending`` holds the old one."""
    ending: list[ClientStream] = field(factory=list)
    decisions: dict[tuple[str, str], Decision] = field(factory=dict)
    """The service's own answers to the next request, by bare JID of the user and of the requester."""
    wakes: dict[str, datetime] = field(factory=dict)
    """When accounts want to be woken, whether they are in memory or not."""
    _numbers: int = 0
    _arrived: dict[str, list[Element]] = field(factory=dict)
    _cited: set[str] = field(factory=set)

    @classmethod
    def of(cls, setup: Setup) -> EmbeddedWorld:
        """Return the world in which a scenario begins: all its accounts are loaded.

        :raises NotApplicable: where a feature is not supported.
        """
        service = hosting(*HOSTED, machine=machine_for(setup.features))
        world = cls(policy_for(setup.features), setup.time or BEGINNING, service)
        for account, items in setup.accounts.items():
            jid = parse_jid(account).bare
            world.storage.commit([(jid, put) for put in initial_records(items, world.now)])
            world._load(jid)
        return world

    # --- what scenarios do ------------------------------------------------------------------------------

    def connect(self, jid: str) -> None:
        """Bind a session; where the resource is in use, the old session is replaced."""
        address = parse_jid(jid)
        old = self.streams.get(jid)
        if old is not None:
            old.replaced = True
            self.ending.append(old)
        session = SessionId(address.resource or "", self._next_number())
        self.streams[jid] = ClientStream(jid, address.bare, session)
        self._feed(self._event(address.bare, lambda at, seq: SessionBound(at, seq, session)))
        if old is not None and old in self.ending:
            self._end(old)

    def replace(self, jid: str) -> None:
        """Bind the same resource again; the end of the old session is reported after that."""
        self.connect(jid)

    def send(self, jid: str, xml: str) -> None:
        """Read what a client writes to its stream; on one that has been closed nothing can be written."""
        stream = self.streams.get(jid)
        if stream is None:
            return
        try:
            stanzas, broken = stream.incoming.stanzas(xml.encode()), False
        except StreamBroken as problem:
            stanzas, broken = problem.before, True
        for stanza in stanzas:
            session, decision = stream.session, self._decision(parse_jid(jid), stanza)
            at, seq = self._stamp()
            self._feed(ForAccount(stream.account, Outbound(at, seq, session, stanza), decision))
        if broken:
            self._end(stream)

    def remote_send(self, xml: str) -> None:
        """Read what another server writes; a stanza that is not its own, or for nobody, ends its stream."""
        try:
            stanzas = Incoming(SERVER).stanzas(from_server(xml))
        except StreamBroken as problem:
            stanzas = problem.before
        for stanza in stanzas:
            sender = stanza.from_jid
            if sender is not None and stanza.to_jid is not None and sender.domain not in HOSTED:
                at, seq = self._stamp()
                self._feed(Arrived(at, seq, stanza, self._decision(sender, stanza)))

    def disconnect(self, jid: str, clean: bool) -> None:
        """End a client's stream."""
        stream = self.streams[jid]
        if clean:
            stream.incoming.close()
        self._end(stream)

    def detach(self, jid: str) -> None:
        """Lose a client's stream; what is delivered meanwhile is kept for it."""
        stream = self.streams[jid]
        stream.attached = False
        self._feed(self._event(stream.account, lambda at, seq: SessionDetached(at, seq, stream.session)))

    def resume(self, jid: str) -> None:
        """Give a session a stream again, and first what was kept for it."""
        stream = self.streams[jid]
        stream.attached, kept, stream.kept = True, stream.kept, []
        for stanza in kept:
            self._arrive(jid, to_client(stanza))
        self._feed(self._event(stream.account, lambda at, seq: SessionResumed(at, seq, stream.session)))

    def expire(self, jid: str) -> None:
        """End a detached session; what was kept for it is given back."""
        self._end(self.streams[jid])

    def restart(self, account: str) -> None:
        """Forget all of an account that is not stored, its sessions too; its next event loads it."""
        jid = parse_jid(account).bare
        self.streams = {full: stream for full, stream in self.streams.items() if stream.account != jid}
        service = self.service
        self.service = evolve(service, accounts=service.accounts.delete(jid), held=service.held.delete(jid))

    def fail_storage(self, account: str, what: str) -> None:
        """Let the next load or commit of an account fail."""
        self.storage.failing.add((parse_jid(account).bare, what))

    def set_time(self, at: datetime) -> None:
        """Move the clock, and wake whoever wanted to be."""
        self.now = at
        self._wake()

    def create_account(self, account: str) -> None:
        """Create an account."""
        lineage = f"created-{self._next_number()}"
        self._feed(self._event(parse_jid(account).bare, lambda at, seq: AccountCreated(at, seq, lineage)))

    def remove_account(self, account: str) -> None:
        """Remove an account."""
        self._feed(self._event(parse_jid(account).bare, AccountRemoved))

    def move_account(self, account: str, to: str, permanently: bool) -> None:
        """Note where the user has moved to."""
        moved = Moved(to, permanently)
        self._feed(self._event(parse_jid(account).bare, lambda at, seq: AccountMoved(at, seq, moved)))

    def decide(self, account: str, request_from: str, decision: str) -> None:
        """Note the service's own answer to the next request of this sender."""
        self.decisions[parse_jid(account).bare, parse_jid(request_from).bare] = Decision(decision)

    # --- what scenarios look at -------------------------------------------------------------------------

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        """Return what has come since the last call."""
        arrived, self._arrived = self._arrived, {}
        return arrived

    def stream_features(self, jid: str) -> Sequence[Element]:
        """Return the stream features that the host offers."""
        return stream_features(self.policy)

    def roster(self, account: str) -> Sequence[Item]:
        """Return the contacts as they are stored; those in memory have to be the same."""
        jid = parse_jid(account).bare
        stored = self.storage.contacts(jid)
        state = self.service.accounts.get(jid)
        account_state = None if state is None else account_of(state)
        if isinstance(account_state, Account):
            in_memory = {contact.jid: contact for contact in account_state.roster.contacts.values()}
            assert in_memory == {contact.jid: contact for contact in stored}, "memory and storage differ"
        items = [found_item(contact) for contact in stored]
        return [item for item in items if item is not None]

    def obeyed(self) -> frozenset[str]:
        """Return the requirements that the rules of all effects so far cite."""
        return frozenset(self._cited)

    def close(self) -> None:
        """Nothing outlives a scenario."""

    # --- the loop of a host -----------------------------------------------------------------------------

    def _feed(self, event: ServiceEvent) -> None:
        """Take an event and all that follows from it, until nothing does."""
        events = deque([event])
        for _ in range(_ENDLESS):
            if not events:
                break
            served = self._committed(events.popleft())
            for account, effect in served.send:
                events.extend(self._perform(account, effect))
            self._commit(served.forget)
        else:
            raise RuntimeError(f"one event has caused more than {_ENDLESS} others")
        self._wake()

    def _committed(self, event: ServiceEvent) -> Served[object]:
        """Let the service process an event, and commit what it wants stored; where that fails, the event failed."""
        served = serve(self.service, event, self.policy)
        if not self._commit(served.store):
            at, seq = self._stamp()
            served = serve(self.service, not_stored(at, seq, event), self.policy)
            self._commit(served.store)
        self.service = served.state
        for step in served.steps:
            self._note_wake(step)
            for effect in step.transition.send:
                self._cited.update(effect.rule.requirements)
        return served

    def _commit(self, operations: Iterable[tuple[str, StoreOperation]]) -> bool:
        try:
            self.storage.commit(operations)
        except StorageFailed:
            return False
        return True

    def _perform(self, account: str, effect: Effect | Load) -> Iterator[ServiceEvent]:
        """Perform an effect; what comes of it is yielded as events."""
        yield from _PERFORM[type(effect)](self, account, effect)

    def _wake(self) -> None:
        """Report the time to each account that wanted to be woken by now."""
        for jid in [jid for jid, at in self.wakes.items() if at <= self.now]:
            del self.wakes[jid]
            self._feed(self._event(jid, TimePassed))

    def _note_wake(self, step: Handled[object]) -> None:
        """Keep when an account wants to be woken: it may leave memory before that."""
        state = account_of(step.transition.state)
        if isinstance(state, Account) and state.wake_at is not None:
            self.wakes[step.jid] = state.wake_at
        elif isinstance(state, Account | NoAccount):
            self.wakes.pop(step.jid, None)

    def _load(self, jid: str) -> None:
        self._feed(self._loaded(jid))

    def _loaded(self, jid: str) -> ForAccount:
        at, seq = self._stamp()
        try:
            return ForAccount(jid, AccountLoaded(at, seq, self.storage.load(jid)))
        except StorageFailed:
            return ForAccount(jid, LoadFailed(at, seq))

    def _end(self, stream: ClientStream) -> None:
        """Report the end of a session, with what was kept for it in vain."""
        self._feed(self._ended(stream))

    def _ended(self, stream: ClientStream) -> ForAccount:
        if stream in self.ending:
            self.ending.remove(stream)
        elif self.streams.get(stream.jid) is stream:
            del self.streams[stream.jid]
        undelivered = tuple(stream.kept)
        return self._event(stream.account, lambda at, seq: SessionEnded(at, seq, stream.session, undelivered))

    # --- small things -----------------------------------------------------------------------------------

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _stamp(self) -> tuple[datetime, str]:
        # Stored messages are kept under it: keys sort as events came.
        return self.now, f"{self._next_number():06}"

    def _event(self, account: str, make: Callable[[datetime, str], Event]) -> ForAccount:
        return ForAccount(account, make(*self._stamp()))

    def _arrive(self, at: str, stanza: Element) -> None:
        self._arrived.setdefault(at, []).append(stanza)

    def _stream(self, account: str, session: SessionId) -> ClientStream | None:
        for stream in (*self.streams.values(), *self.ending):
            if (stream.account, stream.session) == (account, session):
                return stream
        return None

    def _decision(self, sender: JID, stanza: Stanza) -> Decision:
        """Return the service's own answer to a request, where it has one; it counts once."""
        if not isinstance(stanza, Presence) or stanza.type != "subscribe" or stanza.to_jid is None:
            return Decision.ASK
        return self.decisions.pop((stanza.to_jid.bare, sender.bare), Decision.ASK)


# --- performing effects -----------------------------------------------------------------------------------


def _deliver(world: EmbeddedWorld, account: str, effect: Deliver) -> Iterator[ServiceEvent]:
    lost: list[SessionId] = []
    for session in effect.sessions:
        stream = world._stream(account, session)
        stanza = effect.stanza
        if stream is None:
            lost.append(session)
            continue
        if effect.address is FULL_JID:
            stanza = stanza.stamped(to=parse_address(f"{account}/{session.resource}"))
        if not stream.attached:
            stream.kept.append(stanza)
        elif not stream.replaced:
            world._arrive(stream.jid, to_client(stanza))
    if lost:
        yield world._event(account, lambda at, seq: Undelivered(at, seq, effect, tuple(lost)))


def _route(world: EmbeddedWorld, account: str, effect: Route) -> Iterator[ServiceEvent]:
    to = effect.stanza.to_jid
    if to is not None and to.domain == REMOTE:
        world._arrive(REMOTE, to_server(write_stanza(effect.stanza, SERVER)))
    else:
        yield world._event(account, lambda at, seq: Unroutable(at, seq, effect))


def _fan_out(world: EmbeddedWorld, account: str, effect: FanOut) -> Iterator[ServiceEvent]:
    reached = tuple([each for each in effect.recipients if parse_jid(each).domain == REMOTE])
    for data in write_fan_out(effect.stanza, reached, SERVER):
        world._arrive(REMOTE, to_server(data))
    lost = tuple([each for each in effect.recipients if each not in reached])
    if lost:
        condition = Condition.REMOTE_SERVER_NOT_FOUND
        yield world._event(account, lambda at, seq: Unroutable(at, seq, effect, condition, lost))


def _end_session(world: EmbeddedWorld, account: str, effect: EndSession) -> Iterator[ServiceEvent]:
    stream = world._stream(account, effect.session)
    if stream is not None:
        yield world._ended(stream)


def _delegate(world: EmbeddedWorld, account: str, effect: Delegate) -> Iterator[ServiceEvent]:
    """Let a service of the host answer an IQ, from the address that it was sent to."""
    iq = effect.iq
    if iq.type not in ("get", "set"):
        return
    children = answer(iq, world.policy)
    reply: Stanza = error_reply(iq, stanza_error(Condition.SERVICE_UNAVAILABLE))
    if children is not None:
        reply = result_reply(iq, *children)
    yield from _answer(world, account, reply.stamped(from_=iq.to or parse_address(account)), effect)


def _answer(world: EmbeddedWorld, account: str, reply: Stanza, effect: Delegate) -> Iterator[ServiceEvent]:
    to = reply.to_jid
    if to is not None and to.domain in HOSTED:
        yield Arrived(*world._stamp(), reply)
    else:
        yield from _route(world, account, Route(reply, effect.rule))


def _load(world: EmbeddedWorld, account: str, effect: Load) -> Iterator[ServiceEvent]:
    yield world._loaded(effect.jid)


def _load_offline(world: EmbeddedWorld, account: str, effect: LoadOffline) -> Iterator[ServiceEvent]:
    messages = world.storage.offline(account)
    yield world._event(account, lambda at, seq: OfflineLoaded(at, seq, effect.session, messages))


def _nothing(world: EmbeddedWorld, account: str, effect: Ignored) -> Iterator[ServiceEvent]:
    yield from ()


# The effects' classes and their functions correspond one to one, which the type of a mapping cannot say.
_PERFORM: Final[Mapping[type, Callable[..., Iterator[ServiceEvent]]]] = {
    Deliver: _deliver,
    Route: _route,
    FanOut: _fan_out,
    EndSession: _end_session,
    Delegate: _delegate,
    Load: _load,
    LoadOffline: _load_offline,
    Ignored: _nothing,
}
