"""Where the effects of a partition go: to the queue of a gateway, of another partition, or of a component's domain.

A stanza for an account of another partition always goes through that partition's queue, also if the same node owns
both. So it takes the same way after a change of owner, and the stanzas between two entities stay in order.

Events that are appended get new ids, so no id reveals how many others have got a stanza (RFC 6121 §4.2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, TypeAlias

from attrs import define, evolve, field

from xmpp_im_core.event import Decision
from xmpp_im_core.host import Ids
from xmpp_im_core.jid import Address, parse_address, parse_jid
from xmpp_im_core.record import record, unchecked
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server import Arrived, ForAccount, Route, SessionId, Undelivered, Unroutable
from xmpp_im_core.server.effects import Deliver, EffectId, EndSession, FanOut
from xmpp_im_core.server.service.events import ArrivedForMany, ServiceEvent, entering, for_account, inbound
from xmpp_im_core.server.service.serving import IdentifiedEffect
from xmpp_im_core.stanza import Condition, Stanza, error_reply, may_be_answered, stanza_error
from xmpp_im_host.cluster.pending import Pending
from xmpp_im_host.cluster.queue_entries import Fed, ForComponent, Perform, QueueEntry, dump_entry
from xmpp_im_host.cluster.queue_names import gateway_of, gateway_queue, partition_queue, queue_of
from xmpp_im_host.storage.records import Row, Write, partition_of

Dump: TypeAlias = Callable[[QueueEntry, str], bytes]
"""Writes an entry for a queue, as :func:`dump_entry` does."""


def _dumped(entry: QueueEntry, queue: str) -> bytes:
    return dump_entry(entry)


@record
class Domains:
    """The domains of the service."""

    hosted: tuple[str, ...]
    components: frozenset[str] = frozenset()


KEPT: Final = "kept"
"""The kind of the rows that keep deliveries to sessions that no node has. Key: that of the session, and a unique part.
"""


@record
class ParkedSession:
    """A session between two nodes; see :mod:`xmpp_im_host.cluster.parking`."""

    by: int
    """The node that gives it up."""
    id: str
    """The id by which its client resumes it (XEP-0198)."""
    until: datetime | None = None
    """When it ends if no node has taken it; None while its node has not deposited the rest."""
    kept: int = 0
    """How many deliveries are kept for it, at least."""


def key_of(session: SessionId) -> str:
    """Return the key of the rows that belong to a session."""
    return f"{session.epoch}/{session.resource}"


@define(eq=False)
class SessionQueues:
    """The queues of the sessions of one partition."""

    partition: int
    moved: dict[str, dict[SessionId, str]] = field(factory=dict)
    """By bare JID: the queue of each session that is not at the node that has made it."""
    parked: dict[str, dict[SessionId, ParkedSession]] = field(factory=dict)
    """By bare JID: the sessions that no node has."""
    missing: dict[tuple[str, str], set[int]] = field(factory=dict)
    """By bare JID and id of stream management: the nodes that do not have such a session. It is not stored."""
    _names: dict[int, str] = field(factory=dict, init=False)

    def of(self, account: str, session: SessionId) -> str:
        """Return the name of the queue through which a session gets what is for it, unless it is parked."""
        if self.moved and (moved := self.moved.get(account, {}).get(session)) is not None:
            return moved
        number = gateway_of(session)
        name = self._names.get(number)
        if name is None:
            name = self._names[number] = gateway_queue(number, self.partition)
        return name

    def parked_session(self, account: str, session: SessionId) -> ParkedSession | None:
        """Return what is known of a session that no node has; None for any other."""
        return self.parked.get(account, {}).get(session) if self.parked else None

    def park(self, account: str, session: SessionId, parked: ParkedSession) -> None:
        """Note that no node has a session."""
        self.forget(account, session)
        self.parked.setdefault(account, {})[session] = parked

    def move(self, account: str, session: SessionId, queue: str) -> None:
        """Note which queue a session has now."""
        self.forget(account, session)
        if queue != self.of(account, session):
            self.moved.setdefault(account, {})[session] = queue

    def forget(self, account: str, session: SessionId) -> None:
        """Note that a session has ended, or is at the node that has made it."""
        for known in (self.moved, self.parked):
            sessions = known.get(account)
            if sessions is not None:
                sessions.pop(session, None)
                if not sessions:
                    del known[account]

    def copy(self) -> SessionQueues:
        """Return a copy, for a step that may fail."""
        moved = {account: dict(sessions) for account, sessions in self.moved.items()}
        parked = {account: dict(sessions) for account, sessions in self.parked.items()}
        return SessionQueues(self.partition, moved, parked, self.missing)


@define(eq=False)
class Outgoing:
    """Appends the effects of one step to queues. A method returns the event that results at once, if there is one."""

    domains: Domains
    queues: SessionQueues
    ids: Ids
    at: datetime
    """When the step happens."""
    decision: Decision = Decision.ASK
    """The service's decision on a subscription request that the step sends."""
    dump: Dump = _dumped
    """Writes what is appended."""
    ended: str | None = None
    """The queue of a gateway that has ended: nobody reads it any more."""

    # --- sessions -------------------------------------------------------------------------------------------------

    def deliver(self, pending: Pending, account: str, id: EffectId, effect: Deliver) -> ServiceEvent | None:
        """Take a delivery to the gateways of its sessions; report the sessions of a gateway that has ended."""
        identified, left = IdentifiedEffect(account, id, effect), effect.sessions
        if account in self.queues.parked:
            left = tuple([session for session in left if not self._kept(pending, identified, session)])
            if not left:
                return None
        first = self.queues.of(account, left[0])
        if len(effect.sessions) == 1 and first != self.ended:
            pending.append(first, self.dump(_performed(identified), first))
            return None
        by_queue: dict[str, list[SessionId]] = {}
        for session in left:
            by_queue.setdefault(self.queues.of(account, session), []).append(session)
        lost = by_queue.pop(self.ended, None) if self.ended is not None else None
        for queue, sessions in by_queue.items():
            own = None if len(sessions) == len(effect.sessions) else tuple(sessions)
            pending.append(queue, self.dump(Perform(identified, own), queue))
        return None if lost is None else ForAccount(account, Undelivered(self.at, self.ids(), effect, tuple(lost)))

    def _kept(self, pending: Pending, identified: IdentifiedEffect, session: SessionId) -> bool:
        """Keep a delivery to a session that no node has; return whether it is such a session."""
        account, parked = identified.account, self.queues.parked_session(identified.account, session)
        if parked is None:
            return False
        body = dump_entry(Perform(identified, (session,)))
        pending.change([Write(account, Row(KEPT, f"{key_of(session)}/{self.ids()}", body.decode()))])
        self.queues.park(account, session, evolve(parked, kept=parked.kept + 1))
        return True

    def close(self, pending: Pending, account: str, id: EffectId, effect: EndSession) -> None:
        """Take the end of a session to its gateway."""
        queue = self.queues.of(account, effect.session)
        if queue != self.ended and self.queues.parked_session(account, effect.session) is None:
            pending.append(queue, self.dump(Perform(IdentifiedEffect(account, id, effect)), queue))

    # --- other accounts and components ----------------------------------------------------------------------------

    def route(self, pending: Pending, account: str, id: EffectId, effect: Route) -> ServiceEvent | None:
        """Take a stanza to its recipient; report it if there is no way to it."""
        to = effect.stanza.to_jid
        domain = "" if to is None else to.domain
        if to is not None and domain in self.domains.hosted:
            event = for_account(to.bare, inbound(self.at, self.ids(), effect.stanza, self.decision))
            queue = queue_of(to.bare)
            pending.append(queue, self.dump(Fed(event), queue))
            return None
        if domain in self.domains.components:
            entry = ForComponent(domain, IdentifiedEffect(account, id, effect))
            queue = queue_of(domain)
            pending.append(queue, self.dump(entry, queue))
            return None
        return ForAccount(account, Unroutable(self.at, self.ids(), effect, Condition.REMOTE_SERVER_NOT_FOUND))

    def fan_out(self, pending: Pending, account: str, id: EffectId, effect: FanOut) -> ServiceEvent | None:
        """Take a stanza to each of its recipients, once for each partition; report those to whom there is no way."""
        partitions, components, lost = divided(effect.recipients, self.domains)
        for partition, recipients in partitions.items():
            event = ArrivedForMany(self.at, self.ids(), effect.stanza, tuple(recipients))
            queue = partition_queue(partition)
            pending.append(queue, self.dump(Fed(event), queue))
        for domain, recipients in components.items():
            part = FanOut(effect.stanza, tuple(recipients), effect.rule)
            entry = ForComponent(domain, IdentifiedEffect(account, id, part))
            queue = queue_of(domain)
            pending.append(queue, self.dump(entry, queue))
        if not lost:
            return None
        condition = Condition.REMOTE_SERVER_NOT_FOUND
        return ForAccount(account, Unroutable(self.at, self.ids(), effect, condition, tuple(lost)))


