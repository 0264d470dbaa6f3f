"""What happens seldom to an account: events of the host and of administrators, in each state that an account has.

At the end of a vector the driver lets these happen to one of its accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from attrs import evolve

from xmpp_im_conformance.drivers.embedded.promises.broken import Step, promise
from xmpp_im_conformance.drivers.embedded.promises.limits import check_limits
from xmpp_im_conformance.drivers.embedded.promises.marks import check_marks
from xmpp_im_conformance.drivers.embedded.promises.records import check_records
from xmpp_im_conformance.drivers.embedded.promises.sessions import check_sessions
from xmpp_im_core.element import Element, element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.host import MemoryStorage, Stored
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Audience, Policy
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.rules.storage import PROCESSED
from xmpp_im_core.server import (
    Account,
    AccountCreated,
    AccountMoved,
    AccountRemoved,
    AddressedAs,
    AdministratorRemovedItem,
    AdministratorSetItem,
    Delegate,
    Deliver,
    EndSession,
    Event,
    FanOut,
    Ignored,
    Inbound,
    LoadFailed,
    NoAccount,
    Outbound,
    OwnershipLost,
    Put,
    Route,
    SessionBound,
    SessionEnded,
    SessionId,
    SharedItemsChanged,
    State,
    StoreFailed,
    TimePassed,
    Undelivered,
    Unloaded,
    Unroutable,
    reduce,
)
from xmpp_im_core.server.accounts.kept_sessions import with_kept_sessions
from xmpp_im_core.server.accounts.processed_events import came_before
from xmpp_im_core.server.effects import Effect, Kind, Transition, wake_key, wake_time
from xmpp_im_core.server.events import OfflineLoaded, SessionDetached, SessionResumed
from xmpp_im_core.server.state import Moved, Notice
from xmpp_im_core.stanza import IQ, Message, Presence, payload

_STRANGER: Final = SessionId("stranger", 7)
_LATE: Final = (SessionId("late", 1), SessionId("late", 2))
_LITTLE: Final = timedelta(seconds=10)
_UNPREPARED: Final = "\u00a0balcony"
"""A resourcepart whose prepared form is another text."""


def _nested(depth: int) -> Element:
    inner = element("x", "urn:example:deep")
    for _ in range(depth):
        inner = Element("x", "urn:example:deep", (), (inner,))
    return inner


_DEEP: Final = Message(
    parse_address("a@deep.example"), parse_address("b@deep.example"), None, None, None, payload(_nested(1_000))
)


def check_unusual(account: Account, stored: Stored, policy: Policy, at: datetime) -> None:
    """Let unusual events happen to an account.

    :param stored: what is stored of it.
    """
    unusual = _Unusual(account, policy, at)
    unusual.check_answers()
    unusual.check_failed_commits()
    unusual.check_bound()
    unusual.check_replaced()
    unusual.check_saved(stored)
    unusual.check_remembered()
    unusual.check_administered()
    unusual.check_offline()
    unusual.check_requests()
    unusual.check_never_told()


class _Unusual:
    """An account, and what happens to it."""

    def __init__(self, account: Account, policy: Policy, at: datetime) -> None:
        self.account = account
        self.policy = policy
        self.at = at
        self.session = account.sessions[0] if account.sessions else None

    def _step(self, state: State, event: Event, policy: Policy | None = None) -> Transition[State]:
        """Return what comes of an event, after the checks of every step."""
        policy = policy or self.policy
        transition = reduce(state, event, policy)
        promise(bool(transition.effects), "each step names the rule that it obeys", state, event)
        step = Step(state.jid.bare, event, state, transition.state, transition)
        check_records(step, policy)
        check_sessions(step, policy)
        check_marks(step, policy)
        check_limits(step, policy)
        return transition

    # --- every event in every state -----------------------------------------------------------------------

    def check_answers(self) -> None:
        """See that every event has an answer in every state, and that a state without an account tells nobody."""
        jid, sessions = self.account.jid, self.account.sessions
        nowhere: list[State] = [NoAccount(jid), NoAccount(jid, (_STRANGER,))]
        nowhere += [Unloaded(jid), Unloaded(jid, sessions, _LATE)]
        for event in self._events():
            self._step(self.account, event)
            for state in nowhere:
                self._step(state, event)
                failed = self._step(state, StoreFailed(event.at, event.seq, event))
                promise(not failed.store and not failed.forget, "the answer to a failed commit stores nothing", event)
        for event in self._of_strangers():
            for state in (self.account, *nowhere):
                step = self._step(state, event)
                silent = all(isinstance(each, Ignored) for each in step.effects)
                promise(silent, "a session that is not known is told nothing", state, event, step.effects)

    def _events(self) -> Iterator[Event]:
        at = self.at
        yield TimePassed(at, "u1")
        yield LoadFailed(at, "u2")
        yield OwnershipLost(at, "u3")
        yield AccountCreated(at, "u4", "lineage")
        yield AccountMoved(at, "u5", Moved("xmpp:elsewhere@remote.example", True))
        yield AccountMoved(at, "u6", None)
        yield AccountRemoved(at, "u7")
        yield AdministratorSetItem(at, "u8", "stranger@remote.example")
        yield AdministratorRemovedItem(at, "u9", "stranger@remote.example")
        yield SharedItemsChanged(at, "u10")
        yield SessionEnded(at, "u11", _STRANGER)

    def _of_strangers(self) -> Iterator[Event]:
        at = self.at
        sent = Outbound(at, "s1", _STRANGER, Message(parse_address("romeo@remote.example"), None, "m"))
        yield SessionDetached(at, "s2", _STRANGER)
        yield SessionResumed(at, "s3", _STRANGER)
        yield OfflineLoaded(at, "s4", _STRANGER, ())
        yield sent
        yield StoreFailed(at, "s1", sent)

    # --- commits that fail --------------------------------------------------------------------------------

    def check_failed_commits(self) -> None:
        """See that what has happened to streams and stanzas has happened, though a commit has failed."""
        session, account = self.session, self.account
        twice = StoreFailed(self.at, "f0", StoreFailed(self.at, "f0", TimePassed(self.at, "f0")))
        promise(self._step(account, twice).state == account, "a failure that fails changes nothing")
        if session is None:
            return
        lost_too = self._step(account, StoreFailed(self.at, "f5", OwnershipLost(self.at, "f5")))
        promise(isinstance(lost_too.state, Unloaded), "a failed commit does not undo a loss", lost_too.state)
        due = account.waking(self.at + _LITTLE)
        soon = self._step(due, StoreFailed(self.at, "f6", SessionDetached(self.at, "f6", session.id))).state
        woken = isinstance(soon, Account) and soon.wake_at == due.wake_at
        promise(woken or session.attached is False, "an account is woken when it has asked for it", soon)
        for event in (SessionDetached(self.at, "f1", session.id), SessionResumed(self.at, "f2", session.id)):
            attached = isinstance(event, SessionResumed)
            earlier = account.with_session(session.with_stream(not attached))
            step = self._step(earlier, StoreFailed(self.at, event.seq, event))
            assert isinstance(step.state, Account)
            left = step.state.session(session.id)
            promise(left is not None and left.attached is attached, "a stream that is lost is lost", event, left)
        ids = tuple([each.id for each in account.sessions])
        asked = IQ(session.address, parse_address("sender@remote.example/x"), "i", "get", None, _REQUEST)
        lost = Deliver(asked, ids, AddressedAs.AS_IT_STANDS, PROCESSED)
        if not account.blocked:
            step = self._step(account, StoreFailed(self.at, "f3", Undelivered(self.at, "f3", lost, ids)))
            told = [each for each in step.effects if isinstance(each, Route)]
            promise(len(told) == 1, "who waits for an answer of a lost session is told", step.effects)
        sent = Route(Message(parse_address("romeo@nowhere.example"), session.address, "m"), PROCESSED, session.id)
        step = self._step(account, StoreFailed(self.at, "f4", Unroutable(self.at, "f4", sent)))
        reported = [each.sessions for each in step.effects if isinstance(each, Deliver)]
        promise(reported == [(session.id,)], "the sender hears that a stanza could not be routed", step.effects)

    # --- sessions -----------------------------------------------------------------------------------------

    def check_bound(self) -> None:
        """See which sessions may be bound, and that the ends of as many are waited for as there may be sessions."""
        for resource in ("", _UNPREPARED):
            wrong = SessionId(resource, 1)
            for known in (True, False):
                before: State = self.account if known else Unloaded(self.account.jid)
                step = self._step(before, SessionBound(self.at, "b1", wrong))
                closed = [(each.session, each.condition) for each in step.effects if isinstance(each, EndSession)]
                promise(closed == [(wrong, "bad-format")], "a resource is bound by its prepared name", step.effects)
                sessions = step.state.sessions if isinstance(step.state, Account | Unloaded) else ()
                promise(wrong not in [each.id for each in sessions], "a wrong resource is not bound", step.state)
        if self.session is not None:
            again = self._step(self.account, SessionBound(self.at, "b2", self.session.id))
            promise(again.state == self.account, "a session that is bound again is the same", again.state)
            promise(_are_ignored(again.effects), "a session that is bound again is the same", again.effects)
        for most in (1, 2, 3):
            policy = evolve(self.policy, sessions=most)
            state: State = evolve(self.account, sessions=(), replaced=())
            ids = [SessionId("bound", n) for n in range(most + 3)]
            for id in ids:
                state = self._step(state, SessionBound(self.at, f"b{id.epoch}", id), policy).state
            assert isinstance(state, Account)
            expected = tuple(ids[:-1][-most:])
            promise(state.replaced == expected, "as many ends are waited for as there may be sessions", state.replaced)

    def check_replaced(self) -> None:
        """See that each replaced session is waited for until it has ended, whatever happens to the others."""
        account = evolve(self.account, replaced=_LATE)
        step = self._step(account, SessionEnded(self.at, "r1", _LATE[0]))
        assert isinstance(step.state, Account)
        promise(step.state.replaced == _LATE[1:], "an end that has come is not waited for", step.state.replaced)
        removed = self._step(account, AccountRemoved(self.at, "r2"))
        assert isinstance(removed.state, NoAccount)
        ending = (*[each.id for each in account.sessions], *_LATE)
        promise(removed.state.ending == ending, "the ends of the sessions of a removed account are waited for", removed)
        if self.session is not None:
            new = SessionId(self.session.id.resource, 1_000_000)
            bound = self._step(account, SessionBound(self.at, "r3", new))
            assert isinstance(bound.state, Account)
            expected = (*_LATE, self.session.id)[-self.policy.sessions :]
            waits = bound.state.replaced == expected or bound.state.session(new) is None
            promise(waits, "the end of a session that was replaced is waited for", bound.state.replaced)

    # --- what is stored again -----------------------------------------------------------------------------

    def check_saved(self, stored: Stored) -> None:
        """See that the step after a failure stores what the sessions are, whatever was stored of them before."""
        unsaved = evolve(self.account, unsaved=True, replaced=_LATE, wake_at=self.at + _LITTLE)
        new = SessionId("saved", 1_000_000)
        moved = AccountMoved(self.at, "v0", Moved("xmpp:elsewhere@remote.example", True))
        for event in (moved, TimePassed(self.at, "v1"), SessionBound(self.at, "v2", new)):
            self._step(unsaved, event, evolve(self.policy, keep_sessions=False))
            step = self._step(unsaved, event)
            stores = any(each.kind is Kind.MOVED for each in step.store)
            promise(stores is (event is moved), "the step after a failure stores what it changes too", step.store)
            if self.policy.keep_sessions:
                self._check_kept(stored, step)
        answer = self._step(unsaved, OfflineLoaded(self.at, "v3", self.session.id if self.session else new, ()))
        assert isinstance(answer.state, Account)
        promise(not answer.store, "the answer with stored messages stores nothing", answer.store)
        promise(answer.state.unsaved, "sessions that are not stored stay unsaved", answer.state)

    def _check_kept(self, stored: Stored, step: Transition[State]) -> None:
        assert isinstance(step.state, Account)
        jid, storage = self.account.jid.bare, MemoryStorage()
        stale = (Put(Kind.REPLACED, "0/stale", SessionId("stale", 0)),)
        storage.commit([(jid, each) for each in (*stored.records, *stale)])
        storage.commit([(jid, each) for each in step.store])
        kept = with_kept_sessions(step.state, storage.account(jid).records)
        promise(kept.sessions == step.state.sessions, "the stored sessions are those that there are", kept.sessions)
        same = set(kept.replaced) == set(step.state.replaced)
        promise(same, "the ends that are waited for are stored", kept.replaced, step.state.replaced)

    def check_remembered(self) -> None:
        """See that events are remembered only if the policy says so, and that an event may be as deep as it likes."""
        event = AccountMoved(self.at, "m1", Moved("xmpp:elsewhere@remote.example", True))
        for changed in ({"remembered_events": 0}, {"store_remembered_events": False}):
            policy = evolve(self.policy, **changed)
            step = self._step(self.account, event, policy)
            assert isinstance(step.state, Account)
            kinds = {each.kind for each in step.store}
            promise(Kind.PROCESSED not in kinds, "events are stored only if the policy says so", step.store)
            known = came_before(step.state, event)
            promise(known is (policy.remembered_events > 0), "events are remembered if the policy says so", step.state)
        marked = evolve(self.account, processed=("deep#00000000",))
        for deep in (Inbound(self.at, "deep", _DEEP), Outbound(self.at, "deep", _STRANGER, _DEEP)):
            promise(not came_before(marked, deep), "an event may be as deep as it likes")

    # --- stored messages, requests and those who are told nothing -----------------------------------------

    def check_offline(self) -> None:
        """See that what is still stored is counted, and that stored messages reach only who can receive them."""
        _check_times()
        session = self.session
        if session is None:
            return
        message = Message(self.account.address, parse_address("sender@nowhere.example/x"), "m", "chat")
        size, plain = message.size(), Presence(None, session.address)
        there = session.showing(plain)
        one, two = (("k1", message),), (("k1", message), ("k2", message))
        for stored, taken, messages, left in (
            (3, 5000, one, (2, 5000 - size)),
            (3, size - 1, one, (2, 0)),
            (2, 5000, two, (0, 0)),
            (1, 5000, two, (0, 0)),
        ):
            account = evolve(self.account, blocked=()).with_session(there).storing(stored, taken)
            step = self._step(account, OfflineLoaded(self.at, "o1", session.id, messages))
            assert isinstance(step.state, Account)
            found = (step.state.offline, step.state.offline_bytes)
            promise(found == left, "what is still stored is counted", found, left)
        negative = payload(element("priority", "jabber:client", {}, ["-1"]))
        absent, unwilling = session.showing(None), session.showing(evolve(plain, payload=negative))
        for each in (absent, unwilling):
            account = self.account.with_session(each).storing(1, size)
            step = self._step(account, OfflineLoaded(self.at, "o2", session.id, one))
            nobody = _are_ignored(step.effects) and not step.forget and step.state == account
            promise(nobody, "stored messages stay stored while nobody can receive them", each, step.effects)
        longer = Notice("k" * 100, plain).size - Notice("k", plain).size
        promise(longer >= 99, "the key of a notice counts", longer)

    def check_requests(self) -> None:
        """See that only requests reach a service of the host, and only those that may ask it."""
        address, own = self.account.address, self.account.jid.with_resource("elsewhere").full
        namespace = "urn:example:request"
        everywhere = evolve(
            self.policy, served=FrozenMap({namespace: Audience.EVERYWHERE, ROSTER: Audience.EVERYWHERE})
        )
        to_user = evolve(self.policy, served=FrozenMap({namespace: Audience.OWNER}))
        unserved = evolve(self.policy, served=FrozenMap[Audience]())
        account, nobody = evolve(self.account, blocked=()), NoAccount(self.account.jid)
        request, roster = _REQUEST, payload(element("query", ROSTER))
        stranger = "stranger@nowhere.example/x"
        for state, policy, sender, type, content, asks in (
            (account, everywhere, stranger, "get", request, True),
            (account, everywhere, stranger, "result", request, False),
            (account, everywhere, stranger, "error", request, False),
            (account, everywhere, stranger, "result", payload(), False),
            (account, to_user, own, "get", request, True),
            (account, unserved, own, "get", request, False),
            (nobody, everywhere, stranger, "get", request, True),
            (nobody, everywhere, stranger, "result", request, False),
            (nobody, everywhere, stranger, "error", request, False),
            (nobody, everywhere, stranger, "get", roster, False),
        ):
            iq = IQ(address, parse_address(sender), "i", type, None, content)
            step = self._step(state, Inbound(self.at, "q1", iq), policy)
            asked = any(isinstance(each, Delegate) for each in step.effects)
            promise(asked is asks, "a service of the host gets the requests that it serves", iq, step.effects)
        if self.session is not None and account.roster.listed:
            get = payload(element("query", ROSTER, {"ver": account.roster.ver}))
            event = Outbound(self.at, "q2", self.session.id, IQ(None, None, "g", "get", None, get))
            step = self._step(account, event, evolve(self.policy, roster_versioning=False))
            results = [each.stanza for each in step.effects if isinstance(each, Deliver) and _is_result(each)]
            whole = [bool(each.payload.children) for each in results]
            promise(whole in ([], [True]), "without versions each client gets the whole roster", step.effects)

    def check_never_told(self) -> None:
        """See who is told nothing: oneself, the blocked, and who has sent what cannot be routed and is gone."""
        bare = self.account.address
        own = Presence(bare, parse_address(self.account.jid.with_resource("x").full), "p", "subscribe")
        step = self._step(self.account, Inbound(self.at, "t1", own))
        silent = _are_ignored(step.effects) and step.state == self.account
        promise(silent, "nobody subscribes to oneself", step.effects)
        gone = parse_address(self.account.jid.with_resource("gone").full)
        for sender in (gone, None):
            sent = Route(Message(parse_address("romeo@nowhere.example"), sender, "m"), PROCESSED, _STRANGER)
            step = self._step(self.account, Unroutable(self.at, "t2", sent))
            promise(_are_ignored(step.effects), "who is gone is told nothing", sender, step.effects)
        if self.session is None:
            return
        blocked = "blocked@nowhere.example"
        session = self.session.showing(Presence(None, self.session.address)).with_directed((f"{blocked}/x",))
        account = evolve(self.account.with_session(session), blocked=(blocked,))
        step = self._step(account, SessionEnded(self.at, "t3", session.id))
        told = [to for each in step.effects if isinstance(each, FanOut) for to in each.recipients]
        promise(f"{blocked}/x" not in told, "who is blocked is told nothing", step.effects)
        broken = self.account.with_session(self.session.breaking())
        self._step(broken, SessionDetached(self.at, "t4", session.id))
        self._step(broken, SessionResumed(self.at, "t5", session.id))

    # --- administrators -----------------------------------------------------------------------------------

    def check_administered(self) -> None:
        """See that an administrator changes the roster as the user does, and removes only what it shows."""
        hidden = [each.jid for each in self.account.roster.contacts.values() if not each.listed]
        for jid in ("stranger@nowhere.example", *hidden[:1]):
            step = self._step(self.account, AdministratorRemovedItem(self.at, "a1", jid))
            promise(step.state == self.account, "what the roster does not show cannot be removed", jid)
            promise(_are_ignored(step.effects), "what the roster does not show cannot be removed", step.effects)
        added = self._step(self.account, AdministratorSetItem(self.at, "a3", "stranger@nowhere.example")).state
        assert isinstance(added, Account)
        item = added.roster.contacts.get("stranger@nowhere.example")
        plain = item is not None and (item.listed, item.name, item.groups) == (True, "", ())
        promise(plain, "an item has the name that it is given", item)
        listed = [each.jid for each in self.account.roster.contacts.values() if each.listed]
        if listed and self.session is not None:
            removed = self._step(self.account, AdministratorRemovedItem(self.at, "a2", listed[0]))
            removal = element("item", ROSTER, {"jid": listed[0], "subscription": "remove"})
            asks = IQ(None, None, "r", "set", None, payload(element("query", ROSTER, {}, [removal])))
            policy = self.policy
            by_user = self._step(self.account, Outbound(self.at, "a2", self.session.id, asks), policy)
            if by_user.store:
                told = [_plain(each) for each in by_user.effects if not _is_result(each)]
                same = [_plain(each) for each in removed.effects] == told
                promise(same, "an administrator removes an item as the user does", removed.effects, by_user.effects)


def _check_times() -> None:
    """See that the keys of times to wake sort as the times do, up to the last one that there is."""
    keys = [wake_key(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n)) for n in (0, 1)]
    promise(len(keys[0]) == len(keys[1]) and keys[0] < keys[1], "keys of times sort as the times do", keys)
    last = datetime.max.replace(tzinfo=UTC)
    latest = wake_key(datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))))
    promise(latest == wake_key(last), "a time that is too late for UTC has the last key", latest)
    promise(wake_time(latest) == last, "a key is read as the time that it was made from", latest)


_REQUEST: Final = payload(element("query", "urn:example:request"))


def _are_ignored(effects: tuple[Effect, ...]) -> bool:
    return all(isinstance(each, Ignored) for each in effects)


def _is_result(effect: Effect) -> bool:
    return isinstance(effect, Deliver) and effect.stanza.type == "result"


def _plain(effect: Effect) -> Effect:
    """Return an effect that names no rule and no session that has caused it."""
    plain = evolve(effect, rule=PROCESSED)
    return evolve(plain, session=None) if isinstance(plain, Route) else plain
