"""A step of a partition: everything that one entry causes at once, as one part of a commit.

What the core asks for is answered within the step: accounts and stored messages are loaded, and the services of the
program answer IQs. So no step leaves a read behind, and the next owner of the partition goes on at the next entry.

If the core cannot process an event, that event alone is refused, like one whose commit has failed: the entity that
waits for an answer gets an error of type wait.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from attrs import define, field

from xmpp_im_core.event import Decision
from xmpp_im_core.host import Ids
from xmpp_im_core.host.interfaces import as_answer
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server import (
    Account,
    AccountRemoved,
    Arrived,
    ForAccount,
    LoadFailed,
    OfflineLoaded,
    Route,
    SessionDetached,
    SessionId,
)
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.effects import Delegate, Deliver, EffectId, EndSession, FanOut, LoadOffline
from xmpp_im_core.server.service.events import ArrivedForMany, ServiceEvent, not_stored
from xmpp_im_core.server.service.serving import Load, Served, Service, serve
from xmpp_im_core.stanza import IQ, Condition, Stanza, error_reply, may_be_answered, stanza_error
from xmpp_im_host.cluster.outgoing import Outgoing
from xmpp_im_host.cluster.pending import Pending, overlaid
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.log import failure, log
from xmpp_im_host.storage.errors import EngineFailed
from xmpp_im_host.storage.records import Entry, Found, Listed, RemoveKind

S = TypeVar("S")

_NOBODY: Final = SessionId("nobody", 0)
"""A session that no account has. Its events load an account and change nothing."""

Delegated: TypeAlias = Callable[[str, IQ], Stanza | None]
"""The services of the program: answers as :meth:`xmpp_im_core.host.Wire.delegate` does.

