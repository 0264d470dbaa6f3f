"""One predicate says who may see a user's presence, and everything obeys it (RFC 6121 §4.3.2, §4.6, §8.5.3.1, §11).

Broadcast, the answers to probes, the IQ gate and the block list are compared with ``visibility``; then come
the rules that nothing may ever break: no error for an error, no full JID to an entity that may not know it, an order
that each recipient can rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.properties.changing import WATCHER, changes, command, meetings, somebody, with_watcher
from xmpp_im_core.element import element
from xmpp_im_core.jid import JID, Address, parse_address, parse_jid
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.rules import rule
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import AS_IT_STANDS, Deliver, Effect, FanOut, Route, Step
from xmpp_im_core.server.events import Event, Inbound, Outbound, SessionEnded, StoreFailed, Undelivered, Unroutable
from xmpp_im_core.server.state import Account, Session, SessionId, State
from xmpp_im_core.server.visibility import Visibility, is_blocked, visibility
from xmpp_im_core.stanza import IQ, SUBSCRIPTION_TYPES, Message, Presence, Stanza, may_be_answered, payload
from xmpp_im_core.testing.draw import choose
from xmpp_im_core.testing.event_strategies import histories
from xmpp_im_core.testing.state_strategies import ADDRESSES, ENTITIES, JULIET, NOON, accounts

V = Visibility
STRANGER: Final = "stranger@unknown.example/x"
ANYBODY: Final = (*ADDRESSES, STRANGER, f"{JULIET.bare}/elsewhere")
SEES: Final = (V.SUBSCRIBED, V.SELF)


def address(text: str) -> Address:
    parsed = parse_address(text)
    assert isinstance(parsed, Address)
    return parsed


def anybody() -> st.SearchStrategy[str]:
    return st.sampled_from(ANYBODY)


def available(account: Account) -> list[Session]:
    return [session for session in account.sessions if session.available]


def stanzas_to(step: Step, entity: JID) -> Iterator[Stanza]:
    """What a step sends to any address of an entity."""
    for effect in step.effects:
        if isinstance(effect, Route) and effect.stanza.to_jid is not None:
            if effect.stanza.to_jid.bare == entity.bare:
                yield effect.stanza
        elif isinstance(effect, FanOut):
            for each in effect.recipients:
                if parse_jid(each).bare == entity.bare:
                    yield effect.stanza.stamped(to=address(each))


# --- everything asks the same -----------------------------------------------------------------------------


def account_of(state: State) -> Account:
    assert isinstance(state, Account)
    return state


def broadcast(account: Account, session: SessionId) -> Step:
    return reduce(account, Outbound(NOON, f"broadcast {next(_NUMBERS)}", session, Presence()))


_NUMBERS = count()


def told_of_presence(step: Step) -> set[str]:
    return {jid for e in step.effects if isinstance(e, FanOut) and e.stanza.type is None for jid in e.recipients}


@given(accounts(), st.data())
def test_a_broadcast_reaches_those_who_may_see_the_account_by_subscription_and_no_others(
    account: Account, data: st.DataObject
) -> None:
    """Whatever has changed since the last broadcast: subscriptions, shared items, the block list."""
    account = with_watcher(account)
    for number in range(data.draw(st.integers(0, 4))):
        shown = broadcast(account, WATCHER).state
        assert isinstance(shown, Account)
        changed = reduce(shown, data.draw(changes(shown, f"e{number}"))).state
        if not isinstance(changed, Account) or changed.session(WATCHER) is None:
            return
        account = changed

    step = broadcast(account, WATCHER)

    told = told_of_presence(step)
    known = [*account.roster.contacts, *account.roster.shared]
    assert told == {jid for jid in known if visibility(account, parse_jid(jid), None) is V.SUBSCRIBED}


@given(somebody())
def test_a_broadcast_reflects_all_changes_since_the_last_one(met: tuple[Account, JID]) -> None:
    for account, event in meetings(*met):
        shown = account_of(broadcast(account, WATCHER).state)
        after = account_of(reduce(shown, event).state)

        told = told_of_presence(broadcast(after, WATCHER))

        assert (met[1].bare in told) is (visibility(after, met[1], None) is V.SUBSCRIBED)


@given(somebody(), st.booleans())
def test_the_block_list_counts_from_the_next_broadcast(met: tuple[Account, JID], whole_domain: bool) -> None:
    account, who = met
    blocked = who.domain if whole_domain else who.bare
    is_subscriber = visibility(account, who, None) is V.SUBSCRIBED
    told: list[bool] = []

    for step in (None, command("block", blocked, "b"), command("unblock", blocked, "u")):
        if step is not None:
            account = account_of(reduce(account, step).state)
        shown = broadcast(account, WATCHER)
        account = account_of(shown.state)
        told.append(
            any(isinstance(e, FanOut) and e.stanza.type is None and who.bare in e.recipients for e in shown.effects)
        )

    assert told == [is_subscriber, False, is_subscriber]


@given(accounts(), st.data())
def test_unavailable_presence_reaches_all_who_could_see_the_resource_once_each(
    account: Account, data: st.DataObject
) -> None:
    assume(available(account))
    session = data.draw(st.sampled_from(available(account)))

    step = reduce(account, Outbound(NOON, "e", session.id, Presence(type="unavailable")))

    told = [jid for e in step.effects if isinstance(e, FanOut) for jid in e.recipients]
    assert len(told) == len(set(told))
    entities = {*account.roster.contacts, *account.roster.shared, *[parse_jid(each).bare for each in session.directed]}
    seeing = {jid for jid in entities if visibility(account, parse_jid(jid), session) is not V.NONE}
    assert {parse_jid(jid).bare for jid in told} - {JULIET.bare} <= seeing
    assert {jid for jid in seeing if visibility(account, parse_jid(jid), None) is V.SUBSCRIBED} <= set(told)


@given(accounts(), anybody())
def test_a_probe_tells_of_the_resources_that_the_prober_may_see(account: Account, prober: str) -> None:
    who = parse_jid(prober)
    probe = Presence(account.address, address(prober), "p", "probe")
    account = account.moving(None)

    step = reduce(account, Inbound(NOON, "e", probe))

    told = {stanza.from_jid.full for stanza in stanzas_to(step, who) if stanza.type is None and stanza.from_jid}
    seen_by = visibility(account, who, None)
    visible = available(account) if seen_by in SEES else account.sessions
    assert told == {s.address.jid.full for s in visible if visibility(account, who, s) is not V.NONE}
    refused = [stanza for stanza in stanzas_to(step, who) if stanza.type == "unsubscribed"]
    assert bool(refused) is (seen_by is V.NONE and not is_blocked(account, who))


@given(accounts(), anybody(), st.data())
def test_an_iq_request_reaches_a_resource_if_the_sender_may_see_it(
    account: Account, sender: str, data: st.DataObject
) -> None:
    assume(account.sessions)
    session = data.draw(st.sampled_from(account.sessions))
    ping = IQ(session.address, address(sender), "i", "get", None, payload(element("ping", "urn:xmpp:ping")))

    step = reduce(account, Inbound(NOON, "e", ping))

    delivered = any(isinstance(effect, Deliver) for effect in step.effects)
    assert delivered is (visibility(account, parse_jid(sender), session) is not V.NONE)


@given(accounts(), anybody(), st.data())
def test_an_iq_that_is_withheld_is_answered_as_one_to_nobody(
    account: Account, sender: str, data: st.DataObject
) -> None:
    assume(account.sessions)
    session = data.draw(st.sampled_from(account.sessions))
    assume(visibility(account, parse_jid(sender), session) is V.NONE)
    ping = IQ(session.address, address(sender), "i", "get", None, payload(element("ping", "urn:xmpp:ping")))

    withheld = reduce(account, Inbound(NOON, "e", ping))
    unmatched = reduce(account.without_session(session.id), Inbound(NOON, "e", ping))

    assert list(stanzas_to(withheld, parse_jid(sender))) == list(stanzas_to(unmatched, parse_jid(sender)))


@given(histories())
def test_a_blocked_entity_is_sent_nothing_but_the_unavailable_presence(
    history: tuple[State, tuple[Event, ...]],
) -> None:
    state, happened = history
    for event in happened:
        step = reduce(state, event)
        # What comes from the blocked stores nothing, so it cannot fail to be stored.
        if isinstance(state, Account) and isinstance(step.state, Account) and not isinstance(event, StoreFailed):
            for entity in map(parse_jid, ENTITIES):
                if is_blocked(state, entity) and is_blocked(step.state, entity):
                    presence = [s for s in stanzas_to(step, entity) if isinstance(s, Presence)]
                    # An unknown type is an error from anybody; silence would show that the sender is blocked.
                    assert all(stanza.type in {*SUBSCRIPTION_TYPES, "error"} for stanza in presence)
        state = step.state


# --- what nothing may break -------------------------------------------------------------------------------


def caused_by(event: Event) -> list[Stanza]:
    if isinstance(event, Inbound | Outbound):
        return [event.stanza]
    if isinstance(event, SessionEnded):
        return [effect.stanza for effect in event.undelivered]
    return [event.effect.stanza] if isinstance(event, Undelivered) else []


def stanza_of(effect: Effect) -> Stanza | None:
    return effect.stanza if isinstance(effect, Deliver | Route | FanOut) else None


@given(histories())
def test_nothing_that_must_not_be_answered_is_answered_with_an_error(history: tuple[State, tuple[Event, ...]]) -> None:
    """An error is never the answer to an error, nor to the result of an IQ (RFC 6120 §8.3.1)."""
    state, happened = history
    for event in happened:
        step = reduce(state, event)
        stanzas = caused_by(event)
        if stanzas and not any(may_be_answered(stanza) for stanza in stanzas):
            made = [s for s in map(stanza_of, step.effects) if s is not None and s.type == "error"]
            passed_on = {(s.KIND, s.id) for s in stanzas if s.type == "error"}
            assert {(s.KIND, s.id) for s in made} <= passed_on
            assert all(s.payload == t.payload for s in made for t in stanzas if (s.KIND, s.id) == (t.KIND, t.id))
        state = step.state


UNMADE: Final = rule("test", "8.5", "A delivery that a test makes up.", "8.5-01")


@st.composite
def unanswerable(draw: st.DrawFn, account: Account) -> Stanza:
    """An error, or the result of an IQ, sound or not, to or from any of the user's addresses."""
    to = choose(
        draw, (account.address, address(f"{JULIET.bare}/nowhere"), *[each.address for each in account.sessions])
    )
    kind, type = choose(draw, ((IQ, "result"), (IQ, "error"), (Message, "error"), (Presence, "error")))
    content = choose(draw, (payload(), payload(element("query", ROSTER)), payload("text")))
    return kind(to, address(choose(draw, ANYBODY)), choose(draw, (None, "", "i")), type, None, content)


