"""A host for a storage that answers later: it requests commits and reads, and you report their results.

The host performs no I/O and starts no threads. After each call take its :meth:`DeferredHost.requests`, perform them (in
a thread, in a task, several in one transaction), and answer each one. Meanwhile the host processes events of other
accounts; an event that concerns an account whose last step is being committed waits.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeVar, overload

from xmpp_im_core.host.account_locks import AccountLocks
from xmpp_im_core.host.interfaces import Clock, Ids, Messages, Operations, Stored, Wire
from xmpp_im_core.host.job import Job
from xmpp_im_core.host.loop import Loop
from xmpp_im_core.host.storage_requests import Commit, ReadAccount, ReadMessages, StorageRequest
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.effects import LoadOffline
from xmpp_im_core.server.events import LoadFailed, OfflineLoaded
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.service.serving import Load, Service, serve

S = TypeVar("S")

_IN_DOUBT: Final = "in doubt"
_COMES_AGAIN: Final = "comes again"


class DeferredHost(Loop[S]):
    """A server without I/O, with a storage that answers later."""

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
        """Begin with a service and a wire; the parameters are those of :class:`~xmpp_im_core.host.loop.Loop`.

        With an outbox, call :meth:`recover` before you feed any event.
        """
        super().__init__(service, wire, clock, ids, policy, outbox=outbox, at_once=at_once)
        self._locks = AccountLocks()
        self._ended: deque[tuple[Commit, bool | str]] = deque()
        self._freed: deque[str] = deque()
        """Accounts that have been unlocked, and for which jobs may wait."""
        self._asked: list[StorageRequest] = []
        self._number = 0
        self._waiting = 0

    # --- requests and their answers -----------------------------------------------------------------------

    def requests(self) -> list[StorageRequest]:
        """Remove and return the requests that have come up since the last call."""
        asked, self._asked = self._asked, []
        return asked

    def committed(self, commit: Commit) -> None:
        """Report that the operations of a commit are durable.

        :raises ValueError: if the commit has been answered already; its stanzas would be sent twice.
        """
        self._end_commit(commit, True)

    @overload
    def read(self, request: ReadAccount, found: Stored) -> None: ...
    @overload
    def read(self, request: ReadMessages, found: Messages) -> None: ...
    def read(self, request: ReadAccount | ReadMessages, found: Stored | Messages) -> None:
        """Report what was read from the storage.

        :raises TypeError: if ``found`` does not answer this kind of request.
        """
        if isinstance(request, ReadAccount) and isinstance(found, Stored):
            self.feed(ForAccount(request.account, found.loaded(*self.stamp())))
        elif isinstance(request, ReadMessages) and not isinstance(found, Stored):
            self.feed(ForAccount(request.account, OfflineLoaded(*self.stamp(), request.session, found)))
        else:
            raise TypeError(f"found: {type(found).__name__} does not answer {type(request).__name__}")

    def failed(self, request: StorageRequest) -> None:
        """Report that a request failed: nothing was stored, or nothing could be read.

        :raises ValueError: if the request is a commit that has been answered already.
        """
        if isinstance(request, ReadAccount):
            self.feed(ForAccount(request.account, LoadFailed(*self.stamp())))
        elif isinstance(request, ReadMessages):
            self.feed(ForAccount(request.account, OfflineLoaded(*self.stamp(), request.session, ())))
        else:
            self._end_commit(request, False)

    def in_doubt(self, commit: Commit, *, comes_again: bool = False) -> None:
        """Report that nobody knows whether a commit was performed.

        The host forgets the accounts that it concerns, and reads them again. The entity that waits for an answer gets
        an error of type wait, though the change may be stored.

        :param comes_again: whether your queue delivers the event again if the commit was not performed. Then nobody
            gets an error, and ``done`` is not called.
        :raises ValueError: if the commit has been answered already.
        """
        self._end_commit(commit, _COMES_AGAIN if comes_again else _IN_DOUBT)

    def _end_commit(self, commit: Commit, done: bool | str) -> None:
        if commit.answered:
            raise ValueError("commit: it has been answered already")
        commit.answered = True
        self._ended.append((commit, done))
        self.run()

    @property
    def waiting(self) -> int:
        """How many events have been fed and not yet processed, including those that wait for a commit."""
        return len(self._inbox) + len(self._ended) + self._waiting

    @property
    def ready(self) -> bool:
        """Whether :meth:`run` has something to do. Events that wait for a commit do not count."""
        return bool(self._inbox or self._ended or self._freed)

    # --- the loop -----------------------------------------------------------------------------------------

    def _step(self) -> bool:
        if self._inbox and self._inbox[0].completes:  # what an event has caused comes before all other events
            return super()._step()
        if self._go_on():
            return True
        if not self._ended:
            return super()._step()
        commit, done = self._ended.popleft()
        if commit.last:
            self._finished(commit.job)
        elif done is True:
            self._committed(commit.job)
        elif done is False:
            self._failed(commit.job)
        else:
            self._doubted(commit.job, done)
        return True

    def _doubted(self, job: Job, done: str) -> None:
        """Forget the accounts of a job before any event that waits for them goes on."""
        self._lose(job)
        if done == _IN_DOUBT:
            self._failed(job)
        else:
            self._freed.extend(sorted(self._locks.give_back(job)))

    def _take(self, job: Job) -> None:
        assert job.event is not None
        if not job.number:
            self._number += 1
            job.number = (self._number,)
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
        if self.outbox is not None and not job.failed:  # only the outbox changes, so no account is locked
            self._asked.append(Commit(operations, Job(None), last=True))
            self._finished(job)
            return
        if not job.accounts and job.served is not None:
            self._locks.take(job, job.served.concerned())
        self._asked.append(Commit(operations, job, last=True))

    def _failed(self, job: Job) -> None:
        freed = self._locks.give_back(job)
        job.accounts = freed  # keep them, so that jobs that wait for these accounts also wait for the error answer
        super()._failed(job)
        self._freed.extend(sorted(freed))

    def _finished(self, job: Job) -> None:
        self._freed.extend(sorted(self._locks.give_back(job)))
        super()._finished(job)

    def _go_on(self) -> bool:
        """Process the oldest job that waited for an account that is unlocked now; return whether there was one."""
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
