"""The host on asyncio: it commits, reads, wakes and unloads accounts in tasks.

Everything runs in one event loop. Each event is reduced at once. What an event stores is committed together with what
other events store at that time, and nothing that the event sends leaves before that. Events that store nothing go on
meanwhile, and so do other accounts; the events of an account that is being committed wait, in order.

Neither the wire nor a callback can end the host: what they raise is logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

from attrs import define

from xmpp_im_core.event import Decision
from xmpp_im_core.host import Commit, DeferredHost, ReadAccount, ReadMessages, Wire
from xmpp_im_core.host.job import Job
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server import (
    AccountRemoved,
    EndSession,
    ForAccount,
    Kind,
    OwnershipLost,
    Put,
    Service,
    SessionId,
)
from xmpp_im_core.server.service.serving import Served, serve
from xmpp_im_core.stanza import IQ, Stanza
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.hosting.account_changes import farewell_of
from xmpp_im_host.hosting.event_log import EventLog
from xmpp_im_host.hosting.host import Figures
from xmpp_im_host.hosting.idle_accounts import IdleAccounts
from xmpp_im_host.hosting.owned_engine import OwnedEngine
from xmpp_im_host.hosting.waiting import Tasks, Waiter
from xmpp_im_host.log import failure, log
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.records import Change, RemoveKind

S = TypeVar("S")

_LONGEST_SLEEP: Final = 60.0
_SWEEP_SECONDS: Final = 5.0
_SKIPPED: Final = 16
"""A sweep ends when so many accounts could not leave the memory; the next one tries others."""
_PAUSE: Final = 0.005
"""How long to wait before asking again whether an account is free, in seconds."""
_TRIES: Final = 3
"""How often to load an account that has left the memory before anybody could look at it."""


@define(eq=False)
class Companion:
    """Changes that are committed together with an event, if the event stores anything."""

    changes: tuple[Change, ...]
    asked: bool = False
    """Whether the event stores something, so that these changes were to be committed."""
    error: Exception | None = None
    """Why they could not be committed."""


class AsyncLoop(DeferredHost[S]):
    """Enter it with ``async with``. Leaving it finishes everything that was fed."""

    def __init__(
        self,
        service: Service[S],
        engine: Engine,
        wire: Wire,
        policy: Policy = DEFAULT,
        *,
        node: str = "localhost",
        outbox: bool = False,
        flush: Callable[[], None] | None = None,
        idle_accounts: int = 1000,
        idle_seconds: float = 300.0,
        event_log: int = 0,
        drain_seconds: float = 30.0,
        wakes: bool = True,
    ) -> None:
        """Begin with a service without accounts in memory, an open engine and a wire.

        :param node: the name of this machine or program, for those who look into the database.
        :param outbox: whether each stanza to be sent is stored until the wire has taken it. Nearly every stanza is a
            commit then. What the wire has taken is the wire's to keep: a crash loses what it has only in memory.
        :param flush: called when the host may have written to the wire.
        :param idle_accounts: how many accounts without sessions may stay in memory.
        :param idle_seconds: how long each of them may stay.
        :param event_log: how many events of each account in memory are kept for :meth:`explained`; 0 for none.
        :param drain_seconds: how long leaving the host waits for what is under way.
        :param wakes: whether accounts are woken at their time, to repeat subscription requests (RFC 6121 §3.1.2). Turn
            it off for a command that works on the database while no server runs, and so sends nothing.
        """
        super().__init__(service, wire, _now, _new_id, policy, outbox=outbox, at_once=100)
        self.owned = OwnedEngine(engine, node, self._lose_accounts)
        self.drain_seconds = drain_seconds
        self._wakes = wakes
        self._flush = flush
        self._idle = IdleAccounts(idle_accounts, idle_seconds)
        self._log = EventLog(service.machine, event_log) if event_log else None
        self._reads = 0
        self._tasks = Tasks()
        self._companions: dict[str, Companion] = {}
        """What is to be committed together with an event, by the event's ``seq``."""
        self._farewells: dict[str, IQ] = {}
        """What a session gets before the removal of its account ends it, by the removal's ``seq``."""
        self._run_due = False
        self._sweep_due = False
        self._stopped = False

    # --- beginning and end --------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.owned.claim()
        if self._wakes:
            self.expect_wakes([put async for put in self._stored_wakes()])
            if self.policy.keep_sessions:
                self.end_kept([put async for put in self._kept_sessions()])
        await self._recover()
        if self._wakes:
            self._tasks.start(self._wake_accounts())
        self._tasks.start(self._unload_accounts())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Finish what is under way, and stop. End all sessions before, and feed nothing after."""
        if self._stopped:
            return
        try:
            async with asyncio.timeout(self.drain_seconds):
                while self.busy:
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            log(logging.ERROR, "stopped with unfinished events", events=self.waiting)
        self.abandon()

    def abandon(self) -> None:
        """Stop at once, as a crash would: what is not durable yet may be lost, and nobody is told."""
        self._stopped = True
        self.owned.abandon()
        self._tasks.cancel()

    @property
    def busy(self) -> bool:
        """Whether anything that was fed is not finished."""
        return bool(self.ready or self._reads or self.owned.waiting or self.waiting)

    @property
    def fenced(self) -> asyncio.Event:
        """Set when another server has taken over the database. Stop this server then: it can store nothing.

        From then on this host knows nothing of its accounts: requests and messages get errors of type wait, and the end
        of a session tells nobody, because the other server may have a session of the same resource.
        """
        return self.owned.fenced

    def _lose_accounts(self) -> None:
        """Forget the accounts: at once, before the events that wait, and again after a commit that is under way."""
        for account in list(self.service.accounts):
            lost = ForAccount(account, OwnershipLost(*self.stamp()))
            self._begin(Job(lost), serve(self.service, lost, self.policy))
            self.feed(ForAccount(account, OwnershipLost(*self.stamp())))

    async def _stored_wakes(self) -> AsyncIterator[tuple[str, Put]]:
        """Yield when the accounts want to be woken, in memory or not. The key of such a record is all that it has."""
        async for each in self.owned.scan(stored_records.WAKE):
            yield each.account, Put(Kind.WAKE, each.row.key, None)

    async def _kept_sessions(self) -> AsyncIterator[tuple[str, Put]]:
        """Yield the sessions that an earlier process has left, and the ends of sessions that it still expected."""
        for kind in (stored_records.SESSION, stored_records.REPLACED):
            async for each in self.owned.scan(kind):
                for put in await stored_records.puts(each.account, [each.row]):
                    yield each.account, put

    async def _recover(self) -> None:
        """Send what an earlier process left in the outbox."""
        owed: list[tuple[str, Put]] = []
        async for each in self.owned.scan(stored_records.OUTBOX):
            owed += [(each.account, put) for put in await stored_records.puts(each.account, [each.row])]
        if owed and self.outbox is None:
            log(
                logging.WARNING, "the outbox is not empty and stays: it was written with the option outbox", n=len(owed)
            )
        elif owed:
            self.recover(owed)

    # --- stanzas ------------------------------------------------------------------------------------------------

    async def take(self, account: str, session: SessionId, stanza: Stanza, decision: Decision = Decision.ASK) -> None:
        """Take a stanza that a client sent, and wait until it is processed: durable, and its effects with the wire.

        Read the next stanza of the stream only then: so no stream fills the memory, however slow the disk is, and no
        stream holds up another one.
        """
        waiter = Waiter()
        self.receive(account, session, stanza, decision, waiter.finish)
        await waiter.finished()

    async def take_arrived(self, stanza: Stanza, decision: Decision = Decision.ASK) -> None:
        """Take a stanza from a component or another server, and wait as in :meth:`take`.

        :raises ValueError: as :meth:`arrive` does.
        """
        waiter = Waiter()
        self.arrive(stanza, decision, waiter.finish)
        await waiter.finished()

    # --- memory -------------------------------------------------------------------------------------------------

    def unload(self, account: str) -> bool:
        """See :meth:`Loop.unload`. An account that is being committed stays."""
        if account in self._locks.locked or account in self._locks.waiting:
            return False
        return self._take_out(account)

    def _take_out(self, account: str) -> bool:
        """Take an account out of memory, and return whether it is out now."""
        left = super().unload(account)
        if left and self._log is not None:
            self._log.forget(account)
        return left

    def figures(self) -> Figures:
        """Return what the host has at the moment, for metrics."""
        return Figures(
            accounts=len(self.service.accounts),
            idle=len(self._idle.used),
            waiting=self.waiting,
            reads=self._reads,
            commits_waiting=self.owned.waiting,
            committed=self.owned.counts,
        )

    # --- the loop -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Process what waits. Every method that feeds an event calls this, and so does each answer of the engine."""
        if self._running or self._stopped:  # the wire has fed an event: it is processed after the current one
            return
        try:
            super().run()
        except Exception as error:
            failure("wire or callback failed", error)
        if self._flush is not None:
            try:
                self._flush()
            except Exception as error:
                failure("flush failed", error)
        for request in self.requests():
            if isinstance(request, Commit):
                self._ask(request)
            else:
                self._reads += 1
                self._tasks.start(self._read_for(request))
        if self.ready and not self._run_due:  # this call has processed its share: let other tasks run
            self._run_due = True
            asyncio.get_running_loop().call_soon(self._run_again)

    def _run_again(self) -> None:
        self._run_due = False
        self.run()

    def _take(self, job: Job) -> None:
        """Process a job. A fault of the core costs this one event: its sender gets an error of type wait."""
        try:
            super()._take(job)
        except Exception as error:
            failure("event could not be processed", error, kind=type(job.event).__name__)
            if job.failed:
                job.accounts = frozenset()  # none of them is locked
                self._finished(job)
            else:
                self._failed(job)

    def observe(self, served: Served[S]) -> None:
        """See :meth:`Loop.observe`."""
        self._idle.note(served, monotonic())
        if self._idle.too_many and not self._sweep_due:
            self._sweep_due = True
            asyncio.get_running_loop().call_soon(self._sweep)
        if self._log is not None:
            self._log.note(served)

    def _perform(self, job: Job, served: Served[S]) -> None:
        if self._farewells:
            self._say_farewell(served)
        super()._perform(job, served)

    def _say_farewell(self, served: Served[S]) -> None:
        said = [self._farewells.get(step.event.seq) for step in served.steps if type(step.event) is AccountRemoved]
        for farewell in said:
            for account, effect in served.effects:
                if not isinstance(effect, EndSession):
                    continue
                if (found := farewell_of(account, effect.session, farewell)) is not None:
                    self.wire.deliver(account, effect.session, found.stanza, found)

    # --- requests -----------------------------------------------------------------------------------------------

    def _ask(self, commit: Commit) -> None:
        try:
            changes, companions = self._changes(commit)
        except Exception as error:  # such as a SnapshotError: a value that cannot be written
            failure("record cannot be written", error)
            asyncio.get_running_loop().call_soon(self.failed, commit)
            return

        def report(error: Exception | None) -> None:
            for companion in companions:
                companion.error = error
            if error is None:
                self.committed(commit)
            elif isinstance(error, Unknown):
                self.in_doubt(commit)
            else:
                self.failed(commit)

        self.owned.ask(changes, report)

    def _changes(self, commit: Commit) -> tuple[tuple[Change, ...], list[Companion]]:
        """Return what a commit changes, and the companions whose changes are among that."""
        changes = stored_records.changes_of(commit.operations)
        if commit.job.served is None or commit.last:
            return changes, []
        changes += _keys_of_removed(commit.job.served)
        companions = self._companions_of(commit.job.served)
        for companion in companions:
            companion.asked = True
            changes += companion.changes
        return changes, companions

    def _companions_of(self, served: Served[S]) -> list[Companion]:
        if not self._companions:
            return []
        stored = [step.event.seq for step in served.steps if step.transition.store]
        return [self._companions[seq] for seq in stored if seq in self._companions]

    async def _read_for(self, request: ReadAccount | ReadMessages) -> None:
        try:
            if isinstance(request, ReadAccount):
                await self._read_account(request)
            else:
                await self._read_messages(request)
        except EngineFailed as error:
            log(logging.ERROR, "account cannot be read", account=request.account, reason=str(error))
            self.failed(request)
        except Exception as error:
            failure("account cannot be read", error, account=request.account)
            self.failed(request)
        finally:
            self._reads -= 1

    async def _read_account(self, request: ReadAccount) -> None:
        found = await self.owned.load(request.account, stored_records.ACCOUNT, (stored_records.OFFLINE,))
        self.read(request, await stored_records.stored(request.account, found))

    async def _read_messages(self, request: ReadMessages) -> None:
        found = await self.owned.load(request.account, (stored_records.OFFLINE,))
        self.read(request, await stored_records.messages(request.account, found.rows))

    # --- tasks --------------------------------------------------------------------------------------------------

    async def _wake_accounts(self) -> None:
        while True:
            self.wake()
            at = self.wake_at
            pause = _LONGEST_SLEEP if at is None else (at - self.clock()).total_seconds()
            await asyncio.sleep(min(max(pause, 1.0), _LONGEST_SLEEP))

    async def _unload_accounts(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP_SECONDS, self._idle.seconds))
            self.unload_idle()

    def unload_idle(self) -> None:
        """Take out of memory the accounts that have been without a session for long, or that are too many."""
        now, stay = monotonic(), 0
        while stay < _SKIPPED and (jid := self._idle.next_due(now)) is not None:
            if not self.unload(jid):
                self._idle.keep(jid, now)
                stay += 1

    def _sweep(self) -> None:
        self._sweep_due = False
        self.unload_idle()


def _keys_of_removed(served: Served[Any]) -> tuple[Change, ...]:
    """Return the removal of the keys of each account that these steps remove."""
    removed = [step.jid for step in served.steps if type(step.event) is AccountRemoved and step.transition.store]
    return tuple([RemoveKind(jid, stored_records.CREDENTIALS) for jid in removed])


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid4().hex
