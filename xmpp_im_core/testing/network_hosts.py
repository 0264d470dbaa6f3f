"""The hosts of a :class:`~xmpp_im_core.testing.network.Network`: one for a domain, and one for a client."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TypeVar

from xmpp_im_core import client as user
from xmpp_im_core import host
from xmpp_im_core.client.notifications import Notification
from xmpp_im_core.codec import StreamClosed
from xmpp_im_core.jid import JID
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Deliver, Put, Service, SessionId
from xmpp_im_core.snapshot import dump_record, load_record
from xmpp_im_core.stanza import Condition, Stanza
from xmpp_im_core.testing.pipes import Pipe

S = TypeVar("S")


class TextStorage(host.MemoryStorage):
    """A storage in memory that writes each record as text and reads it back, as a database does."""

    def commit(self, operations: host.Operations) -> None:
        """Perform all operations."""
        super().commit([(account, _reread(each) if isinstance(each, Put) else each) for account, each in operations])


def _reread(put: Put) -> Put:
    return load_record(put.kind, put.key, dump_record(put))


class NetworkServer(host.Host[S], host.Wire):
    """The host of one domain, and its wire. It wakes no account as time passes."""

    def __init__(
        self,
        domain: str,
        service: Service[S],
        policy: Policy,
        clock: host.Clock,
        ids: host.Ids,
        peers: Mapping[str, Pipe],
    ) -> None:
        """Begin with no accounts.

        :param peers: the pipes to other domains, by domain.
        """
        self.domain, self.peers = domain, peers
        self.records = TextStorage()
        self.streams: dict[tuple[str, SessionId], Pipe] = {}
        """The pipes to clients, by account and session."""
        self.unread: dict[tuple[str, SessionId], deque[Deliver]] = {}
        """The deliveries that each client may not have read yet, the latest last."""
        super().__init__(service, self.records, self, clock, ids, policy)

    # --- what happens -------------------------------------------------------------------------------------

    def hear(self, account: str, session: SessionId, pipe: Pipe) -> None:
        """Read one stanza of a client. If the client closes its stream, close it in response (RFC 6120 §4.4)."""
        read = pipe.read()
        if isinstance(read, Stanza):
            self.receive(account, session, read)
        elif isinstance(read, StreamClosed):
            self.close(account, session)

    def hear_peer(self, pipe: Pipe) -> None:
        """Read one stanza of another domain."""
        read = pipe.read()
        assert isinstance(read, Stanza)
        self.arrive(read)

    def lose(self, account: str, session: SessionId) -> None:
        """Note that a client's stream broke: the stanzas that the client has not read were not delivered."""
        pipe = self.streams.pop((account, session), None)
        unread = tuple(self.unread.pop((account, session), ()))
        self.end(account, session, unread[len(unread) - pipe.lose() :] if pipe is not None else ())

    # --- the wire -----------------------------------------------------------------------------------------

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        """Write a stanza to the stream of a client, if the stream still exists."""
        pipe = self.streams.get((account, session))
        if pipe is None:
            return False
        pipe.write(stanza)
        unread = self.unread.setdefault((account, session), deque())
        unread.append(effect)
        while len(unread) > len(pipe.waiting):
            unread.popleft()
        return True

    def close(self, account: str, session: SessionId, condition: str | None = None) -> None:
        """Close the stream of a client, and end its session."""
        pipe = self.streams.pop((account, session), None)
        if pipe is not None:
            self.unread.pop((account, session), None)
            pipe.close()
            self.end(account, session)

    def route(self, stanza: Stanza) -> Condition | None:
        """Write a stanza to the stream to another domain."""
        pipe = None if stanza.to_jid is None else self.peers.get(stanza.to_jid.domain)
        if pipe is None:
            return Condition.REMOTE_SERVER_NOT_FOUND
        pipe.write(stanza)
        return None


class NetworkClient(host.ClientHost, host.ClientWire):
    """The host of one client that is connected to a server, and its wire."""

    def __init__(
        self,
        jid: JID,
        client: user.Client,
        policy: user.ClientPolicy,
        clock: host.Clock,
        ids: host.Ids,
        session: SessionId,
        into: Pipe,
        out: Pipe,
    ) -> None:
        """Begin with the state of a client.

        :param jid: the full JID.
        :param session: the session that the server has for this client.
        :param into: the pipe from the server.
        :param out: the pipe to the server.
        """
        super().__init__(client, self, clock, ids, policy)
        self.jid, self.session, self.into, self.out = jid, session, into, out
        self.told: list[Notification] = []
        """The notifications to the user, the latest last. A test may remove those that it has seen."""
        self.open = True
        """Whether the client may still write."""

    def hear(self) -> None:
        """Read one stanza of the server. If the server closes the stream, close it and end the session."""
        read = self.into.read()
        if isinstance(read, Stanza):
            self.receive(read)
        elif isinstance(read, StreamClosed):
            if self.open:
                self.close()
            self.end()

    def close(self) -> None:
        """Close the stream. The session ends after the client has read the rest of the server's stanzas."""
        self.out.close()
        self.open = False

    def lose(self) -> None:
        """Break the stream: stanzas on their way to the server are lost, and the session ends."""
        self.out.lose()
        self.open = False
        self.end()

    # --- the wire -----------------------------------------------------------------------------------------

    def send(self, stanza: Stanza) -> None:
        """Write a stanza to the stream, if it is open."""
        if self.open:
            self.out.write(stanza)

    def tell(self, notification: Notification) -> None:
        """Note a notification to the user."""
        self.told.append(notification)
