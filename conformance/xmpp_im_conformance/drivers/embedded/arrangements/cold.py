"""No account stays in memory: each event finds its account on the storage alone, and is held while that is read."""

from __future__ import annotations

from xmpp_im_conformance.drivers.embedded.arrangements.leaving import without_accounts
from xmpp_im_conformance.drivers.embedded.host import DrivenHost
from xmpp_im_core.host.job import Job


class ColdHost(DrivenHost):
    """A host whose accounts leave memory before each event, and before each event that results from one."""

    def _take(self, job: Job) -> None:
        self.check_records()
        self.service = without_accounts(self.service, self.now, self.policy, self.delayed)
        super()._take(job)