_performed: Final = unchecked(Perform)


def divided(
    recipients: Collection[str], domains: Domains
) -> tuple[dict[int, list[str]], dict[str, list[str]], list[str]]:
    """Divide recipients into those of each partition, those of each component's domain, and those without a way."""
    partitions: dict[int, list[str]] = {}
    components: dict[str, list[str]] = {}
    lost: list[str] = []
    for recipient in recipients:
        address = parse_address(recipient)
        domain = address.jid.domain if isinstance(address, Address) else ""
        if isinstance(address, Address) and domain in domains.hosted:
            partitions.setdefault(partition_of(address.jid.bare), []).append(recipient)
        elif domain in domains.components:
            components.setdefault(domain, []).append(recipient)
        else:
            lost.append(recipient)
    return partitions, components, lost


# --- for gateways -------------------------------------------------------------------------------------------------


def placed(event: ServiceEvent, domains: Domains, ids: Ids, dump: Dump = _dumped) -> list[tuple[str, bytes]]:
    """Return an event as entries, each with its queue: one, or for a stanza for many one for each partition.

    :param dump: writes them.
    :raises SnapshotError: if it has a stanza that cannot be written.
    """
    if not isinstance(event, ArrivedForMany):
        queue = queue_of(entering(event).jid)
        return [(queue, dump(Fed(event), queue))]
    partitions, _, _ = divided(event.recipients, domains)  # a host processes nothing for other domains
    entries: list[tuple[str, bytes]] = []
    for partition, recipients in partitions.items():
        queue = partition_queue(partition)
        part = ArrivedForMany(event.at, ids(), event.stanza, tuple(recipients), event.stored)
        entries.append((queue, dump(Fed(part), queue)))
    return entries


