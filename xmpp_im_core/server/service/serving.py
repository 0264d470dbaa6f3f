"""Many accounts at several domains as one pure machine: ``serve(service, event, policy) -> Served``.

One event may concern many accounts: a stanza from one of them to another at a hosted domain comes back as an inbound
event of the other. Each account processes its side of the exchange, with its own tables, checks and pushes (RFC 6121
§3.1.2, §8.5). Stanzas to other domains become effects.

**Several parts.** A service may be one of several parts (processes, machines) that host the same domains. Then ``owns``
says which accounts are its own. A stanza for another account of a hosted domain leaves as ``Route`` or ``FanOut``, and
never asks for a ``Load``: the host takes it to the owner. :mod:`.other_owners` says what an event of such an account
does.

**Order.** Steps are processed first in, first out. All effects of a step precede the effects of the steps that it
causes. So stanzas between two entities arrive in the order in which they were sent (RFC 6120 §10.1).

**One transaction.** ``store`` holds the operations of all steps of an event. The host commits them in one transaction,
then performs ``effects``, then commits ``forget``. If the first commit fails, the host keeps the earlier service, drops
the result, and feeds :func:`not_stored`.

**Questions.** ``Load`` asks once for an account that is not in memory, and ``LoadOffline`` asks for stored messages.
Until the answer comes, the account *waits*: its events are held in order and processed after the answer. So each
``Load`` needs an ``AccountLoaded`` or a ``LoadFailed``, and each ``LoadOffline`` an ``OfflineLoaded``, which has no
messages if they cannot be read. The end of the session that waits for stored messages ends the wait too, since no
answer may come for it.

**Memory.** An account that does not exist, or that could not be loaded and has no session, is not kept. An idle account
stays until the host removes it with :func:`unload`. While an account waits, ``Policy.held_events`` limits the events
that clients and others can make it hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Generic, TypeAlias, TypeVar

from xmpp_im_core.event import Decision
from xmpp_im_core.jid import JID, Address, Malformed, parse_address, parse_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.rules import service as rules
from xmpp_im_core.rules import storage as storage_rules
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.delivery.domain import to_no_jid, to_the_domain
from xmpp_im_core.server.effects import (
    Deliver,
    Effect,
    FanOut,
    Ignored,
    LoadOffline,
    Route,
    StoreOperation,
    Transition,
)
from xmpp_im_core.server.events import AccountLoaded, Event, Inbound, LoadFailed, Outbound, OwnershipLost
from xmpp_im_core.server.service.events import (
    Arrived,
    ArrivedForMany,
    ForAccount,
    ServiceEvent,
    entering,
    entering_each,
    for_account,
    inbound,
    not_stored,
)
from xmpp_im_core.server.service.other_owners import of_another_owner
from xmpp_im_core.server.service.results import Handled, IdentifiedEffect, Load, Served, merged
from xmpp_im_core.server.service.state import Owns, Service, hosting, is_worth_keeping, owning, unload
from xmpp_im_core.server.service.waiting_accounts import Held, NewlyHeld, Waiting, answers, held_size, refused, released
from xmpp_im_core.server.state import Account, Unloaded
from xmpp_im_core.stanza import Stanza

__all__ = [
    "Arrived",
    "ArrivedForMany",
    "ForAccount",
    "Handled",
    "IdentifiedEffect",
    "Load",
    "Owns",
    "Served",
    "Service",
    "ServiceEvent",
    "Waiting",
    "hosting",
    "merged",
    "not_stored",
    "owning",
    "serve",
    "unload",
]

S = TypeVar("S")

ASK: Final = Decision.ASK


def serve(service: Service[S], event: ServiceEvent, policy: Policy = DEFAULT) -> Served[S]:
    """Process one event of a service, and everything that it causes at accounts that the service owns."""
    if isinstance(event, ForAccount):
        work = _Work(service, policy, event.event.seq, [_due(event)])
    else:
        entered = entering_each(event) if isinstance(event, ArrivedForMany) else [entering(event)]
        work = _Work(service, policy, event.seq, [_due(each) for each in entered])
    while True:
        for due in work.queue:  # which grows meanwhile
            _take(work, *due)
        if not work.groups:
            return work.done()
        _begin(work, work.groups.pop())


_Due: TypeAlias = tuple[str, Event, Decision]
"""The fields of a ``ForAccount``. Each recipient of presence needs one, and a tuple takes a quarter of the time."""


def _due(event: ForAccount) -> _Due:
    return event.jid, event.event, event.decision


def _begin(work: _Work[S], group: list[Held]) -> None:
    """Begin with the next held events; everything before them has been processed."""
    work.cause = group[0].cause
    # Only now does an event begin that was held itself: what it causes has the same ``seq`` as if it had not been held.
    # A consequence that was held needs another one, because its event has caused something already.
    work.origin = work.cause if group[0].due.event.seq == work.cause else work.seq
    work.queue = [_due(held.due) for held in group]


class _Work(Generic[S]):
    """The work on one event. It exists only during the call of ``serve``."""

    # Not a class of attrs, which would call a factory for each list and each dict.
    __slots__ = (
        "accounts",
        "came",
        "cause",
        "domains",
        "effects",
        "failed",
        "groups",
        "held",
        "holds",
        "machine",
        "newly_held",
        "origin",
        "owns",
        "policy",
        "queue",
        "releases",
        "seq",
        "some_wait",
        "steps",
    )

    def __init__(self, service: Service[S], policy: Policy, seq: str, queue: list[_Due]) -> None:
        self.domains = service.domains
        self.machine = service.machine
        self.accounts = service.accounts
        self.held = service.held
        self.owns = service.owns
        self.some_wait = len(self.held) > 0
        """False if no account waits. It spares a look-up for each step."""
        self.newly_held: dict[str, NewlyHeld] = {}
        """What the accounts that wait hold in addition to ``held``, by bare JID."""
        self.policy = policy
        self.seq = seq
        """The ``seq`` of the event."""
        self.cause = seq
        """The ``seq`` of the cause of the current step: this event, or an earlier one whose consequences were held."""
        self.origin = seq
        """The first part of the ``seq`` of each stanza that comes back now."""
        self.came: dict[str, dict[str, int]] = {}
        """The number of stanzas that have come back, by the first two parts of their ``seq``."""
        self.failed: tuple[str, ...] = ()
        """The accounts that could not be loaded just now: only a later event of the service loads them again."""
        self.queue = queue
        """The events that are processed now, in their order, and those that have been. What they cause is appended."""
        self.groups: list[list[Held]] = []
        """The released events, in groups; the last group is the next one. It begins when the queue is processed."""
        self.steps: list[Handled[S]] = []
        self.effects: list[tuple[str, Effect | Load]] = []
        self.holds: list[tuple[str, str]] = []
        self.releases: list[str] = []

    def is_own(self, jid: JID) -> bool:
        """Whether the service itself processes what is sent to this address of a hosted domain.

        Each part of a service answers for the domains themselves.
        """
        return self.owns is None or jid.local is None or self.owns(jid.bare)

    def wait(self, jid: str, waiting: Waiting) -> None:
        """Let an account wait."""
        self.held = self.held.set(jid, waiting)
        self.some_wait = True

    def hold(self, due: ForAccount, size: int) -> None:
        """Hold an event of an account that waits.

        :param size: the ``held_size`` of the event.
        """
        new = self.newly_held.get(due.jid)
        if new is None:
            new = self.newly_held[due.jid] = NewlyHeld()
        new.add(Held(due, self.cause), size)
        self.holds.append((due.jid, self.cause))

    def keep_held(self) -> None:
        """Add what is newly held to what was held before."""
        for jid, new in self.newly_held.items():
            self.held = self.held.set(jid, self.held[jid].holding_all(new.events, new.bytes))
        self.newly_held.clear()

    def done(self) -> Served[S]:
        """Return the result, without accounts that do not exist: all stanzas for them have been answered."""
        self.keep_held()
        accounts = self.accounts
        store: list[tuple[str, StoreOperation]] = []
        forget: list[tuple[str, StoreOperation]] = []
        for step in self.steps:
            jid, transition = step.jid, step.transition
            if transition.store:
                store += [(jid, operation) for operation in transition.store]
            if transition.forget:
                forget += [(jid, operation) for operation in transition.forget]
            if type(transition.state) is Account:
                continue
            left = account_of(transition.state)
            if not is_worth_keeping(left) and accounts.get(jid) is transition.state:
                accounts = accounts.delete(jid)
        return Served(
            Service(self.domains, self.machine, accounts, self.held, self.owns),
            tuple(self.steps),
            tuple(self.effects),
            tuple(store),
            tuple(forget),
            holds=tuple(self.holds),
            releases=tuple(self.releases),
            seq=self.seq,
        )


def _take(work: _Work[S], jid: str, event: Event, decision: Decision) -> None:
    """Let an account or a domain process its event, or hold it.

    Nearly all events are stanzas for accounts in memory, each of which is at a hosted domain: nothing else is to be
    checked for them.
    """
    waiting = work.held.get(jid) if work.some_wait else None
    if waiting is not None:
        _take_waiting(work, waiting, for_account(jid, event, decision))
        return
    state = before = work.accounts.get(jid)
    to_account = type(event) is Outbound or (type(event) is Inbound and isinstance(event.stanza.to, Address))
    if type(state) is not Account or work.owns is not None or not to_account:
        before = _state_before(work, for_account(jid, event, decision), state)
        if before is None:
            return
    transition = work.machine.reduce(before, event, work.policy)  # type: ignore[arg-type]  # None is no Account
    if transition.state is not state:
        work.accounts = work.accounts.set(jid, transition.state)
    _perform(work, jid, event, decision, transition)


def _take_waiting(work: _Work[S], waiting: Waiting, due: ForAccount) -> None:
    """Hold an event; an answer releases the held events."""
    if not answers(waiting, due.event):
        _hold(work, waiting, due)
        return
    work.keep_held()
    waiting = work.held[due.jid]
    work.held = work.held.delete(due.jid)
    work.releases += [held.cause for held in waiting.events.in_order()]
    # Nothing else is in the queue: an answer is the event that came, or it was held as a group.
    work.groups += reversed(released(waiting, Held(due, work.cause)))


def _hold(work: _Work[S], waiting: Waiting, due: ForAccount) -> None:
    """Hold an event until the answer comes, or refuse it if too much is held."""
    size = held_size(due.event)
    new = work.newly_held.get(due.jid)
    taken, before = (size, 0) if new is None else (new.bytes + size, len(new.events))
    if waiting.is_full(taken, work.policy, before):
        state = work.accounts.get(due.jid)
        if state is None:
            state = work.machine.start(parse_jid(due.jid))
        refusal = refused(account_of(state), due.event, work.policy)
        if refusal is not None:
            _perform(work, due.jid, due.event, due.decision, Transition(state, (refusal,)))
            return
    work.hold(due, size)


def _state_before(work: _Work[S], due: ForAccount, state: S | None) -> S | None:
    """Return the state in which an account processes an event of any kind. Ask for an account that is not in memory.

    None: the event is not for an account, and has been answered; or it is held now.

    :param state: the state of the account that is in memory.
    """
    jid, event = due.jid, due.event
    written = parse_address(jid)
    assert isinstance(written, Address)  # the constructor checks it
    answers = _without_account(work, due, written.jid, state)
    if answers is not None:
        _perform(work, jid, event, due.decision, Transition(work.machine.start(written.jid), answers))
        return None
    missing = state is None or (_is_unloaded(state) and jid not in work.failed)
    if missing and not isinstance(event, _LOADING):
        work.wait(jid, Waiting(None))
        work.hold(due, held_size(event))
        work.effects.append((jid, Load(jid)))
        return None
    if isinstance(event, LoadFailed):
        work.failed = (*work.failed, jid)
    return work.machine.start(written.jid) if state is None else state


def _without_account(work: _Work[S], due: ForAccount, jid: JID, state: S | None) -> tuple[Effect, ...] | None:
    """Return the answers to an event that no account of this service processes; None if one does."""
    event = due.event
    if isinstance(event, Inbound) and isinstance(event.stanza.to, Malformed):
        return (to_no_jid(event.stanza, work.domains[0]),)
    if jid.domain not in work.domains:
        return (Ignored(rules.NOT_HOSTED),)
    if jid.local is None:
        return (to_the_domain(event.stanza, jid.domain) if isinstance(event, Inbound) else Ignored(rules.DOMAIN_EVENT),)
    if work.owns is not None and not work.owns(due.jid):
        return of_another_owner(jid, event)
    if isinstance(event, OwnershipLost) and state is None:
        return (Ignored(storage_rules.OWNERSHIP_LOST),)
    return None


_LOADING: Final = (AccountLoaded, LoadFailed, OwnershipLost)


def _is_unloaded(state: object) -> bool:
    return isinstance(account_of(state), Unloaded)


def _perform(work: _Work[S], jid: str, event: Event, decision: Decision, step: Transition[S]) -> None:
    """Collect the effects of a step, and queue the stanzas that it sends to domains and accounts of this service."""
    work.steps.append(Handled(jid, event, step))
    effects = work.effects
    for effect in step.effects:
        if isinstance(effect, Deliver):
            effects.append((jid, effect))
        elif isinstance(effect, Route):
            to = _recipient(effect.stanza)
            if to.domain in work.domains and (work.owns is None or work.is_own(to)):
                _come_back(work, event, decision, [(to.bare, effect.stanza)])
            else:
                effects.append((jid, effect))
        elif isinstance(effect, FanOut):
            leaving, back = _divided(work, effect)
            effects += [(jid, part) for part in leaving]
            _come_back(work, event, decision, back)
        else:
            effects.append((jid, effect))
            if isinstance(effect, LoadOffline):
                work.wait(jid, Waiting(effect.session))


def _come_back(work: _Work[S], cause: Event, decision: Decision, stanzas: Iterable[tuple[str, Stanza]]) -> None:
    """Queue stanzas that an account sent to accounts of this service, each with the bare JID of its account."""
    origin, at, queue = work.origin, cause.at, work.queue
    came = work.came.setdefault(origin, {})
    for jid, stanza in stanzas:
        number = came.get(jid, 0)
        came[jid] = number + 1
        queue.append((jid, inbound(at, f"{origin}.{jid}.{number}", stanza, decision), ASK))


def _divided(work: _Work[S], effect: FanOut) -> tuple[list[FanOut], Iterable[tuple[str, Stanza]]]:
    """Return the parts of a fan-out that leave, and its stanzas for accounts of this service.

    Only these are stamped: a presence may have thousands of recipients elsewhere, who need no stanza here. Recipients
    at hosted domains that another part of the service owns get the same stanza as those here.
    """
    domains, stanza = work.domains, effect.within or effect.stanza
    if _are_elsewhere(effect.recipients, domains):
        return [effect], ()
    here: list[Address] = []
    elsewhere: list[str] = []
    others = elsewhere if effect.within is None else []
    for recipient in effect.recipients:
        address = parse_address(recipient)
        if not isinstance(address, Address) or address.jid.domain not in domains:
            elsewhere.append(recipient)
        elif work.owns is None or work.is_own(address.jid):
            here.append(address)
        else:
            others.append(recipient)
    back = zip([address.jid.bare for address in here], stanza.to_each(here), strict=True)
    if len(elsewhere) == len(effect.recipients):
        return [effect], back
    parts = [(effect.stanza, elsewhere)]
    if others is not elsewhere:
        parts.append((stanza, others))
    return [FanOut(part, tuple(recipients), effect.rule) for part, recipients in parts if recipients], back


def _are_elsewhere(recipients: tuple[str, ...], domains: tuple[str, ...]) -> bool:
    """Whether it is plain to see that no recipient is at a hosted domain: the names of these domains do not occur.

    One search of all takes a twentieth of reading each address. Where it is not plain, each is read: a recipient that
    is not ASCII, or that has a label in the encoding of IDNA, may have to be prepared to be compared.
    """
    text = "\n".join(recipients)
    if not text.isascii() or "--" in text:
        return False
    text = text.lower()
    return not any(domain.lower() in text for domain in domains)


def _recipient(stanza: Stanza) -> JID:
    """Return the 'to' of a routed stanza, which always has one."""
    to = stanza.to
    assert isinstance(to, Address)
    return to.jid
