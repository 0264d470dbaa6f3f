"""What a node has under one number, from joining the others until the number ends.

A number that has ended is never used again: the process then begins another life, with another number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from attrs import field, frozen

from xmpp_im_core.host import Clock, Ids
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import FanOut, Route, Service
from xmpp_im_core.server.service.events import ServiceEvent
from xmpp_im_core.stanza import Condition
from xmpp_im_host.cluster.appending import Appender
from xmpp_im_host.cluster.calls import OpenCalls
from xmpp_im_host.cluster.gateway import Gateway, Streams
from xmpp_im_host.cluster.interfaces import PartitionFigures
from xmpp_im_host.cluster.liveness import Pace
from xmpp_im_host.cluster.membership import Membership, claimer, shares
from xmpp_im_host.cluster.moves import Moves, NoMoves
from xmpp_im_host.cluster.outgoing import Domains, given_back, placed
from xmpp_im_host.cluster.owner import Owner
from xmpp_im_host.cluster.placement import placement
from xmpp_im_host.cluster.queue_entries import EntryReader, OwnEntries
from xmpp_im_host.cluster.queue_names import gateway_queues
from xmpp_im_host.cluster.reports import Report, State
from xmpp_im_host.cluster.turns import Strain, Turns, phase_of
from xmpp_im_host.hosting.owned_engine import CommitCounts
from xmpp_im_host.hosting.waiting import Tasks
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.records import PARTITIONS

_LOOK: Final = 0.1
"""How long to wait between two looks at what this node owns, in seconds."""
_RESERVE: Final = "command/"
"""The names of nodes in reserve begin so."""


@frozen(kw_only=True)
class ClusterSettings:
    """What a node needs besides its engine and its streams."""

    service: Service[Any]
    """The service without accounts in memory."""
    policy: Policy
    """With ``keep_sessions``."""
    clock: Clock
    ids: Ids
    components: Collection[str] = ()
    """The domains of components, prepared."""
    name: str = "localhost"
    """What operators call the node."""
    weight: float = 1.0
    """The share of the accounts that the node owns, in proportion to the other nodes."""
    reserve: bool = False
    """Whether the node owns accounts only while no other node lives, and has no clients: for a command."""
    pace: Pace = field(factory=Pace)
    patience: float = 2.0
    """After how many seconds a client's message or request is refused if the engine does not take it."""
    take_seconds: float = 20.0
    """How long a client that resumes its session waits until the node that has it gives it up; and a new account, until
    sessions of the removed account that had its address have ended."""
    idle_accounts: int = 1000
    """How many accounts without sessions may stay in memory."""
    idle_seconds: float = 300.0
    """How long each of them may stay."""
    event_log: int = 0
    """How many events of each account in memory are kept for ``inspect``."""


