"""Clients and servers joined in memory by streams of bytes: for tests of bots, of extensions, and of this core.

Each domain has a server of its own, so that all which RFC 6121 has servers say to each other is said in bytes,
too. Nothing arrives by itself: :meth:`Network.settle` lets everything arrive, and :meth:`Network.move` one stanza
of one stream, so that a test may choose any order in which streams are read.

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

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
CLIENT_POLICY: Final = ClientPolicy()


class Network(Generic[S]):
    """A server for each domain, and the clients that are connected to them."""

    @overload
    def __init__(self: Network[State], *domains: str, policy: Policy = DEFAULT) -> None: ...
    @overload
    def __init__(self, *domains: str, policy: Policy = DEFAULT, machine: Machine[S]) -> None: ...
    def __init__(self, *domains: str, policy: Policy = DEFAULT, machine: Machine[Any] = PLAIN) -> None:
        """Begin with no accounts.

        :param machine: what each account runs, where it is more than RFC 6121.
        :raises InvalidJID: for what is no domainpart.
        """
        self.now = NOON
        """The time of all that happens. It passes when it is set; accounts that wanted to be woken are not."""
        self.transcript: list[TranscriptLine] = []
        """All stanzas, in the order in which they were written."""
        self.clients: list[NetworkClient] = []
        """All that have ever been connected, the latest last."""
        self.servers: dict[str, NetworkServer[S]] = {}
        self._count = 0
        names = [parse_jid(domain).domain for domain in domains]
        self._between = {
            (one, other): self._link(one, other, SERVER, SERVER_TO_SERVER)
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
        """Bind a resource; the account is created if there is none.

        :param before: what the client knows from an earlier session.
        """
        jid = parse_jid(full)
        server, bare = self.server_of(full), jid.to_bare()
        if bare.bare not in server.records.accounts:
            self.create(bare.bare)
        session = server.session(jid.resource or "")
        into = self._link(server.domain, jid.full, CLIENT, SERVER_TO_CLIENT)
        out = self._link(jid.full, server.domain, CLIENT, CLIENT_TO_SERVER)
        server.streams[bare.bare, session] = into
        server.bind(bare.bare, session)
        client = NetworkClient(jid, before or Client(bare), policy, self._clock, self._number, session, into, out)
        client.begin(Bound(jid, read_features(stream_features(server.policy))))
        self.clients.append(client)
        return client

    def enter(self, full: str, before: Client | None = None, policy: ClientPolicy = CLIENT_POLICY) -> NetworkClient:
        """Bind a resource, ask for the roster, and become available; and let all that arrive."""
        client = self.connect(full, before, policy)
        client.wants(GetRoster)
        client.wants(SetPresence)
        self.settle()
        return client

    def lose(self, client: NetworkClient) -> None:
        """Break the stream of a client: both ends learn of it, and what was on its way is lost."""
        client.lose()
        self.server_of(client.jid.full).lose(client.jid.bare, client.session)

    # --- what is under way --------------------------------------------------------------------------------

    def under_way(self) -> tuple[Pipe, ...]:
        """Return the pipes on which something waits, always in the same order."""
        pipes = [*self._between.values(), *[pipe for client in self.clients for pipe in (client.out, client.into)]]
        return tuple([pipe for pipe in pipes if pipe.waiting])

    def move(self, pipe: Pipe) -> None:
        """Let the oldest on this pipe arrive.

        :raises IndexError: where nothing waits.
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
        """Let everything arrive, and what that causes, until nothing is under way."""
        while pipes := self.under_way():
            for pipe in pipes:
                self.move(pipe)

    # --- what is so ---------------------------------------------------------------------------------------

    def server_of(self, jid: str) -> NetworkServer[S]:
        """Return the server of a JID's domain.

        :raises KeyError: where there is none.
        """
        return self.servers[parse_jid(jid).domain]

    def account(self, jid: str) -> Account:
        """Return what the server knows of an account.

        :raises KeyError: where it is not in memory.
        """
        account = account_of(self.server_of(jid).service.accounts[jid])
        assert isinstance(account, Account)
        return account

    def said(self) -> list[TranscriptLine]:
        """Take out the transcript so far."""
        lines, self.transcript = self.transcript, []
        return lines

    def _clock(self) -> datetime:
        return self.now

    def _number(self) -> str:
        self._count += 1
        return f"{self._count:06}"

    def _link(self, source: str, target: str, namespace: str, limits: Limits) -> Pipe:
        return Pipe(source, target, namespace, limits, lambda line: self.transcript.append(line))
