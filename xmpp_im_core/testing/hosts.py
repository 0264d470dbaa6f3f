"""The two hosts that a world is made of: one around a service, one around a client, both in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Concatenate, Generic, ParamSpec, TypeAlias, TypeVar

from attrs import define, field

from xmpp_im_core import client as user
from xmpp_im_core.client.notifications import Notification
from xmpp_im_core.codec import StreamClosed
from xmpp_im_core.jid import JID, parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import (
    AccountLoaded,
    AddressedAs,
    Clear,
    Delegate,
    Deliver,
    Effect,
    EndSession,
    FanOut,
    Kind,
    LoadOffline,
    OfflineLoaded,
    Outbound,
    Put,
    Route,
    SessionEnded,
    SessionId,
    StoreOperation,
    Undelivered,
    Unroutable,
)
from xmpp_im_core.server.service import Arrived, ForAccount, Load, Service, ServiceEvent, serve
from xmpp_im_core.snapshot import dump_record, load_record
from xmpp_im_core.stanza import Condition, Message, Stanza, error_reply, stanza_error
from xmpp_im_core.testing.links import Link

S = TypeVar("S")
P = ParamSpec("P")

Stamp: TypeAlias = Callable[[], tuple[datetime, str]]
"""Returns the time and the number of the next event."""


@define(eq=False)
class ServerHost(Generic[S]):
    """The host of one domain: it has the whole duty of a host, but that nobody is woken as time passes."""

    domain: str
    service: Service[S]
    policy: Policy
    stamp: Stamp
    peers: Mapping[str, Link]
    """The streams to other domains."""
    streams: dict[tuple[str, SessionId], Link] = field(factory=dict)
    """The streams to clients, by account and session."""
    unread: dict[tuple[str, SessionId], deque[Deliver]] = field(factory=dict)
    """What was delivered to each, the latest last, and no more than its client may not have read yet."""
    records: dict[str, dict[tuple[Kind, str], str]] = field(factory=dict)
    """What is stored, by account: text by kind and key, in the order in which it was first put."""

    # --- what happens -------------------------------------------------------------------------------------

    def feed(self, event: ServiceEvent) -> None:
        """Take an event, and what comes of performing its effects."""
        events = deque([event])
        while events:
            served = serve(self.service, events.popleft(), self.policy)
            self._commit(served.store)
            self.service = served.state
            for account, effect in served.send:
                events.extend(self._perform(account, effect))
            self._commit(served.forget)

    def hear(self, account: str, session: SessionId, link: Link) -> None:
        """Read what a client has written; a stream that it closes is closed in response (RFC 6120 §4.4)."""
        read = link.read()
        if isinstance(read, Stanza):
            self.feed(ForAccount(account, Outbound(*self.stamp(), session, read)))
        elif isinstance(read, StreamClosed):
            for event in self._end(account, session):
                self.feed(event)

    def hear_peer(self, link: Link) -> None:
        """Read what another domain has written."""
        read = link.read()
        assert isinstance(read, Stanza)
        self.feed(Arrived(*self.stamp(), read))

    def lose(self, account: str, session: SessionId) -> None:
        """Take note that a client's stream broke: what it has not read was not delivered."""
        link = self.streams.pop((account, session), None)
        unread = tuple(self.unread.pop((account, session), ()))
        undelivered = unread[len(unread) - link.lose() :] if link is not None else ()
        self.feed(ForAccount(account, SessionEnded(*self.stamp(), session, undelivered)))

    # --- what is to be done -------------------------------------------------------------------------------

    def _perform(self, account: str, effect: Effect | Load) -> Iterator[ServiceEvent]:
        """Perform an effect; what comes of it is yielded as events."""
        if isinstance(effect, Deliver):
            yield from self._deliver(account, effect)
        elif isinstance(effect, Route):
            if not self._route(effect.stanza):
                yield ForAccount(account, Unroutable(*self.stamp(), effect))
        elif isinstance(effect, FanOut):
            yield from self._fan_out(account, effect)
        elif isinstance(effect, Delegate):
            yield from self._answer(account, effect)
        elif isinstance(effect, EndSession):
            yield from self._end(account, effect.session)
        elif isinstance(effect, Load):
            stored = len(self._offline(account))
            yield ForAccount(account, AccountLoaded(*self.stamp(), self._account(account), stored))
        elif isinstance(effect, LoadOffline):
            yield ForAccount(account, OfflineLoaded(*self.stamp(), effect.session, self._offline(account)))

    def _deliver(self, account: str, effect: Deliver) -> Iterator[ServiceEvent]:
        lost: list[SessionId] = []
        for session in effect.sessions:
            link = self.streams.get((account, session))
            if link is None:
                lost.append(session)
                continue
            full = parse_address(f"{account}/{session.resource}")
            as_it_stands = effect.address is not AddressedAs.FULL_JID
            link.write(effect.stanza if as_it_stands else effect.stanza.stamped(to=full))
            unread = self.unread.setdefault((account, session), deque())
            unread.append(effect)
            while len(unread) > len(link.waiting):
                unread.popleft()
        if lost:
            yield ForAccount(account, Undelivered(*self.stamp(), effect, tuple(lost)))

    def _route(self, stanza: Stanza) -> bool:
        link = None if stanza.to_jid is None else self.peers.get(stanza.to_jid.domain)
        if link is not None:
            link.write(stanza)
        return link is not None

    def _fan_out(self, account: str, effect: FanOut) -> Iterator[ServiceEvent]:
        lost = [jid for jid in effect.recipients if not self._route(effect.stanza.stamped(to=parse_address(jid)))]
        if lost:
            condition = Condition.REMOTE_SERVER_NOT_FOUND
            yield ForAccount(account, Unroutable(*self.stamp(), effect, condition, tuple(lost)))

    def _answer(self, account: str, effect: Delegate) -> Iterator[ServiceEvent]:
        """Answer an IQ for a service of the host's: there are none."""
        iq = effect.iq
        if iq.type in ("get", "set"):
            asked = iq if iq.to is not None else iq.stamped(to=parse_address(account))
            answer = error_reply(asked, stanza_error(Condition.SERVICE_UNAVAILABLE))
            if not self._route(answer):
                yield Arrived(*self.stamp(), answer)

    def _end(self, account: str, session: SessionId) -> Iterator[ServiceEvent]:
        """End a session whose stream was closed, by either side."""
        link = self.streams.pop((account, session), None)
        if link is not None:
            self.unread.pop((account, session), None)
            link.close()
            yield ForAccount(account, SessionEnded(*self.stamp(), session))

    # --- storage ------------------------------------------------------------------------------------------

    def _commit(self, operations: Iterable[tuple[str, StoreOperation]]) -> None:
        for account, operation in operations:
            kept = self.records.setdefault(account, {})
            if isinstance(operation, Put):
                kept[operation.kind, operation.key] = dump_record(operation)
            elif isinstance(operation, Clear):
                self.records[account] = {place: text for place, text in kept.items() if place[0] is not operation.kind}
            else:
                kept.pop((operation.kind, operation.key), None)

    def _account(self, jid: str) -> tuple[Put, ...]:
        return tuple([record for record in self._stored(jid) if record.kind is not Kind.OFFLINE])

    def _offline(self, jid: str) -> tuple[tuple[str, Message], ...]:
        return tuple([(put.key, put.value) for put in self._stored(jid) if isinstance(put.value, Message)])

    def _stored(self, jid: str) -> Iterator[Put]:
        for (kind, key), text in self.records.get(jid, {}).items():
            yield load_record(kind, key, text)


