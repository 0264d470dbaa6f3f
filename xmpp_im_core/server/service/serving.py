"""Many accounts at several domains as one pure machine: ``serve(service, event, policy) -> Served``.

One event may concern many accounts: a stanza from one of them to another at a hosted domain comes back as an inbound
event of the other. Each account processes its side of the exchange, with its own tables, checks and pushes (RFC 6121
§3.1.2, §8.5). Stanzas to other domains become effects.

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
from typing import Any, Generic, TypeVar, overload

from attrs import define, field

from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID, Address, Malformed, parse_address, parse_jid
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.record import record
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server.accounts.machine import PLAIN, Machine, account_of
from xmpp_im_core.server.delivery.domain import to_no_jid, to_the_domain
from xmpp_im_core.server.effects import Effect, FanOut, Ignored, LoadOffline, Route, StoreOperation, Transition, silence
from xmpp_im_core.server.events import AccountLoaded, Event, Inbound, LoadFailed
from xmpp_im_core.server.service.events import (
    Arrived,
    ForAccount,
    ServiceEvent,
    entering,
    for_account,
    inbound,
    not_stored,
)
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting, answers, held_size, refused, released
from xmpp_im_core.server.state import Account, NoAccount, State, Unloaded
from xmpp_im_core.stanza import Stanza

__all__ = [
    "Arrived",
    "ForAccount",
    "Handled",
    "Load",
    "Served",
    "Service",
    "ServiceEvent",
    "Waiting",
    "hosting",
    "merged",
    "not_stored",
    "serve",
    "unload",
]

S = TypeVar("S")
T = TypeVar("T")

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


@overload
def hosting(*domains: str) -> Service[State]: ...
@overload
def hosting(*domains: str, machine: Machine[S]) -> Service[S]: ...
def hosting(*domains: str, machine: Machine[Any] = PLAIN) -> Service[Any]:
    """Return the service that hosts these domains, with no account in memory.

    :param machine: the machine of each account, if it has extensions.
    :raises InvalidJID: if one of them is not a JID.
    :raises ValueError: if there is none, or one of them is more than a domainpart.
    """
    prepared = [parse_jid(domain) for domain in domains]
    if not prepared or any(each.local is not None or each.resource is not None for each in prepared):
        raise ValueError(f"domains: {domains!r}; one domainpart or more is needed, and nothing else")
    return Service(tuple([each.domain for each in prepared]), machine)


def unload(service: Service[S], jid: str) -> Service[S]:
    """Remove an account from memory. Its next event loads it again.

    An account that has sessions or waits for an answer stays, and the same service is returned. An account that still
    expects the end of a replaced session stays too: the undelivered stanzas of that session would be lost. The host has
    to remember the ``wake_at`` of the account.
    """
    if jid in service.held or jid not in service.accounts:
        return service
    state = account_of(service.accounts[jid])
    if not isinstance(state, NoAccount) and state.sessions:
        return service
    if isinstance(state, Account) and state.replaced:
        return service
    return Service(service.domains, service.machine, service.accounts.delete(jid), service.held)


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
    return Service(service.domains, service.machine, accounts, held)


def _replaced(map: FrozenMap[T], key: str, value: T | None) -> FrozenMap[T]:
    if value is not None:
        return map.set(key, value)
    return map.delete(key) if key in map else map


# --- the machine ------------------------------------------------------------------------------------------


def serve(service: Service[S], event: ServiceEvent, policy: Policy = DEFAULT) -> Served[S]:
    """Process one event of a service, and everything that it causes at hosted domains."""
    due = entering(event)
    seq = due.event.seq
    work = _Work(service.domains, service.machine, service.accounts, service.held, policy=policy, seq=seq, cause=seq)
    work.queue.append(due)
    while work.queue or work.groups:
        if not work.queue:
            _begin(work, work.groups.popleft())
        _take(work, work.queue.popleft())
    return work.done()


def _begin(work: _Work[S], group: list[Held]) -> None:
    """Begin with the next held events; everything before them has been processed."""
    work.cause = group[0].cause
    work.queue.extend([held.due for held in group])


@define
class _Work(Generic[S]):
    """The work on one event. It exists only during the call of ``serve``."""

    domains: tuple[str, ...]
    machine: Machine[S]
    accounts: FrozenMap[S]
    held: FrozenMap[Waiting]
    policy: Policy
    seq: str
    """The ``seq`` of the event."""
    cause: str
    """The ``seq`` of the cause of the current step: this event, or an earlier one whose consequences were held."""
    came: dict[str, int] = field(factory=dict)
    """The number of stanzas that have come back to each account, by bare JID."""
    queue: deque[ForAccount] = field(factory=deque)
    groups: deque[list[Held]] = field(factory=deque)
    """The released events, in groups. Each group begins when ``queue`` is empty."""
    steps: list[Handled[S]] = field(factory=list)
    effects: list[tuple[str, Effect | Load]] = field(factory=list)
    holds: list[tuple[str, str]] = field(factory=list)
    releases: list[str] = field(factory=list)

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
            if _not_worth_keeping(account_of(transition.state)) and accounts.get(jid) is transition.state:
                accounts = accounts.delete(jid)
        return Served(
            Service(self.domains, self.machine, accounts, self.held),
            tuple(self.steps),
            tuple(self.effects),
            tuple(store),
            tuple(forget),
            holds=tuple(self.holds),
            releases=tuple(self.releases),
        )


def _not_worth_keeping(state: State) -> bool:
    """Whether a state holds no information. Such states are dropped: otherwise strangers could fill the memory."""
    return isinstance(state, NoAccount) or (isinstance(state, Unloaded) and not state.sessions)


def _take(work: _Work[S], due: ForAccount) -> None:
    """Process an event, or hold it; an answer releases the held events."""
    waiting = work.held.get(due.jid)
    if waiting is not None and answers(waiting, due.event):
        work.held = work.held.delete(due.jid)
        work.releases += [held.cause for held in waiting.events.values()]
        _release(work, released(waiting, Held(due, work.cause)))
    elif waiting is not None:
        _hold(work, waiting, due)
    else:
        _process(work, due)


def _release(work: _Work[S], groups: list[list[Held]]) -> None:
    """Put the released events before everything that is still to be done, which came later."""
    behind = [Held(due, work.cause) for due in work.queue]
    work.queue.clear()
    work.groups.extendleft(reversed([*groups, behind] if behind else groups))


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
    """Let an account or a domain process its event. Ask for an account that is not in memory."""
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
    state = work.accounts.get(due.jid)
    if state is None and not isinstance(due.event, AccountLoaded | LoadFailed):
        work.held = work.held.set(due.jid, Waiting(None).holding(Held(due, work.cause)))
        work.holds.append((due.jid, work.cause))
        work.effects.append((due.jid, Load(due.jid)))
        return
    before = work.machine.start(address) if state is None else state
    transition = work.machine.reduce(before, due.event, work.policy)
    if transition.state is not state:
        work.accounts = work.accounts.set(due.jid, transition.state)
    _perform(work, due, transition)


def _domain_effect(event: Event, domain: str) -> Effect:
    return to_the_domain(event.stanza, domain) if isinstance(event, Inbound) else Ignored(rules.DOMAIN_EVENT)


def _perform(work: _Work[S], due: ForAccount, step: Transition[S]) -> None:
    """Collect the effects of a step, and queue the stanzas that it sends to hosted domains."""
    jid, domains = due.jid, work.domains
    work.steps.append(Handled(jid, due.event, step))
    back: list[Stanza] = []
    for effect in step.effects:
        if isinstance(effect, Route) and _recipient(effect.stanza).domain in domains:
            back.append(effect.stanza)
            continue
        leaving = _elsewhere(domains, effect, back) if isinstance(effect, FanOut) else effect
        if leaving is not None:
            work.effects.append((jid, leaving))
        if isinstance(effect, LoadOffline):
            work.held = work.held.set(jid, Waiting(effect.session))
    for stanza in back:
        _come_back(work, due, stanza)


def _come_back(work: _Work[S], cause: ForAccount, stanza: Stanza) -> None:
    """Queue a stanza that an account sent to an account of this service."""
    jid = _recipient(stanza).bare
    number = work.came.get(jid, 0)
    work.came[jid] = number + 1
    event = inbound(cause.event.at, f"{work.seq}.{jid}.{number}", stanza, cause.decision)
    work.queue.append(for_account(jid, event))


def _elsewhere(domains: tuple[str, ...], effect: FanOut, back: list[Stanza]) -> FanOut | None:
    """Return the part of a fan-out that leaves, or None; append its stanzas for hosted domains to ``back``.

    Only these are stamped: a presence may have thousands of recipients elsewhere, who need no stanza here.
    """
    elsewhere: list[str] = []
    stanza = effect.within or effect.stanza
    for recipient in effect.recipients:
        address = parse_address(recipient)
        if isinstance(address, Address) and address.jid.domain in domains:
            back.append(stanza.stamped(to=address))
        else:
            elsewhere.append(recipient)
    if len(elsewhere) == len(effect.recipients):
        return effect
    return FanOut(effect.stanza, tuple(elsewhere), effect.rule) if elsewhere else None


def _recipient(stanza: Stanza) -> JID:
    """Return the 'to' of a routed stanza, which always has one."""
    to = stanza.to_jid
    assert to is not None
    return to