@given(accounts(), st.data())
def test_an_error_or_a_result_makes_no_error(account: Account, data: st.DataObject) -> None:
    account = with_watcher(account)
    stanza = data.draw(unanswerable(account))
    outwards = stanza.stamped(to=stanza.from_)
    lost = Deliver(stanza, (WATCHER,), AS_IT_STANDS, UNMADE)
    happenings: tuple[Event, ...] = (
        Inbound(NOON, "e", stanza),
        Outbound(NOON, "e", WATCHER, outwards),
        SessionEnded(NOON, "e", WATCHER, (lost,)),
        Undelivered(NOON, "e", lost, (WATCHER,)),
        Unroutable(NOON, "e", Route(outwards, UNMADE)),
        StoreFailed(NOON, "e", Inbound(NOON, "f", stanza)),
        StoreFailed(NOON, "e", Outbound(NOON, "f", WATCHER, outwards)),
    )

    step = reduce(account, data.draw(st.sampled_from(happenings)))

    made = [made for made in map(stanza_of, step.effects) if made is not None]

    assert all(each.payload == stanza.payload for each in made if each.type == "error")


def bare_of(jid: JID | None) -> str | None:
    return None if jid is None else jid.bare


def may_know(account: Account, entity: JID, resource: str | None) -> bool:
    session = account.resource(resource)
    return visibility(account, entity, session) is not V.NONE


