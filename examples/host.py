"""A small server but for its I/O: bytes go in for one stream, and bytes come out for any of them.

The three loops beside this file differ in how they read and write, and in nothing else. What a server has and this
one has not: other domains, and a storage, so rosters live as long as the process and messages for absent users
bounce. docs/embedding.md shows what to do about both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from uuid import uuid4

from negotiation import Stream

from xmpp_im_core import server as core
from xmpp_im_core.codec import write_stanza
from xmpp_im_core.jid import JID, parse_address, parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.stanza import Condition, error_reply, stanza_error

POLICY = Policy(offline_messages=False)


class Host:
    def __init__(self, domain: str, passwords: Mapping[str, str]) -> None:
        self.domain, self.passwords = domain, passwords
        self.service = core.hosting(domain)
        self.streams: list[Stream] = []
        self.sessions: dict[tuple[str, core.SessionId], Stream] = {}
        self.start, self.count = uuid4().hex, 0
        for name in passwords:
            jid = parse_jid(f"{name}@{domain}").bare
            self.feed(core.ForAccount(jid, core.AccountCreated(*self.stamp(), lineage=self.start)))

    def stamp(self) -> tuple[datetime, str]:
        self.count += 1
        return datetime.now(UTC), f"{self.start}-{self.count:09}"  # never repeated, not even after a restart

    # --- what the loops call --------------------------------------------------------------------------------

    def connect(self) -> Stream:
        self.streams.append(Stream(self.domain, self.passwords, core.stream_features(POLICY)))
        return self.streams[-1]

    def receive(self, stream: Stream, data: bytes) -> None:
        """Take what was read from a connection. After this, and after `lose`, write what `to_write` returns."""
        for got in stream.receive(data):
            at, seq = self.stamp()
            if isinstance(got, JID):
                session = core.SessionId(got.resource or "", self.count)  # a number is never given twice
                stream.bound = got.bare, session
                self.sessions[stream.bound] = stream
                self.feed(core.ForAccount(got.bare, core.SessionBound(at, seq, session, stream.lang)))
            elif stream.bound is not None:
                account, session = stream.bound
                self.feed(core.ForAccount(account, core.Outbound(at, seq, session, got)))
        if stream.closed:
            self.lose(stream)

    def lose(self, stream: Stream) -> None:
        """Take note that a connection has ended. What it got and never read is lost: XEP-0198 is about that."""
        stream.closed = True
        if stream.bound is not None and self.sessions.get(stream.bound) is stream:
            self.feed(self.ended(*stream.bound))

    def to_write(self) -> Iterator[tuple[Stream, bytes]]:
        """Take out what is to be written; where a stream is closed by now, its connection ends after that."""
        for stream in [each for each in self.streams if each.out or each.closed]:
            data, stream.out = stream.out, b""
            if stream.closed:
                self.streams.remove(stream)
            yield stream, data

    # --- the loop of docs/embedding.md, without storage -----------------------------------------------------

    def feed(self, event: core.ServiceEvent) -> None:
        events = deque([event])
        while events:
            served = core.serve(self.service, events.popleft(), POLICY)
            self.service = served.state
            for account, effect in served.send:
                events.extend(self.perform(account, effect))

    def perform(self, account: str, effect: core.Effect | core.Load) -> Iterator[core.ServiceEvent]:
        match effect:
            case core.Deliver(stanza, sessions, address):
                lost = tuple([session for session in sessions if (account, session) not in self.sessions])
                for session in [each for each in sessions if each not in lost]:
                    full = parse_address(f"{account}/{session.resource}")
                    own = stanza.stamped(to=full) if address is core.AddressedAs.FULL_JID else stanza
                    self.sessions[account, session].out += write_stanza(own)
                if lost:
                    yield core.ForAccount(account, core.Undelivered(*self.stamp(), effect, lost))
            case core.Route():  # to another domain; of a FanOut that goes there nobody misses an answer
                yield core.ForAccount(account, core.Unroutable(*self.stamp(), effect))
            case core.Delegate(iq) if iq.type in ("get", "set"):  # to the domain itself, which serves nothing
                yield core.Arrived(*self.stamp(), error_reply(iq, stanza_error(Condition.SERVICE_UNAVAILABLE)))
            case core.EndSession(session, condition) if stream := self.sessions.get((account, session)):
                stream.close(condition)
                yield self.ended(account, session)
            case core.LoadOffline(session):
                yield core.ForAccount(account, core.OfflineLoaded(*self.stamp(), session, ()))
            case core.Load():  # what there is was created in the beginning, and stays in memory
                yield core.ForAccount(account, core.AccountLoaded(*self.stamp(), ()))

    def ended(self, account: str, session: core.SessionId) -> core.ForAccount:
        del self.sessions[account, session]
        return core.ForAccount(account, core.SessionEnded(*self.stamp(), session))
