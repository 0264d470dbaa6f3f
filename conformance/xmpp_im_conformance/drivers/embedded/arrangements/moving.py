"""The owner of each account changes between two events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from xmpp_im_conformance.drivers.embedded.arrangements.leaving import without_accounts
from xmpp_im_conformance.drivers.embedded.arrangements.parts import PartsHost
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Service, ServiceEvent, owning


class MovingHost(PartsHost):
    """Two parts that exchange their accounts before each event that comes from outside.

    An account that waits for the storage, or whose records do not say everything, stays where it is.
    """

    def __init__(self, policy: Policy, now: datetime, service: Service[object]) -> None:
        """Begin with parts whose accounts are not in memory."""
        self.exchanged = False
        self.staying: Mapping[str, str] = {}
        """The part of each account that does not move."""
        super().__init__(policy, now, service)

    def part_of(self, account: str) -> str:
        """Return the name of the part that owns an account at present."""
        return self.owners()(account)

    def owners(self) -> Callable[[str], str]:
        """Return the function that says who owns an account now: its answers do not change."""
        usual, exchanged, staying = super().part_of, self.exchanged, self.staying

        def owner(account: str) -> str:
            name = staying.get(account) or usual(account)
            return self.other_than(name) if exchanged and account not in staying else name

        return owner

    def feed(self, event: ServiceEvent, done: Callable[[], None] | None = None) -> None:
        """Let the accounts change their owner, and take an event."""
        if not self._running:
            self._exchange()
        super().feed(event, done)

    def _exchange(self) -> None:
        left = {name: without_accounts(part, self.now, self.policy, self.delayed) for name, part in self.parts.items()}
        self.staying = {jid: name for name, part in left.items() for map in (part.accounts, part.held) for jid in map}
        self.exchanged = not self.exchanged
        self.parts = {name: owning(part, self.owns(name)) for name, part in left.items()}