@given(accounts(), st.data())
def test_no_full_jid_is_sent_to_an_entity_that_may_not_see_the_resource(account: Account, data: st.DataObject) -> None:
    """Only what a client itself addresses to somebody tells somebody who may not see it where it is (§8.1, §11)."""
    assert_no_full_jid_leaves(account, data.draw(changes(account, "e")))


@given(somebody())
def test_no_full_jid_leaves_in_the_course_of_a_subscription(met: tuple[Account, JID]) -> None:
    for account, event in meetings(*met):
        assert_no_full_jid_leaves(account, event)


def assert_no_full_jid_leaves(account: Account, event: Event) -> None:
    step = reduce(account, event)
    if not isinstance(step.state, Account):
        return
    own = event.stanza if isinstance(event, Outbound) else None
    for entity in map(parse_jid, (*ENTITIES, STRANGER)):
        for stanza in stanzas_to(step, entity):
            sender = stanza.from_jid
            if sender is None or sender.resource is None or sender.bare != JULIET.bare:
                continue
            addressed = own is not None and own.type == stanza.type and bare_of(own.to_jid) == entity.bare
            echoed = stanza.type == "error"  # from the address that was asked, whether anybody is there or not
            told = may_know(account, entity, sender.resource) or may_know(step.state, entity, sender.resource)
            assert addressed or echoed or told


