"""Membership: the task by which a node beats, learns what it is to own, and ends the nodes that are dead.

To end a node means to claim its own lease, so that no commit of its gateway can succeed any more; to append
:class:`~xmpp_im_host.cluster.queue_entries.GatewayEnded` to the queues of all partitions; and to forget it. If
the node that does this dies in between, another one does the rest: the token of the lease says whether the entries were
appended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Protocol, TypeAlias

from xmpp_im_host.cluster.liveness import Observer, Pace
from xmpp_im_host.cluster.placement import placement
from xmpp_im_host.cluster.queue_entries import GatewayEnded, dump_entry
from xmpp_im_host.cluster.queue_names import partition_queue
from xmpp_im_host.hosting.waiting import Tasks
from xmpp_im_host.log import Outage, failure, log
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.records import PARTITIONS, Append, Batch, Lease, Node, node_lease

Stamp: TypeAlias = tuple[datetime, str]


class Member(Protocol):
    """What the membership tells, and asks for. No method may raise."""

    def report(self) -> str:
        """Return what operators are to see of this node, as JSON."""

    def place(self, wanted: frozenset[int]) -> None:
        """Own these partitions from now on. Others that the node owns stay until another node claims them.

        It is called with each beat: what another node has claimed, and is placed here, is claimed again.
        """

    def direct(self, draining: bool) -> None:
        """Give up the sessions, or go on: an operator has said so."""

    def ended(self) -> None:
        """Close all streams and forget everything: the number of this node has ended. Called once."""


class Membership:
    """One node under one number: from :meth:`join` until the number ends.

    :ivar number: the number of the node, once it has joined.
    :ivar nodes: all nodes, as the last beat has found them.
    """

    number: int

    def __init__(
        self,
        engine: Engine,
        member: Member,
        stamp: Callable[[], Stamp],
        *,
        name: str = "localhost",
        weight: float = 1.0,
        draining: bool = False,
        pace: Pace | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Note who joins; :meth:`join` does it.

        :param stamp: stamps the entries about nodes that have ended.
        :param name: what operators call this node.
        :param weight: its share of the partitions in proportion to the others'.
        :param draining: whether it owns nothing until an operator says so: it was drained under its number before.
        """
        self.engine, self.member = engine, member
        self.name, self.weight, self.pace = name, weight, pace or Pace()
        self.nodes: Sequence[Node] = ()
        self._stamp, self._clock = stamp, clock
        self._beat_began: float | None = None
        self._beaten = asyncio.Event()
        self._hurry = asyncio.Event()
        self._weights: dict[int, float] | None = None
        self._wanted: frozenset[int] = frozenset()
        self._draining = draining
        self._ending: set[int] = set()
        self._tasks = Tasks()
        self._outage = Outage("beats fail", "beats succeed again")

    async def join(self) -> Lease:
        """Get a number, and return the lease of the node. :meth:`run` must beat soon after that.

        :raises EngineFailed: if the engine does not answer.
        :raises Unknown: if it may have done so. In both cases try again: a number that does not beat is ended.
        """
        while True:
            self.number = await self.engine.join(self.name)
            self._observer = Observer(self.number, self.pace)
            if self.weight != 1.0 or self._draining:
                await self.engine.direct(self.number, weight=self.weight, draining=self._draining)
            (lease,) = await self.engine.claim([node_lease(self.number)], claimer(self.number))
            if not lease.token:
                break
            # Others have ended the number before this node has claimed its lease. It must not append anything.
            log(logging.WARNING, "node was ended before it began", node=self.number)
        log(logging.INFO, "node joined", node=self.number, name=self.name)
        return lease

    # --- beats --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Beat until the number has ended."""
        try:
            while True:
                began = self._clock()
                if not await self._beat(began):
                    break
                await self._pause(began + self.pace.beat_seconds - self._clock())
        finally:
            self._tasks.cancel()
        log(logging.ERROR, "node has ended", node=self.number)
        self.member.ended()

    async def _pause(self, seconds: float) -> None:
        """Wait for the next beat. It comes at once when a node has been ended: its partitions move then."""
        self._hurry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._hurry.wait()

    @property
    def fresh(self) -> bool:
        """Whether the last beat is so young that no other node can have ended this one."""
        return self._beat_began is not None and self._clock() < self._beat_began + self.pace.fresh_seconds

    async def until_fresh(self) -> None:
        """Wait for a beat if there is need. Nothing may be performed for sessions before this returns."""
        while not self.fresh:
            self._beaten.clear()
            await self._beaten.wait()

    async def _beat(self, began: float) -> bool:
        """Beat once. Return whether the node goes on."""
        try:
            nodes = await self.engine.beat(self.number, self.member.report())
        except Exception as error:
            if not isinstance(error, EngineFailed | Unknown):
                failure("beat failed", error)
            self._outage.note(error)
            return True
        self._outage.note(None)
        if all(node.number != self.number for node in nodes):
            return False
        self._beat_began = began
        self._beaten.set()
        self._act(began, nodes)
        return True

    def _act(self, began: float, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        dead = self._observer.look(began, self._clock(), nodes)
        for number in dead - self._ending:
            self._ending.add(number)
            self._tasks.start(self._end(number))
        (draining,) = [node.draining for node in nodes if node.number == self.number]
        if draining != self._draining:
            self._draining = draining
            self.member.direct(draining)
        weights = shares(nodes)
        if weights != self._weights:
            self._weights = weights
            placed = placement(weights)
            self._wanted = frozenset([each for each, number in placed.items() if number == self.number])
        self.member.place(self._wanted)

    # --- ends ---------------------------------------------------------------------------------------------------

    async def _end(self, number: int) -> None:
        """End a dead node. If that fails, the next beats find it dead again. Beats go on meanwhile."""
        try:
            await end_node(self.engine, number, claimer(self.number), self._stamp())
        except (EngineFailed, Unknown) as error:
            log(logging.WARNING, "dead node not ended yet", node=number, reason=str(error))
        else:
            log(logging.WARNING, "dead node ended", node=number)
            self._hurry.set()
        finally:
            self._ending.discard(number)

    async def leave(self) -> None:
        """End this node, when nothing of it is under way any more: :meth:`run` is cancelled, and its gateway stopped.

        If the engine does not answer, another node does it.
        """
        try:
            await end_node(self.engine, self.number, claimer(self.number), self._stamp())
        except (EngineFailed, Unknown) as error:
            log(logging.WARNING, "node not ended", node=self.number, reason=str(error))
        else:
            log(logging.INFO, "node left", node=self.number)


def shares(nodes: Sequence[Node]) -> dict[int, float]:
    """Return the weight with which each node takes part in the placement."""
    return {node.number: 0.0 if node.draining else node.weight for node in nodes}


def claimer(number: int) -> str:
    """Return the name under which a node claims leases."""
    return f"node {number}"


async def end_node(engine: Engine, number: int, by: str, stamp: Stamp) -> None:
    """End a node: fence its gateway, tell all partitions, and forget it.

    :param by: the name under which the lease is claimed.
    :raises EngineFailed: if it was not done, also because another node does the same now.
    :raises Unknown: if it may have been done. In both cases do it again: nothing is done twice.
    """
    token = f"end {number}"
    (lease,) = await engine.claim([node_lease(number)], by)
    if lease.token != token:
        body = dump_entry(GatewayEnded(number, *stamp))
        appends = tuple([Append(partition_queue(each), "", body=body) for each in range(PARTITIONS)])
        await engine.commit([lease], Batch(appends=appends, token=token))
    await engine.leave(number)