It may be asked again if the commit of a step fails, so a request that changes something has to do no harm then.
"""


class Rows(Protocol):
    """Reads rows of the partition."""

    async def __call__(self, account: str, kinds: Collection[str], counted: Collection[str]) -> Found:
        """Read rows as :meth:`Engine.load` does."""

    async def listed(self, partition: int, kind: str) -> Sequence[Listed]:
        """Read all rows of a kind in a partition, as they were before the batch."""

    async def waiting(self, queue: str) -> Sequence[Entry]:
        """Read everything that waits in a queue, as it was before the batch."""

    async def living(self) -> Collection[str]:
        """Return the numbers of the nodes that have not ended."""


@define(eq=False)
class Step(Generic[S]):
    """One step. It changes nothing but itself: take over :attr:`service` and :attr:`pending` when it has ended."""

    service: Service[S]
    policy: Policy
    out: Outgoing
    pending: Pending
    """What the step has decided; what earlier steps have decided is below."""
    rows: Rows
    delegated: Delegated
    last_resort: bool = False
    """Whether :meth:`take` refuses events, and a read that fails counts as an answer instead of failing the step."""
    served: list[Served[S]] = field(factory=list)
    """The results of the core, in their order."""

    @property
    def ids(self) -> Ids:
        """The source of new ids."""
        return self.out.ids

    @property
    def at(self) -> datetime:
        """When the step happens."""
        return self.out.at

    # --- events ---------------------------------------------------------------------------------------------------

    async def take(self, event: ServiceEvent) -> None:
        """Process an event, or refuse it as the last resort.

        :raises EngineFailed: as :meth:`feed` does.
        """
        await (self.refuse(event) if self.last_resort else self.feed(event))

    async def feed(self, event: ServiceEvent) -> None:
        """Process an event and everything that it causes in this partition.

        :raises EngineFailed: if what it needs cannot be read. Drop the step then.
        """
        try:
            await self._attempt(event)
        except EngineFailed:
            raise
        except Exception as error:
            failure("event could not be processed", error, kind=_kind(event))
            await self.refuse(event)

    async def refuse(self, event: ServiceEvent) -> None:
        """Answer an event with an error, as if it could not be stored. Nothing happens if that fails too.

        :raises EngineFailed: as :meth:`feed` does.
        """
        try:
            await self._attempt(not_stored(self.at, self.ids(), event))
        except EngineFailed:
            raise
        except Exception as error:
            failure("event could not be answered", error, kind=_kind(event))

    async def state(self, account: str) -> Account | None:
        """Return an account, loaded if need be; None if it does not exist.

        :raises EngineFailed: as :meth:`feed` does.
        """
        if account not in self.service.accounts:
            await self.feed(ForAccount(account, SessionDetached(self.at, self.ids(), _NOBODY)))
        found = self.service.accounts.get(account)
        state = None if found is None else account_of(found)
        return state if isinstance(state, Account) else None

    async def _attempt(self, event: ServiceEvent) -> None:
        """Process an event; nothing of it is left if that fails."""
        service, pending, known = self.service, self.pending, len(self.served)
        if pending:  # what was decided before outlives a failure
            self.pending = Pending(pending)
        self.out.decision = Decision.ASK if isinstance(event, ArrivedForMany) else event.decision
        try:
            todo = deque([event])
            while todo:
                await self._process(todo.popleft(), todo)
        except BaseException:
            self.service = service
            self.pending = Pending(pending.below) if self.pending is pending else pending
            del self.served[known:]
            raise
        if self.pending is not pending:
            pending.merge(self.pending)
            self.pending = pending

    async def _process(self, event: ServiceEvent, todo: deque[ServiceEvent]) -> None:
        """Process one event. What results comes before everything else, and the answers of services after it."""
        served = serve(self.service, event, self.policy)
        self.service = served.state
        self.served.append(served)
        if served.store or served.forget:
            self.pending.change(stored_records.changes_of((*served.store, *served.forget)))
            self.pending.change(_keys_of_removed(served))
        caused: list[ServiceEvent] = []
        for n, (account, effect) in enumerate(served.effects):
            send = _SENDERS.get(type(effect))
            result: ServiceEvent | None = None
            if send is not None:
                result = send(self.out, self.pending, account, EffectId(served.seq, n), effect)
            elif isinstance(effect, Load | LoadOffline):
                result = await self._read(account, effect)
            elif isinstance(effect, Delegate):
                todo.extend(self._answers(account, EffectId(served.seq, n), effect))
            if result is not None:
                caused.append(result)
        if caused:
            todo.extendleft(reversed(caused))

    # --- effects --------------------------------------------------------------------------------------------------

    def _answers(self, account: str, id: EffectId, effect: Delegate) -> list[ServiceEvent]:
        """Let a service answer an IQ; return the answer, or what results from sending it elsewhere."""
        iq = effect.iq if effect.iq.to is not None else effect.iq.stamped(to=parse_address(account))
        try:
            answer = self.delegated(account, effect.iq)
            answer = None if answer is None else as_answer(iq, answer)
        except Exception as error:
            failure("service failed", error, account=account)
            answer = None
            if may_be_answered(iq):
                answer = error_reply(iq, stanza_error(Condition.INTERNAL_SERVER_ERROR))
        if answer is None:
            return []
        to = answer.to_jid
        if to is not None and to.domain in self.service.domains:
            return [Arrived(self.at, self.ids(), answer)]
        result = self.out.route(self.pending, account, id, Route(answer, rules.FORWARDED))
        return [] if result is None else [result]

    async def _read(self, account: str, effect: Load | LoadOffline) -> ServiceEvent:
        try:
            if isinstance(effect, Load):
                found = await self.load(account, stored_records.ACCOUNT, (stored_records.OFFLINE,))
                loaded = (await stored_records.stored(account, found)).loaded(self.at, self.ids())
                return ForAccount(account, loaded)
            found = await self.load(account, (stored_records.OFFLINE,))
            messages = await stored_records.messages(account, found.rows)
            return ForAccount(account, OfflineLoaded(self.at, self.ids(), effect.session, messages))
        except EngineFailed as error:
            if not self.last_resort:
                raise
            log(logging.ERROR, "account cannot be read", account=account, reason=str(error))
            if isinstance(effect, Load):
                return ForAccount(account, LoadFailed(self.at, self.ids()))
            return ForAccount(account, OfflineLoaded(self.at, self.ids(), effect.session, ()))

    async def load(self, account: str, kinds: Collection[str], counted: Collection[str] = ()) -> Found:
        """Read rows of an account as they are after everything that was decided before.

        :raises EngineFailed: if they cannot be read.
        """
        changes = self.pending.changes_of(account)
        if not changes:
            return await self.rows(account, kinds, counted)
        found = await self.rows(account, (*kinds, *counted), ())
        return overlaid(found, changes, kinds, counted)


_SENDERS: Final[Mapping[type, Callable[..., ServiceEvent | None]]] = {
    Deliver: Outgoing.deliver,
    EndSession: Outgoing.close,
    Route: Outgoing.route,
    FanOut: Outgoing.fan_out,
}
"""The method that takes each class of effect out of the partition. ``Ignored`` has none: nothing is to be done."""


def _keys_of_removed(served: Served[S]) -> Iterable[RemoveKind]:
    """Return the removal of the keys of each account that a step removes."""
    removed = [step.jid for step in served.steps if type(step.event) is AccountRemoved and step.transition.store]
    return [RemoveKind(jid, stored_records.CREDENTIALS) for jid in removed]


def _kind(event: ServiceEvent) -> str:
    return type(event.event if isinstance(event, ForAccount) else event).__name__
