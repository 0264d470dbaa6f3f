"""Nobody knows whether the last commit was done: each account is loaded again, while its sessions stay in memory."""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from xmpp_im_conformance.drivers.embedded.arrangements.cold import ColdHost
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Service


class DoubtfulHost(ColdHost):
    """A cold host that stores no sessions. An account that is loaded again has to save what has changed meanwhile."""

    def __init__(self, policy: Policy, now: datetime, service: Service[object]) -> None:
        """Begin with a policy that stores no sessions."""
        super().__init__(evolve(policy, keep_sessions=False), now, service)
