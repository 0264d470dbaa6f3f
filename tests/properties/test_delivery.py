"""What becomes of messages, and of roster modifications, whatever happens (RFC 6121 §2.1.6, §2.6, §8.5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.changing import WATCHER, changes, item_changes
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import address_of, parse_address
from xmpp_im_core.policy import DEFAULT, MessagesToSeveral, Policy, UnmatchedFullJID
from xmpp_im_core.roster import ROSTER, Roster
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.delivery.message_table import MESSAGE_TABLE
from xmpp_im_core.server.effects import FULL_JID, Delete, Deliver, Effect, Ignored, Kind, LoadOffline, Put, Route, Step
from xmpp_im_core.server.events import (
    Event,
    Inbound,
    OfflineLoaded,
    Outbound,
    SessionBound,
    SessionDetached,
    SessionEnded,
    Undelivered,
)
from xmpp_im_core.server.state import Account, Session, SessionId, State
from xmpp_im_core.stanza import CLIENT, IQ, Message, Presence, payload
from xmpp_im_core.testing.draw import choose
from xmpp_im_core.testing.draw_stanzas import MESSAGE_PAYLOADS
from xmpp_im_core.testing.event_strategies import histories
from xmpp_im_core.testing.state_strategies import JULIET, NOON, RESOURCES, accounts

ROMEO: Final = "romeo@montague.example/orchard"
BARE: Final = JULIET.bare

POLICIES: Final = (
    DEFAULT,
    Policy(offline_messages=False),
    Policy(normal_to_several=MessagesToSeveral.ALL, chat_to_several=MessagesToSeveral.ALL),
    Policy(unmatched_full_jid=UnmatchedFullJID.LENIENT),
)


def account_of(state: State) -> Account:
    assert isinstance(state, Account)
    return state


@st.composite
def messages(draw: st.DrawFn, id: str, to: str | None = None) -> Message:
    """A message of any type, to the user's bare JID or to a resource that may be there."""
    whither = to or BARE + choose(draw, ("", "", *[f"/{resource}" for resource in RESOURCES], "/nowhere"))
    type = choose(draw, (None, "normal", "chat", "groupchat", "headline", "error", "unheard-of"))
    return Message(parse_address(whither), parse_address(ROMEO), id, type, None, choose(draw, MESSAGE_PAYLOADS))


# --- priorities -------------------------------------------------------------------------------------------


@given(accounts(), messages("m", BARE), st.sampled_from(POLICIES))
def test_no_message_to_the_bare_jid_reaches_a_negative_priority_or_who_is_not_available(
    account: Account, message: Message, policy: Policy
) -> None:
    """ "the server MUST NOT deliver the stanza to any available resource with a negative priority" (§8.5.2.1.1)"""
    step = reduce(account, Inbound(NOON, "e", message), policy)

    for effect in step.effects:
        for id in effect.sessions if isinstance(effect, Deliver) else ():
            session = account.session(id)
            assert session is not None
            assert session.available
            assert session.priority >= 0


@given(accounts(), st.sampled_from((None, "-1", "0", "7")), messages("m1"))
def test_no_stored_message_reaches_a_negative_priority(account: Account, priority: str | None, stored: Message) -> None:
    id = SessionId("balcony", 9)
    content = payload(element("priority", CLIENT, {}, [priority or ""]))
    full = address_of(JULIET.with_resource("balcony"))
    presence = None if priority is None else Presence(None, full, payload=content)
    session = Session(id, full, presence=presence, priority=0 if presence is None else presence.priority)

    step = reduce(account.blocking(()).with_session(session), OfflineLoaded(NOON, "e", id, (("m1", stored),)))

    wanted = priority is not None and int(priority) >= 0
    assert [type(effect) for effect in step.effects] == ([Deliver] if wanted else [Ignored])
    assert step.forget == ((Delete(Kind.OFFLINE, "m1"),) if wanted else ())


# --- the fate of a message --------------------------------------------------------------------------------


@st.composite
def comings_and_goings(draw: st.DrawFn, account: Account, number: int) -> Event:
    """Something by which resources come, change their priority and go."""
    at, seq = NOON + timedelta(seconds=number), f"own{number:03}"
    kind = choose(draw, ("presence", "presence", "presence", "bound", "ended", "detached"))
    if kind == "bound" or not account.sessions:
        return SessionBound(at, seq, SessionId(choose(draw, RESOURCES[:3]), number))
    id = choose(draw, account.sessions).id
    if kind == "ended":
        return SessionEnded(at, seq, id)
    if kind == "detached":
        return SessionDetached(at, seq, id)
    if choose(draw, (False, False, False, True)):
        return Outbound(at, seq, id, Presence(type="unavailable"))
    return evolve(available(seq, id, choose(draw, ("0", "1", "-1"))), at=at)


