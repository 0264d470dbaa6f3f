"""A service and its parts: what leaves a part, what waits, and what comes of an event that is for nobody here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from attrs import evolve

from xmpp_im_conformance.drivers.embedded.promises.broken import promise
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import Address, parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules.service import TOO_MUCH_HELD
from xmpp_im_core.server import (
    Account,
    EndSession,
    Event,
    FanOut,
    Ignored,
    Inbound,
    Load,
    LoadFailed,
    NoAccount,
    Outbound,
    OwnershipLost,
    Route,
    Served,
    Service,
    SessionBound,
    SessionEnded,
    SessionId,
    StoreFailed,
    TimePassed,
    serve,
    unload,
)
from xmpp_im_core.server.events import OfflineLoaded
from xmpp_im_core.server.service.binding import may_bind
from xmpp_im_core.server.service.events import Arrived, ArrivedForMany, ForAccount, not_stored
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting
from xmpp_im_core.stanza import Condition, Message, Presence, Stanza

_SENDER: Final = parse_address("sender@remote.example/x")


# --- what leaves a service --------------------------------------------------------------------------------


def check_leaving(service: Service[object], served: Served[object]) -> None:
    """See that each stanza either leaves, or comes back to an account of the service, as its recipient demands.

    :param service: the service, or a part of it, to which the event was fed.
    """
    expected: Counter[object] = Counter()
    for step in served.steps:
        for effect in step.transition.effects:
            for to, stanza in _sent(effect, service):
                if not _comes_back(service, to):
                    expected[to, stanza.stamped(to=parse_address(to))] += 1
    found: Counter[object] = Counter()
    for _, leaving in served.effects:
        if isinstance(leaving, FanOut):
            promise(bool(leaving.recipients), "a fan-out has a recipient", leaving)
            found.update([(to, leaving.stanza.stamped(to=parse_address(to))) for to in leaving.recipients])
        elif isinstance(leaving, Route):
            found.update([(_to(leaving.stanza), leaving.stanza)])
    promise(found == expected, "each stanza for others leaves the service", expected - found, found - expected)
    fans = sum([isinstance(each, FanOut) for _, each in served.effects])
    limit = sum([2 if e.within else 1 for s in served.steps for e in s.transition.effects if isinstance(e, FanOut)])
    promise(fans <= limit, "a fan-out is divided only if its stanza is not the same for all", served.effects)


def _sent(effect: object, service: Service[object]) -> Iterator[tuple[str, Stanza]]:
    if isinstance(effect, Route):
        yield _to(effect.stanza), effect.stanza
    elif isinstance(effect, FanOut):
        for to in effect.recipients:
            hosted = _is_hosted(service, to)
            yield to, (effect.within or effect.stanza) if hosted else effect.stanza


def _to(stanza: Stanza) -> str:
    assert stanza.to is not None
    return stanza.to.written


def _is_hosted(service: Service[object], to: str) -> bool:
    address = parse_address(to)
    return isinstance(address, Address) and address.jid.domain in service.domains


def _comes_back(service: Service[object], to: str) -> bool:
    address = parse_address(to)
    if not isinstance(address, Address):
        return False
    jid = address.jid
    own = jid.local is None or service.owns is None or service.owns(jid.bare)
    return jid.domain in service.domains and own


def check_part(before: Service[object], entered: ForAccount, policy: Policy) -> None:
    """See that a part of the service that owns one account sends to the others what the whole service would process.

    :param entered: an event of that account.
    """
    part = evolve(before, owns=lambda account: account == entered.jid)
    check_leaving(part, serve(part, entered, policy))
    astray = evolve(before, owns=lambda account: account != entered.jid, held=FrozenMap())
    if isinstance(entered.event, Inbound | Outbound):
        served = serve(astray, entered, policy)
        promise(served.state.accounts.get(entered.jid) is before.accounts.get(entered.jid), "it is another's account")
        promise(not served.store and not served.forget, "a part stores nothing for an account of another", entered)


# --- a service at the end of a scenario -------------------------------------------------------------------


def check_service(service: Service[object], account: Account, policy: Policy, at: datetime) -> None:
    """Let unusual events happen to a service that has an account in memory."""
    checks = _Checks(service, account, policy, at)
    checks.check_nobody()
    checks.check_binding()
    checks.check_many()
    checks.check_waiting()
    checks.check_sizes()
    checks.check_left()


class _Checks:
    """A service with an account, and what is done with it."""

    def __init__(self, service: Service[object], account: Account, policy: Policy, at: datetime) -> None:
        self.service = service
        self.account = account
        self.jid = account.jid.bare
        self.policy = policy
        self.at = at
        self.message = Message(account.address, _SENDER, "m", "chat")

    def _serve(self, event: Event, jid: str | None = None, service: Service[object] | None = None) -> Served[object]:
        served = serve(service or self.service, ForAccount(jid or self.jid, event), self.policy)
        promise(all(step.transition.effects for step in served.steps), "each step names the rule that it obeys", event)
        return served

    def _check_nothing(self, served: Served[object], before: Service[object]) -> None:
        silent = bool(served.effects) and all(isinstance(each, Ignored) for _, each in served.effects)
        promise(silent, "what is for nobody here is ignored", served.effects)
        promise(served.state == before and not served.store, "what is for nobody here changes nothing", served)

    def check_nobody(self) -> None:
        """See what comes of events that are for no account of the service."""
        inbound = Inbound(self.at, "n1", self.message)
        self._check_nothing(self._serve(inbound, "nobody@other.example"), self.service)
        self._check_nothing(self._serve(TimePassed(self.at, "n2"), self.service.domains[0]), self.service)
        empty = evolve(self.service, accounts=self.service.accounts.delete(self.jid))
        self._check_nothing(self._serve(OwnershipLost(self.at, "n3"), service=empty), empty)
        for stray in (evolve(self.message, from_=None), self.message):
            event = Inbound(self.at, "n4", stray)
            self._check_nothing(self._serve(event, self.service.domains[0]), self.service)
        malformed = parse_address("a@b@c")
        for stray in (evolve(self.message, to=malformed), evolve(self.message, to=malformed, from_=None)):
            served = self._serve(Inbound(self.at, "n5", stray))
            routed = [each.stanza for _, each in served.effects if isinstance(each, Route)]
            errors = [each.error.condition for each in routed if each.error is not None]
            told = [Condition.JID_MALFORMED] if stray.from_ is not None else []
            promise(errors == told, "what is for no JID is answered by the service", served.effects)
            promise(
                len(served.steps) == 1 and served.state == self.service, "what is for no JID changes nothing", stray
            )
        for wrong in (evolve(self.message, from_=None), evolve(self.message, to=None)):
            promise(_is_refused(self.at, wrong), "a stanza of another server has a sender and a recipient", wrong)

    def check_binding(self) -> None:
        """See that a part of the service lets only its own users bind a resource."""
        mine = evolve(self.service, owns=lambda account: account == self.jid)
        others = evolve(self.service, owns=lambda account: account != self.jid)
        as_whole = may_bind(self.service, self.jid, "somewhere", self.policy)
        promise(
            may_bind(mine, self.jid, "somewhere", self.policy) == as_whole, "the owner lets its users bind", as_whole
        )
        refused = may_bind(others, self.jid, "somewhere", self.policy)
        promise(refused is Condition.INTERNAL_SERVER_ERROR, "another part does not let a user bind", refused)
        gone = evolve(self.service, accounts=self.service.accounts.set(self.jid, NoAccount(self.account.jid)))
        empty = evolve(self.service, accounts=self.service.accounts.delete(self.jid))
        same = may_bind(gone, self.jid, "x", self.policy) == may_bind(empty, self.jid, "x", self.policy)
        promise(same, "an account that does not exist has no session", gone)

    def check_many(self) -> None:
        """See that one stanza for many arrives at each of them, in their order, also if it could not be stored."""
        recipients = (self.jid, self.jid, "nobody@nowhere.example", self.jid)
        event = ArrivedForMany(self.at, "many", Presence(None, _SENDER, "p", "unavailable"), recipients)
        seqs = ["many.nobody@nowhere.example.0" if "nobody" in to else "" for to in recipients]
        seqs = [seq or f"many.{self.jid}.{n}" for seq, n in zip(seqs, (0, 1, 0, 2), strict=True)]
        promise([step.event.seq for step in serve(self.service, event, self.policy).steps] == seqs, "in order", seqs)
        served = serve(self.service, not_stored(self.at, "many", event), self.policy)
        failed = [isinstance(step.event, StoreFailed) for step in served.steps]
        promise(failed == [True] * len(recipients), "what could not be stored failed for each", served.steps)
        promise(not served.store, "the answer to a failed commit stores nothing", served.store)

    # --- an account that waits ------------------------------------------------------------------------------

    def _waiting(self, session: SessionId | None, *events: Event) -> Service[object]:
        waiting = Waiting(session)
        for event in events:
            waiting = waiting.holding(Held(ForAccount(self.jid, event), event.seq))
        return evolve(self.service, held=self.service.held.set(self.jid, waiting))

    def check_waiting(self) -> None:
        """See in which order an account processes what it has held, and what ends the wait."""
        if not self.account.sessions:
            return
        session, other = self.account.sessions[0].id, SessionId("other", 0)
        first = Outbound(self.at, "w1", session, Message(_SENDER, None, "m1", "chat"))
        second = Outbound(self.at, "w2", session, Message(_SENDER, None, "m2", "chat"))
        waiting = self._waiting(session, first, second)
        loaded, ended = OfflineLoaded(self.at, "w3", session, ()), SessionEnded(self.at, "w4", session)
        failed = [StoreFailed(each.at, each.seq, each) for each in (first, second)]
        for event, expected in (
            (loaded, [loaded, first, second]),
            (ended, [first, second, ended]),
            (StoreFailed(self.at, "w5", loaded), [loaded, *failed]),
            (StoreFailed(self.at, "w6", ended), [*failed, StoreFailed(self.at, "w6", ended)]),
        ):
            served = self._serve(event, service=waiting)
            done = [step.event for step in served.steps if step.jid == self.jid and "." not in step.event.seq]
            promise(done == expected, "what was held is processed in its order", event, done, expected)
            promise(served.releases == ("w1", "w2"), "what was held is released", served.releases)
        for event in (OfflineLoaded(self.at, "w7", other, ()), SessionEnded(self.at, "w8", other)):
            served = self._serve(event, service=waiting)
            promise(self.jid in served.state.held and not served.steps, "another session ends no wait", event)
        lost = self._serve(OwnershipLost(self.at, "w9"), service=waiting)
        loads = [each.jid for _, each in lost.effects if isinstance(each, Load)]
        left = lost.state.held.get(self.jid)
        held = [] if left is None else [each.due.event for each in left.events.values()]
        promise(loads == [self.jid] and held == [first, second], "what was held waits for the account", loads, held)

    def check_left(self) -> None:
        """See which accounts stay in memory: those of which something is still to come."""
        idle = evolve(self.account, sessions=(), replaced=(), unsaved=False)
        late = (SessionId("late", 1),)
        for state, leaves in (
            (idle, True),
            (evolve(idle, replaced=late), False),
            (evolve(idle, unsaved=True), False),
            (evolve(self.account, replaced=(), unsaved=False), not self.account.sessions),
        ):
            service = evolve(self.service, accounts=self.service.accounts.set(self.jid, state))
            left = unload(service, self.jid)
            promise((self.jid not in left.accounts) is leaves, "an idle account can be unloaded, and no other", state)
            waits = evolve(service, held=service.held.set(self.jid, Waiting(None)))
            promise(unload(waits, self.jid) is waits, "an account that waits stays in memory", state)
        promise(unload(self.service, "nobody@nowhere.example") is self.service, "who is not there cannot leave")
        if self.policy.keep_sessions and self.account.sessions:
            lost = self._serve(OwnershipLost(self.at, "l1")).state
            promise(self.jid not in lost.accounts, "an account of which nothing is known leaves memory", lost.accounts)
            ended = SessionEnded(self.at, "l2", self.account.sessions[0].id)
            waits = self._serve(ended, service=lost).state
            failed = self._serve(LoadFailed(self.at, "l3"), service=waits).state
            promise(self.jid in failed.accounts, "an account of which an end is known stays in memory", failed.accounts)
            again = self._serve(TimePassed(self.at, "l4"), service=failed)
            loads = [each.jid for _, each in again.effects if isinstance(each, Load)]
            promise(loads == [self.jid], "an account that could not be loaded is loaded by its next event", loads)

    def check_sizes(self) -> None:
        """See that a held event counts with all that it holds, and that too much is refused by one rule."""
        id = SessionId("new", 1)
        short, long = SessionBound(self.at, "z1", id), SessionBound(self.at, "z1", id, "x" * 100)
        sent = Outbound(self.at, "z2", id, self.message)
        came = Inbound(self.at, "z3", self.message)
        small, large = self._size(short), self._size(long)
        promise(large - small >= 100, "the language of a session counts", small, large)
        silent = self._size(evolve(short, lang=""))
        promise(silent == small, "a session may have no language", small, silent)
        for event in (sent, came):
            size = self._size(event)
            promise(size >= self.message.size(), "a held stanza counts", size)
            promise(self._size(StoreFailed(self.at, "z4", event)) > size, "what failed counts with its stanza", size)
        policy = evolve(self.policy, held_events=1)
        beyond: tuple[Event, ...] = (sent, came, short, Inbound(self.at, "z5", evolve(self.message, type="normal")))
        for refused_event in beyond:
            served = serve(self._waiting(None, TimePassed(self.at, "z6")), ForAccount(self.jid, refused_event), policy)
            refused = all(each.rule is TOO_MUCH_HELD for _, each in served.effects if not isinstance(each, Load))
            promise(refused and bool(served.effects), "too much is refused by one rule", served.effects)
            closed = [each.condition for _, each in served.effects if isinstance(each, EndSession)]
            expected = [] if isinstance(refused_event, Inbound) else ["resource-constraint"]
            promise(closed == expected, "a client that sends too much is closed", closed)

    def _size(self, event: Event) -> int:
        return self._waiting(None, event).held[self.jid].bytes


def _is_refused(at: datetime, stanza: Stanza) -> bool:
    try:
        Arrived(at, "x", stanza)
    except ValueError:
        return True
    return False
