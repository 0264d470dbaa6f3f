"""The storage answers late: meanwhile all other events come, and then the last that was asked is answered first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from xmpp_im_conformance.drivers.embedded.arrangements.cold import ColdHost
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Load, LoadOffline, Service, ServiceEvent, TimePassed
from xmpp_im_core.server.service.events import ForAccount


class LateHost(ColdHost):
    """A cold host whose storage answers when nothing else is left to do."""

    def __init__(self, policy: Policy, now: datetime, service: Service[object]) -> None:
        """Begin with a storage of which nothing is asked."""
        self.asked: list[tuple[str, Load | LoadOffline]] = []
        super().__init__(policy, now, service)

    def feed(self, event: ServiceEvent, done: Callable[[], None] | None = None) -> None:
        """Take an event, and then the answers that it waits for."""
        super().feed(event, done)
        while self.asked and not self._running:
            account, effect = self.asked.pop()
            self.enqueue(ForAccount(account, TimePassed(*self.stamp())))  # held like all that comes before the answer
            answer = super()._load(account, effect)
            if answer is not None:
                super().feed(answer)

    def _load(self, account: str, effect: Load | LoadOffline) -> ServiceEvent | None:
        if account in self.delayed:
            return super()._load(account, effect)
        self.asked.append((account, effect))
        return None