def available(seq: str, id: SessionId, priority: str) -> Outbound:
    return Outbound(NOON, seq, id, Presence(payload=payload(element("priority", CLIENT, {}, [priority]))))


class Fates:
    """A host that writes down where each message is: delivered, stored, bounced or dropped by a rule."""

    def __init__(self, account: Account, policy: Policy) -> None:
        self.state: State = account
        self.policy = policy
        self.stored: dict[str, Message] = {}
        self.streams: dict[SessionId, list[Deliver]] = {}
        self.bounced: Counter[str | None] = Counter()
        self.dropped: Counter[str | None] = Counter()
        self.count = 0

    def seq(self) -> str:
        self.count += 1
        return f"host{self.count:03}"

    def live(self, data: st.DataObject) -> None:
        self.count += 1
        self.feed(data.draw(comings_and_goings(account_of(self.state), self.count)))

    def feed(self, event: Event) -> Step:
        step = reduce(self.state, event, self.policy)
        self.state = step.state
        for operation in step.store:
            if isinstance(operation, Put) and operation.kind is Kind.OFFLINE:
                assert operation.key not in self.stored
                assert isinstance(operation.value, Message)
                self.stored[operation.key] = operation.value
        questions = [effect for effect in step.effects if self.perform(effect)]
        for operation in step.forget:
            assert isinstance(operation, Delete)
            if operation.kind is Kind.OFFLINE:
                del self.stored[operation.key]
        self.note_dropped(event, step)
        for question in questions:
            assert isinstance(question, LoadOffline)
            self.feed(OfflineLoaded(event.at, self.seq(), question.session, tuple(sorted(self.stored.items()))))
        return step

    def perform(self, effect: Effect) -> bool:
        """Do what an effect says; whether it is a question."""
        if isinstance(effect, Deliver):
            for id in effect.sessions:
                self.streams.setdefault(id, []).append(effect)
        elif isinstance(effect, Route) and isinstance(effect.stanza, Message):
            self.bounced[effect.stanza.id] += 1
        return isinstance(effect, LoadOffline)

    def note_dropped(self, event: Event, step: Step) -> None:
        """A message that came and went nowhere is dropped by the rule that is named."""
        if not isinstance(event, Inbound):
            return
        went = [effect for effect in step.effects if isinstance(effect, Deliver | Route)]
        if not went and not step.store:
            assert all(is_about_messages(effect.rule) for effect in step.effects)
            self.dropped[event.stanza.id] += 1

    def lose(self, id: SessionId, at_most: int) -> tuple[Deliver, ...]:
        """Take back the last of what was written to a stream: it has not arrived.

        Returned is what the account is told of it: not what an ended session has got.
        """
        stream = self.streams.get(id, [])
        lost = stream[len(stream) - min(at_most, len(stream)) :]
        del stream[len(stream) - len(lost) :]
        there = {session.id for session in account_of(self.state).sessions} - {id}
        got = self.arrived()
        return tuple([effect for effect in lost if not got[effect.stanza.id] or not there.isdisjoint(effect.sessions)])

    def arrived(self) -> Counter[str | None]:
        written = [effect.stanza for stream in self.streams.values() for effect in stream]
        return Counter([stanza.id for stanza in written if isinstance(stanza, Message)])


MESSAGE_RULES: Final[frozenset[Rule]] = frozenset(
    {cell.rule for cell in MESSAGE_TABLE.values()}
    | {rules.ERROR_MESSAGE_IGNORED, rules.NOT_STORED, rules.TOO_LARGE_TO_STORE}
)


def is_about_messages(rule: Rule) -> bool:
    return rule in MESSAGE_RULES


@given(accounts(), st.data())
def test_each_message_ends_in_exactly_one_way(account: Account, data: st.DataObject) -> None:
    """One resource or more has it, or the storage, or its sender is told, or a rule drops it: never two of these."""
    policy = data.draw(st.sampled_from(POLICIES))
    host = Fates(account.with_sessions(()).blocking(()), policy)
    sent = data.draw(st.integers(1, 8))
    for number in range(sent):
        for _ in range(data.draw(st.integers(0, 3))):
            host.live(data)
        message = data.draw(messages(f"m{number}"))
        host.feed(Inbound(NOON, f"in{number:03}", message))

    stored = Counter([message.id for message in host.stored.values()])
    for number in range(sent):
        id = f"m{number}"
        ways = [min(host.arrived()[id], 1), stored[id], host.bounced[id], host.dropped[id]]
        assert sum(ways) == 1, ways


