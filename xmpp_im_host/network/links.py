"""All links of a server: their limits, and the watch that finds those that are idle, late or slow to close."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from xmpp_im_host.configuration import Limits
from xmpp_im_host.counters import Counters
from xmpp_im_host.log import log
from xmpp_im_host.network.throttle import Addresses, peer_of

if TYPE_CHECKING:
    from xmpp_im_host.network.link import Link

_LONGEST_ROUND = 5.0
_RESTING = 5.0
"""After so many seconds without input, a stream takes less memory."""


class Links:
    """The open connections."""

    def __init__(self, limits: Limits, counters: Counters, clock: Callable[[], float]) -> None:
        self.limits, self.counters, self.clock = limits, counters, clock
        self.all: dict[Link, None] = {}
        """They are closed in the order in which they were opened."""
        self.addresses = Addresses(limits.logins_per_address)
        self.throttled = 0
        """How often a peer had to wait because it sent more than its share."""
        self._emptied: asyncio.Event | None = None

    # --- limits -------------------------------------------------------------------------------------------

    def refusal(self, link: Link) -> str | None:
        """Return the name of the limit that forbids a new connection; None if it is allowed, and counted."""
        if len(self.all) >= self.limits.connections:
            return "connections"
        if not self.addresses.enter(peer_of(link.address)):
            return "logins_per_address"
        link.counted = True
        return None

    def refused(self, limit: str, address: str) -> None:
        """Note that a limit refused or closed a connection."""
        self.counters.refused[limit] += 1
        log(logging.WARNING, "limit reached", limit=limit, address=address)

    def add(self, link: Link) -> None:
        """Note an open connection."""
        self.counters.connections += 1
        self.all[link] = None

    def logged_in(self, link: Link) -> None:
        """Note that a link has a session: the limits before the login hold no longer."""
        if link.counted:
            link.counted = False
            self.addresses.leave(peer_of(link.address))

    def remove(self, link: Link) -> None:
        """Note that a connection is gone."""
        self.logged_in(link)
        self.all.pop(link, None)
        if self._emptied is not None and not self.all:
            self._emptied.set()

    async def empty(self) -> None:
        """Wait until no connection is open."""
        self._emptied = asyncio.Event()
        if self.all:
            await self._emptied.wait()

    # --- the watch ----------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Look at all links again and again."""
        limits = self.limits
        shortest = min(limits.login_seconds, limits.idle_seconds, limits.answer_seconds)
        while True:
            await asyncio.sleep(min(_LONGEST_ROUND, shortest / 4))
            self.look()

    def look(self) -> None:
        """Close the links that have taken too long, and ask the idle ones for a sign of life."""
        now = self.clock()
        for link in list(self.all):
            if link.closing_since is not None:
                if now - link.closing_since > self.limits.answer_seconds:
                    link.drop("the peer does not read the end of its stream")
            elif not link.has_session:
                if now - link.since > self.limits.login_seconds:
                    self.refused("login_seconds", link.address)
                    link.stop("connection-timeout")
            else:
                link.look_for_life()
                self._look_at_idle(link, now - link.heard)

    def _look_at_idle(self, link: Link, silent: float) -> None:
        if silent > _RESTING:
            link.rest()
        if silent <= self.limits.idle_seconds:
            return
        if not link.probed:
            link.heard = self.clock() - self.limits.idle_seconds
            link.probe()
        elif silent > self.limits.idle_seconds + self.limits.answer_seconds:
            self.refused("idle_seconds", link.address)
            link.drop("the peer does not answer")
