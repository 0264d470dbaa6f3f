"""This core as a :class:`~xmpp_im_core.testing.comparison.System`: a host in memory that notes what clients receive."""

from __future__ import annotations

from datetime import datetime, timedelta

from xmpp_im_core.element import Element
from xmpp_im_core.host import Host, MemoryStorage, Wire
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.effects import Deliver
from xmpp_im_core.server.events import AccountCreated
from xmpp_im_core.server.service.serving import hosting
from xmpp_im_core.server.state import Account, SessionId
from xmpp_im_core.stanza import IQ, Stanza
from xmpp_im_core.testing.acts import REMOTE, Act, Connects, Disconnects, arriving
from xmpp_im_core.testing.comparison import Observation, observation
from xmpp_im_core.testing.state_strategies import NOON


class CoreSystem(Wire):
    """The accounts of some users, at the domains of their JIDs. ``REMOTE`` is the domain of another server.

    Stanzas for any other domain are lost.
    """

    def __init__(self, *users: str, policy: Policy = DEFAULT) -> None:
        """Begin with these accounts, given by bare JID, and no sessions."""
        self.users = users
        self.sessions: dict[str, SessionId] = {}
        self.received: dict[str, list[Stanza]] = {}
        self.count = 0
        domains = sorted({parse_jid(user).domain for user in users})
        self.host = Host(hosting(*domains), MemoryStorage(), self, self._now, self._number, policy)
        for user in users:
            self.host.happened(user, AccountCreated, f"created-{user}")

    def feed(self, act: Act) -> None:
        """Perform an act. The act of a client without a session has no effect."""
        session = self.sessions.get(act.client)
        if isinstance(act, Connects):
            session = self.host.session(act.client.partition("/")[2])
            self.sessions[act.client] = session
            self.host.bind(act.user, session)
        elif act.is_remote:
            arrived = arriving(act)
            assert arrived is not None
            self.host.arrive(arrived)
        elif session is None:
            return
        elif isinstance(act, Disconnects):
            del self.sessions[act.client]
            self.host.end(act.user, session)
        else:
            stanza = act.stanza()
            assert stanza is not None
            self.host.receive(act.user, session, stanza)

    def observe(self) -> Observation:
        """Return what clients and ``REMOTE`` received since the last call, and the rosters."""
        received, self.received = self.received, {}
        return observation(received, {user: self.items(user) for user in self.users})

    def items(self, user: str) -> list[Element]:
        """Return the ``<item/>`` elements of a user's roster."""
        account = self.host.service.accounts[user]
        assert isinstance(account, Account)
        return [item.item() for item in account.roster.items()]

    # --- clock and ids: one second passes between two events ------------------------------------------------

    def _now(self) -> datetime:
        return NOON + timedelta(seconds=self.count + 1)

    def _number(self) -> str:
        self.count += 1
        return f"{self.count:06}"

    # --- the wire -------------------------------------------------------------------------------------------

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        """Note that a client received a stanza."""
        self._receive(f"{account}/{session.resource}", stanza)
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        """End a session that the core closes: another session replaced it, or its account was removed."""
        client = f"{account}/{session.resource}"
        if self.sessions.get(client) == session:
            del self.sessions[client]
        self.host.end(account, session)

    def route(self, stanza: Stanza) -> None:
        """Note that ``REMOTE`` received a stanza."""
        if stanza.to_jid is not None and stanza.to_jid.domain == REMOTE:
            self._receive(REMOTE, stanza)

    def delegate(self, account: str, iq: IQ) -> None:
        """Do not answer an IQ for a service: this system has no services."""

    def _receive(self, at: str, stanza: Stanza) -> None:
        self.received.setdefault(at, []).append(stanza)
