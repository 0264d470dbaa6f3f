"""A partition in memory: its accounts, its components, and the steps that its entries cause.

The state in memory is ahead of what is stored until the batch of its steps is committed. If that fails, :meth:`forget`
throws it away, and the queue is read again from its beginning.

Sessions that move to another node change :attr:`PartitionActor.queues` within a step, which stores it too, and
:func:`~xmpp_im_host.cluster.preparing.prepare` reads it again; see :mod:`xmpp_im_host.cluster.parking`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Generic, TypeVar

from attrs import define, field

from xmpp_im_core.host import Clock, Ids
from xmpp_im_core.host.wake_times import WakeTimes
from xmpp_im_core.policy import Policy
from xmpp_im_core.record import record
from xmpp_im_core.server import ForAccount, TimePassed
from xmpp_im_core.server.service.serving import Service, owning, unload
from xmpp_im_core.stanza import Condition
from xmpp_im_host.cluster import administrator_calls, parking
from xmpp_im_host.cluster.administrator_calls import CallRefused, Explained
from xmpp_im_host.cluster.ended_gateways import end_gateway, give_back
from xmpp_im_host.cluster.ended_sessions import end_session
from xmpp_im_host.cluster.interfaces import PartitionFigures
from xmpp_im_host.cluster.outgoing import Domains, Outgoing, SessionQueues
from xmpp_im_host.cluster.pending import Pending
from xmpp_im_host.cluster.queue_entries import (
    Called,
    ComponentConnected,
    ComponentLost,
    Deposit,
    Fed,
    ForComponent,
    GatewayEnded,
    Missing,
    OwnEntries,
    Park,
    PartitionEntry,
    Perform,
    Replied,
    SessionGone,
    dump_entry,
)
from xmpp_im_host.cluster.queue_names import gateway_queue, partition_queue
from xmpp_im_host.cluster.step import Delegated, Rows, Step
from xmpp_im_host.hosting.event_log import EventLog
from xmpp_im_host.log import failure
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed
from xmpp_im_host.storage.records import Remove, Row, Write, partition_of

S = TypeVar("S")

COMPONENT: Final = "component"
"""The kind of row that says where a component is connected. Account: its domain. Key: the number of the node."""


@record
class Setting(Generic[S]):
    """What all partitions of a node have in common."""

    engine: Engine
    service: Service[S]
    """The service without accounts in memory."""
    policy: Policy
    domains: Domains
    delegated: Delegated
    clock: Clock
    ids: Ids
    event_log: int = 0
    """How many events of each account in memory are kept for ``inspect``."""
    own: OwnEntries = field(factory=OwnEntries)
    """What the steps append is kept there until this node reads it."""


@define
class Tally:
    """What was done in the batch that is not committed yet."""

    entries: int = 0
    steps: int = 0
    refused: int = 0
    newest: datetime | None = None
    """When the last event happened."""


class PartitionActor(Generic[S]):
    """The accounts of one partition."""

    def __init__(self, partition: int, setting: Setting[S]) -> None:
        self.partition, self.setting = partition, setting
        self.queue = partition_queue(partition)
        self.figures = PartitionFigures()
        self._empty = owning(setting.service, lambda account: partition_of(account) == partition)
        self.forget()

    def forget(self) -> None:
        """Throw away what is in memory. Call :func:`~xmpp_im_host.cluster.preparing.prepare` before the next step."""
        setting = self.setting
        self.service = self._empty
        self.wakes = WakeTimes()
        self.queues = SessionQueues(self.partition)
        self.components: dict[str, tuple[int, ...]] = {}
        """By domain: the nodes to which the component is connected, the newest connection last."""
        self.log = EventLog(setting.service.machine, setting.event_log) if setting.event_log else None
        self.tally = Tally()
        self.prepared = False

    def committed(self) -> None:
        """Note that the batch is durable."""
        tally, figures = self.tally, self.figures
        figures.entries += tally.entries
        figures.steps += tally.steps
        figures.refused += tally.refused
        figures.commits += 1
        figures.accounts = len(self.service.accounts)
        if tally.newest is not None:
            figures.lag = (self.setting.clock() - tally.newest).total_seconds()
        self.tally = Tally()

    def unload(self, account: str) -> bool:
        """Take an account out of memory between two batches, if it has no session. Return whether it is out now."""
        self.service = unload(self.service, account)
        left = account not in self.service.accounts
        if left and self.log is not None:
            self.log.forget(account)
        return left

    # --- steps ----------------------------------------------------------------------------------------------------

    async def process(self, entry: PartitionEntry, batch: Pending, rows: Rows, *, last_resort: bool = False) -> Step[S]:
        """Process an entry. What it causes is added to the batch.

        :param last_resort: whether the entry is refused because its commit fails again and again: an event is answered
            as one that could not be stored, and a read that fails counts as an answer.
        :raises EngineFailed: if what it needs cannot be read. Nothing has changed then.
        """
        step = self._step(self._at(entry), batch, rows, last_resort)
        if not isinstance(entry, Fed):
            step.out.queues = self.queues.copy()
        self.tally.refused += last_resort
        try:
            await self._perform(step, entry)
            await parking.follow(step)
        except EngineFailed:
            raise
        except Exception as error:
            failure("entry could not be processed", error, kind=type(entry).__name__)
            step = self._step(step.at, batch, rows, last_resort)
        self._end(step, batch)
        self.tally.entries += 1
        return step

    async def wake(self, account: str, batch: Pending, rows: Rows, *, last_resort: bool = False) -> Step[S]:
        """Let an account note that time has passed (RFC 6121 §3.1.2).

        :raises EngineFailed: as :meth:`process` does.
        """
        at = self.setting.clock()
        step = self._step(at, batch, rows, last_resort)
        await parking.end_parked(step, [each for each in parking.overdue(self.queues, at) if each[0] == account])
        await step.take(ForAccount(account, TimePassed(at, step.ids())))
        await parking.follow(step)
        self._end(step, batch)
        return step

    def due(self) -> Iterable[str]:
        """Return the accounts to wake: they want to be, or a session of theirs was not taken in time."""
        now = self.setting.clock()
        return dict.fromkeys([*self.wakes.due(now), *[account for account, _ in parking.overdue(self.queues, now)]])

    def _at(self, entry: PartitionEntry) -> datetime:
        event = entry.event if isinstance(entry, Fed) else entry.ended if isinstance(entry, SessionGone) else None
        if event is not None:
            self.tally.newest = event.event.at if isinstance(event, ForAccount) else event.at
            return self.tally.newest
        return entry.at if isinstance(entry, Called | GatewayEnded) else self.setting.clock()

    def _step(self, at: datetime, batch: Pending, rows: Rows, last_resort: bool) -> Step[S]:
        setting = self.setting
        out = Outgoing(setting.domains, self.queues, setting.ids, at, dump=setting.own.dump)
        return Step(self.service, setting.policy, out, Pending(batch), rows, setting.delegated, last_resort=last_resort)

    def _end(self, step: Step[S], batch: Pending) -> None:
        """Take over the result of a step."""
        self.service, self.queues = step.service, step.out.queues
        batch.merge(step.pending)
        for served in step.served:
            self.tally.steps += len(served.steps)
            self.wakes.note(served)
            if self.log is not None:
                self.log.note(served)

    # --- entries --------------------------------------------------------------------------------------------------

    async def _perform(self, step: Step[S], entry: PartitionEntry) -> None:
        if isinstance(entry, Fed):
            await step.take(entry.event)
        elif isinstance(entry, ForComponent):
            self._to_component(step, entry)
        elif isinstance(entry, ComponentConnected | ComponentLost):
            self._note_component(step, entry)
        elif isinstance(entry, GatewayEnded):
            await self._end_gateway(step, entry)
        elif isinstance(entry, SessionGone):
            await end_session(step, self.setting.engine, self.partition, entry)
        elif isinstance(entry, Park):
            await parking.park(step, entry)
        elif isinstance(entry, Deposit):
            await parking.deposit(step, entry)
        elif isinstance(entry, Missing):
            parking.note_missing(step, entry)
        else:
            await self._call(step, entry)

    def _to_component(self, step: Step[S], entry: ForComponent) -> None:
        """Take a stanza to the gateway of a component, or give it back."""
        identified = entry.identified
        gateways = self.components.get(entry.domain)
        if gateways and not step.last_resort:
            step.pending.append(gateway_queue(gateways[-1], self.partition), dump_entry(Perform(identified)))
            return
        condition = Condition.INTERNAL_SERVER_ERROR if step.last_resort else Condition.REMOTE_SERVER_TIMEOUT
        give_back(step, identified.account, identified.effect, condition)  # type: ignore[arg-type]  # checked by the entry

    def _note_component(self, step: Step[S], entry: ComponentConnected | ComponentLost) -> None:
        known = self.components.get(entry.domain, ())
        left = tuple([each for each in known if each != entry.gateway])
        if isinstance(entry, ComponentConnected):
            self.components[entry.domain] = (*left, entry.gateway)
            step.pending.change([Write(entry.domain, Row(COMPONENT, str(entry.gateway), ""))])
        else:
            self.components[entry.domain] = left
            step.pending.change([Remove(entry.domain, COMPONENT, str(entry.gateway))])

    async def _end_gateway(self, step: Step[S], entry: GatewayEnded) -> None:
        queue = gateway_queue(entry.number, self.partition)
        await end_gateway(step, self.partition, queue)
        for domain, gateways in list(self.components.items()):
            if entry.number in gateways:
                self._note_component(step, ComponentLost(domain, entry.number))

    async def _call(self, step: Step[S], called: Called) -> None:
        """Perform a call of an administrator, and send the answer to the node that has called."""
        batch = step.pending.below
        try:
            body = await self._answer(step, called)
        except CallRefused as refused:
            step.service, step.pending, step.served = self.service, Pending(batch), []
            step.out.queues = self.queues
            body = dump_entry(Replied(called.id, None, str(refused)))
        step.pending.append(gateway_queue(called.gateway, self.partition), body)

    async def _answer(self, step: Step[S], called: Called) -> bytes:
        if step.last_resort:
            raise CallRefused("failed")
        try:
            if called.operation == "take":
                value = await parking.take(step, called)
            else:
                value = await administrator_calls.answer(step, called, self._explained)
            return dump_entry(Replied(called.id, value))
        except (CallRefused, EngineFailed):
            raise
        except Exception as error:
            failure("call failed", error, operation=called.operation)
            raise CallRefused("failed") from None

    def _explained(self, account: str) -> Explained:
        events = () if self.log is None else self.log.explained(account)
        return Explained(account in self.service.accounts, events)
