"""This core as a :class:`~xmpp_im_core.testing.system.System`: a service in memory, with a host around it.

It is also the shortest host there is that obeys the contract of ``xmpp_im_core.server.effects``.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from attrs import define, field

from xmpp_im_core.element import Element
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.effects import (
    FULL_JID,
    Delete,
    Deliver,
    Effect,
    EndSession,
    FanOut,
    Kind,
    LoadOffline,
    Put,
    Route,
)
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountLoaded,
    OfflineLoaded,
    Outbound,
    SessionBound,
    SessionEnded,
)
from xmpp_im_core.server.service import ForAccount, Load, Served, Service, hosting, serve
from xmpp_im_core.server.service_events import Arrived, ServiceEvent
from xmpp_im_core.server.state import Account, SessionId, State
from xmpp_im_core.stanza import Message, Stanza
from xmpp_im_core.testing.acts import REMOTE, Act, Connect, Disconnect, arriving
from xmpp_im_core.testing.states import NOON
from xmpp_im_core.testing.system import Observation, observation


@define(init=False)
class CoreSystem:
    """The accounts of some users, at the domains that their JIDs name; ``REMOTE`` is another server's.

    What leaves for any other domain is lost.
    """

    policy: Policy
    users: tuple[str, ...]
    service: Service[State]
    sessions: dict[str, SessionId] = field(factory=dict)
    received: dict[str, list[Stanza]] = field(factory=dict)
    offline: dict[tuple[str, str], Message] = field(factory=dict)
    count: int = 0

    def __init__(self, *users: str, policy: Policy = DEFAULT) -> None:
        domains = sorted({parse_jid(user).domain for user in users})
        self.__attrs_init__(policy, users, hosting(*domains))
        for user in users:
            self._serve(ForAccount(user, AccountCreated(*self._stamp(), f"created-{user}")))

    def feed(self, act: Act) -> None:
        """Let a client do this; one without a session does nothing."""
        session = self.sessions.get(act.client)
        if isinstance(act, Connect):
            session = SessionId(act.client.partition("/")[2], self.count)
            self.sessions[act.client] = session
            self._serve(ForAccount(act.user, SessionBound(*self._stamp(), session)))
        elif act.is_remote:
            arrived = arriving(act)
            assert arrived is not None
            self._serve(Arrived(*self._stamp(), arrived))
        elif session is None:
            return
        elif isinstance(act, Disconnect):
            del self.sessions[act.client]
            self._serve(ForAccount(act.user, SessionEnded(*self._stamp(), session)))
        else:
            stanza = act.stanza()
            assert stanza is not None
            self._serve(ForAccount(act.user, Outbound(*self._stamp(), session, stanza)))

    def observe(self) -> Observation:
        """Return what clients, and ``REMOTE``, received since the last time, and the rosters."""
        received, self.received = self.received, {}
        return observation(received, {user: self.items(user) for user in self.users})

    def items(self, user: str) -> list[Element]:
        """Return what a user's roster shows."""
        account = self.service.accounts[user]
        assert isinstance(account, Account)
        return [item.item() for item in account.roster.items()]

    def _stamp(self) -> tuple[datetime, str]:
        """Return the time and the number of the next event: a second passes from one to the other."""
        self.count += 1
        return NOON + timedelta(seconds=self.count), f"{self.count:06}"

    def _serve(self, event: ServiceEvent) -> None:
        inbox: deque[ServiceEvent] = deque([event])
        while inbox:
            served = serve(self.service, inbox.popleft(), self.policy)
            self.service = served.state
            self._store(served)
            for user, effect in served.send:
                inbox += self._perform(user, effect)
            for user, operation in served.forget:
                if isinstance(operation, Delete) and operation.kind is Kind.OFFLINE:
                    self.offline.pop((user, operation.key), None)

    def _store(self, served: Served[State]) -> None:
        """Keep messages for absent users; the rest is in memory as long as the system is."""
        for user, operation in served.store:
            if isinstance(operation, Put) and operation.kind is Kind.OFFLINE:
                assert isinstance(operation.value, Message)
                self.offline[user, operation.key] = operation.value

    def _perform(self, user: str, effect: Effect | Load) -> list[ForAccount]:
        """Do what an effect says, and return the answer to what it asks."""
        if isinstance(effect, Deliver):
            for session in effect.sessions:
                client = f"{user}/{session.resource}"
                to = parse_address(client) if effect.address is FULL_JID else None
                self._receive(client, effect.stanza.stamped(to=to))
        elif isinstance(effect, Route):
            self._leave(effect.stanza)
        elif isinstance(effect, FanOut):
            for recipient in effect.recipients:
                self._leave(effect.stanza.stamped(to=parse_address(recipient)))
        elif isinstance(effect, EndSession):
            self._end(f"{user}/{effect.session.resource}", effect.session)
        elif isinstance(effect, Load):
            return [ForAccount(user, AccountLoaded(*self._stamp(), ()))]
        elif isinstance(effect, LoadOffline):
            kept = [(key, message) for (owner, key), message in self.offline.items() if owner == user]
            return [ForAccount(user, OfflineLoaded(*self._stamp(), effect.session, tuple(kept)))]
        return []

    def _receive(self, at: str, stanza: Stanza) -> None:
        self.received.setdefault(at, []).append(stanza)

    def _leave(self, stanza: Stanza) -> None:
        if stanza.to_jid is not None and stanza.to_jid.domain == REMOTE:
            self._receive(REMOTE, stanza)

    def _end(self, client: str, session: SessionId) -> None:
        if self.sessions.get(client) == session:
            del self.sessions[client]