@define(eq=False)
class ClientHost:
    """The host of one client: a user's resource, connected to a server."""

    jid: JID
    """The full JID."""
    client: user.Client
    """What the client knows."""
    policy: user.ClientPolicy
    stamp: Stamp
    session: SessionId
    """By which its server knows it."""
    into: Link
    """What its server has written."""
    out: Link
    """What it has written."""
    told: list[Notification] = field(factory=list)
    """What its user has been told, the latest last. Take out what you have seen."""
    open: bool = True
    """Whether it may still write."""

    def feed(self, event: user.Event) -> user.Transition:
        """Take an event: what it sends is written, what it tells is in ``told``."""
        step = user.reduce(self.client, event, self.policy)
        self.client = step.state
        for effect in step.send:
            if isinstance(effect, user.Tell):
                self.told.append(effect.notification)
            elif isinstance(effect, user.Send) and self.open:
                self.out.write(effect.stanza)
        return step

    def wants(
        self, order: Callable[Concatenate[datetime, str, P], user.Event], *args: P.args, **kwargs: P.kwargs
    ) -> user.Transition:
        """Do what the user wants: ``romeo.wants(Subscribe, JULIET)``.

        :param order: the class of the event; what it takes beside ``at`` and ``seq`` follows.
        """
        return self.feed(order(*self.stamp(), *args, **kwargs))

    def hear(self) -> None:
        """Read what the server has written."""
        read = self.into.read()
        if isinstance(read, Stanza):
            self.feed(user.Inbound(*self.stamp(), read))
        elif isinstance(read, StreamClosed):
            if self.open:
                self.close()
            self.feed(user.SessionEnded(*self.stamp()))

    def close(self) -> None:
        """Close the stream. What the server has still to say is heard, and then the session is over."""
        self.out.close()
        self.open = False

    def lose(self) -> None:
        """Lose the stream, with all that is on its way to the server."""
        self.out.lose()
        self.open = False
        self.feed(user.SessionEnded(*self.stamp()))
