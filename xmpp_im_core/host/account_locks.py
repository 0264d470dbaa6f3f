"""Locks on accounts: which accounts are being committed, and which jobs wait for them.

A job waits while an account that it concerns is being committed. A later job also waits if it concerns an account of a
waiting job, so the events of one account keep their order. All other accounts continue. The oldest waiting job never
waits for another waiting job, so there is no deadlock. An event that another one has caused comes right
after its cause, and before the events that came later.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from attrs import define, field

from xmpp_im_core.host.job import Job


def _number(job: Job) -> tuple[int, ...]:
    return job.number


@define(eq=False)
class AccountLocks:
    """The accounts that are locked, and the jobs that wait for them."""

    locked: dict[str, Job] = field(factory=dict)
    """By bare JID: the job that is being committed."""
    waiting: dict[str, list[Job]] = field(factory=dict)
    """By bare JID: the jobs that wait for the account, the oldest first."""

    def __bool__(self) -> bool:
        return bool(self.locked)

    def free_for(self, job: Job, accounts: Iterable[str]) -> bool:
        """Whether a job that concerns these accounts may be processed now."""
        for jid in accounts:
            if self.locked.get(jid, job) is not job:
                return False
            queue = self.waiting.get(jid)
            if queue is not None and queue[0] is not job and queue[0].number < job.number:
                return False
        return True

    def take(self, job: Job, accounts: frozenset[str]) -> None:
        """Lock these accounts for a job that is being committed."""
        job.accounts = accounts
        for jid in accounts:
            self.locked[jid] = job

    def give_back(self, job: Job) -> frozenset[str]:
        """Unlock the accounts of a job whose commits have ended, and return them."""
        freed, job.accounts = job.accounts, frozenset()
        for jid in freed:
            del self.locked[jid]
        return freed

    def wait(self, job: Job, accounts: frozenset[str]) -> None:
        """Let a job wait for these accounts."""
        job.accounts = accounts
        for jid in accounts:
            insort(self.waiting.setdefault(jid, []), job, key=_number)

    def next(self, jid: str) -> Job | None:
        """Remove and return the job that has waited longest for this account, if all its accounts are free."""
        queue = self.waiting.get(jid)
        if not queue or not self.free_for(queue[0], queue[0].accounts):
            return None
        job = queue[0]
        for each in job.accounts:
            self._leave(each, job)
        return job

    def _leave(self, jid: str, job: Job) -> None:
        queue = self.waiting[jid]
        queue.remove(job)
        if not queue:
            del self.waiting[jid]
