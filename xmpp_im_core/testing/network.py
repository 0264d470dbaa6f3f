"""A network in memory: clients and servers joined by streams of bytes, for tests of bots, extensions and this core.

Each domain has its own server, so stanzas between domains pass through bytes too. Nothing arrives by itself:
:meth:`Network.settle` lets everything arrive, and :meth:`Network.move` lets one stanza of one stream arrive, so a test
can choose the order in which streams are read.

    >>> from xmpp_im_core.client import SetPresence, Subscribe
    >>> from xmpp_im_core.jid import parse_jid
    >>> network = Network("montague.example", "capulet.example")
    >>> romeo = network.enter("romeo@montague.example/orchard")
    >>> juliet = network.enter("juliet@capulet.example/balcony")
    >>> romeo.wants(Subscribe, parse_jid("juliet@capulet.example"))
    >>> network.settle()
    >>> [type(told).__name__ for told in juliet.told]
    ['RosterReceived', 'Available', 'SubscriptionRequest']
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar, overload

from xmpp_im_core.client import Bound, Client, ClientPolicy, GetRoster, SetPresence, read_features
from xmpp_im_core.codec import CLIENT_TO_SERVER, SERVER, SERVER_TO_CLIENT, SERVER_TO_SERVER, Limits
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server import (
    PLAIN,
    Account,
    Machine,
    State,
    account_of,
    hosting,
    stream_features,
)
from xmpp_im_core.stanza import CLIENT
from xmpp_im_core.testing.network_hosts import NetworkClient, NetworkServer
from xmpp_im_core.testing.pipes import Pipe, TranscriptLine

S = TypeVar("S")

START: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
CLIENT_POLICY: Final = ClientPolicy()


class Network(Generic[S]):
    """A server for each domain, and the clients that connect to them."""

    @overload
    def __init__(self: Network[State], *domains: str, policy: Policy = DEFAULT) -> None: ...
    @overload
    def __init__(self, *domains: str, policy: Policy = DEFAULT, machine: Machine[S]) -> None: ...
    def __init__(self, *domains: str, policy: Policy = DEFAULT, machine: Machine[Any] = PLAIN) -> None:
        """Begin with no accounts.

        :param machine: the machine of each account, if it has extensions.
        :raises InvalidJID: if a domain is not a domainpart.
        """
        self.now = START
        """The time of all events. Set it to let time pass; accounts are not woken."""
        self.transcript: list[TranscriptLine] = []
        """All stanzas, in the order in which they were written."""
        self.clients: list[NetworkClient] = []
        """All clients that have ever been connected, the latest last."""
        self.servers: dict[str, NetworkServer[S]] = {}
        self._count = 0
        names = [parse_jid(domain).domain for domain in domains]
        self._between = {
            (one, other): self._pipe(one, other, SERVER, SERVER_TO_SERVER)
            for one in names
            for other in names
            if one != other
        }
        for name in names:
            peers = {other: pipe for (one, other), pipe in self._between.items() if one == name}
            service = hosting(name, machine=machine)
            self.servers[name] = NetworkServer(name, service, policy, self._clock, self._number, peers)

    # --- accounts and clients -----------------------------------------------------------------------------

    def create(self, jid: str) -> None:
        """Create an account."""
        self.server_of(jid).create(parse_jid(jid).bare)

    def connect(self, full: str, before: Client | None = None, policy: ClientPolicy = CLIENT_POLICY) -> NetworkClient:
        """Bind a resource, and create the account if it does not exist.

        :param full: the full JID.
        :param before: the client's state from an earlier session.
        """
        jid = parse_jid(full)
        server, bare = self.server_of(full), jid.to_bare()
        if bare.bare not in server.records.accounts:
            self.create(bare.bare)
        session = server.session(jid.resource or "")
        into = self._pipe(server.domain, jid.full, CLIENT, SERVER_TO_CLIENT)
        out = self._pipe(jid.full, server.domain, CLIENT, CLIENT_TO_SERVER)
        server.streams[bare.bare, session] = into
        server.bind(bare.bare, session)
        client = NetworkClient(
            jid,
            before or Client(bare),
            policy,
            clock=self._clock,
            ids=self._number,
            session=session,
            into=into,
            out=out,
        )
        client.begin(Bound(jid, read_features(stream_features(server.policy))))
        self.clients.append(client)
        return client

    def enter(self, full: str, before: Client | None = None, policy: ClientPolicy = CLIENT_POLICY) -> NetworkClient:
        """Connect as :meth:`connect` does, request the roster, become available, and let everything arrive."""
        client = self.connect(full, before, policy)
        client.wants(GetRoster)
        client.wants(SetPresence)
        self.settle()
        return client

    def lose(self, client: NetworkClient) -> None:
        """Break the stream of a client: both ends notice, and stanzas on their way are lost."""
        client.lose()
        self.server_of(client.jid.full).lose(client.jid.bare, client.session)

    # --- stanzas on their way -----------------------------------------------------------------------------

    def under_way(self) -> tuple[Pipe, ...]:
        """Return the pipes on which something waits, in a fixed order."""
        pipes = [*self._between.values(), *[pipe for client in self.clients for pipe in (client.out, client.into)]]
        return tuple([pipe for pipe in pipes if pipe.waiting])

    def move(self, pipe: Pipe) -> None:
        """Let the oldest stanza on this pipe arrive.

        :raises IndexError: if nothing waits on it.
        """
        if pipe.namespace == SERVER:
            self.servers[pipe.target].hear_peer(pipe)
            return
        for client in self.clients:
            if pipe is client.into:
                client.hear()
            elif pipe is client.out:
                self.server_of(pipe.source).hear(client.jid.bare, client.session, pipe)

    def settle(self) -> None:
        """Let everything arrive, including what that causes, until nothing is on its way."""
        while pipes := self.under_way():
            for pipe in pipes:
                self.move(pipe)

    # --- the state ----------------------------------------------------------------------------------------

    def server_of(self, jid: str) -> NetworkServer[S]:
        """Return the server of a JID's domain.

        :raises KeyError: if there is none.
        """
        return self.servers[parse_jid(jid).domain]

    def account(self, jid: str) -> Account:
        """Return the state of an account.

        :param jid: the bare JID.
        :raises KeyError: if the account is not in memory.
        """
        account = account_of(self.server_of(jid).service.accounts[jid])
        assert isinstance(account, Account)
        return account

    def said(self) -> list[TranscriptLine]:
        """Remove and return the transcript so far."""
        lines, self.transcript = self.transcript, []
        return lines

    def _clock(self) -> datetime:
        return self.now

    def _number(self) -> str:
        self._count += 1
        return f"{self._count:06}"

    def _pipe(self, source: str, target: str, namespace: str, limits: Limits) -> Pipe:
        return Pipe(source, target, namespace, limits, lambda line: self.transcript.append(line))
