"""The embedded host: the loop that every host of the core has, around ``serve`` (see ``server.effects``).

It plays a real one. What goes out is written to bytes and read again by the other side. What a step wants stored
is committed before anything leaves; what it wants forgotten, last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from attrs import define, field

from xmpp_im_conformance.driver import HOSTED, REMOTE
from xmpp_im_conformance.embedded.features import answer
from xmpp_im_conformance.embedded.storage import Storage, StorageFailed
from xmpp_im_conformance.embedded.wire import ClientStream, to_server
from xmpp_im_core.codec import SERVER, write_fan_out, write_stanza
from xmpp_im_core.element import Element
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server.effects import (
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
    AccountLoaded,
    Event,
    LoadFailed,
    OfflineLoaded,
    SessionEnded,
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
    not_stored,
    serve,
)
from xmpp_im_core.server.state import Account, NoAccount, SessionId
from xmpp_im_core.stanza import (
    Condition,
    Stanza,
    error_reply,
    result_reply,
    stanza_error,
)

_ENDLESS: Final = 10_000


@define
class Host:
    """A service with its streams, its storage and its clock, which moves only when it is told to."""

    policy: Policy
    now: datetime
    service: Service[object]
    storage: Storage = field(factory=Storage)
    streams: dict[str, ClientStream] = field(factory=dict)
    """The open streams by full JID; of one that was replaced, ``ending`` holds the old one."""
    ending: list[ClientStream] = field(factory=list)
    wakes: dict[str, datetime] = field(factory=dict)
    """When accounts want to be woken, whether they are in memory or not."""
    arrived: dict[str, list[Element]] = field(factory=dict)
    """What has come to clients and to the remote domain, and has not been taken."""
    cited: set[str] = field(factory=set)
    """The requirements that the rules of all effects cite."""
    numbers: int = 0

    def feed(self, event: ServiceEvent) -> None:
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
        self.wake()

    def _committed(self, event: ServiceEvent) -> Served[object]:
        """Let the service process an event, and commit what it wants stored; where that fails, the event failed."""
        served = serve(self.service, event, self.policy)
        if not self._commit(served.store):
            at, seq = self.stamp()
            served = serve(self.service, not_stored(at, seq, event), self.policy)
            self._commit(served.store)
        self.service = served.state
        for step in served.steps:
            self._note_wake(step)
            for effect in step.transition.send:
                self.cited.update(effect.rule.requirements)
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

    def wake(self) -> None:
        """Report the time to each account that wanted to be woken by now."""
        for jid in [jid for jid, at in self.wakes.items() if at <= self.now]:
            del self.wakes[jid]
            self.feed(self.event(jid, TimePassed))

    def _note_wake(self, step: Handled[object]) -> None:
        """Keep when an account wants to be woken: it may leave memory before that."""
        state = account_of(step.transition.state)
        if isinstance(state, Account) and state.wake_at is not None:
            self.wakes[step.jid] = state.wake_at
        elif isinstance(state, Account | NoAccount):
            self.wakes.pop(step.jid, None)

    def load(self, jid: str) -> None:
        """Bring an account into memory."""
        self.feed(self.loaded(jid))

    def loaded(self, jid: str) -> ForAccount:
        """Return the answer of the storage to the question for an account."""
        at, seq = self.stamp()
        try:
            return ForAccount(jid, AccountLoaded(at, seq, self.storage.load(jid), len(self.storage.offline(jid))))
        except StorageFailed:
            return ForAccount(jid, LoadFailed(at, seq))

    def end(self, stream: ClientStream) -> None:
        """Report the end of a session, with what was kept for it in vain."""
        self.feed(self.ended(stream))

    def ended(self, stream: ClientStream) -> ForAccount:
        """Return the end of a stream as an event."""
        if stream in self.ending:
            self.ending.remove(stream)
        elif self.streams.get(stream.jid) is stream:
            del self.streams[stream.jid]
        undelivered = tuple(stream.kept)
        return self.event(stream.account, lambda at, seq: SessionEnded(at, seq, stream.session, undelivered))

    def next_number(self) -> int:
        """Return a number that was never returned before."""
        self.numbers += 1
        return self.numbers

    def stamp(self) -> tuple[datetime, str]:
        """Return the time and the number of an event."""
        # Stored messages are kept under it: keys sort as events came.
        return self.now, f"{self.next_number():06}"

    def event(self, account: str, make: Callable[[datetime, str], Event]) -> ForAccount:
        """Return an event of an account, which happens now."""
        return ForAccount(account, make(*self.stamp()))

    def arrive(self, at: str, stanza: Element) -> None:
        """Note what came to a client, or to the remote domain."""
        self.arrived.setdefault(at, []).append(stanza)

    def stream_of(self, account: str, session: SessionId) -> ClientStream | None:
        """Return the stream of a session, or None where it has none any more."""
        for stream in (*self.streams.values(), *self.ending):
            if (stream.account, stream.session) == (account, session):
                return stream
        return None


# --- performing effects -----------------------------------------------------------------------------------


def _deliver(host: Host, account: str, effect: Deliver) -> Iterator[ServiceEvent]:
    lost: list[SessionId] = []
    for session in effect.sessions:
        stream = host.stream_of(account, session)
        if stream is None:
            lost.append(session)
        elif not stream.attached:
            stream.kept.append(effect)
        elif not stream.replaced:
            host.arrive(stream.jid, stream.read(effect))
    if lost:
        yield host.event(account, lambda at, seq: Undelivered(at, seq, effect, tuple(lost)))


def _route(host: Host, account: str, effect: Route) -> Iterator[ServiceEvent]:
    to = effect.stanza.to_jid
    if to is not None and to.domain == REMOTE:
        host.arrive(REMOTE, to_server(write_stanza(effect.stanza, SERVER)))
    else:
        yield host.event(account, lambda at, seq: Unroutable(at, seq, effect))


def _fan_out(host: Host, account: str, effect: FanOut) -> Iterator[ServiceEvent]:
    reached = tuple([each for each in effect.recipients if parse_jid(each).domain == REMOTE])
    for data in write_fan_out(effect.stanza, reached, SERVER):
        host.arrive(REMOTE, to_server(data))
    lost = tuple([each for each in effect.recipients if each not in reached])
    if lost:
        condition = Condition.REMOTE_SERVER_NOT_FOUND
        yield host.event(account, lambda at, seq: Unroutable(at, seq, effect, condition, lost))


def _end_session(host: Host, account: str, effect: EndSession) -> Iterator[ServiceEvent]:
    stream = host.stream_of(account, effect.session)
    if stream is not None:
        yield host.ended(stream)


def _delegate(host: Host, account: str, effect: Delegate) -> Iterator[ServiceEvent]:
    """Let a service of the host answer an IQ, from the address that it was sent to."""
    iq = effect.iq
    if iq.type not in ("get", "set"):
        return
    children = answer(iq, host.policy, host.service.machine)
    reply: Stanza = error_reply(iq, stanza_error(Condition.SERVICE_UNAVAILABLE))
    if children is not None:
        reply = result_reply(iq, *children)
    yield from _answer(host, account, reply.stamped(from_=iq.to or parse_address(account)), effect)


def _answer(host: Host, account: str, reply: Stanza, effect: Delegate) -> Iterator[ServiceEvent]:
    to = reply.to_jid
    if to is not None and to.domain in HOSTED:
        yield Arrived(*host.stamp(), reply)
    else:
        yield from _route(host, account, Route(reply, effect.rule))


def _load(host: Host, account: str, effect: Load) -> Iterator[ServiceEvent]:
    yield host.loaded(effect.jid)


def _load_offline(host: Host, account: str, effect: LoadOffline) -> Iterator[ServiceEvent]:
    messages = host.storage.offline(account)
    yield host.event(account, lambda at, seq: OfflineLoaded(at, seq, effect.session, messages))


def _nothing(host: Host, account: str, effect: Ignored) -> Iterator[ServiceEvent]:
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
