"""A host whose storage answers later: it asks for commits and reads, and their ends are fed back.

It performs no I/O and starts nothing: after each call take its :meth:`DeferredHost.requests`, have them done (in a
thread, in a task, in a transaction for several), and answer each one. Meanwhile all accounts that a commit does not
concern go on. An event that concerns an account whose last step is still being committed waits for it.
"""

from __future__ import annotations

from collections import deque
from typing import TypeVar, overload

from xmpp_im_core.host.account_locks import AccountLocks
from xmpp_im_core.host.interfaces import Clock, Ids, Messages, Operations, Stored, Wire
from xmpp_im_core.host.job import Job
from xmpp_im_core.host.loop import Loop
from xmpp_im_core.host.storage_requests import Commit, ReadAccount, ReadMessages, Request
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.effects import LoadOffline
from xmpp_im_core.server.events import LoadFailed, OfflineLoaded
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.service.serving import Load, Service, serve

S = TypeVar("S")


class DeferredHost(Loop[S]):
    """A server without its I/O, around a storage that answers later."""

    def __init__(
        self,
        service: Service[S],
        wire: Wire,
        clock: Clock,
        ids: Ids,
        policy: Policy = DEFAULT,
        *,
        outbox: bool = False,
        at_once: int = 1000,
    ) -> None:
        """Begin as :class:`~xmpp_im_core.host.loop.Loop` says; with an outbox, call ``recover`` first."""
        super().__init__(service, wire, clock, ids, policy, outbox=outbox, at_once=at_once)
        self._locks = AccountLocks()
        self._ended: deque[tuple[Commit, bool]] = deque()
        self._freed: deque[str] = deque()
        """Accounts that an event has given back, and that others may have waited for."""
        self._asked: list[Request] = []
        self._number = 0
        self._waiting = 0

    # --- requests and their answers -----------------------------------------------------------------------

    def requests(self) -> list[Request]:
        """Take out what has been asked for since the last call."""
        asked, self._asked = self._asked, []
        return asked

    def committed(self, commit: Commit) -> None:
        """Go on with an event: what it wanted stored is durable.

        :raises ValueError: if this commit has been answered: its stanzas would be sent twice.
        """
        self._end_commit(commit, True)

    @overload
    def read(self, request: ReadAccount, found: Stored) -> None: ...
    @overload
    def read(self, request: ReadMessages, found: Messages) -> None: ...
    def read(self, request: ReadAccount | ReadMessages, found: Stored | Messages) -> None:
        """Take what was read from the storage."""
        if isinstance(request, ReadAccount) != isinstance(found, Stored):
            raise TypeError(f"found: {type(found).__name__} does not answer {type(request).__name__}")
        if isinstance(found, Stored):
            self.feed(ForAccount(request.account, found.loaded(*self.stamp())))
        elif isinstance(request, ReadMessages):
            self.feed(ForAccount(request.account, OfflineLoaded(*self.stamp(), request.session, found)))

    def failed(self, request: Request) -> None:
        """Take note that a request could not be done: nothing was stored, or nothing could be read.

        :raises ValueError: if it is a commit that has been answered.
        """
        if isinstance(request, ReadAccount):
            self.feed(ForAccount(request.account, LoadFailed(*self.stamp())))
        elif isinstance(request, ReadMessages):
            self.feed(ForAccount(request.account, OfflineLoaded(*self.stamp(), request.session, ())))
        else:
            self._end_commit(request, False)

    def _end_commit(self, commit: Commit, done: bool) -> None:
        if commit.answered:
            raise ValueError("commit: it has been answered already")
        commit.answered = True
        self._ended.append((commit, done))
        self.run()

    @property
    def waiting(self) -> int:
        """How many events have been fed and not been processed, those that wait for a commit included."""
        return len(self._inbox) + len(self._ended) + self._waiting

    @property
    def ready(self) -> bool:
        """Whether :meth:`run` has something to do; what waits for a commit does not count."""
        return bool(self._inbox or self._ended or self._freed)

    # --- the loop -----------------------------------------------------------------------------------------

    def _step(self) -> bool:
        if self._go_on():
            return True
        if not self._ended:
            return super()._step()
        commit, done = self._ended.popleft()
        if commit.last:
            self._finished(commit.job)
        elif done:
            self._committed(commit.job)
        else:
            self._failed(commit.job)
        return True

    def _take(self, job: Job) -> None:
        assert job.event is not None
        if not job.number:
            self._number += 1
            job.number = self._number
        served = serve(self.service, job.event, self.policy)
        if self._locks and not self._locks.free_for(job, concerned := served.concerned() | job.accounts):
            self._waiting += 1
            self._locks.wait(job, concerned)
        else:
            job.accounts = frozenset()
            self._begin(job, served)

    def _commit(self, job: Job, operations: Operations) -> None:
        assert job.served is not None
        self._locks.take(job, job.served.concerned())
        self._asked.append(Commit(operations, job, last=False))

    def _forget(self, job: Job, operations: Operations) -> None:
        if self.outbox is not None and not job.failed:  # only the outbox changes, and no account waits for that
            self._asked.append(Commit(operations, Job(None), last=True))
            self._finished(job)
            return
        if not job.accounts and job.served is not None:
            self._locks.take(job, job.served.concerned())
        self._asked.append(Commit(operations, job, last=True))

    def _failed(self, job: Job) -> None:
        freed = self._locks.give_back(job)
        job.accounts = freed  # what has waited for these goes on waiting for its answer
        super()._failed(job)
        self._freed.extend(sorted(freed))

    def _finished(self, job: Job) -> None:
        self._freed.extend(sorted(self._locks.give_back(job)))
        super()._finished(job)

    def _go_on(self) -> bool:
        """Process the oldest event that has waited for an account that is free now; return whether there was one."""
        while self._freed:
            job = self._locks.next(self._freed[0])
            if job is None:
                self._freed.popleft()
                continue
            self._waiting -= 1
            self._freed.extend(sorted(job.accounts))
            job.accounts = frozenset()
            self._take(job)
            return True
        return False

    def _load(self, account: str, effect: Load | LoadOffline) -> None:
        if isinstance(effect, Load):
            self._asked.append(ReadAccount(account))
        else:
            self._asked.append(ReadMessages(account, effect.session))
