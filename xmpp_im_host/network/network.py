"""The network of a server: what its connections share, and what the host and the services ask of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from xmpp_im_core.jid import JID
from xmpp_im_core.policy import Policy
from xmpp_im_core.stanza import Condition, Stanza
from xmpp_im_host.configuration import Configuration
from xmpp_im_host.counters import Counters
from xmpp_im_host.hosting.host import Host
from xmpp_im_host.log import failure, log
from xmpp_im_host.network.failed_logins import FailedLogins
from xmpp_im_host.network.links import Links
from xmpp_im_host.network.sessions import ClientSession, Sessions
from xmpp_im_host.network.tls import ServerTLS
from xmpp_im_host.streams.settings import StreamSettings


class RegistrationRefused(Exception):
    """No account is created.

    :param condition: that of the stanza error.
    """

    def __init__(self, condition: Condition) -> None:
        super().__init__(condition.value)
        self.condition = condition


class Flushed(Protocol):
    """Something that has bytes to write after a burst of the host."""

    def flush(self) -> None:
        """Write them."""


class Advancing(Protocol):
    """Something that may have more to process."""

    def go_on(self) -> None:
        """Process it."""


class ComponentPeer(Protocol):
    """A connected component."""

    def send(self, stanza: Stanza) -> bool:
        """Send a stanza; return whether the connection took it."""


class Network:
    """What connections share. The host is set when it exists, before the first connection."""

    host: Host

    def __init__(
        self,
        configuration: Configuration,
        settings: StreamSettings,
        policy: Policy,
        tls: ServerTLS,
        counters: Counters,
        register: Callable[[JID, str], Coroutine[Any, Any, None]],
    ) -> None:
        """Begin without connections.

        :param register: creates an account; raises :class:`RegistrationRefused`.
        """
        clock = asyncio.get_running_loop().time
        self.configuration, self.settings, self.policy = configuration, settings, policy
        self.tls, self.counters, self.register = tls, counters, register
        self.clock = clock
        self.links = Links(configuration.limits, counters, clock)
        self.failed_logins = FailedLogins(clock)
        self.sessions = Sessions(self._ended)
        self.components: dict[str, ComponentPeer] = {}
        self.stopping = False
        self.leaving = False
        """Whether the sessions are given up to other nodes, also those that come, and no new one begins."""
        self._dirty: dict[Flushed, None] = {}
        self._to_advance: set[Advancing] = set()
        self._flushing = False
        self._tasks: set[asyncio.Task[None]] = set()

    # --- writing ------------------------------------------------------------------------------------------

    def flush_later(self, driver: Flushed) -> None:
        """Note that a driver has something to write. It is written after the burst of the host, or soon."""
        self._dirty[driver] = None
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write what the drivers have to write."""
        self._flushing = False
        dirty, self._dirty = self._dirty, {}
        for driver in dirty:
            driver.flush()

    def advance_later(self, driver: Advancing) -> None:
        """Let a driver go on after this burst of the host."""
        if driver not in self._to_advance:
            self._to_advance.add(driver)
            asyncio.get_running_loop().call_soon(self._advance, driver)

    def _advance(self, driver: Advancing) -> None:
        self._to_advance.discard(driver)
        driver.go_on()

    # --- tasks --------------------------------------------------------------------------------------------

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine together with the others."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            failure("task failed", error)

    async def cancel_tasks(self) -> None:
        """Cancel what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- sessions -----------------------------------------------------------------------------------------

    def detach(self, session: ClientSession) -> None:
        """Keep a session whose connection was lost, for a time."""
        session.driver = None
        self.host.detach(session.account, session.id)
        self.expect_client(session)
        log(logging.INFO, "session detached", account=session.account, resource=session.id.resource)

    def expect_client(self, session: ClientSession) -> None:
        """End a session if its client does not resume it in time."""
        delay = self.configuration.resumption_seconds
        session.timer = asyncio.get_running_loop().call_later(delay, self.sessions.end, session)

    def attach(self, session: ClientSession) -> None:
        """Note that a session has a stream again."""
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
        self.host.resume(session.account, session.id)
        self.counters.resumed += 1
        log(logging.INFO, "session resumed", account=session.account, resource=session.id.resource)

    def end_overflowed(self, session: ClientSession) -> None:
        """End a detached session for which too much waits. The core stores its messages, or answers them.

        The host processes this before the next stanza, so that the messages keep their order.
        """
        self.counters.refused["queue_stanzas"] += 1
        self.sessions.end(session)

    def _ended(self, session: ClientSession, done: Callable[[], None] | None) -> None:
        self.host.end_session(session.account, session.id, session.unacknowledged(), done)
        log(logging.INFO, "session ended", account=session.account, resource=session.id.resource)

    def forget(self) -> None:
        """Close every stream, and tell the host nothing: it has ended the sessions already."""
        self.sessions.forget()
        self.components.clear()
        for link in list(self.links.all):
            link.stop("system-shutdown")

    # --- the end ------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Close every stream with system-shutdown. A session that waits for its client ends."""
        self.stopping = True
        for link in list(self.links.all):
            link.stop("system-shutdown")
        for session in self.sessions:
            if session.driver is None:
                self.sessions.end(session)

    async def drain(self, seconds: float) -> None:
        """Stop, and wait until the clients have read what they get."""
        self.stop()
        try:
            async with asyncio.timeout(seconds):
                await self.links.empty()
        except TimeoutError:
            for link in list(self.links.all):
                link.drop("the server stops")
            await asyncio.sleep(0)  # connection_lost is called in the next round of the loop
        for session in self.sessions:
            self.sessions.end(session)
