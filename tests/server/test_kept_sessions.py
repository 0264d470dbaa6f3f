"""Sessions that outlive the owner of their account: nobody is told anything false (RFC 6121 §4.3.2, §4.5.2, §4.6.3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, TypeVar

import pytest
from attrs import evolve
from hypothesis import given

from tests.rfc6121.conversation import rfc6121
from tests.server.playhouse import (
    BALCONY,
    JULIET,
    MERCUTIO,
    NOON,
    Playhouse,
    chat,
    presence,
    roster_get,
    said,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.extensions.carbons import Carbons, carbons
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.rules import sessions as session_rules
from xmpp_im_core.rules import storage as rules
from xmpp_im_core.server import (
    AS_IT_STANDS,
    PLAIN,
    Account,
    AccountCreated,
    AccountLoaded,
    AccountRemoved,
    Clear,
    Delete,
    Deliver,
    EndSession,
    Event,
    Ignored,
    Inbound,
    Kind,
    LoadFailed,
    LoadOffline,
    NoAccount,
    OfflineLoaded,
    Outbound,
    OwnershipLost,
    Put,
    SessionBound,
    SessionDetached,
    SessionEnded,
    SessionId,
    State,
    Step,
    StoreFailed,
    StoreOperation,
    TimePassed,
    Transition,
    Undelivered,
    Unloaded,
    reduce,
    unload,
)
from xmpp_im_core.server.effects import wake_key
from xmpp_im_core.stanza import IQ, payload
from xmpp_im_core.testing.event_strategies import histories

S = TypeVar("S")

KEPT: Final = Policy(keep_sessions=True)
HERE: Final = SessionId("balcony", 1)
NEWER: Final = SessionId("balcony", 2)
OTHER: Final = SessionId("chamber", 1)
JID: Final = parse_jid(JULIET)
MINUTE: Final = timedelta(minutes=1)


def house(storage: Playhouse | None = None) -> Playhouse:
    """Return a house that keeps sessions: a new one, or the one that follows after the death of another."""
    if storage is None:
        return Playhouse(JULIET, policy=KEPT)
    heir = Playhouse(policy=KEPT)
    heir.records, heir.count, heir.sessions = storage.records, storage.count + 1000, dict(storage.sessions)
    return heir


def online() -> Playhouse:
    """Juliet is online, has Mercutio as a subscriber, and has told a room of her balcony."""
    first = house()
    first.enters(BALCONY)
    first.arrives(presence("subscribe", JULIET, MERCUTIO))
    first.sends(BALCONY, presence("subscribed", MERCUTIO))
    first.sends(BALCONY, presence(None, "room@remote.example/juliet"))
    first.sends(BALCONY, presence(priority=3))
    return first


# --- the death of the owner ---------------------------------------------------------------------------------


@rfc6121("4.3.2", quote="the server MUST reply to the presence probe by sending to the user the full XML")
def test_after_the_death_of_its_owner_a_session_is_as_available_as_before() -> None:
    heir = house(online())

    served = heir.arrives(presence("probe", JULIET, MERCUTIO))

    assert told(served) == [f"Load {JULIET}"]
    assert [said(stanza) for stanza in heir.routed] == [f"presence available from {BALCONY}"]


@rfc6121("4.6.3", quote="user's server MUST route that unavailable presence")
def test_the_end_of_a_session_that_died_with_its_owner_tells_everybody_who_knew_of_it() -> None:
    heir = house(online())

    heir.ends(BALCONY)

    assert [(said(stanza), str(stanza.to)) for stanza in heir.routed] == [
        (f"presence unavailable from {BALCONY}", MERCUTIO),
        (f"presence unavailable from {BALCONY}", "room@remote.example/juliet"),
    ]
    assert {kind for kind, _ in heir.stored[JULIET]} == {Kind.ROSTER, Kind.CONTACT, Kind.LAST_UNAVAILABLE}


def test_loading_alone_tells_nobody_anything() -> None:
    heir = house(online())

    heir.happens(JULIET, TimePassed(NOON, heir.seq()))

    assert (heir.routed, heir.received) == ([], [])


def test_what_a_session_is_survives_whole() -> None:
    first = online()
    first.sends(BALCONY, roster_get())
    first.happens(JULIET, SessionDetached(NOON, first.seq(), first.sessions[BALCONY]))
    heir = house(first)
    heir.happens(JULIET, TimePassed(NOON, heir.seq()))

    [session] = heir.account(JULIET).sessions
    assert session == first.account(JULIET).sessions[0]
    assert (session.interested, session.attached, session.priority) == (True, False, 3)
    assert session.directed == ("room@remote.example/juliet",)


def test_a_replaced_session_still_owes_its_end_to_the_next_owner() -> None:
    first = house()
    first.enters(BALCONY)
    older = first.sessions[BALCONY]
    first.binds(BALCONY)
    heir = house(first)
    missed = Deliver(chat(BALCONY, "words", MERCUTIO), (older,), AS_IT_STANDS, session_rules.BOUND)

    heir.happens(JULIET, SessionEnded(NOON, heir.seq(), older, (missed,)))

    assert [full for full, _ in heir.received] == [BALCONY]
    assert Kind.REPLACED not in {kind for kind, _ in heir.stored[JULIET]}


def test_messages_that_a_session_was_about_to_get_are_asked_for_again() -> None:
    first = house()
    first.arrives(chat(JULIET, "words", MERCUTIO))
    first.slow = True
    first.enters(BALCONY)
    assert len(first.questions) == 1
    heir = house(first)

    heir.happens(JULIET, TimePassed(NOON, heir.seq()))

    assert [said(stanza) for stanza in heir.heard_by(BALCONY)] == [f"{MERCUTIO}: words"]
    assert heir.account(JULIET).offline == 0


def test_carbons_that_a_session_has_asked_for_survive() -> None:
    machine = carbons(PLAIN)
    enable = IQ(None, None, "c", "set", None, payload(element("enable", "urn:xmpp:carbons:2")))
    loaded = machine.reduce(machine.start(JID), AccountCreated(NOON, "1", "l"), KEPT)
    bound = machine.reduce(loaded.state, SessionBound(NOON, "2", HERE), KEPT)
    enabled = machine.reduce(bound.state, Outbound(NOON, "3", HERE, enable), KEPT)
    assert enabled.store == (Put(Kind.ENABLED, "carbons/balcony", HERE),)
    records = (Put(Kind.ROSTER, "", RosterHead("l", 0, 0)), *puts(bound), *puts(enabled))

    heir = machine.reduce(machine.start(JID), AccountLoaded(NOON, "4", records), KEPT)
    assert heir.state.own == Carbons((HERE,))
    assert heir.store == ()

    ended = machine.reduce(heir.state, SessionEnded(NOON, "5", HERE), KEPT)
    assert ended.state.own == Carbons()
    assert set(ended.store) == {Delete(Kind.SESSION, "balcony"), Delete(Kind.ENABLED, "carbons/balcony")}


def test_without_the_policy_carbons_store_nothing_and_records_of_them_do_not_count() -> None:
    machine = carbons(PLAIN)
    enable = IQ(None, None, "c", "set", None, payload(element("enable", "urn:xmpp:carbons:2")))
    kept = (Put(Kind.ROSTER, "", RosterHead("l", 0, 0)), Put(Kind.ENABLED, "carbons/balcony", HERE))
    loaded = machine.reduce(machine.start(JID), AccountLoaded(NOON, "1", kept), Policy())
    bound = machine.reduce(loaded.state, SessionBound(NOON, "2", HERE), Policy())

    assert bound.state.own == Carbons()
    assert machine.reduce(bound.state, Outbound(NOON, "3", HERE, enable), Policy()).store == ()


def test_a_failed_end_leaves_the_record_of_carbons() -> None:
    machine = carbons(PLAIN)
    records = (Put(Kind.ROSTER, "", RosterHead("l", 0, 0)), Put(Kind.SESSION, "balcony", session_of(HERE)))
    kept = (*records, Put(Kind.ENABLED, "carbons/balcony", HERE), Put(Kind.ENABLED, "other/balcony", OTHER))
    loaded = machine.reduce(machine.start(JID), AccountLoaded(NOON, "1", kept), KEPT)

    failed = machine.reduce(loaded.state, StoreFailed(NOON, "3", SessionEnded(NOON, "2", HERE)), KEPT)

    assert (failed.state.own, failed.store) == (Carbons(), ())


# --- what is stored, and when -------------------------------------------------------------------------------


def puts(step: Transition[S]) -> tuple[Put, ...]:
    return tuple([each for each in step.store if isinstance(each, Put)])


def created() -> Account:
    state = reduce(NoAccount(JID), AccountCreated(NOON, "created", "l")).state
    assert isinstance(state, Account)
    return state


def session_of(id: SessionId) -> object:
    state = reduce(created(), SessionBound(NOON, f"{id}", id)).state
    assert isinstance(state, Account)
    return state.session(id)


def records_of(storage: dict[tuple[Kind, str], Put], *steps: Step) -> dict[tuple[Kind, str], Put]:
    """Return the records after these steps."""
    for step in steps:
        for each in (*step.store, *step.forget):
            perform(storage, each)
    return storage


def perform(storage: dict[tuple[Kind, str], Put], operation: StoreOperation) -> None:
    if isinstance(operation, Put):
        storage[operation.kind, operation.key] = operation
    elif isinstance(operation, Delete):
        storage.pop((operation.kind, operation.key), None)
    else:
        for place in [place for place in storage if place[0] is operation.kind]:
            del storage[place]


def test_by_default_no_session_is_stored() -> None:
    kinds = {Kind.SESSION, Kind.REPLACED, Kind.ENABLED}
    state: State = created()
    for event in (
        SessionBound(NOON, "1", HERE),
        Outbound(NOON, "2", HERE, presence()),
        SessionBound(NOON, "3", NEWER),
        SessionEnded(NOON, "4", HERE),
        SessionEnded(NOON, "5", NEWER),
    ):
        step = reduce(state, event)
        assert not {each.kind for each in step.store} & kinds
        state = step.state


def test_a_step_that_changes_no_session_stores_none() -> None:
    bound = reduce(created(), SessionBound(NOON, "1", HERE), KEPT)
    assert bound.store == (Put(Kind.SESSION, "balcony", session_of(HERE)),)

    assert reduce(bound.state, Outbound(NOON, "2", HERE, chat(MERCUTIO, "words")), KEPT).store == ()
    assert reduce(bound.state, SessionBound(NOON, "3", HERE), KEPT).store == ()


@given(histories(policy=KEPT))
def test_the_records_are_the_sessions_whatever_happens(history: tuple[State, tuple[Event, ...]]) -> None:
    _, events = history
    state: State = created()
    storage: dict[tuple[Kind, str], Put] = {}
    for event in events:
        if isinstance(event, OwnershipLost):
            continue  # nothing was in doubt
        step = reduce(state, event, KEPT)
        records_of(storage, step)
        state = step.state
        if isinstance(state, Account) and not state.unsaved:
            kept = {key: put.value for (kind, key), put in storage.items() if kind is Kind.SESSION}
            assert kept == {session.id.resource: session for session in state.sessions}
            replaced = {put.value for (kind, _), put in storage.items() if kind is Kind.REPLACED}
            assert replaced == set(state.replaced)


def test_the_time_to_wake_at_is_stored_with_what_has_changed_while_an_account_was_not_loaded() -> None:
    """So that a host that has not loaded the account wakes it, to repeat the request (RFC 6121 §3.1.2)."""
    bound = reduce(created(), SessionBound(NOON, "1", HERE))
    assert isinstance(bound.state, Account)
    head = Put(Kind.ROSTER, "", RosterHead("l", 0, 0))
    loaded = reduce(Unloaded(bound.state.jid, bound.state.sessions), AccountLoaded(NOON, "2", (head,)))
    assert isinstance(loaded.state, Account)
    assert loaded.state.unsaved

    asked = reduce(loaded.state, Outbound(NOON, "3", HERE, presence("subscribe", MERCUTIO)))

    assert isinstance(asked.state, Account)
    assert asked.state.wake_at is not None
    assert Put(Kind.WAKE, wake_key(asked.state.wake_at), None) in asked.store


def test_an_end_that_could_not_be_stored_is_stored_by_the_next_step() -> None:
    bound = reduce(created(), SessionBound(NOON, "1", HERE), KEPT)
    there = reduce(bound.state, Outbound(NOON, "2", HERE, presence()), KEPT)

    failed = reduce(there.state, StoreFailed(NOON, "4", SessionEnded(NOON, "3", HERE)), KEPT)
    assert isinstance(failed.state, Account)
    assert (failed.state.sessions, failed.store, failed.state.unsaved) == ((), (), True)
    assert failed.state.wake_at == NOON + MINUTE

    woken = reduce(failed.state, TimePassed(NOON + MINUTE, "5"), KEPT)
    assert isinstance(woken.state, Account)
    assert not woken.state.unsaved
    assert woken.store[0] == Put(Kind.LAST_UNAVAILABLE, "", woken.state.last_unavailable)
    assert {Clear(Kind.SESSION), Clear(Kind.REPLACED)} <= set(woken.store)


def test_all_sessions_are_stored_by_the_step_after_a_failure() -> None:
    state: State = created()
    for n, id in enumerate((HERE, NEWER, OTHER)):
        state = reduce(state, SessionBound(NOON, f"{n}", id), KEPT).state
    failed = reduce(state, StoreFailed(NOON, "4", SessionDetached(NOON, "3", OTHER)), KEPT)

    step = reduce(failed.state, TimePassed(NOON, "5"), KEPT)

    assert isinstance(step.state, Account)
    assert [each for each in puts(step) if each.kind is Kind.SESSION] == [
        Put(Kind.SESSION, session.id.resource, session) for session in step.state.sessions
    ]
    assert Put(Kind.REPLACED, "1/balcony", HERE) in step.store


def test_the_step_after_a_failure_stores_what_it_changes_too() -> None:
    bound = reduce(created(), SessionBound(NOON, "1", HERE), KEPT)
    failed = reduce(bound.state, StoreFailed(NOON, "3", SessionDetached(NOON, "2", HERE)), KEPT)

    step = reduce(failed.state, Inbound(NOON, "4", presence("subscribe", JULIET, MERCUTIO)), KEPT)

    assert [each.kind for each in puts(step)] == [Kind.CONTACT, Kind.SESSION, Kind.WAKE]


def test_presence_that_is_sent_again_as_it_was_stores_nothing() -> None:
    bound = reduce(created(), SessionBound(NOON, "1", HERE), KEPT)
    first = reduce(bound.state, Outbound(NOON, "2", HERE, presence()), KEPT)
    assert [each.kind for each in puts(first)] == [Kind.SESSION]

    again = reduce(first.state, Outbound(NOON, "3", HERE, presence()), KEPT)

    assert again.store == ()


def test_each_replaced_session_is_stored_once_and_removed_when_it_ends() -> None:
    ids = [SessionId("balcony", n) for n in range(1, 4)]
    state: State = created()
    steps = []
    for n, id in enumerate(ids):
        steps.append(reduce(state, SessionBound(NOON, f"{n}", id), KEPT))
        state = steps[-1].state
    ended = reduce(state, SessionEnded(NOON, "end", ids[0]), KEPT)

    replaced = [[each for each in step.store if each.kind is Kind.REPLACED] for step in (*steps, ended)]

    first, second = [Put(Kind.REPLACED, f"{id.epoch}/balcony", id) for id in ids[:2]]
    assert replaced == [[], [first], [second], [Delete(Kind.REPLACED, "1/balcony")]]


def test_the_answer_with_stored_messages_stores_no_session() -> None:
    bound = reduce(created(), SessionBound(NOON, "1", HERE), KEPT)
    failed = reduce(bound.state, StoreFailed(NOON, "3", SessionDetached(NOON, "2", HERE)), KEPT)

    step = reduce(failed.state, OfflineLoaded(NOON, "4", HERE, ()), KEPT)

    assert step.store == ()
    assert isinstance(step.state, Account)
    assert step.state.unsaved


def test_an_account_with_sessions_that_are_not_stored_stays_in_memory() -> None:
    first = house()
    first.enters(BALCONY)
    unsaved = evolve(first.account(JULIET), sessions=(), unsaved=True)
    first.service = evolve(first.service, accounts=first.service.accounts.set(JULIET, unsaved))

    assert unload(first.service, JULIET) is first.service


def test_a_failed_commit_that_changes_no_session_changes_nothing_here() -> None:
    before = reduce(created(), SessionBound(NOON, "1", HERE), KEPT).state
    failed = StoreFailed(NOON, "3", Inbound(NOON, "2", chat(JULIET, "words", MERCUTIO)))

    assert reduce(before, failed, KEPT).state is before
    assert reduce(before, StoreFailed(NOON, "3", SessionDetached(NOON, "2", HERE))).state != before


def test_at_the_end_of_time_an_account_is_woken_at_once() -> None:
    latest = NOON.max.replace(tzinfo=NOON.tzinfo)
    bound = reduce(created(), SessionBound(NOON, "1", HERE), KEPT)
    assert isinstance(bound.state, Account)
    waking = bound.state.waking(NOON)

    failed = reduce(bound.state, StoreFailed(latest, "3", SessionDetached(NOON, "2", HERE)), KEPT).state
    sooner = reduce(waking, StoreFailed(latest, "3", SessionDetached(NOON, "2", HERE)), KEPT).state

    assert isinstance(failed, Account)
    assert isinstance(sooner, Account)
    assert (failed.wake_at, sooner.wake_at) == (latest, NOON)


def test_records_of_other_addresses_are_no_sessions() -> None:
    other = reduce(NoAccount(parse_jid(MERCUTIO)), AccountCreated(NOON, "1", "l")).state
    theirs = puts(reduce(other, SessionBound(NOON, "2", HERE), KEPT))
    records = (Put(Kind.ROSTER, "", RosterHead("l", 0, 0)), *theirs, Put(Kind.REPLACED, "1/x", SessionId("x", 1)))

    loaded = reduce(NoAccount(JID), AccountLoaded(NOON, "3", records), KEPT).state

    assert isinstance(loaded, Account)
    assert (loaded.sessions, loaded.replaced) == ((), (SessionId("x", 1),))


def test_without_the_policy_kept_sessions_do_not_count() -> None:
    records = (Put(Kind.ROSTER, "", RosterHead("l", 0, 0)), Put(Kind.SESSION, "balcony", session_of(HERE)))

    loaded = reduce(NoAccount(JID), AccountLoaded(NOON, "1", records)).state

    assert isinstance(loaded, Account)
    assert loaded.sessions == ()


# --- while the account cannot be loaded ---------------------------------------------------------------------


def available() -> tuple[Account, tuple[Put, ...]]:
    """Return Juliet with an available session and Mercutio as a subscriber, and her records."""
    first = online()
    return first.account(JULIET), first.records.account(JULIET).records


def test_a_session_that_ends_while_the_account_cannot_be_loaded_is_told_when_it_is_loaded() -> None:
    account, records = available()
    id = account.sessions[0].id
    ended = reduce(Unloaded(JID), SessionEnded(NOON, "1", id), KEPT)
    assert ended.state == Unloaded(JID, ended=(id,))
    assert reduce(ended.state, SessionEnded(NOON, "2", id), KEPT).state == ended.state

    loaded = reduce(ended.state, AccountLoaded(NOON, "3", records), KEPT)

    assert isinstance(loaded.state, Account)
    assert (loaded.state.sessions, loaded.state.unsaved, loaded.store) == ((), True, ())
    assert Ignored(rules.ENDED_MEANWHILE) in loaded.effects
    assert any(getattr(effect, "recipients", None) == (MERCUTIO,) for effect in loaded.effects)


def test_without_the_policy_too_if_the_session_was_known_before() -> None:
    account, records = available()
    id = account.sessions[0].id
    lost = reduce(account, OwnershipLost(NOON, "0"))
    failed = reduce(lost.state, LoadFailed(NOON, "1"))
    ended = reduce(failed.state, SessionEnded(NOON, "2", id))
    assert ended.state == Unloaded(JID, account.sessions, ended=(id,))

    loaded = reduce(ended.state, AccountLoaded(NOON, "3", records))

    assert isinstance(loaded.state, Account)
    assert loaded.state.sessions == ()
    assert any(getattr(effect, "recipients", None) == (MERCUTIO,) for effect in loaded.effects)
    step = reduce(loaded.state, TimePassed(NOON, "4"))
    assert [each.kind for each in puts(step)] == [Kind.LAST_UNAVAILABLE]


def test_a_session_that_was_bound_meanwhile_replaces_the_kept_one() -> None:
    account, records = available()
    older = account.sessions[0].id
    newer = SessionId("balcony", 99)
    bound = reduce(Unloaded(JID), SessionBound(NOON, "1", newer), KEPT)

    loaded = reduce(bound.state, AccountLoaded(NOON, "2", records), KEPT)

    assert isinstance(loaded.state, Account)
    assert [session.id for session in loaded.state.sessions] == [newer]
    assert loaded.state.replaced == (older,)
    assert EndSession(older, "conflict", session_rules.REPLACED) in loaded.effects
    assert any(getattr(effect, "recipients", None) == (MERCUTIO,) for effect in loaded.effects)


def test_a_session_that_ended_and_was_bound_anew_meanwhile_is_told_of_once() -> None:
    account, records = available()
    older, newer = account.sessions[0].id, SessionId("balcony", 99)
    state: State = Unloaded(JID)
    for event in (SessionEnded(NOON, "1", older), SessionBound(NOON, "2", newer), SessionEnded(NOON, "3", OTHER)):
        state = reduce(state, event, KEPT).state

    loaded = reduce(state, AccountLoaded(NOON, "4", records), KEPT)

    assert isinstance(loaded.state, Account)
    assert ([session.id for session in loaded.state.sessions], loaded.state.replaced) == ([newer], ())
    told_of = [effect for effect in loaded.effects if getattr(effect, "recipients", None) == (MERCUTIO,)]
    assert len(told_of) == 1
    assert not any(isinstance(effect, EndSession) for effect in loaded.effects)


def test_a_session_that_is_kept_and_was_bound_meanwhile_is_the_kept_one() -> None:
    account, records = available()
    [kept] = account.sessions

    loaded = reduce(Unloaded(JID, (kept.showing(None),)), AccountLoaded(NOON, "1", records), KEPT)

    assert isinstance(loaded.state, Account)
    assert loaded.state.sessions == (kept,)
    assert loaded.effects == (Ignored(rules.LOADED),)


def test_an_account_without_sessions_has_nothing_to_save_when_it_is_loaded() -> None:
    _, records = available()
    others = tuple([put for put in records if put.kind is not Kind.SESSION])

    loaded = reduce(Unloaded(JID), AccountLoaded(NOON, "1", others), KEPT)

    assert isinstance(loaded.state, Account)
    assert not loaded.state.unsaved
    assert loaded.state.wake_at is None


def test_a_session_that_others_see_is_not_replaced_while_the_account_is_not_loaded() -> None:
    account, _ = available()
    lost = reduce(account, OwnershipLost(NOON, "0")).state
    newer = SessionBound(NOON, "1", SessionId("balcony", 99))

    assert reduce(lost, newer).effects == (EndSession(newer.session, "internal-server-error", rules.IN_USE_UNLOADED),)
    assert reduce(lost, SessionBound(NOON, "2", account.sessions[0].id)).state == lost
    unseen = Unloaded(JID, (account.sessions[0].showing(None),))
    replaced = reduce(unseen, newer).state
    assert isinstance(replaced, Unloaded)
    assert [session.id for session in replaced.sessions] == [newer.session]


def test_the_end_of_a_replaced_session_is_not_forgotten() -> None:
    unloaded = Unloaded(JID, (), (HERE, OTHER))

    assert reduce(unloaded, SessionEnded(NOON, "1", HERE)).state == Unloaded(JID, (), (OTHER,))
    loaded = reduce(unloaded, AccountLoaded(NOON, "2", (Put(Kind.ROSTER, "", RosterHead("l", 0, 0)),))).state
    assert isinstance(loaded, Account)
    assert loaded.replaced == (HERE, OTHER)


# --- what is not certain any more ---------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [Policy(), KEPT])
def test_an_account_that_is_lost_tells_nobody_and_its_next_event_loads_it(policy: Policy) -> None:
    lost = Playhouse(JULIET, policy=policy)
    lost.enters(BALCONY)
    lost.arrives(presence("subscribe", JULIET, MERCUTIO))
    lost.sends(BALCONY, presence("subscribed", MERCUTIO))
    lost.routed.clear()
    lost.received.clear()

    served = lost.happens(JULIET, OwnershipLost(NOON, lost.seq()))
    assert [effect for _, effect in served.effects] == [Ignored(rules.OWNERSHIP_LOST)]
    assert served.store == ()
    assert (JULIET in lost.service.accounts) is not policy.keep_sessions

    served = lost.arrives(presence("probe", JULIET, MERCUTIO))
    assert told(served) == [f"Load {JULIET}"]
    assert [said(stanza) for stanza in lost.routed] == [f"presence available from {BALCONY}"]


def test_a_lost_session_is_taken_from_the_storage_if_it_is_kept() -> None:
    lost = house()
    lost.enters(BALCONY)
    in_doubt = reduce(lost.account(JULIET), SessionEnded(NOON, "in doubt", lost.sessions[BALCONY]), KEPT)

    lost.happens(JULIET, OwnershipLost(NOON, lost.seq()))
    lost.records.commit([(JULIET, each) for each in in_doubt.store])  # it was done after all
    lost.happens(JULIET, TimePassed(NOON, lost.seq()))

    assert lost.account(JULIET).sessions == ()


def test_what_is_lost_while_nothing_is_in_memory_loads_nothing() -> None:
    lost = Playhouse(slow=True)

    served = lost.happens(JULIET, OwnershipLost(NOON, lost.seq()))

    assert [effect for _, effect in served.effects] == [Ignored(rules.OWNERSHIP_LOST)]
    assert lost.questions == []


def test_the_wait_for_stored_messages_ends_and_the_held_events_wait_for_the_account() -> None:
    lost = Playhouse(JULIET)
    lost.arrives(chat(JULIET, "first", MERCUTIO))
    lost.slow = True
    lost.enters(BALCONY)
    lost.received.clear()
    lost.arrives(chat(JULIET, "second", MERCUTIO))

    served = lost.happens(JULIET, OwnershipLost(NOON, lost.seq()))

    assert told(served) == [f"Load {JULIET}"]
    assert lost.received == []
    lost.slow = False
    lost.answers()
    bodies = [said(stanza) for stanza in lost.heard_by(BALCONY)]
    assert sorted(bodies)[-2:] == [f"{MERCUTIO}: first", f"{MERCUTIO}: second"]
    assert lost.account(JULIET).offline == 0


def test_while_the_account_is_loaded_the_loss_is_held_in_its_order() -> None:
    lost = Playhouse(JULIET)
    lost.service = unload(lost.service, JULIET)
    lost.slow = True
    lost.happens(JULIET, TimePassed(NOON, lost.seq()))
    lost.happens(JULIET, OwnershipLost(NOON, lost.seq()))

    lost.answers()

    assert JULIET not in lost.service.accounts
    assert JULIET not in lost.service.held


@pytest.mark.parametrize("state", [NoAccount(JID), NoAccount(JID, (HERE,)), Unloaded(JID, ended=(HERE,))])
def test_what_was_not_certain_before_stays_so(state: State) -> None:
    step = reduce(state, OwnershipLost(NOON, "1"))

    assert (step.state, step.store) == (state, ())


def test_a_failed_commit_of_other_events_does_not_undo_the_loss() -> None:
    account, _ = available()
    failed = StoreFailed(NOON, "2", OwnershipLost(NOON, "1"))

    assert reduce(account, failed, KEPT).state == Unloaded(JID)
    assert reduce(account, failed).state == Unloaded(JID, account.sessions)


def test_an_account_that_could_not_be_loaded_is_loaded_again_by_its_next_event() -> None:
    lost = Playhouse(JULIET)
    lost.service = unload(lost.service, JULIET)
    lost.slow = True
    lost.binds(BALCONY)
    lost.questions.clear()
    lost.happens(JULIET, LoadFailed(NOON, lost.seq()))
    assert isinstance(lost.service.accounts[JULIET], Unloaded)
    assert lost.questions == []

    lost.slow = False
    lost.sends(BALCONY, presence())

    assert [session.available for session in lost.account(JULIET).sessions] == [True]


# --- an account that is removed while its sessions hold stanzas ---------------------------------------------


def removed(*ids: SessionId) -> State:
    state: State = created()
    for n, id in enumerate(ids):
        state = reduce(state, SessionBound(NOON, f"{n}", id)).state
    return reduce(state, AccountRemoved(NOON, "removed")).state


def test_the_sender_of_a_message_that_two_sessions_hold_gets_one_error() -> None:
    held = Deliver(chat(JULIET, "words", MERCUTIO), (HERE, OTHER), AS_IT_STANDS, session_rules.BOUND)
    state = removed(HERE, OTHER)

    first = reduce(state, SessionEnded(NOON, "1", HERE, (held,)), Policy(offline_messages=False))
    second = reduce(first.state, SessionEnded(NOON, "2", OTHER, (held,)), Policy(offline_messages=False))

    assert first.effects == (Ignored(session_rules.NO_ACCOUNT),)
    [error, _] = second.effects
    assert said(error.stanza) == f"message error from {JULIET}"  # type: ignore[union-attr]  # it is a Route
    assert second.state == NoAccount(JID)


@pytest.mark.parametrize("last", [HERE, OTHER])
def test_the_last_session_that_holds_it_answers(last: SessionId) -> None:
    held = Deliver(chat(JULIET, "words", MERCUTIO), (HERE, OTHER), AS_IT_STANDS, session_rules.BOUND)
    first = HERE if last is OTHER else OTHER
    gone = reduce(removed(HERE, OTHER), SessionEnded(NOON, "1", first))

    answered = reduce(gone.state, SessionEnded(NOON, "2", last, (held,)), Policy(offline_messages=False))

    assert len(answered.effects) == 2


def test_a_replaced_session_of_a_removed_account_is_waited_for_too() -> None:
    assert removed(HERE, NEWER) == NoAccount(JID, (NEWER, HERE))


def test_a_delivery_that_failed_at_once_is_answered_once() -> None:
    policy = Policy(offline_messages=False)
    held = Deliver(chat(JULIET, "words", MERCUTIO), (HERE, OTHER), AS_IT_STANDS, session_rules.BOUND)
    first = reduce(removed(HERE, OTHER), Undelivered(NOON, "1", held, (HERE,)), policy)
    assert first.effects == (Ignored(session_rules.NO_ACCOUNT),)

    second = reduce(first.state, SessionEnded(NOON, "2", OTHER, (held,)), policy)
    assert len(second.effects) == 2
    assert reduce(second.state, SessionEnded(NOON, "3", HERE), policy).state == NoAccount(JID)


def test_an_account_whose_sessions_are_still_to_end_stays_in_memory() -> None:
    gone = house()
    gone.enters(BALCONY)
    gone.remove(JULIET)

    assert unload(gone.service, JULIET) is gone.service


def test_a_removed_account_that_could_not_be_loaded_waits_for_its_sessions() -> None:
    lost = reduce(available()[0], OwnershipLost(NOON, "1")).state
    assert isinstance(lost, Unloaded)
    id = lost.sessions[0].id

    assert reduce(lost, AccountRemoved(NOON, "2")).state == NoAccount(JID, (id,))
    ended = evolve(lost, ended=(id,), replaced=(OTHER,))
    assert reduce(ended, AccountRemoved(NOON, "2")).state == NoAccount(JID, (OTHER,))


def test_a_session_that_takes_no_messages_is_not_asked_for() -> None:
    account, records = available()
    muted = account.sessions[0].showing(presence(priority=-1))
    others = tuple([put for put in records if put.kind is not Kind.SESSION])
    loaded = AccountLoaded(NOON, "1", (*others, Put(Kind.SESSION, "balcony", muted)), 1, 100)

    assert not any(isinstance(effect, LoadOffline) for effect in reduce(NoAccount(JID), loaded, KEPT).effects)


def test_a_service_without_stored_messages_asks_for_none() -> None:
    _, records = available()
    policy = Policy(keep_sessions=True, offline_messages=False)

    step = reduce(NoAccount(JID), AccountLoaded(NOON, "1", records, 1, 100), policy)

    assert not any(isinstance(effect, LoadOffline) for effect in step.effects)
