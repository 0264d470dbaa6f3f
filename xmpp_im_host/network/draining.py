"""A node leaves the service and comes back, as operators direct it; see ``docs/several-nodes.md``.

A node that is drained has no clients and no accounts, and waits: to be stopped, or to serve again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from xmpp_im_host.cluster.reports import State
from xmpp_im_host.log import log
from xmpp_im_host.network.listeners import CannotListen, Listeners
from xmpp_im_host.network.moving import Moving
from xmpp_im_host.network.network import Network


class Draining:
    """What an operator's word does to the streams of a server. Its accounts go and come by their placement."""

    def __init__(self, network: Network, listeners: Listeners, moving: Moving, stop: Callable[[], None]) -> None:
        """Begin as a node that serves.

        :param stop: called if the node cannot serve again.
        """
        self.network, self.listeners, self.moving, self._stop = network, listeners, moving, stop
        self.away = False
        """Whether clients cannot connect."""
        self._wanted = False
        self._follows = self._over = False

    @property
    def state(self) -> State:
        """Whether this node serves, as far as its streams decide."""
        network = self.network
        if not self.away:
            return State.SERVING
        left = len(network.sessions) + len(network.links.all)
        return State.DRAINED if self._wanted and not left else State.DRAINING

    def direct(self, draining: bool) -> None:
        """Leave the service, or come back. The last word counts; what is under way is given up."""
        if self._over:
            return
        does = "drains this node" if draining else "lets this node serve again"
        log(logging.INFO, f"an operator {does}")
        self._wanted = self.network.leaving = draining
        if not self._follows:
            self._follows = True
            self.network.start(self._follow())

    def end(self) -> None:
        """Leave the service for good: the server stops."""
        self._over = self._wanted = self.network.leaving = True

    async def _follow(self) -> None:
        try:
            while self._wanted is not self.away:
                if self._wanted:
                    await self._leave()
                else:
                    await self._come_back()
        finally:
            self._follows = False

    async def _leave(self) -> None:
        self.away = True
        self.listeners.close()
        await self.moving.hand_over_all()
        if self._wanted:
            self.moving.stop_others()

    async def _come_back(self) -> None:
        try:
            await self.listeners.reopen()
        except CannotListen as error:
            log(logging.ERROR, "this node cannot serve again, and stops", reason=error)
            self._stop()
        self.away = False
