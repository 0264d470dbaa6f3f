"""The loop around ``serve``: what every host does, whether its storage answers at once or later.

For each event that is fed, the loop

1. calls ``serve`` and commits ``store``. If that commit fails, the event changes nothing, and the entity that waits
   for an answer gets an error of type wait;
2. performs the effects on the wire, in order;
3. processes the events that result (a failed delivery, a stanza that could not be routed, an answer) before any other
   event;
4. commits ``forget``.

With an outbox, step 1 also stores the stanzas that are to be sent. They are removed after the wire has taken them and
the results have been committed. So no stanza is lost if the process dies; see :meth:`Loop.recover`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from xmpp_im_core.host.effect_performer import PERFORM, EffectPerformer
from xmpp_im_core.host.interfaces import Clock, Ids, Operations, Wire
from xmpp_im_core.host.job import Job, OpenJobs
from xmpp_im_core.host.outbox import Outbox, place, strike
from xmpp_im_core.host.wake_times import WakeTimes
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.effects import Deliver, FanOut, Put, Route
from xmpp_im_core.server.events import OwnershipLost, SessionEnded, TimePassed, Undelivered
from xmpp_im_core.server.service.events import ForAccount, ServiceEvent, not_stored
from xmpp_im_core.server.service.serving import Served, Service, merged, serve, unload
from xmpp_im_core.server.state import Session, SessionId

S = TypeVar("S")


class Loop(EffectPerformer[S]):
    """The loop that ``Host`` and ``DeferredHost`` share."""

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
        """Begin with a service, usually one without accounts in memory: ``hosting("capulet.example")``.

        :param outbox: whether each stanza to be sent is stored until the wire has taken it.
        :param at_once: how many events one call processes at most, including the events that result from others. The
            rest waits for the next call of any method that feeds an event, or of :meth:`run`.
        :raises ValueError: if ``at_once`` is less than 1.
        """
        if at_once < 1:
            raise ValueError(f"at_once: {at_once}; at least 1 is needed")
        super().__init__(service, wire, clock, ids)
        self.policy = policy
        self.outbox = Outbox() if outbox else None
        self.at_once = at_once
        self._inbox: deque[Job] = deque()
        self._wake_times = WakeTimes()
        self._open_jobs = OpenJobs()
        self._running = False

    def feed(self, event: ServiceEvent, done: Callable[[], None] | None = None) -> None:
        """Take an event that you have stamped yourself; see :meth:`stamp`.

        :param done: called when the event has been processed: its changes are durable, and the wire has taken what it
            sends. Acknowledge a client's stanza only then (XEP-0198).
        """
        self._inbox.append(Job(event, None, done))
        self.run()

    # --- time and memory ----------------------------------------------------------------------------------

    @property
    def wake_at(self) -> datetime | None:
        """When :meth:`wake` is to be called next; None if no account wants to be woken."""
        return self._wake_times.first

    def wake(self) -> None:
        """Wake each account whose time has come: it sends unanswered subscription requests again (RFC 6121 §3.1.2)."""
        for jid in self._wake_times.due(self.clock()):
            self.happened(jid, TimePassed)

    def expect_wakes(self, records: Iterable[tuple[str, Put]]) -> None:
        """Note when accounts that are not in memory want to be woken. Call this after a start, or a change of owner.

        :param records: the stored records of kind ``WAKE``, each with its account. Records of accounts that this host
            knows already change nothing.
        """
        for account, put in records:
            self._wake_times.expect(account, put)

    def end_kept(self, records: Iterable[tuple[str, Put]]) -> None:
        """End the sessions of an earlier process, which died: everybody who knew of them is told (RFC 6121 §4.5.2).

        Call this after a start, before :meth:`recover` and before you feed any event. New sessions get later epochs.

        :param records: the stored records of the kinds ``SESSION`` and ``REPLACED``, each with its account.
        """
        for account, put in records:
            id = put.value.id if isinstance(put.value, Session) else put.value
            if isinstance(id, SessionId):
                self._epoch = max(self._epoch, id.epoch)
                self._inbox.append(Job(ForAccount(account, SessionEnded(*self.stamp(), id))))
        self.run()

    def unload(self, account: str) -> bool:
        """Take an account out of memory, if it has no session and waits for nothing. Its ``wake_at`` is kept.

        :return: whether the account is out of memory now.
        """
        self.service = unload(self.service, account)
        return account not in self.service.accounts and account not in self.service.held

    @property
    def waiting(self) -> int:
        """How many events have been fed and not yet processed. While this is large, read less from the streams."""
        return len(self._inbox)

    @property
    def ready(self) -> bool:
        """Whether :meth:`run` has something to do: the last call ended at ``at_once`` before everything was done."""
        return bool(self._inbox)

    # --- the loop -----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Process the events that wait. Every method that feeds an event calls this.

        While the wire is called it may feed events; the loop processes them afterwards. If the wire or a callback
        raises, its stanza counts as not taken and the other events are processed. Then this method raises the
        exception, or an ``ExceptionGroup`` of several.
        """
        if self._running:
            return
        self._running = True
        try:
            for _ in range(self.at_once):
                if not self._step():
                    break
        finally:
            self._running = False
        if self._errors:
            errors, self._errors = self._errors, []
            raise errors[0] if len(errors) == 1 else ExceptionGroup("several calls by the host failed", errors)

    def _step(self) -> bool:
        """Process one job that waits; return whether there was one."""
        if not self._inbox:
            return False
        self._take(self._inbox.popleft())
        return True

    def _take(self, job: Job) -> None:
        assert job.event is not None
        self._begin(job, serve(self.service, job.event, self.policy))

    def _begin(self, job: Job, served: Served[S]) -> None:
        """Commit the store operations of an event; its effects are performed when that is done."""
        operations = served.store if self.outbox is None else self.outbox.first_commit(job, served)
        if operations:
            job.before, job.served = self.service, served
            self._commit(job, operations)
        else:
            self.service = served.state
            self._perform(job, served)

    def _committed(self, job: Job) -> None:
        """Continue a job whose store operations are durable now."""
        served = job.served
        assert served is not None
        self.service = served.state if job.before is self.service else merged(self.service, served)
        self._perform(job, served)

    def _perform(self, job: Job, served: Served[S]) -> None:
        """Perform the effects of an event, and put the events that result in front of all others."""
        self._wake_times.note(served)
        if served.holds or served.releases:
            self._open_jobs.note(job, served)
        if self.outbox is not None:
            self.outbox.note(job, served)
        try:
            self.observe(served)
        except Exception as error:
            self._errors.append(error)
        caused: list[Job] = []
        for n, (account, effect) in enumerate(served.effects):
            try:
                result = PERFORM[type(effect)](self, account, effect)
            except Exception as error:
                self._errors.append(error)
                result = self._result_of_raising(account, effect)
            if result is not None:
                caused.append(Job(result, None if self.outbox is None else place(job, n, account, effect)))
        if caused:
            job.open += len(caused)
            for n, each in enumerate(caused):
                each.completes, each.number = (job,), (*job.number, n)
            self._inbox.extendleft(reversed(caused))
        last = served.forget if self.outbox is None else self.outbox.last_commit(job, served, caused)
        if last:
            job.served = served
            self._forget(job, last)
        else:
            self._finished(job)

    def _failed(self, job: Job) -> None:
        """Answer an event with an error: its store operations could not be committed. The answer stores nothing."""
        if job.failed:
            self._finished(job)
            return
        assert job.event is not None
        job.failed = True
        job.event = not_stored(*self.stamp(), job.event)
        self._take(job)

    def _lose(self, job: Job) -> None:
        """Forget what is known of the accounts of a job, since its first commit is in doubt. They are loaded again."""
        assert job.served is not None
        for account in sorted(job.served.concerned()):
            lost = Job(ForAccount(account, OwnershipLost(*self.stamp())))
            assert lost.event is not None
            self._begin(lost, serve(self.service, lost.event, self.policy))

    def observe(self, served: Served[S]) -> None:
        """Override this to see the result of each event, its steps and their rules, for a log or a test.

        It is called after the event's store operations are durable and before its effects are performed.
        """

    def _finished(self, job: Job) -> None:
        """Note that all commits of a job have ended, and report each job of which no part is left."""
        if job.open == 1 and not job.completes:  # true for nearly every job
            self._report_done(job)
            return
        for each in self._open_jobs.finish(job):
            self._report_done(each)

    def _report_done(self, job: Job) -> None:
        if job.done is not None:
            try:
                job.done()
            except Exception as error:
                self._errors.append(error)

    @abstractmethod
    def _commit(self, job: Job, operations: Operations) -> None:
        """Commit; ``_committed`` or ``_failed`` follows."""

    @abstractmethod
    def _forget(self, job: Job, operations: Operations) -> None:
        """Commit the removal of records whose stanzas have been sent; ``_finished`` follows in either case."""

    # --- after a crash ------------------------------------------------------------------------------------

    def recover(self, owed: Iterable[tuple[str, Put]]) -> None:
        """Send what the outbox still holds. Call this once, after a start and before you feed any event.

        Stanzas for other servers are routed, perhaps for the second time. No session survives a restart, so each
        delivery counts as failed for all its sessions: a message is stored, or answered with an error.

        :param owed: the records of kind ``OUTBOX``, each with its account, in the order in which they were put.
        """
        for account, put in owed:
            effect, settles = put.value, (account, put.key)
            result: ServiceEvent | None = None
            if isinstance(effect, Deliver):
                result = ForAccount(account, Undelivered(*self.stamp(), effect, effect.sessions))
            elif isinstance(effect, Route):
                result = self._route(account, effect)
            elif isinstance(effect, FanOut):
                result = self._fan_out(account, effect)
            if result is None:
                self._forget(Job(None), (strike(settles),))
            else:
                self._inbox.append(Job(result, settles))
        self.run()
