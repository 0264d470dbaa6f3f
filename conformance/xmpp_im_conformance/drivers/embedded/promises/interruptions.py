"""An account that leaves memory, or cannot be loaded: what happens meanwhile has the same effect as without that.

A client sees this only if the storage fails at the right moment. So at the end of each vector the driver lets each of
its accounts go through the failures that there are, and compares what comes of them.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from xmpp_im_conformance.drivers.embedded.promises.broken import check_same, promise
from xmpp_im_conformance.drivers.embedded.promises.damaged import check_damaged
from xmpp_im_core.element import element
from xmpp_im_core.host import Stored
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules.storage import PROCESSED
from xmpp_im_core.server import (
    Account,
    AccountLoaded,
    AccountRemoved,
    AddressedAs,
    Delegate,
    Deliver,
    EndSession,
    Event,
    FanOut,
    Ignored,
    LoadFailed,
    LoadOffline,
    NoAccount,
    OwnershipLost,
    Put,
    Route,
    SessionBound,
    SessionEnded,
    SessionId,
    State,
    StoreFailed,
    TimePassed,
    Undelivered,
    Unloaded,
    reduce,
)
from xmpp_im_core.server.effects import Effect, Kind, Transition
from xmpp_im_core.server.state import Session
from xmpp_im_core.stanza import IQ, ErrorType, payload

_SOON: Final = timedelta(minutes=1)


def check_interruptions(account: Account, stored: Stored, policy: Policy, at: datetime) -> None:
    """Let an account go through all interruptions, and see that nothing is lost or told twice.

    :param account: as it is in memory.
    :param stored: what is stored of it: the same.
    """
    interrupted = _Interrupted(account, stored, policy, at)
    for keeps in (True, False) if policy.keep_sessions else (False,):
        interrupted.check_lost(evolve(policy, keep_sessions=keeps))
        interrupted.check_ends(evolve(policy, keep_sessions=keeps))
        interrupted.check_bound(evolve(policy, keep_sessions=keeps))
    interrupted.check_none()
    check_damaged(account, stored, policy, at)
    interrupted.check_returned()
    interrupted.check_ends_noted()
    interrupted.check_replaced()
    interrupted.check_stored()


class _Interrupted:
    """An account with its records, and what is done with it."""

    def __init__(self, account: Account, stored: Stored, policy: Policy, at: datetime) -> None:
        self.account = account
        self.stored = stored
        self.policy = policy
        self.at = at

    def _loaded(self, seq: str = "loaded") -> AccountLoaded:
        return self.stored.loaded(self.at, seq)

    def _lost(self, policy: Policy) -> Unloaded:
        """Return the account after a commit in doubt: its sessions stay known only if they are not stored."""
        lost = self._reduced(self.account, OwnershipLost(self.at, "lost"), policy)
        promise(_is_silent(lost), "what is lost tells nobody", lost.effects)
        state = lost.state
        assert isinstance(state, Unloaded)
        expected = () if policy.keep_sessions else self.account.sessions
        promise(state.sessions == expected, "sessions that are not stored stay known", state)
        return state

    def _reduced(self, state: State, event: Event, policy: Policy) -> Transition[State]:
        step = reduce(state, event, policy)
        promise(bool(step.effects), "each step names the rule that it obeys", state, event)
        promise(
            not step.store or not isinstance(state, Unloaded | NoAccount), "what is not loaded stores nothing", event
        )
        return step

    # --- what is known again when it is loaded ------------------------------------------------------------

    def check_lost(self, policy: Policy) -> None:
        """See that an account is the same after it was lost and loaded again, also after loading has failed once."""
        lost = self._lost(policy)
        failed = self._reduced(lost, LoadFailed(self.at, "failed"), policy)
        promise(failed.state == lost and _is_silent(failed), "a load that fails changes nothing", failed)
        again = self._reduced(lost, OwnershipLost(self.at, "lost again"), policy)
        promise(again.state == lost and _is_silent(again), "what is lost cannot be lost again", again)
        loaded = self._reduced(lost, self._loaded(), policy)
        check_same(self.account, loaded.state, self.account)
        promise(_sent(loaded) == Counter(), "loading tells nobody anything", loaded.effects)
        self._check_unsaved(loaded.state, lost)
        self._check_asked(loaded, policy)

    def _check_unsaved(self, state: State, before: Unloaded) -> None:
        """See that an account that has learnt of sessions while it was not loaded stores them soon."""
        assert isinstance(state, Account)
        known = bool(before.sessions or before.ended or before.replaced)
        promise(state.unsaved == known, "what was learnt while an account was not loaded is to be stored", before)
        soon = state.wake_at is not None and state.wake_at - self.at <= _SOON
        promise(soon or not known, "an account with unsaved sessions wants to be woken soon", state.wake_at)
        later = Counter([each.kind for each in reduce(state, TimePassed(self.at, "passed"), self.policy).store])
        promise(not known or later[Kind.WAKE] > 0, "the step that stores the sessions stores the time to wake", later)

    def _check_asked(self, loaded: Transition[State], policy: Policy) -> None:
        """See that stored messages are asked for after everything else, for a session that can receive them."""
        asked = [each for each in loaded.effects if isinstance(each, LoadOffline)]
        promise(not asked or loaded.effects[-1] is asked[0], "stored messages are asked for last", loaded.effects)
        if isinstance(loaded.state, Account):
            reached = [each.id for each in loaded.state.sessions if _can_receive(each)]
            stored = loaded.state.offline and policy.offline_messages
            expected = reached[:1] if stored else []
            promise([each.session for each in asked] == expected, "stored messages are asked for", asked, expected)

    # --- sessions that end meanwhile ----------------------------------------------------------------------

    def check_ends(self, policy: Policy) -> None:
        """See that the end of a session is told when the account is loaded, as it would have been told at once."""
        for session in self.account.sessions:
            self._check_end(session.id, policy)
        for id in self.account.replaced:
            self._check_end(id, policy)

    def _check_end(self, id: SessionId, policy: Policy) -> None:
        event = SessionEnded(self.at, "ended", id)
        at_once = self._reduced(self.account, event, policy)
        ended = self._reduced(self._lost(policy), event, policy)
        promise(_is_silent(ended), "while an account is not known nobody is told of an end", ended.effects)
        twice = self._reduced(ended.state, event, policy)
        promise(twice.state == ended.state, "the end of a session is noted once", twice.state)
        assert isinstance(ended.state, Unloaded)
        seen = [each for each in self.account.sessions if each.id == id and _is_seen(each)]
        noted = policy.keep_sessions or bool(seen)
        promise((id in ended.state.ended) == noted, "an end is noted if others may know of the session", ended.state)
        loaded = self._reduced(ended.state, self._loaded(event.seq), policy)
        told, expected = _sent(loaded), _sent(at_once)
        promise(told == expected, "an end is told when the account is loaded", id, loaded.effects, at_once.effects)
        assert isinstance(at_once.state, Account)
        check_same(self.account, loaded.state, at_once.state)
        self._check_unsaved(loaded.state, ended.state)
        self._check_asked(loaded, policy)

    def check_ends_noted(self) -> None:
        """See that twice as many ends are noted as there may be sessions, and that the latest count."""
        policy = evolve(self.policy, sessions=2, keep_sessions=True)
        state: State = Unloaded(self.account.jid)
        ids = [SessionId("ended", n) for n in range(5)]
        for id in ids:
            state = self._reduced(state, SessionEnded(self.at, f"ended {id.epoch}", id), policy).state
        assert isinstance(state, Unloaded)
        promise(state.ended == tuple(ids[1:]), "twice as many ends are noted as there may be sessions", state.ended)

    def check_replaced(self) -> None:
        """See that the end of a replaced session is waited for, also if the account was not loaded meanwhile."""
        late = SessionId("late", 0)
        expected = (*self.account.replaced, late)
        for keeps in (True, False):
            policy = evolve(self.policy, keep_sessions=keeps)
            lost = evolve(Unloaded(self.account.jid), replaced=(late,) if keeps else expected)
            loaded = self._reduced(lost, self._loaded(), policy)
            assert isinstance(loaded.state, Account)
            if keeps and not self.policy.keep_sessions:
                continue
            waits = loaded.state.replaced == expected
            promise(waits, "the end of a replaced session is waited for", loaded.state.replaced, expected)
            self._check_unsaved(loaded.state, lost)
            ended = self._reduced(lost, SessionEnded(self.at, "ended", late), policy)
            loaded = self._reduced(ended.state, self._loaded(), policy)
            assert isinstance(loaded.state, Account)
            waits = loaded.state.replaced == self.account.replaced
            promise(waits, "an end that has come is not waited for", loaded.state.replaced, self.account.replaced)
            begun = evolve(lost, sessions=self.account.sessions[:1])
            loaded = self._reduced(begun, self._loaded(), policy)
            assert isinstance(loaded.state, Account)
            promise(late in loaded.state.replaced, "the end of a replaced session is waited for", loaded.state.replaced)
            if keeps:
                same = loaded.state.sessions == self.account.sessions and _sent(loaded) == Counter()
                promise(same, "a session that is stored and known is one session", loaded.state.sessions)
                self._check_stored_counts(late)

    def _check_stored_counts(self, late: SessionId) -> None:
        """See that the stored record of a session counts, and that an earlier replaced session is not forgotten."""
        for session in self.account.sessions[:1]:
            hidden = evolve(session, presence=None, directed=())
            before = Unloaded(self.account.jid, (hidden,), (), (session.id,))
            loaded = self._reduced(before, self._loaded("ended"), self.policy)
            at_once = self._reduced(self.account, SessionEnded(self.at, "ended", session.id), self.policy)
            promise(_sent(loaded) == _sent(at_once), "the stored record of a session counts", loaded.effects)
            new = evolve(hidden, id=SessionId(session.id.resource, 1_000_000))
            records = (*self.stored.records, Put(Kind.REPLACED, "0/late", late))
            loaded = self._reduced(
                Unloaded(self.account.jid, (new,)), evolve(self._loaded(), records=records), self.policy
            )
            assert isinstance(loaded.state, Account)
            waits = {late, session.id} <= set(loaded.state.replaced)
            promise(waits, "the end of a replaced session is waited for", loaded.state.replaced)

    def check_stored(self) -> None:
        """See that stored messages are asked for again if a session was about to get them."""
        event = evolve(self._loaded(), offline=2, offline_bytes=1000)
        lost = self._lost(evolve(self.policy, keep_sessions=False))
        broken = evolve(lost, sessions=tuple([each.breaking() for each in lost.sessions]))
        for offline in (True, False):
            policy = evolve(self.policy, keep_sessions=False, offline_messages=offline)
            for state in (lost, broken):
                loaded = self._reduced(state, event, policy)
                self._check_asked(loaded, policy)
                promise(isinstance(loaded.effects[0], Ignored), "loading has a rule", loaded.effects)
                assert isinstance(loaded.state, Account)
                size = (loaded.state.offline, loaded.state.offline_bytes)
                promise(size == (2, 1000), "what is stored is counted", size)

    # --- sessions that begin meanwhile --------------------------------------------------------------------

    def check_bound(self, policy: Policy) -> None:
        """See that a session that begins while the account is not known replaces one as it would have at once."""
        for session in (*self.account.sessions[:2], None):
            new = SessionId("begun" if session is None else session.id.resource, 1_000_000)
            if session is None and self.account.resource(new.resource) is not None:
                continue
            event = SessionBound(self.at, "bound", new, "en")
            lost = self._lost(policy)
            bound = self._reduced(lost, event, policy)
            if session is not None and not policy.keep_sessions:
                again = self._reduced(lost, SessionBound(self.at, "again", session.id, "en"), policy)
                promise(again.state == lost, "a session that is bound again is the same", again.state)
                promise(_is_silent(again), "a session that is bound again is the same", again.effects)
            if session is not None and not policy.keep_sessions and _is_seen(session):
                closed = [each for each in bound.effects if isinstance(each, EndSession)]
                refused = [(each.session, each.condition) for each in closed] == [(new, "internal-server-error")]
                promise(refused, "a session that others see is not replaced while nobody can be told", bound.effects)
                promise(bound.state == lost, "a session that is refused leaves nothing behind", bound.state)
                continue
            self._check_begun(event, session, bound, policy)

    def _check_begun(
        self, event: SessionBound, session: Session | None, bound: Transition[State], policy: Policy
    ) -> None:
        at_once = self._reduced(self.account, event, policy)
        if not isinstance(at_once.state, Account) or at_once.state.session(event.session) is None:
            return  # it is refused: there are too many sessions
        loaded = self._reduced(bound.state, self._loaded(event.seq), policy)
        told, expected = _sent(bound) + _sent(loaded), _sent(at_once)
        promise(told == expected, "a session that begins is told of when the account is loaded", told, expected)
        assert isinstance(loaded.state, Account)
        assert isinstance(bound.state, Unloaded)
        sessions = loaded.state.sessions, at_once.state.sessions
        promise(sessions[0] == sessions[1], "a session that begins is there when the account is loaded", *sessions)
        replaced = loaded.state.replaced, at_once.state.replaced
        same = (session is not None and not policy.keep_sessions) or set(replaced[0]) == set(replaced[1])
        promise(same, "the end of a session that was replaced is waited for", *replaced)
        self._check_unsaved(loaded.state, bound.state)
        again = self._reduced(bound.state, event, policy)
        kept = isinstance(again.state, Unloaded) and again.state.sessions == bound.state.sessions
        promise(kept, "a session that is bound again is the same", again.state)
        ended = self._reduced(bound.state, SessionEnded(self.at, "ended", event.session), policy)
        never = self._reduced(ended.state, self._loaded(), policy)
        assert isinstance(ended.state, Unloaded)
        noted = event.session in ended.state.ended
        promise(not noted, "the end of a session of which nobody knows is not noted", ended.state)
        gone = isinstance(never.state, Account) and never.state.session(event.session) is None
        promise(gone, "a session that has begun and ended is gone", never.state)

    # --- an account that is not there any more ------------------------------------------------------------

    def check_none(self) -> None:
        """See that the sessions of an account that turns out not to exist, or is removed, are closed."""
        policy = evolve(self.policy, keep_sessions=False)
        lost = self._lost(policy)
        ended = [each.id for each in self.account.sessions[:1]]
        lost = evolve(lost, replaced=(*lost.replaced, SessionId("late", 0)))
        some = evolve(lost, ended=tuple(ended))
        for state in (lost, some):
            for event in (AccountLoaded(self.at, "none", ()), AccountRemoved(self.at, "removed")):
                step = reduce(state, event, policy)
                self._check_nobody(state, step)
        removed = reduce(self.account, AccountRemoved(self.at, "removed"), self.policy)
        self._check_nobody(Unloaded(self.account.jid, self.account.sessions, self.account.replaced), removed)

    def _check_nobody(self, before: Unloaded, step: Transition[State]) -> None:
        closed = [(each.session, each.condition) for each in step.effects if isinstance(each, EndSession)]
        expected = [(each.id, "not-authorized") for each in before.sessions]
        promise(closed == expected, "the sessions of an account that is gone are closed", step.effects)
        ending = (*[each.id for each in before.sessions], *before.replaced)
        left = NoAccount(before.jid, tuple([id for id in ending if id not in before.ended]))
        promise(step.state == left, "the ends of these sessions are waited for", step.state, left)
        promise(any(isinstance(each, Ignored | EndSession | Route) for each in step.effects), "it has a rule", step)

    # --- what a session had not received ------------------------------------------------------------------

    def check_returned(self) -> None:
        """See that who waits for the answer of a session that is gone hears of it while the account is not known."""
        policy = evolve(self.policy, keep_sessions=False)
        message = IQ(self.account.address, parse_address("sender@remote.example/x"), "m", "get", None, _REQUEST)
        ids = [each.id for each in self.account.sessions] or [SessionId("gone", 0)]
        for state in (self._lost(policy), NoAccount(self.account.jid, tuple(ids))):
            to_all = Deliver(message, tuple(ids), AddressedAs.AS_IT_STANDS, PROCESSED)
            to_first = evolve(to_all, sessions=(ids[0],))
            self._check_told(state, Undelivered(self.at, "u", to_all, tuple(ids)), True)
            self._check_told(state, Undelivered(self.at, "u", to_all, (ids[0],)), len(ids) == 1)
            self._check_told(state, SessionEnded(self.at, "e", ids[0], (to_first,)), True)
            self._check_told(state, SessionEnded(self.at, "e", ids[0], (to_all,)), len(ids) == 1)
            if isinstance(state, Unloaded):
                ended = evolve(state, ended=tuple(ids[1:]))
                self._check_told(ended, Undelivered(self.at, "u", to_all, (ids[0],)), True)
            else:
                self._check_left(state, Undelivered(self.at, "u", to_all, (ids[0],)), tuple(ids[1:]))
                self._check_left(state, SessionEnded(self.at, "e", ids[0]), tuple(ids[1:]))

    def _check_told(self, state: State, event: Undelivered | SessionEnded, told: bool) -> None:
        """See whether the sender gets an error: not while another session may still have the message."""
        for fed in (event, StoreFailed(event.at, event.seq, event)):
            step = self._reduced(state, fed, self.policy)
            errors = [each.stanza for each in step.effects if isinstance(each, Route)]
            promise(bool(errors) is told, "who waits for an answer of a lost session is told", state, fed, step.effects)
            if isinstance(state, Unloaded):
                temporary = all(each.error is not None and each.error.type is ErrorType.WAIT for each in errors)
                promise(temporary, "while an account is not known its answers are temporary", errors)
            if isinstance(event, SessionEnded):
                named = any(isinstance(each, Ignored) for each in step.effects)
                promise(named, "the end of a session has a rule", step.effects)

    def _check_left(self, state: State, event: Event, left: tuple[SessionId, ...]) -> None:
        step = self._reduced(state, event, self.policy)
        promise(step.state == NoAccount(self.account.jid, left), "an end that has come is not waited for", step.state)
        promise(any(isinstance(each, Ignored) for each in step.effects), "it has a rule", step.effects)
        again = self._reduced(step.state, event, self.policy)
        promise(again.state is step.state, "an end that has come changes nothing when it comes again", again.state)


_REQUEST: Final = payload(element("query", "urn:example:request"))


def _is_seen(session: Session) -> bool:
    """Whether others may know of a session: they have been sent its presence."""
    return session.available or bool(session.directed)


def _can_receive(session: Session) -> bool:
    return session.presence is not None and session.priority >= 0 and not session.broken


def _is_silent(step: Transition[State]) -> bool:
    return all(isinstance(each, Ignored) for each in step.effects)


def _sent(step: Transition[State]) -> Counter[object]:
    """Return what a step sends: the rules and the order need not be the same."""
    return Counter([_essence(each) for each in step.effects if not isinstance(each, Ignored | LoadOffline)])


def _essence(effect: Effect) -> object:
    if isinstance(effect, EndSession):
        return (effect.session, effect.condition)
    if isinstance(effect, Delegate):
        return effect.iq
    assert isinstance(effect, Deliver | Route | FanOut)
    to = effect.sessions if isinstance(effect, Deliver) else effect.recipients if isinstance(effect, FanOut) else ()
    return (type(effect), to, effect.stanza)
