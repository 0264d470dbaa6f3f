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

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeAlias, TypeVar, overload

from attrs import define, field

from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID, Address, Malformed, parse_address, parse_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.record import record
from xmpp_im_core.rules import service as rules
from xmpp_im_core.rules import storage as storage_rules
from xmpp_im_core.server.accounts.machine import PLAIN, Machine, account_of
from xmpp_im_core.server.delivery.domain import to_no_jid, to_the_domain
from xmpp_im_core.server.effects import (
    Effect,
    EffectId,
    FanOut,
    Ignored,
    LoadOffline,
    Route,
    StoreOperation,
    Transition,
    silence,
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
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting, answers, held_size, refused, released
from xmpp_im_core.server.state import Account, NoAccount, State, Unloaded
from xmpp_im_core.stanza import Stanza

__all__ = [
    "Arrived",
    "ArrivedForMany",
    "ForAccount",
    "Handled",
    "IdentifiedEffect",
    "Load",
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
T = TypeVar("T")

Owns: TypeAlias = Callable[[str], bool]
"""Says of the bare JID of an account whether this part of the service owns it."""

# --- state and result -------------------------------------------------------------------------------------


@record
class Service(Generic[S]):
    """The accounts in memory, and those that wait. :func:`hosting` returns the first one."""

    domains: tuple[str, ...]
    """The hosted domains, prepared."""
    machine: Machine[S]
    """The machine of each account: RFC 6121, with or without extensions."""
    accounts: FrozenMap[S] = FrozenMap()
    """By bare JID. An account that is not here is not in memory, and may or may not exist."""
    held: FrozenMap[Waiting] = FrozenMap()
    """The accounts that wait for an answer to ``Load`` or ``LoadOffline``, by bare JID."""
    owns: Owns | None = None
    """Whether this part of the service owns an account, by bare JID; None if it owns all accounts of its domains."""


@overload
def hosting(*domains: str, owns: Owns | None = None) -> Service[State]: ...
@overload
def hosting(*domains: str, machine: Machine[S], owns: Owns | None = None) -> Service[S]: ...
def hosting(*domains: str, machine: Machine[Any] = PLAIN, owns: Owns | None = None) -> Service[Any]:
    """Return the service that hosts these domains, with no account in memory.

    :param machine: the machine of each account, if it has extensions.
    :param owns: for one of several parts of a service: says of the bare JID of an account whether this part owns it.
        The answer for a JID must not change; :func:`owning` sets another function.
    :raises InvalidJID: if one of them is not a JID.
    :raises ValueError: if there is none, or one of them is more than a domainpart.
    """
    prepared = [parse_jid(domain) for domain in domains]
    if not prepared or any(each.local is not None or each.resource is not None for each in prepared):
        raise ValueError(f"domains: {domains!r}; one domainpart or more is needed, and nothing else")
    return Service(tuple([each.domain for each in prepared]), machine, owns=owns)


def owning(service: Service[S], owns: Owns | None) -> Service[S]:
    """Return the service as the owner of other accounts.

    Accounts in memory that it owns no longer stay until ``OwnershipLost`` is fed for each of them.

    :param owns: as for :func:`hosting`.
    """
    return Service(service.domains, service.machine, service.accounts, service.held, owns)


def unload(service: Service[S], jid: str) -> Service[S]:
    """Remove an account from memory. Its next event loads it again.

    An account that has sessions or waits for an answer stays, and the same service is returned. An account that still
    expects the end of a replaced session stays too: the undelivered stanzas of that session would be lost. The host has
    to remember the ``wake_at`` of the account.
    """
    if jid in service.held or jid not in service.accounts:
        return service
    state = account_of(service.accounts[jid])
    # A state that is no account is kept only because something is still to come (see ``_is_worth_keeping``).
    if not isinstance(state, Account) or state.sessions or state.replaced or state.unsaved:
        return service
    return Service(service.domains, service.machine, service.accounts.delete(jid), service.held, service.owns)


@record
class Load:
    """Load the account. The answer is ``AccountLoaded``, without records if there is none, or ``LoadFailed``."""

    jid: str


@record
class Handled(Generic[S]):
    """The step of one account. A hosted domain is treated as an address without an account."""

    jid: str
    event: Event
    transition: Transition[S]


@record
class IdentifiedEffect:
    """An effect with the bare JID of its account and its identity."""

    account: str
    id: EffectId
    effect: Effect | Load


@record
class Served(Generic[S]):
    """The result of an event: the new service, the steps in their order, and what the host has to do.

    Each effect and operation comes with the bare JID of its account. ``effects`` leaves out the stanzas that came back
    to an account of this service; ``steps`` has them.
    """

    state: Service[S]
    steps: tuple[Handled[S], ...]
    effects: tuple[tuple[str, Effect | Load], ...]
    store: tuple[tuple[str, StoreOperation], ...]
    forget: tuple[tuple[str, StoreOperation], ...]
    holds: tuple[tuple[str, str], ...] = ()
    """The accounts that hold a new event because they wait for an answer, each with the ``seq`` of its cause."""
    releases: tuple[str, ...] = ()
    """The ``seq`` of the cause of each held event that is processed now."""
    seq: str = ""
    """The ``seq`` of the event that was fed."""

    def identified(self) -> tuple[IdentifiedEffect, ...]:
        """Return the effects, each with its account and its identity."""
        return tuple(
            [IdentifiedEffect(jid, EffectId(self.seq, n), effect) for n, (jid, effect) in enumerate(self.effects)]
        )

    def concerned(self) -> frozenset[str]:
        """Return the bare JIDs of the accounts whose state this result depends on or changes."""
        return frozenset([*[step.jid for step in self.steps], *[jid for jid, _ in self.holds]])


def merged(service: Service[S], served: Served[S]) -> Service[S]:
    """Return a service that has changed since, together with a result of its earlier state.

    The caller ensures that no account that the result concerns has changed meanwhile.
    """
    accounts, held = service.accounts, service.held
    for jid in served.concerned():
        accounts = _replaced(accounts, jid, served.state.accounts.get(jid))
        held = _replaced(held, jid, served.state.held.get(jid))
    return Service(service.domains, service.machine, accounts, held, service.owns)


def _replaced(map: FrozenMap[T], key: str, value: T | None) -> FrozenMap[T]:
    return map.delete(key) if value is None else map.set(key, value)


# --- the machine ------------------------------------------------------------------------------------------


def serve(service: Service[S], event: ServiceEvent, policy: Policy = DEFAULT) -> Served[S]:
    """Process one event of a service, and everything that it causes at accounts that the service owns."""
    entered = entering_each(event) if isinstance(event, ArrivedForMany) else (entering(event),)
    seq = event.event.seq if isinstance(event, ForAccount) else event.seq
    accounts, held, owns = service.accounts, service.held, service.owns
    work = _Work(service.domains, service.machine, accounts, held, owns, policy=policy, seq=seq, cause=seq)
    work.queue.extend(entered)
    while work.queue or work.groups:
        if not work.queue:
            _begin(work, work.groups.popleft())
        _take(work, work.queue.popleft())
    return work.done()


def _begin(work: _Work[S], group: list[Held]) -> None:
    """Begin with the next held events; everything before them has been processed."""
    work.cause = group[0].cause
    # Only now does an event begin that was held itself: what it causes has the same ``seq`` as if it had not been held.
    # A consequence that was held needs another one, because its event has caused something already.
    work.origin = work.cause if group[0].due.event.seq == work.cause else work.seq
    work.queue.extend([held.due for held in group])


@define
class _Work(Generic[S]):
    """The work on one event. It exists only during the call of ``serve``."""

    domains: tuple[str, ...]
    machine: Machine[S]
    accounts: FrozenMap[S]
    held: FrozenMap[Waiting]
    owns: Owns | None
    policy: Policy
    seq: str
    """The ``seq`` of the event."""
    cause: str
    """The ``seq`` of the cause of the current step: this event, or an earlier one whose consequences were held."""
    failed: set[str] = field(factory=set)
    """The accounts that could not be loaded just now: only a later event of the service loads them again."""
    origin: str = field(init=False)
    """The first part of the ``seq`` of each stanza that comes back now."""
    came: dict[str, int] = field(factory=dict)
    """The number of stanzas that have come back, by the first two parts of their ``seq``."""
    queue: deque[ForAccount] = field(factory=deque)
    groups: deque[list[Held]] = field(factory=deque)
    """The released events, in groups. Each group begins when ``queue`` is empty."""
    steps: list[Handled[S]] = field(factory=list)
    effects: list[tuple[str, Effect | Load]] = field(factory=list)
    holds: list[tuple[str, str]] = field(factory=list)
    releases: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.origin = self.seq

    def is_own(self, jid: JID) -> bool:
        """Whether the service itself processes what is sent to this address of a hosted domain.

        Each part of a service answers for the domains themselves.
        """
        return self.owns is None or jid.local is None or self.owns(jid.bare)

    def done(self) -> Served[S]:
        """Return the result, without accounts that do not exist: all stanzas for them have been answered."""
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
            if not _is_worth_keeping(left) and accounts.get(jid) is transition.state:
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


def _is_worth_keeping(state: State) -> bool:
    """Whether a state holds information. Other states are dropped: otherwise strangers could fill the memory."""
    if isinstance(state, NoAccount):
        return bool(state.ending)
    return not isinstance(state, Unloaded) or bool(state.sessions or state.ended)


def _take(work: _Work[S], due: ForAccount) -> None:
    """Process an event, or hold it; an answer releases the held events."""
    waiting = work.held.get(due.jid) if work.held else None
    if waiting is None:
        _process(work, due)
    elif answers(waiting, due.event):
        work.held = work.held.delete(due.jid)
        work.releases += [held.cause for held in waiting.events.values()]
        # Nothing else is in the queue: an answer is the event that came, or it was held as a group.
        work.groups.extendleft(reversed(released(waiting, Held(due, work.cause))))
    else:
        _hold(work, waiting, due)


def _hold(work: _Work[S], waiting: Waiting, due: ForAccount) -> None:
    """Hold an event until the answer comes, or refuse it if too much is held."""
    state = work.accounts.get(due.jid)
    if state is None:
        state = work.machine.start(parse_jid(due.jid))
    size = held_size(due.event)
    full = waiting.is_full(size, work.policy)
    refusal = refused(account_of(state), due.event, work.policy) if full else None
    if refusal is None:
        work.holds.append((due.jid, work.cause))
        work.held = work.held.set(due.jid, waiting.holding(Held(due, work.cause), size))
    else:
        _perform(work, due, Transition(state, (refusal,)))


def _process(work: _Work[S], due: ForAccount) -> None:
    """Let an account or a domain process its event.

    Nearly all events are stanzas for accounts in memory, each of which is at a hosted domain: nothing else is to be
    checked for them.
    """
    state = work.accounts.get(due.jid)
    if type(state) is Account and work.owns is None and _is_addressed(due.event):
        _step(work, due, state, state)
    else:
        _process_any(work, due, state)


def _is_addressed(event: Event) -> bool:
    """Whether an event is a stanza, and not one whose 'to' is no JID."""
    return isinstance(event, Outbound) or (isinstance(event, Inbound) and isinstance(event.stanza.to, Address))


def _process_any(work: _Work[S], due: ForAccount, state: S | None) -> None:
    """Let an account or a domain process an event of any kind. Ask for an account that is not in memory.

    :param state: the state of the account that is in memory.
    """
    written = parse_address(due.jid)
    assert isinstance(written, Address)  # the constructor checks it
    address = written.jid
    if isinstance(due.event, Inbound) and isinstance(due.event.stanza.to, Malformed):
        answer = to_no_jid(due.event.stanza, work.domains[0])
        _perform(work, due, Transition(work.machine.start(address), (answer,)))
        return
    if address.domain not in work.domains:
        _perform(work, due, silence(work.machine.start(address), rules.NOT_HOSTED))
        return
    if address.local is None:
        _perform(work, due, Transition(work.machine.start(address), (_domain_effect(due.event, address.domain),)))
        return
    if work.owns is not None and not work.owns(due.jid):
        _perform(work, due, Transition(work.machine.start(address), of_another_owner(address, due.event)))
        return
    if isinstance(due.event, OwnershipLost) and state is None:
        _perform(work, due, silence(work.machine.start(address), storage_rules.OWNERSHIP_LOST))
        return
    missing = state is None or (_is_unloaded(state) and due.jid not in work.failed)
    if missing and not isinstance(due.event, _LOADING):
        work.held = work.held.set(due.jid, Waiting(None).holding(Held(due, work.cause)))
        work.holds.append((due.jid, work.cause))
        work.effects.append((due.jid, Load(due.jid)))
        return
    if isinstance(due.event, LoadFailed):
        work.failed.add(due.jid)
    _step(work, due, state, work.machine.start(address) if state is None else state)


def _step(work: _Work[S], due: ForAccount, state: S | None, before: S) -> None:
    """Let the machine of an account process an event.

    :param state: the state that is in memory.
    :param before: the same, or the initial state if none is in memory.
    """
    transition = work.machine.reduce(before, due.event, work.policy)
    if transition.state is not state:
        work.accounts = work.accounts.set(due.jid, transition.state)
    _perform(work, due, transition)


_LOADING: Final = (AccountLoaded, LoadFailed, OwnershipLost)


def _is_unloaded(state: object) -> bool:
    return isinstance(account_of(state), Unloaded)


def _domain_effect(event: Event, domain: str) -> Effect:
    return to_the_domain(event.stanza, domain) if isinstance(event, Inbound) else Ignored(rules.DOMAIN_EVENT)


def _perform(work: _Work[S], due: ForAccount, step: Transition[S]) -> None:
    """Collect the effects of a step, and queue the stanzas that it sends to domains and accounts of this service."""
    jid, domains = due.jid, work.domains
    work.steps.append(Handled(jid, due.event, step))
    back: list[tuple[str, Stanza]] = []
    for effect in step.effects:
        if isinstance(effect, Route):
            to = _recipient(effect.stanza)
            if to.domain in domains and work.is_own(to):
                back.append((to.bare, effect.stanza))
                continue
        elif isinstance(effect, FanOut):
            work.effects += [(jid, leaving) for leaving in _leaving(work, effect, back)]
            continue
        work.effects.append((jid, effect))
        if isinstance(effect, LoadOffline):
            work.held = work.held.set(jid, Waiting(effect.session))
    if back:
        _come_back(work, due, back)


def _come_back(work: _Work[S], cause: ForAccount, stanzas: list[tuple[str, Stanza]]) -> None:
    """Queue the stanzas that an account sent to accounts of this service, each with the bare JID of its account."""
    came, queue, at, origin, decision = work.came, work.queue, cause.event.at, work.origin, cause.decision
    for jid, stanza in stanzas:
        seq = f"{origin}.{jid}"
        number = came.get(seq, 0)
        came[seq] = number + 1
        queue.append(for_account(jid, inbound(at, f"{seq}.{number}", stanza, decision)))


def _leaving(work: _Work[S], effect: FanOut, back: list[tuple[str, Stanza]]) -> list[FanOut]:
    """Return the parts of a fan-out that leave; append its stanzas for accounts of this service to ``back``.

    Only those are stamped: a presence may have thousands of recipients elsewhere, who need no stanza here. Recipients
    at hosted domains that another part of the service owns get the same stanza as those here.
    """
    domains, stanza = work.domains, effect.within or effect.stanza
    elsewhere: list[str] = []
    others = elsewhere if effect.within is None else []
    for recipient in effect.recipients:
        address = parse_address(recipient)
        if not isinstance(address, Address) or address.jid.domain not in domains:
            elsewhere.append(recipient)
        elif work.owns is None or work.is_own(address.jid):
            back.append((address.jid.bare, stanza.__copied__(to=address)))
        else:
            others.append(recipient)
    if len(elsewhere) == len(effect.recipients):
        return [effect]
    parts = [(effect.stanza, elsewhere)]
    if others is not elsewhere:
        parts.append((stanza, others))
    return [FanOut(part, tuple(recipients), effect.rule) for part, recipients in parts if recipients]


def _recipient(stanza: Stanza) -> JID:
    """Return the 'to' of a routed stanza, which always has one."""
    to = stanza.to_jid
    assert to is not None
    return to
