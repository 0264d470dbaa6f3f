"""A small server without I/O: bytes from one stream go in, and bytes for any stream come out.

The programs in this folder differ in how they read and write. Without another host, this server keeps everything in
memory, and nothing wakes its accounts; stored_asyncio.py changes both. It has no streams to other domains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from uuid import uuid4

from negotiation import Stream

from xmpp_im_core.codec import write_stanza
from xmpp_im_core.host import Host, Loop, MemoryStorage, Wire
from xmpp_im_core.jid import JID, parse_jid
from xmpp_im_core.policy import DEFAULT
from xmpp_im_core.server import Deliver, SessionId, State, hosting, stream_features
from xmpp_im_core.stanza import Stanza


class Server(Wire):
    def __init__(
        self, domain: str, passwords: Mapping[str, str], host: Callable[[Wire], Loop[State]] | None = None
    ) -> None:
        """:param host: makes the host of this server; by default one with a storage in memory."""
        self.domain, self.passwords = domain, passwords
        self.streams: list[Stream] = []
        self.sessions: dict[tuple[str, SessionId], Stream] = {}
        self.host: Loop[State] = in_memory(domain, self) if host is None else host(self)

    def create_accounts(self) -> None:
        for name in self.passwords:
            self.host.create(parse_jid(f"{name}@{self.domain}").bare)  # does nothing if the account exists

    # --- called by the loops --------------------------------------------------------------------------------

    def connect(self) -> Stream:
        self.streams.append(Stream(self.domain, self.passwords, stream_features(DEFAULT)))
        return self.streams[-1]

    def receive(self, stream: Stream, data: bytes) -> None:
        """Take bytes that were read from a connection. After this, and after `lose`, write what `to_write` yields."""
        for got in stream.receive(data):
            if isinstance(got, JID):
                self.bind(stream, got)
            elif stream.bound is not None:
                self.host.receive(*stream.bound, got)
        if stream.closed:
            self.lose(stream)

    def bind(self, stream: Stream, jid: JID) -> None:
        session = self.host.session(jid.resource or "")
        stream.bound = jid.bare, session
        self.sessions[stream.bound] = stream
        self.host.bind(jid.bare, session, stream.lang)

    def lose(self, stream: Stream) -> None:
        """Take note that a connection has ended. What it got but never read is lost; XEP-0198 would prevent that."""
        stream.closed = True
        if stream.bound is not None and self.sessions.get(stream.bound) is stream:
            del self.sessions[stream.bound]
            self.host.end(*stream.bound)

    def to_write(self) -> Iterator[tuple[Stream, bytes]]:
        """Take out what must be written. If the stream is closed, end its connection after that."""
        for stream in [each for each in self.streams if each.out or each.closed]:
            data, stream.out = stream.out, b""
            if stream.closed:
                self.streams.remove(stream)
            yield stream, data

    # --- called by the host ---------------------------------------------------------------------------------

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        stream = self.sessions.get((account, session))
        if stream is None:
            return False
        stream.out += write_stanza(stanza)
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        if stream := self.sessions.get((account, session)):
            stream.close(condition)
            self.lose(stream)


def in_memory(domain: str, wire: Wire) -> Host[State]:
    return Host(hosting(domain), MemoryStorage(), wire, lambda: datetime.now(UTC), lambda: uuid4().hex)
