"""The sessions of clients: each one has a stream, or waits for its client to resume it (XEP-0198)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

from xmpp_im_core.server import SessionId
from xmpp_im_core.stanza import Stanza
from xmpp_im_host.streams.client_stream import ClientStream
from xmpp_im_host.streams.stream_management import StreamManagement


class Attached(Protocol):
    """What has the stream of a session: the driver of its connection."""

    stream: ClientStream

    def flush_later(self) -> None:
        """Write what the stream has to send when the host has written its burst."""

    def close(self, condition: str) -> None:
        """Close the stream with this stream error."""

    def leave(self, condition: str | None) -> None:
        """Close the stream, and let its session wait for its client.

        :param condition: the stream error; without one the stream breaks off.
        """


class ClientSession:
    """A session of the host. It outlives its connection if its client can resume it."""

    def __init__(self, account: str, id: SessionId, driver: Attached | None) -> None:
        self.account, self.id = account, id
        self.driver: Attached | None = driver
        """None while the session is detached."""
        self.management: StreamManagement | None = None
        self.unprocessed = 0
        """The stanzas of the client that the host has not processed yet."""
        self.timer: asyncio.TimerHandle | None = None
        self.leaving = False
        """Whether this node gives the session up to another one."""
        self._settled: list[asyncio.Future[None]] = []

    def deliver(self, stanza: Stanza, item: object) -> bool:
        """Send a stanza, or keep it for a client that may resume; return whether the session took it.

        A stream that has closed, and whose end is not noted yet, takes what it has stream management for. So the stanza
        stays behind those that the client has not acknowledged, whatever becomes of them.

        :param item: comes back when the client has acknowledged the stanza, or among those that it has not.
        """
        if self.driver is not None:
            stream = self.driver.stream
            if stream.closed and stream.management is None:
                return False
            stream.send(stanza, item)
            self.driver.flush_later()
            return True
        if self.management is None or self.overflowed:
            return False
        self.management.queue(stanza, item)
        return True

    @property
    def acknowledges(self) -> bool:
        """Whether the client acknowledges what it gets (XEP-0198)."""
        return self.driver is None or self.driver.stream.management is not None

    @property
    def can_move(self) -> bool:
        """Whether its client can resume it, also at another node."""
        return self.management is not None and self.management.id is not None and not self.leaving

    def seconds_left(self, now: float) -> float:
        """Return how long the session still waits for its client."""
        return 0.0 if self.timer is None else max(0.0, self.timer.when() - now)

    @property
    def overflowed(self) -> bool:
        """Whether more waits for a client that has lost its connection than the limits allow."""
        return self.driver is None and self.management is not None and self.management.overflowed

    def unacknowledged(self) -> tuple[object, ...]:
        """Return the items of the stanzas that the client has not acknowledged, in order."""
        return () if self.management is None else self.management.unacknowledged

    def processed(self, number: int) -> None:
        """Note that a stanza of the client has been processed."""
        self.unprocessed -= 1
        if self.driver is not None:
            self.driver.stream.handled(number)
        elif self.management is not None:
            self.management.handled(number)
        if not self.unprocessed:
            waiting, self._settled = self._settled, []
            for each in waiting:
                if not each.done():
                    each.set_result(None)

    async def settled(self) -> None:
        """Wait until every stanza of the client has been processed, so that it can be told their number."""
        while self.unprocessed:
            found = asyncio.get_running_loop().create_future()
            self._settled.append(found)
            await found


class Sessions:
    """The sessions by account and id, and those that can be resumed by the id of their stream management."""

    def __init__(self, end: Callable[[ClientSession, Callable[[], None] | None], None]) -> None:
        """Begin without sessions.

        :param end: tells the host that a session has ended; the second argument is called when that is processed.
        """
        self._end = end
        self._by_id: dict[tuple[str, SessionId], ClientSession] = {}
        self._resumable: dict[str, ClientSession] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[ClientSession]:
        return iter(list(self._by_id.values()))

    @property
    def detached(self) -> int:
        """How many sessions wait for their client."""
        return sum([each.driver is None for each in self._by_id.values()])

    def add(self, session: ClientSession) -> None:
        """Note a new session."""
        self._by_id[session.account, session.id] = session

    def get(self, account: str, id: SessionId) -> ClientSession | None:
        """Return a session that has not ended."""
        return self._by_id.get((account, id))

    def managed(self, session: ClientSession, management: StreamManagement) -> None:
        """Note that the client has enabled stream management."""
        session.management = management
        if management.id is not None:
            self._resumable[management.id] = session

    def resumable(self, account: str, previous: str) -> ClientSession | None:
        """Return the session of this account that a client wants to resume."""
        found = self.managed_by(account, previous)
        return None if found is None or found.leaving else found

    def managed_by(self, account: str, id: str) -> ClientSession | None:
        """Return the session of this account whose stream management has this id, also one that leaves this node."""
        found = self._resumable.get(id)
        return found if found is not None and found.account == account else None

    def end(self, session: ClientSession, done: Callable[[], None] | None = None) -> None:
        """End a session, once.

        :param done: called when everybody who is to learn it has been told.
        """
        if self.drop(session):
            self._end(session, done)
        elif done is not None:
            done()

    def drop(self, session: ClientSession) -> bool:
        """Forget a session without telling the host. Return whether it was known."""
        if self._by_id.pop((session.account, session.id), None) is None:
            return False
        if session.management is not None and session.management.id is not None:
            self._resumable.pop(session.management.id, None)
        if session.timer is not None:
            session.timer.cancel()
        return True

    def forget(self) -> None:
        """Forget all sessions without telling the host."""
        sessions, self._by_id, self._resumable = self._by_id, {}, {}
        for session in sessions.values():
            if session.timer is not None:
                session.timer.cancel()
