"""The embedded host: the host loop of the core, with streams and a storage that play real ones.

What goes out is written to bytes and read again by the other side.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve

from xmpp_im_conformance.drivers.embedded.durability import not_stored
from xmpp_im_conformance.drivers.embedded.features import answer
from xmpp_im_conformance.drivers.embedded.promises import (
    check_interruptions,
    check_result,
    check_service,
    check_unusual,
)
from xmpp_im_conformance.drivers.embedded.storage import FailingStorage
from xmpp_im_conformance.drivers.embedded.wire import ClientStream, to_client, to_server
from xmpp_im_conformance.format.worlds import REMOTE
from xmpp_im_core import host
from xmpp_im_core.codec import SERVER, write_fan_out, write_stanza
from xmpp_im_core.element import Element
from xmpp_im_core.host.job import Job
from xmpp_im_core.jid import prepared_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import (
    Account,
    Deliver,
    Effect,
    FanOut,
    Load,
    LoadOffline,
    Served,
    Service,
    ServiceEvent,
    SessionId,
    Unloaded,
)
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.events import Outbound
from xmpp_im_core.server.service.events import Arrived, ForAccount
from xmpp_im_core.stanza import IQ, Condition, Stanza, result_reply

_ENDLESS: Final = 10_000
_SOME: Final = 4
"""The accounts of one vector in so many are interrupted at its end, by the number of its events: it takes long."""


class DrivenHost(host.Host[object], host.Wire):
    """A service with its streams, its storage and its clock, which moves only when it is told to."""

    def __init__(self, policy: Policy, now: datetime, service: Service[object]) -> None:
        """Begin with a service whose accounts are not in memory."""
        self.now = now
        self.numbers = 0
        self.resumable = True
        """Whether lost streams may be resumed; if not, nothing can be written to them."""
        self.records = FailingStorage()
        self.delayed: dict[str, list[Load | LoadOffline]] = {}
        """What was read of accounts whose storage does not answer at present."""
        self.streams: dict[str, ClientStream] = {}
        """The open streams by full JID; of one that was replaced, ``ending`` holds the old one."""
        self.ending: list[ClientStream] = []
        self.arrived: dict[str, list[Element]] = {}
        """What has come to clients and to the remote domain, and has not been taken."""
        self.latest: dict[str, ServiceEvent] = {}
        """The last event that a stanza has made, by the full JID of its sender."""
        self.closed: dict[str, list[str]] = {}
        """The conditions with which streams of clients were closed, by full JID; not taken yet."""
        self.unchecked: set[str] = set()
        """The accounts whose state may differ from their records because an event has changed one of them."""
        self.tried: set[object] = set()
        """The kinds of event that were tried also where they do not belong."""
        self.undone = 0
        """How many events have been fed and are not reported as done."""
        self.cited: set[str] = set()
        """The requirements that the rules of all effects cite."""
        super().__init__(service, self.records, self, lambda: self.now, self._number, policy, at_once=_ENDLESS)

    def feed(self, event: ServiceEvent, done: Callable[[], None] | None = None) -> None:
        """Take an event and all that follows from it, and wake each account whose time has come."""
        if isinstance(event, Arrived) and event.stanza.from_ is not None:
            self.latest[event.stanza.from_.written] = event
        elif isinstance(event, ForAccount) and isinstance(event.event, Outbound):
            self.latest[f"{event.jid}/{event.event.session.resource}"] = event
        self.undone += 1
        super().feed(event, self._done if done is None else done)
        self.wake()
        if not self._running:
            self.check_records()
            self._check_done()

    def _done(self) -> None:
        self.undone -= 1

    def _check_done(self) -> None:
        """See that each event is reported as done: a host acknowledges a client's stanza only then (XEP-0198).

        :raises ValueError: if one is not, and no account waits for its storage.
        """
        waits = bool(self._inbox) or any(service.held for service in self.services)
        if self.undone and not waits:
            raise ValueError(f"{self.undone} events are not reported as done")

    def enqueue(self, event: ServiceEvent) -> None:
        """Take an event and nothing else: the host is at work, or has more to do."""
        super().feed(event)

    @property
    def services(self) -> Collection[Service[object]]:
        """The service, or its parts."""
        return (self.service,)

    def service_of(self, account: str) -> Service[object]:
        """Return the service, or the part of it, that has an account in memory."""
        return self.service

    def become(self, account: str, service: Service[object]) -> None:
        """Replace the service, or the part of it, that has an account in memory."""
        self.service = service

    def forget(self, account: str) -> None:
        """Forget all of an account that is in memory."""
        self.unchecked.discard(account)
        self.undone = 0  # nobody is told of the events that it holds
        service = self.service_of(account)
        self.become(
            account, evolve(service, accounts=service.accounts.delete(account), held=service.held.delete(account))
        )

    def check_records(self) -> None:
        """Compare the accounts that have changed with their records.

        :raises ValueError: if they differ: a process that died now would lose something.
        """
        for jid in sorted(self.unchecked - set(self.delayed) - self.records.unreadable):
            service = self.service_of(jid)
            if jid in service.held:
                continue
            self.unchecked.discard(jid)
            state = service.accounts.get(jid)
            account = None if state is None else account_of(state)
            if isinstance(account, Unloaded) or (isinstance(account, Account) and account.unsaved):
                continue
            known = account if isinstance(account, Account) else None
            different = set(not_stored(jid, known, self.records.kept(jid), self.policy, self.now))
            if jid in self.records.failed:
                different.discard("wake_at")
            if different:
                raise ValueError(f"{jid}: memory and storage differ in {', '.join(sorted(different))}")

    def check_promises(self) -> None:
        """Let each account in memory go through the failures that there are, and unusual events happen to one.

        :raises PromiseBroken: if something is lost, or told twice.
        """
        if self.numbers % _SOME:
            return
        unusual = True
        for service in self.services:
            for jid, state in service.accounts.items():
                account = account_of(state)
                waits = jid in service.held or jid in self.delayed or jid in self.records.unreadable
                if isinstance(account, Account) and not (account.unsaved or account.roster.shared or waits):
                    stored = self.records.kept(jid)
                    check_interruptions(account, stored, self.policy, self.now)
                    if unusual:
                        check_unusual(account, stored, self.policy, self.now)
                        check_service(service, account, self.policy, self.now)
                    unusual = False

    def _begin(self, job: Job, served: Served[object]) -> None:
        assert job.event is not None
        try:
            check_result(self.service, job.event, served, self.policy, self.tried)
        except ValueError as broken:
            self._errors.append(broken)
        super()._begin(job, served)

    def observe(self, served: Served[object]) -> None:
        """Note the requirements that the rules of an event cite.

        :raises ValueError: for an effect that sends something to nobody.
        """
        for step in served.steps:
            self.unchecked.add(step.jid)
            for effect in step.transition.effects:
                self.cited.update(effect.rule.requirements)
                if _is_for_nobody(effect):
                    raise ValueError(f"the rule {effect.rule.name} sends something to nobody")

    def lose(self, stream: ClientStream) -> None:
        """Report the end of a session, with what was kept for it in vain."""
        if stream in self.ending:
            self.ending.remove(stream)
        elif self.streams.get(stream.jid) is stream:
            del self.streams[stream.jid]
        self.end(stream.account, stream.session, tuple([effect for effect, _ in stream.kept]))

    def break_off(self, stream: ClientStream, condition: str) -> None:
        """Close a client's stream with a stream error; one that is lost is not told."""
        if stream.attached:
            self.closed.setdefault(stream.jid, []).append(condition)
        self.lose(stream)

    def arrives_at(self, at: str, stanza: Element) -> None:
        """Note what came to a client, or to the remote domain."""
        self.arrived.setdefault(at, []).append(stanza)

    def _stream_of(self, account: str, session: SessionId) -> ClientStream | None:
        for stream in (*self.streams.values(), *self.ending):
            if (stream.account, stream.session) == (account, session):
                return stream
        return None

    def _number(self) -> str:
        # Stored messages are kept under it: keys sort as events came.
        self.numbers += 1
        return f"{self.numbers:06}"

    # --- a storage that waits -----------------------------------------------------------------------------

    def answer_reads(self, account: str) -> None:
        """Answer what was read of an account while its storage did not answer."""
        for effect in self.delayed.pop(account, ()):
            answer = super()._load(account, effect)
            if answer is not None:
                self.feed(answer)

    def is_delayed(self, account: str) -> bool:
        """Whether the storage does not answer for an account at present."""
        return account in self.delayed

    def forget_reads(self, account: str) -> None:
        """Drop what was read of an account that has left memory: nobody waits for it."""
        self.delayed[account] = []

    def _load(self, account: str, effect: Load | LoadOffline) -> ServiceEvent | None:
        if account not in self.delayed:
            return super()._load(account, effect)
        self.delayed[account].append(effect)
        return None

    # --- the wire -----------------------------------------------------------------------------------------

    def deliver(self, account: str, session: SessionId, stanza: Stanza, effect: Deliver) -> bool:
        """Write a stanza to a client's stream, or keep it if a lost one may be resumed."""
        stream = self._stream_of(account, session)
        if stream is None or not (stream.attached or self.resumable):
            return False
        if not stream.attached:
            stream.kept.append((effect, stanza))
        elif not stream.replaced:
            self.arrives_at(stream.jid, to_client(stanza))
        return True

    def close(self, account: str, session: SessionId, condition: str) -> None:
        """Close a client's stream."""
        stream = self._stream_of(account, session)
        if stream is not None:
            self.break_off(stream, condition)

    def route(self, stanza: Stanza) -> Condition | None:
        """Write a stanza to the stream to the remote domain."""
        if stanza.to_jid is None or stanza.to_jid.domain != REMOTE:
            return Condition.REMOTE_SERVER_NOT_FOUND
        self.arrives_at(REMOTE, to_server(write_stanza(stanza, SERVER)))
        return None

    def fan_out(self, stanza: Stanza, recipients: Sequence[str]) -> Mapping[str, Condition]:
        """Write a stanza for many JIDs of the remote domain."""
        reached = tuple([each for each in recipients if prepared_jid(each).domain == REMOTE])
        for data in write_fan_out(stanza, reached, SERVER):
            self.arrives_at(REMOTE, to_server(data))
        return {each: Condition.REMOTE_SERVER_NOT_FOUND for each in recipients if each not in reached}

    def delegate(self, account: str, iq: IQ) -> Stanza | None:
        """Let a service of the host answer an IQ."""
        children = answer(iq, self.policy, self.service.machine) if iq.type in ("get", "set") else None
        return super().delegate(account, iq) if children is None else result_reply(iq, *children)


def _is_for_nobody(effect: Effect) -> bool:
    return (isinstance(effect, Deliver) and not effect.sessions) or (
        isinstance(effect, FanOut) and not effect.recipients
    )
