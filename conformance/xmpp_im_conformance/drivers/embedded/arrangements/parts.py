"""The service consists of several parts, each of which owns some accounts. Their wires join them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from xmpp_im_conformance.drivers.embedded.host import DrivenHost
from xmpp_im_core.event import Decision
from xmpp_im_core.host.job import Job
from xmpp_im_core.jid import prepared_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Service, ServiceEvent, hosting
from xmpp_im_core.server.service.events import Arrived, ArrivedForMany, ForAccount
from xmpp_im_core.stanza import Condition, Stanza


class PartsHost(DrivenHost):
    """Two parts with one storage. A stanza of another server comes to the part that does not own its recipient.

    The parts take turns at one queue. So what they send to one another arrives in the order in which it was sent.
    """

    def __init__(self, policy: Policy, now: datetime, service: Service[object]) -> None:
        """Begin with parts whose accounts are not in memory."""
        self.parts: dict[str, Service[object]] = {}
        self.astray: set[str] = set()
        """The ``seq`` of the events that come to another part than the owner's."""
        self.cause, self.sent = "", 0
        """The ``seq`` of the event that is processed, and how much it has sent to other parts."""
        super().__init__(policy, now, service)

    def part_of(self, account: str) -> str:
        """Return the name of the part that owns an account."""
        return "odd" if sum(account.encode()) % 2 else "even"

    @property
    def services(self) -> Collection[Service[object]]:
        """The parts."""
        return self.parts.values()

    def service_of(self, account: str) -> Service[object]:
        """Return the part that owns an account."""
        return self._part(self.part_of(account))

    def become(self, account: str, service: Service[object]) -> None:
        """Replace the part that owns an account."""
        self.parts[self.part_of(account)] = service

    def _part(self, name: str) -> Service[object]:
        if name not in self.parts:
            self.parts[name] = hosting(*self.service.domains, machine=self.service.machine, owns=self.owns(name))
        return self.parts[name]

    def owns(self, name: str) -> Callable[[str], bool]:
        """Return the function that says which accounts a part owns now."""
        owner = self.owners()
        return lambda account: owner(account) == name

    def owners(self) -> Callable[[str], str]:
        """Return the function that says who owns an account now: its answers do not change."""
        return self.part_of

    # --- the way to a part --------------------------------------------------------------------------------

    def arrive(self, stanza: Stanza, decision: Decision = Decision.ASK, done: Callable[[], None] | None = None) -> None:
        """Take a stanza of another server. A decision is known to the owner's part alone."""
        event = Arrived(*self.stamp(), stanza, decision)
        if decision is Decision.ASK:
            self.astray.add(event.seq)
        self.feed(event, done)

    def _take(self, job: Job) -> None:
        assert job.event is not None
        name = self._target(job.event)
        self.cause, self.sent = job.seq, 0
        self.service = self._part(name)
        super()._take(job)
        self.parts[name] = self.service

    def _target(self, event: ServiceEvent) -> str:
        name = self.part_of(_account_of(event))
        return self.other_than(name) if isinstance(event, Arrived) and event.seq in self.astray else name

    def other_than(self, name: str) -> str:
        """Return the name of another part."""
        return "even" if name == "odd" else "odd"

    # --- the wires between the parts ----------------------------------------------------------------------

    def route(self, stanza: Stanza) -> Condition | None:
        """Bring a stanza to the part that owns its recipient, or to the other server."""
        if stanza.to_jid is None or stanza.to_jid.domain not in self.service.domains:
            return super().route(stanza)
        self.enqueue(Arrived(self.now, self._derived(), stanza))
        return None

    def fan_out(self, stanza: Stanza, recipients: Sequence[str]) -> Mapping[str, Condition]:
        """Bring a stanza to each part that owns some of its recipients, and the rest to the other server."""
        inside = [each for each in recipients if prepared_jid(each).domain in self.service.domains]
        for _, group in groupby(inside, key=lambda each: self.part_of(prepared_jid(each).bare)):
            self.enqueue(ArrivedForMany(self.now, self._derived(), stanza, tuple(group)))
        outside = [each for each in recipients if each not in inside]
        return super().fan_out(stanza, outside) if outside else {}

    def _derived(self) -> str:
        """Return the ``seq`` of what is sent to another part: the same if the event that causes it comes again."""
        self.sent += 1
        return f"{self.cause}~{self.sent}"


def _account_of(event: ServiceEvent) -> str:
    """Return the account that an event is for; of many that one part owns, the first."""
    if isinstance(event, ForAccount):
        return event.jid
    to = event.stanza.to_jid if isinstance(event, Arrived) else prepared_jid(event.recipients[0])
    return "" if to is None else to.bare