class Life:
    """The parts of a node under one number."""

    number: int
    appender: Appender
    gateway: Gateway
    owner: Owner[Any]

    def __init__(
        self,
        engine: Engine,
        streams: Streams,
        settings: ClusterSettings,
        ended: Callable[[Life], None],
        *,
        counts: CommitCounts,
        sessions: Callable[[], int] = lambda: 0,
        moves: Moves | None = None,
        flush: Callable[[], None] = lambda: None,
        directed: Callable[[bool], None] = lambda draining: None,
        draining: bool = False,
        state: Callable[[], State] = lambda: State.SERVING,
    ) -> None:
        """Note what is needed; :meth:`begin` joins the other nodes.

        :param ended: called once, when another node has ended this one, unless :meth:`end` or :meth:`abandon` was
            called before.
        :param counts: counts the commits.
        :param sessions: returns the number of sessions, for operators.
        :param moves: the sessions that move between nodes.
        :param flush: called after each burst of writes to the streams.
        :param directed: called when an operator wants this node to give up its sessions, or wants it no longer.
        :param draining: whether an operator has drained it under its number before.
        :param state: says whether it serves clients, as far as its streams decide.
        """
        self.engine, self.streams, self.settings = engine, streams, settings
        self.domains = Domains(settings.service.domains, frozenset(settings.components))
        self.counts = counts
        self.own = OwnEntries()
        """What the gateway and the owner append, until one of them reads it."""
        self.calls = OpenCalls()
        self._ended, self._sessions, self._flush = ended, sessions, flush
        self._directed, self._state = directed, state
        self._moves = NoMoves() if moves is None else moves
        self._tasks = Tasks()
        self._over = self._retires = False
        name, weight = (f"{_RESERVE}{settings.name}", 0.0) if settings.reserve else (settings.name, settings.weight)
        self.membership = Membership(
            engine,
            self,
            self.stamp,
            name=name,
            weight=weight,
            draining=draining,
            pace=settings.pace,
        )

    def stamp(self) -> Any:
        """Return the ``at`` and the ``seq`` of a new event."""
        return self.settings.clock(), self.settings.ids()

    def placed(self, event: ServiceEvent) -> list[tuple[str, bytes]]:
        """Return an event as entries, each with its queue."""
        return placed(event, self.domains, self.settings.ids, self.own.dump)

    def _given_back(
        self, account: str, effect: Route | FanOut, condition: Condition, lost: tuple[str, ...]
    ) -> list[tuple[str, bytes]]:
        settings = self.settings
        return given_back(account, effect, condition, lost, self.domains, settings.ids, settings.clock())

    # --- beginning and end --------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Join the other nodes.

        :raises EngineFailed: if the engine does not answer.
        :raises Unknown: if it is in doubt whether it did what was asked. Begin another life in both cases.
        """
        lease = await self.membership.join()
        settings, self.number = self.settings, self.membership.number
        self.own.queues.update(gateway_queues(self.number))
        turns = partial(Turns, phase_of(self.number), Strain())
        self.owner = Owner(
            self.engine,
            claimer(self.number),
            settings.service,
            settings.policy,
            self.streams.delegate,
            settings.components,
            settings.clock,
            settings.ids,
            self._appended,
            idle_accounts=settings.idle_accounts,
            idle_seconds=settings.idle_seconds,
            event_log=settings.event_log,
            own=self.own,
            turns=turns,
        )
        committer = self.owner.committer
        committer.leases[lease.partition] = lease
        committer.counts = self.counts
        self.appender = committer.passenger = Appender(
            committer, lease.partition, self.ended, patience=settings.patience, turns=turns()
        )
        self.gateway = Gateway(
            self.engine,
            self.number,
            self.streams,
            self.appender,
            self.placed,
            self._given_back,
            self.stamp,
            self.calls.replied,
            self.membership.until_fresh,
            self._moves,
            self._flush,
            EntryReader(self.own),
            turns(),
        )
        self.owner.start()
        self._tasks.start(self.membership.run())
        self._tasks.start(self.appender.run())
        self._tasks.start(self.gateway.run())

    def _appended(self, queues: Collection[str]) -> None:
        self.gateway.wake(queues)

    async def retire(self) -> None:
        """Let the other nodes own what this node owns, and wait until they do.

        :raises EngineFailed: if the engine does not answer.
        :raises Unknown: likewise.
        """
        self._retires = True
        await self.engine.direct(self.number, draining=True)
        while self.owner.held and self._others():
            await asyncio.sleep(_LOOK)
            await self.owner.drop_lost()

    def _others(self) -> bool:
        """Whether another node lives that can own partitions."""
        placed = placement(shares([node for node in self.membership.nodes if node.number != self.number]))
        return bool(placed)

    async def end(self, seconds: float) -> None:
        """Finish what is under way, and leave the other nodes. All sessions have ended before.

        :param seconds: how long to wait for an engine that does not answer. Another node ends this one then.
        """
        self._over = True
        try:
            async with asyncio.timeout(seconds):
                await self.appender.drained()
                self._tasks.cancel()
                await self.owner.aclose()
                await self._leave()
        except TimeoutError:
            self.abandon()
        self.calls.fail("the server stops")

    async def _leave(self) -> None:
        """Leave the other nodes, and let all partitions end the sessions of this one."""
        if not self.settings.reserve or self.calls.missed:
            await self.membership.leave()
            return
        with suppress(EngineFailed, Unknown):  # it has no sessions, and its answers have come: nobody has to know
            await self.engine.leave(self.number)

    def abandon(self) -> None:
        """Stop at once, as a crash would."""
        self._over = True
        self._tasks.cancel()
        self.owner.abandon()
        self.calls.fail("this server was cut off from the others, and begins again; it may still be done")

    # --- what the membership tells, and asks for ----------------------------------------------------------------

    def report(self) -> str:
        """See :meth:`Member.report`."""
        figures, state = self.figures(), self._state()
        lag = max([each.lag for each in figures.values()], default=0.0)
        if state is State.DRAINED and figures and self._others():
            state = State.DRAINING
        return Report(len(figures), self._sessions(), round(lag, 3), state).dump()

    def figures(self) -> Mapping[int, PartitionFigures]:
        """Return the figures of the partitions that this node owns."""
        return self.owner.figures()

    def place(self, wanted: frozenset[int]) -> None:
        """See :meth:`Member.place`."""
        if sum([Report.load(node.report).partitions for node in self.membership.nodes]) > PARTITIONS:
            self.owner.doubt()
        if self._retires:
            wanted = frozenset()
        self.owner.set_wanted(self._in_reserve() if self.settings.reserve else wanted)

    def _in_reserve(self) -> Collection[int]:
        """Return all partitions if only nodes in reserve live, and this is the first of them."""
        nodes = self.membership.nodes
        alone = all(node.name.startswith(_RESERVE) for node in nodes)
        return range(PARTITIONS) if alone and self.number == min([node.number for node in nodes]) else ()

    def direct(self, draining: bool) -> None:
        """See :meth:`Member.direct`. A node that stops does not come back."""
        if not self._retires:
            self._directed(draining)
        elif not draining:
            self._tasks.start(self._retire_again())

    async def _retire_again(self) -> None:
        with suppress(EngineFailed, Unknown):
            await self.engine.direct(self.number, draining=True)

    def ended(self) -> None:
        """See :meth:`Member.ended`."""
        if not self._over:
            self._over = True
            self._ended(self)