@st.composite
def chats(draw: st.DrawFn, id: str) -> Message:
    """A message that is worth keeping: no rule drops it where storing is an option."""
    body = element("body", CLIENT, {}, ["O Romeo"])
    return Message(parse_address(BARE), parse_address(ROMEO), id, choose(draw, (None, "chat")), None, payload(body))


@given(st.data())
def test_no_message_is_lost_or_doubled_when_sessions_end_and_deliveries_fail(data: st.DataObject) -> None:
    """What a stream did not deliver is delivered elsewhere, or stored, and comes when somebody comes back."""
    policy = data.draw(st.sampled_from((DEFAULT, Policy(chat_to_several=MessagesToSeveral.ALL))))
    host = Fates(account_of(data.draw(accounts())).with_sessions(()).blocking(()), policy)
    for epoch, resource in enumerate(RESOURCES[:3]):
        host.feed(SessionBound(NOON, host.seq(), SessionId(resource, epoch)))
        host.feed(available(host.seq(), SessionId(resource, epoch), data.draw(st.sampled_from(("0", "0", "1", "-1")))))
    sent = data.draw(st.integers(1, 6))
    for number in range(sent):
        for _ in range(data.draw(st.integers(0, 2))):
            host.live(data)
        host.feed(Inbound(NOON, f"in{number:03}", data.draw(chats(f"m{number}"))))
        for _ in range(data.draw(st.integers(0, 2))):
            fail(host, data)

    arrived, stored = host.arrived(), Counter([message.id for message in host.stored.values()])
    for number in range(sent):
        id = f"m{number}"
        assert arrived[id] + stored[id] >= 1, "lost"
        assert stored[id] <= 1
        assert not (arrived[id] and stored[id]), "both delivered and stored"
        assert (host.bounced[id], host.dropped[id]) == (0, 0)
    for stream in host.streams.values():
        got = [effect.stanza.id for effect in stream if isinstance(effect.stanza, Message)]
        assert len(got) == len(set(got)), "twice to one session"


def fail(host: Fates, data: st.DataObject) -> None:
    """Let a session end with its last deliveries undone, or fail to get the very last and end then."""
    account = account_of(host.state)
    if not account.sessions:
        return
    session = data.draw(st.sampled_from(account.sessions))
    if data.draw(st.booleans()):
        lost = host.lose(session.id, data.draw(st.integers(0, 2)))
        host.feed(SessionEnded(NOON, host.seq(), session.id, lost))
        return
    for effect in host.lose(session.id, 1):
        step = host.feed(Undelivered(NOON, host.seq(), effect, (session.id,)))
        assert all(session.id not in again.sessions for again in step.effects if isinstance(again, Deliver))
    host.feed(SessionEnded(NOON, host.seq(), session.id))


# --- roster pushes ----------------------------------------------------------------------------------------


def pushes(step: Step) -> list[Deliver]:
    """The roster pushes of a step, but for those that answer a roster get."""
    return [effect for effect in step.effects if isinstance(effect, Deliver) and item_pushed(effect) is not None]


def item_pushed(effect: Deliver) -> Element | None:
    stanza = effect.stanza
    query = stanza.payload.first("query", ROSTER)
    return query.first("item") if isinstance(stanza, IQ) and stanza.type == "set" and query is not None else None


def is_roster_get(event: Event) -> bool:
    return isinstance(event, Outbound) and isinstance(event.stanza, IQ) and event.stanza.type == "get"


@given(accounts(), st.data())
def test_each_modification_is_pushed_once_to_each_interested_resource(account: Account, data: st.DataObject) -> None:
    """ "The server MUST send roster pushes to all interested resources." (§2.2)"""
    event = data.draw(changes(account, "e"))
    step = reduce(account, event)
    if not isinstance(step.state, Account) or is_roster_get(event):
        return
    before, after = account.roster, step.state.roster
    # What happens to an item behind one that the service shows is seen by nobody.
    unseen = sum(jid in before.shared for jid, each in after.contacts.items() if each.version > before.version)
    modifications = after.version - before.version - unseen

    pushed = pushes(step)

    assert all(push.sessions == account.interested() and push.address is FULL_JID for push in pushed)
    assert len(pushed) == (modifications if account.interested() else 0)


def repeated(roster: Roster) -> set[int]:
    versions = Counter([contact.version for contact in roster.contacts.values() if contact.version])
    return {version for version, count in versions.items() if count > 1}


