"""Each event that stores something comes twice more, as from a queue that delivers again: nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from attrs import evolve

from xmpp_im_conformance.drivers.embedded.arrangements.leaving import without_accounts
from xmpp_im_conformance.drivers.embedded.host import DrivenHost
from xmpp_im_core.host.job import Job
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules.storage import PROCESSED
from xmpp_im_core.server import Event, Ignored, Inbound, Kind, Load, Outbound, Served, Service, ServiceEvent
from xmpp_im_core.server.service.events import ArrivedForMany, ForAccount, entering
from xmpp_im_core.server.service.serving import Handled, serve


class RepeatingHost(DrivenHost):
    """A host whose events come again: first to the accounts in memory, and then to those that were loaded anew."""

    def __init__(self, policy: Policy, now: datetime, service: Service[object]) -> None:
        """Begin with no event."""
        self.results: dict[str, Served[object]] = {}
        """What came of an event, by its ``seq``, until it comes again."""
        self.earlier: dict[str, Event] = {}
        """The last stanza that each account has processed because of an event from outside."""
        super().__init__(policy, now, service)

    def observe(self, served: Served[object]) -> None:
        """Remember what came of an event."""
        super().observe(served)
        self.results[served.seq] = served

    def _take(self, job: Job) -> None:
        seq, event = job.seq, job.event
        assert event is not None
        super()._take(job)
        served = self.results.pop(seq, None)
        if served is not None and self._is_remembered(served):
            self.service = self._taken(self.service, event)
            self._taken(without_accounts(self.service, self.now, self.policy), event)
            self._see_others(event)

    def _see_others(self, event: ServiceEvent) -> None:
        """See that another stanza is not taken for one that came before, if a host repeats a ``seq`` by mistake.

        :raises ValueError: if it is.
        """
        if isinstance(event, ArrivedForMany):
            return
        entered = entering(event)
        stanza, earlier = entered.event, self.earlier.get(entered.jid)
        if not isinstance(stanza, Inbound | Outbound):
            return
        self.earlier[entered.jid] = stanza
        if earlier is None or evolve(earlier, at=stanza.at, seq=stanza.seq) == stanza:
            return
        repeated = ForAccount(entered.jid, evolve(earlier, seq=stanza.seq))
        for effect in serve(self.service, repeated, self.policy).steps[0].transition.effects:
            if effect.rule is PROCESSED:
                raise ValueError(f"{repeated} is taken for {event}")

    def _is_remembered(self, served: Served[object]) -> bool:
        """Whether an account remembers each step of an event that has done something, and can say so now."""
        done = [step for step in served.steps if _is_stored(step) or _leaves(step, served)]
        waits = any(jid in self.service.held for jid in served.concerned())
        return bool(done) and all(map(_is_stored, done)) and not waits

    def _taken(self, service: Service[object], event: ServiceEvent) -> Service[object]:
        """Return the service that has taken an event again.

        :raises ValueError: if something is stored or sent because of it.
        """
        events: list[ServiceEvent] = [_later(event)]
        while events:
            served = serve(service, events.pop(0), self.policy)
            if served.store or served.forget:
                raise ValueError(f"the event {event} stores something when it comes again")
            service = served.state
            events += self._answers(served)
        return service

    def _answers(self, served: Served[object]) -> Iterator[ServiceEvent]:
        """Yield the accounts that are asked for.

        :raises ValueError: if anything is sent.
        """
        for jid, effect in served.effects:
            if isinstance(effect, Load):
                yield ForAccount(jid, self.records.kept(jid).loaded(*self.stamp()))
            elif not isinstance(effect, Ignored):
                raise ValueError(f"this is sent to {jid} when an event comes again: {effect}")


def _is_stored(step: Handled[object]) -> bool:
    """Whether a step has stored something of the account. What only its extensions store is not remembered."""
    return any(each.kind is not Kind.ENABLED for each in (*step.transition.store, *step.transition.forget))


def _later(event: ServiceEvent) -> ServiceEvent:
    """Return the event as a queue delivers it again: the host takes the time anew."""
    later = timedelta(seconds=1)
    if isinstance(event, ForAccount):
        return evolve(event, event=evolve(event.event, at=event.event.at + later))
    return evolve(event, at=event.at + later)


def _leaves(step: Handled[object], served: Served[object]) -> bool:
    """Whether a step has an effect that the host performs."""
    return any(not isinstance(effect, Ignored) for jid, effect in served.effects if jid == step.jid)