def placed_stanza(stanza: Stanza, domains: Domains, ids: Ids, at: datetime) -> tuple[str, bytes] | None:
    """Return a stanza that a service of the program sends as an entry with its queue; None if there is no way to it.

    :raises ValueError: if 'to' or 'from' is absent or malformed.
    :raises SnapshotError: if the stanza cannot be written.
    """
    to, sender = stanza.to_jid, stanza.from_jid
    if to is None or sender is None:
        raise ValueError("stanza: 'to' and 'from' are needed, and must be well-formed")
    if to.domain in domains.hosted:
        return queue_of(to.bare), dump_entry(Fed(Arrived(at, ids(), stanza)))
    if to.domain not in domains.components:
        return None
    identified = IdentifiedEffect(sender.bare, EffectId(ids(), 0), Route(stanza, rules.FORWARDED))
    return queue_of(to.domain), dump_entry(ForComponent(to.domain, identified))


def given_back(
    account: str,
    effect: Route | FanOut,
    condition: Condition,
    recipients: tuple[str, ...],
    domains: Domains,
    ids: Ids,
    at: datetime,
) -> list[tuple[str, bytes]]:
    """Return the entries, each with its queue, by which a sender learns that a component has not got its stanza.

    A component that has sent the stanza has no account that could answer it: it gets the error itself.
    """
    if parse_jid(account).domain in domains.hosted:
        event = ForAccount(account, Unroutable(at, ids(), effect, condition, recipients))
        return [(queue_of(account), dump_entry(Fed(event)))]
    if not may_be_answered(effect.stanza):
        return []
    found = placed_stanza(error_reply(effect.stanza, stanza_error(condition)), domains, ids, at)
    return [] if found is None else [found]
