"""The two hosts that a network is made of: one around a service, one around a client, both in memory."""

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
    """The host of one domain, and its wire. A whole host, except that it wakes no account as time passes."""

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

        :param peers: the streams to other domains.
        """
        self.domain, self.peers = domain, peers
        self.records = TextStorage()
        self.streams: dict[tuple[str, SessionId], Pipe] = {}
        """The streams to clients, by account and session."""
        self.unread: dict[tuple[str, SessionId], deque[Deliver]] = {}
        """What was delivered to each, the latest last; only as much as its client may not have read yet."""
        super().__init__(service, self.records, self, clock, ids, policy)

    # --- what happens -------------------------------------------------------------------------------------

    def hear(self, account: str, session: SessionId, pipe: Pipe) -> None:
        """Read what a client has written; a stream that it closes is closed in response (RFC 6120 §4.4)."""
        read = pipe.read()
        if isinstance(read, Stanza):
            self.receive(account, session, read)
        elif isinstance(read, StreamClosed):
            self.close(account, session)

    def hear_peer(self, pipe: Pipe) -> None:
        """Read what another domain has written."""
        read = pipe.read()
        assert isinstance(read, Stanza)
        self.arrive(read)

    def lose(self, account: str, session: SessionId) -> None:
        """Take note that a client's stream broke: what it has not read was not delivered."""
        pipe = self.streams.pop((account, session), None)
        unread = tuple(self.unread.pop((account, session), ()))
        self.end(account, session, unread[len(unread) - pipe.lose() :] if pipe is not None else ())

    # --- the wire -----------------------------------------------------------------------------------------

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        """Write a stanza to the stream of a client, if it is still there."""
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
    """The host of one client, and its wire: a user's resource, connected to a server."""

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
        """Begin with what the client knows.

        :param jid: the full JID.
        :param session: by which its server knows it.
        :param into: what its server has written.
        :param out: what it has written.
        """
        super().__init__(client, self, clock, ids, policy)
        self.jid, self.session, self.into, self.out = jid, session, into, out
        self.told: list[Notification] = []
        """What its user has been told, the latest last. Take out what you have seen."""
        self.open = True
        """Whether it may still write."""

    def hear(self) -> None:
        """Read what the server has written."""
        read = self.into.read()
        if isinstance(read, Stanza):
            self.receive(read)
        elif isinstance(read, StreamClosed):
            if self.open:
                self.close()
            self.end()

    def close(self) -> None:
        """Close the stream. What the server has still to say is heard, and then the session is over."""
        self.out.close()
        self.open = False

    def lose(self) -> None:
        """Lose the stream, with all that is on its way to the server."""
        self.out.lose()
        self.open = False
        self.end()

    # --- the wire -----------------------------------------------------------------------------------------

    def send(self, stanza: Stanza) -> None:
        """Write a stanza to the stream, if it is open."""
        if self.open:
            self.out.write(stanza)

    def tell(self, notification: Notification) -> None:
        """Note what the user is told."""
        self.told.append(notification)
