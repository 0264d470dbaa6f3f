"""Which accounts a commit under way concerns, and which events wait for them.

An event that concerns an account whose last step is still being committed waits until that has ended, and so does
every later event that concerns an account of a waiting one: events of one account are never reordered. All other
accounts go on. The oldest waiting event is never overtaken, so no two events can wait for each other.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from attrs import define, field

from xmpp_im_core.host.job import Job


def _number(job: Job) -> int:
    return job.number


@define(eq=False)
class AccountLocks:
    """The accounts that are not free."""

    under_way: dict[str, Job] = field(factory=dict)
    """By bare JID: the event that is being committed."""
    waiting: dict[str, list[Job]] = field(factory=dict)
    """By bare JID: the events that wait, the oldest first."""

    def __bool__(self) -> bool:
        return bool(self.under_way)

    def free_for(self, job: Job, accounts: Iterable[str]) -> bool:
        """Whether an event that concerns these accounts may be processed now."""
        for jid in accounts:
            if self.under_way.get(jid, job) is not job:
                return False
            queue = self.waiting.get(jid)
            if queue is not None and queue[0] is not job and queue[0].number < job.number:
                return False
        return True

    def take(self, job: Job, accounts: frozenset[str]) -> None:
        """Keep these accounts for an event that is being committed."""
        job.accounts = accounts
        for jid in accounts:
            self.under_way[jid] = job

    def give_back(self, job: Job) -> frozenset[str]:
        """Free the accounts of an event whose commits have ended, and return them."""
        freed, job.accounts = job.accounts, frozenset()
        for jid in freed:
            del self.under_way[jid]
        return freed

    def wait(self, job: Job, accounts: frozenset[str]) -> None:
        """Let an event wait for these accounts."""
        job.accounts = accounts
        for jid in accounts:
            insort(self.waiting.setdefault(jid, []), job, key=_number)

    def next(self, jid: str) -> Job | None:
        """Take out the event that has waited longest for an account, if all of its accounts are free."""
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