@given(histories())
def test_versions_only_grow_and_each_modification_has_its_own(history: tuple[State, tuple[Event, ...]]) -> None:
    state, happened = history
    for event in happened:
        step = reduce(state, event)
        if isinstance(state, Account) and isinstance(step.state, Account):
            before, after = state.roster, step.state.roster
            assert after.version >= before.version
            changed = [c for jid, c in after.contacts.items() if c != before.contacts.get(jid)]
            new = sorted([c.version for c in changed if c.version > before.version])
            assert len(set(new)) == len(new)
            assert all(version <= after.version for version in new)
            # Storages may hold the same version twice; the core makes none of that.
            assert repeated(after) <= repeated(before)
        state = step.state


@given(histories())
def test_what_a_roster_get_shows_changes_only_together_with_the_version(
    history: tuple[State, tuple[Event, ...]],
) -> None:
    state, happened = history
    for event in happened:
        after = reduce(state, event).state
        if isinstance(state, Account) and isinstance(after, Account):
            changed = shown(state) != shown(after)
            assert not changed or after.roster.version > state.roster.version
        state = after


# --- replaying pushes -------------------------------------------------------------------------------------

Shown = dict[str, Element]


def shown(account: Account) -> Shown:
    return {item.jid: item.item() for item in account.roster.items()}


def replayed(before: Shown, items: Iterable[Element]) -> Shown:
    """What a client that holds a roster makes of pushes (§2.1.6)."""
    roster = dict(before)
    for item in items:
        jid = item.get("jid") or ""
        roster.pop(jid, None)
        if item.get("subscription") != "remove":
            roster[jid] = item
    return roster


def items_pushed(step: Step, session: SessionId) -> list[Element]:
    found = [item_pushed(e) for e in step.effects if isinstance(e, Deliver) and session in e.sessions]
    return [item for item in found if item is not None]


def get(ver: str | None) -> IQ:
    query = element("query", ROSTER, {} if ver is None else {"ver": ver})
    return IQ(None, None, "get", "get", None, payload(query))


def watched(account: Account) -> Account:
    bound = account_of(reduce(account.with_sessions(account.sessions[:2]), SessionBound(NOON, "w1", WATCHER)).state)
    return account_of(reduce(bound, Outbound(NOON, "w2", WATCHER, get(None))).state)


@given(accounts(), st.data())
def test_the_pushes_make_of_the_roster_what_a_roster_get_shows(account: Account, data: st.DataObject) -> None:
    state: State = watched(account)
    known = shown(account)
    for number in range(data.draw(st.integers(1, 8))):
        event = data.draw(changes(account_of(state), f"e{number}"))
        step = reduce(state, event)
        if not isinstance(step.state, Account) or step.state.session(WATCHER) is None:
            return
        known = replayed(known, items_pushed(step, WATCHER))
        state = step.state
        assert known == shown(step.state)


@given(accounts(), st.data())
def test_a_client_reaches_the_present_roster_from_every_old_version(account: Account, data: st.DataObject) -> None:
    """Either the whole roster comes, or "interim roster pushes" that lead there (§2.6.3)."""
    policy = Policy(tombstones=data.draw(st.integers(0, 1)))
    state: State = account.with_sessions(())
    old = [(account.roster.ver, shown(account))]
    for number in range(data.draw(st.integers(1, 10))):
        event = data.draw(st.one_of(item_changes(f"e{number}"), changes(account_of(state), f"e{number}")))
        after = reduce(state, event, policy).state
        if isinstance(after, Account):
            state = after
            old.append((after.roster.ver, shown(after)))
    ver, known = data.draw(st.sampled_from(old))
    account = account_of(reduce(account_of(state).with_sessions(()), SessionBound(NOON, "w1", WATCHER), policy).state)

    step = reduce(account, Outbound(NOON, "w2", WATCHER, get(ver)), policy)

    (result, *_) = step.effects
    assert isinstance(result, Deliver)
    query = result.stanza.payload.first("query", ROSTER)
    if query is None:
        known = replayed(known, items_pushed(step, WATCHER))
    else:
        assert items_pushed(step, WATCHER) == []
        known = replayed({}, query.all("item"))
    assert known == shown(account)


@given(accounts(), st.data())
def test_interim_pushes_come_in_the_order_of_the_modifications(account: Account, data: st.DataObject) -> None:
    account = account_of(reduce(account.with_sessions(()), SessionBound(NOON, "w1", WATCHER)).state)
    roster = account.roster
    since = data.draw(st.integers(0, roster.version))

    step = reduce(account, Outbound(NOON, "w2", WATCHER, get(f"{roster.lineage}:{since}")))

    versions = [versions_of(e) for e in step.effects if isinstance(e, Deliver) and item_pushed(e) is not None]
    assert versions == sorted(set(versions))


def versions_of(effect: Deliver) -> int:
    query = effect.stanza.payload.first("query", ROSTER)
    assert query is not None
    return int((query.get("ver") or "").rpartition(":")[2])