@given(somebody())
def test_subscription_stanzas_leave_from_the_bare_jid(met: tuple[Account, JID]) -> None:
    """ "the server MUST stamp the outgoing presence stanza with the bare JID" (§3), and so it answers."""
    for account, event in meetings(*met):
        for stanza in stanzas_to(reduce(account, event), met[1]):
            assert stanza.type not in SUBSCRIPTION_TYPES or stanza.from_jid == JULIET


ROMEO: Final = parse_jid(ENTITIES[0])
TYPES: Final = (None, "probe", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "unavailable", "error")


@given(accounts(), accounts(ROMEO), st.data())
def test_automatic_answers_come_to_an_end(one: Account, other: Account, data: st.DataObject) -> None:
    """Two servers that answer each other stop, whatever the two hold of one another."""
    states: dict[str, State] = {JULIET.bare: one, ROMEO.bare: other}
    to = data.draw(st.sampled_from((ROMEO.bare, *[session.address.jid.full for session in other.sessions])))
    first = data.draw(st.sampled_from(TYPES))
    ahead: list[Stanza] = [Presence(address(to), one.address, "x", first)]
    answered = 0
    while ahead:
        stanza = ahead.pop(0)
        answered += 1
        assert answered < 20
        recipient = stanza.to_jid
        if recipient is None or recipient.bare not in states:
            continue
        step = reduce(states[recipient.bare], Inbound(NOON, f"e{answered}", stanza))
        states[recipient.bare] = step.state
        ahead += [effect.stanza for effect in step.effects if isinstance(effect, Route)]


# --- order ------------------------------------------------------------------------------------------------


def position(step: Step, what: Callable[[Effect], bool]) -> int:
    """Where in a step this is first done; behind everything else where it is not."""
    return next((n for n, effect in enumerate(step.effects) if what(effect)), len(step.effects))


def is_push(effect: Effect) -> bool:
    stanza = stanza_of(effect)
    return isinstance(stanza, IQ) and stanza.type == "set" and stanza.payload.first("query", ROSTER) is not None


def is_result(effect: Effect) -> bool:
    stanza = stanza_of(effect)
    return isinstance(stanza, IQ) and stanza.type == "result"


def is_subscription(effect: Effect, type: str | None) -> bool:
    stanza = stanza_of(effect)
    return isinstance(stanza, Presence) and stanza.type == type and type in SUBSCRIPTION_TYPES


@given(somebody())
def test_a_roster_push_comes_after_what_it_is_caused_by(met: tuple[Account, JID]) -> None:
    """The result before the push (§2.3.2); the subscription stanza, be it routed or delivered, before the push:
    "This MUST occur before sending the roster push" (§3.1.6).
    """
    for account, event in meetings(*met):
        assert isinstance(event, Inbound | Outbound)
        step = reduce(account, event)
        if any(map(is_push, step.effects)):
            caused = [n for n, effect in enumerate(step.effects) if is_subscription(effect, event.stanza.type)]
            assert all(n < position(step, is_push) for n in caused)
            assert not any(map(is_result, step.effects)) or position(step, is_result) == 0


@given(somebody())
def test_presence_from_the_user_comes_while_the_contact_is_subscribed(met: tuple[Account, JID]) -> None:
    """Unavailable before "unsubscribed" goes out (§3.2.2); current presence after "subscribed" has (§3.1.5)."""
    for account, event in meetings(*met):
        if isinstance(event, Inbound):
            continue
        told = [s.type for s in stanzas_to(reduce(account, event), met[1]) if s.type != "unsubscribe"]
        if "unsubscribed" in told:
            assert told[-1] == "unsubscribed"
            assert set(told[:-1]) <= {"unavailable"}
        if "subscribed" in told:
            assert told[0] == "subscribed"
            assert set(told[1:]) <= {None}
