"""An account that could not be loaded: what its sessions do meanwhile is told when it is loaded (RFC 6121 §4.5.2)."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from tests.server.playhouse import JULIET, MERCUTIO, NOON, Playhouse, chat, condition, presence, said
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import storage as rules
from xmpp_im_core.server import (
    AS_IT_STANDS,
    Account,
    AccountCreated,
    AccountLoaded,
    Deliver,
    EndSession,
    Ignored,
    Kind,
    LoadFailed,
    LoadOffline,
    NoAccount,
    Outbound,
    Put,
    Route,
    SessionBound,
    SessionEnded,
    SessionId,
    State,
    Undelivered,
    Unloaded,
    reduce,
    unload,
)
from xmpp_im_core.server.accounts.loading import unusable
from xmpp_im_core.server.effects import wake_key
from xmpp_im_core.server.state import Session
from xmpp_im_core.stanza import Presence

KEPT: Final = Policy(keep_sessions=True)
JID: Final = parse_jid(JULIET)
BALCONY: Final = SessionId("balcony", 1)
NEWER: Final = SessionId("balcony", 99)
CHAMBER: Final = SessionId("chamber", 2)
HEAD: Final = Put(Kind.ROSTER, "", RosterHead("l", 0, 0))


def session(id: SessionId, *sent: Presence) -> Session:
    """Return a session whose client has sent this presence."""
    state: State = reduce(NoAccount(JID), AccountCreated(NOON, "created", "l")).state
    state = reduce(state, SessionBound(NOON, "bound", id)).state
    for n, each in enumerate(sent):
        state = reduce(state, Outbound(NOON, f"sent-{n}", id, each)).state
    assert isinstance(state, Account)
    [found] = state.sessions
    return found


def loaded(state: State, *records: Put, policy: Policy = KEPT, offline: int = 0) -> Account:
    """Return the account after its records were read."""
    after = reduce(state, AccountLoaded(NOON, "load", (HEAD, *records), offline, 100 * offline), policy).state
    assert isinstance(after, Account)
    return after


def kept(*sessions: Session) -> tuple[Put, ...]:
    return tuple([Put(Kind.SESSION, each.id.resource, each) for each in sessions])


AVAILABLE: Final = session(BALCONY, presence())
UNSEEN: Final = session(CHAMBER)
DIRECTED: Final = session(BALCONY, presence(None, MERCUTIO))
"""It is not available, but Mercutio knows of it."""


# --- sessions that begin ------------------------------------------------------------------------------------


def test_the_same_session_may_be_bound_again() -> None:
    unloaded = Unloaded(JID, (AVAILABLE,))

    step = reduce(unloaded, SessionBound(NOON, "1", BALCONY))

    assert step.state == unloaded
    assert not any(isinstance(effect, EndSession) for effect in step.effects)
    assert step.effects[-1] == Ignored(rules.BOUND_UNLOADED)


def test_a_session_with_another_resource_begins_beside_one_that_others_see() -> None:
    step = reduce(Unloaded(JID, (AVAILABLE,)), SessionBound(NOON, "1", CHAMBER))

    assert isinstance(step.state, Unloaded)
    assert [each.id for each in step.state.sessions] == [BALCONY, CHAMBER]


def test_a_session_of_which_an_entity_knows_by_directed_presence_is_not_replaced() -> None:
    step = reduce(Unloaded(JID, (DIRECTED,)), SessionBound(NOON, "1", NEWER))

    assert step.effects == (EndSession(NEWER, "internal-server-error", rules.IN_USE_UNLOADED),)


def test_an_available_session_is_not_replaced() -> None:
    step = reduce(Unloaded(JID, (AVAILABLE,)), SessionBound(NOON, "1", NEWER))

    assert step.effects == (EndSession(NEWER, "internal-server-error", rules.IN_USE_UNLOADED),)


# --- sessions that end --------------------------------------------------------------------------------------


def test_the_end_of_a_session_of_which_nobody_knows_needs_no_notice() -> None:
    unloaded = Unloaded(JID, (AVAILABLE, UNSEEN))

    for policy in (Policy(), KEPT):
        assert reduce(unloaded, SessionEnded(NOON, "1", CHAMBER), policy).state == Unloaded(JID, (AVAILABLE,))


def test_the_end_of_a_session_that_others_see_is_noted() -> None:
    for seen in (AVAILABLE, DIRECTED):
        step = reduce(Unloaded(JID, (seen, UNSEEN)), SessionEnded(NOON, "1", BALCONY))

        assert step.state == Unloaded(JID, (seen, UNSEEN), ended=(BALCONY,))


def test_twice_as_many_ends_are_noted_as_there_may_be_sessions_and_the_latest_count() -> None:
    policy = Policy(keep_sessions=True, sessions=1)
    state: State = Unloaded(JID)
    for n in range(1, 5):
        state = reduce(state, SessionEnded(NOON, f"{n}", SessionId("balcony", n)), policy).state

    assert state == Unloaded(JID, ended=(SessionId("balcony", 3), SessionId("balcony", 4)))


def test_a_message_that_no_session_holds_any_longer_is_answered_with_an_error() -> None:
    held = Deliver(chat(JULIET, "words", MERCUTIO), (BALCONY, CHAMBER), AS_IT_STANDS, rules.LOADED)
    state = Unloaded(JID, (AVAILABLE, UNSEEN), ended=(BALCONY,))

    step = reduce(state, Undelivered(NOON, "1", held, (CHAMBER,)))

    [error] = step.effects
    assert isinstance(error, Route)
    assert (said(error.stanza), condition(error.stanza)) == (f"message error from {JULIET}", "internal-server-error")


def test_a_message_that_another_session_still_holds_is_not_answered_yet() -> None:
    held = Deliver(chat(JULIET, "words", MERCUTIO), (BALCONY, CHAMBER), AS_IT_STANDS, rules.LOADED)

    step = reduce(Unloaded(JID, (AVAILABLE, UNSEEN)), Undelivered(NOON, "1", held, (CHAMBER,)))

    assert step.effects == (Ignored(rules.NOT_NOW_IGNORED),)


def test_an_account_of_which_only_the_end_of_a_session_is_known_stays_in_memory() -> None:
    house = Playhouse(JULIET, policy=KEPT, slow=True)
    house.service = unload(house.service, JULIET)
    house.happens(JULIET, SessionEnded(NOON, "1", BALCONY))

    house.happens(JULIET, LoadFailed(NOON, "2"))

    assert house.service.accounts[JULIET] == Unloaded(JID, ended=(BALCONY,))
    assert unload(house.service, JULIET) is house.service


# --- what is told when the account is loaded ----------------------------------------------------------------


def test_of_a_session_the_stored_record_counts_not_what_was_known_before() -> None:
    before = Unloaded(JID, (AVAILABLE.showing(None),), ended=(BALCONY,))
    record = kept(session(BALCONY, presence(None, MERCUTIO), presence()))

    step = reduce(before, AccountLoaded(NOON, "load", (HEAD, *record)), KEPT)

    told = [effect.recipients for effect in step.effects if hasattr(effect, "recipients")]
    assert told == [(MERCUTIO,)]


def test_a_replaced_session_that_has_ended_meanwhile_is_waited_for_no_longer() -> None:
    other = SessionId("cell", 3)
    records = [Put(Kind.REPLACED, f"{each.epoch}/{each.resource}", each) for each in (CHAMBER, other)]

    account = loaded(Unloaded(JID, ended=(CHAMBER,)), *records)

    assert account.replaced == (other,)


def test_a_session_that_is_replaced_now_is_waited_for_beside_those_before() -> None:
    replaced = Put(Kind.REPLACED, "2/chamber", CHAMBER)

    account = loaded(Unloaded(JID, (session(NEWER),)), *kept(AVAILABLE), replaced)

    assert set(account.replaced) == {CHAMBER, BALCONY}


def test_what_is_known_of_sessions_is_stored_by_the_next_step() -> None:
    for before in (Unloaded(JID, (UNSEEN,)), Unloaded(JID, ended=(CHAMBER,)), Unloaded(JID, replaced=(CHAMBER,))):
        assert loaded(before).unsaved
    assert not loaded(Unloaded(JID)).unsaved


# --- stored messages ----------------------------------------------------------------------------------------


def test_stored_messages_are_asked_for_after_the_ends_are_told() -> None:
    other = session(CHAMBER, presence())
    before = Unloaded(JID, ended=(BALCONY,))
    records = (HEAD, *kept(session(BALCONY, presence(), presence(None, MERCUTIO)), other))

    step = reduce(before, AccountLoaded(NOON, "load", records, 1, 100), KEPT)

    assert step.effects[0] == Ignored(rules.LOADED)
    assert Ignored(rules.ENDED_MEANWHILE) in step.effects
    assert step.effects[-1] == LoadOffline(CHAMBER, delivery_rules.OFFLINE_FLUSHED)


def test_a_session_that_can_receive_nothing_now_does_not_get_the_stored_messages() -> None:
    for deaf in (session(BALCONY), evolve(AVAILABLE, broken=True), session(BALCONY, presence(priority=-1))):
        records = (HEAD, *kept(deaf))

        step = reduce(NoAccount(JID), AccountLoaded(NOON, "load", records, 1, 100), KEPT)

        assert not any(isinstance(effect, LoadOffline) for effect in step.effects)


# --- records ------------------------------------------------------------------------------------------------


def test_a_record_of_waking_whose_key_is_a_time_is_usable() -> None:
    good, bad = Put(Kind.WAKE, wake_key(NOON), None), Put(Kind.WAKE, "noon", None)

    [damaged] = unusable((good, bad))

    assert (damaged.kind, damaged.key) == (Kind.WAKE, "noon")
    assert damaged.reason == "the key is not a time with an offset from UTC"


def test_a_record_of_another_kind_is_no_time_to_wake_at() -> None:
    named_like_a_time = session(SessionId("2026-01-01T12:00:00+00:00", 1))

    assert loaded(NoAccount(JID), *kept(named_like_a_time)).wake_at is None


def test_keys_of_waking_are_equally_long_so_their_texts_have_the_order_of_the_times() -> None:
    assert wake_key(NOON) == "2026-01-01T12:00:00.000000+00:00"
    assert wake_key(NOON) < wake_key(NOON.replace(microsecond=5)) < wake_key(NOON.replace(second=1))


def test_records_of_other_kinds_are_no_replaced_sessions() -> None:
    enabled = Put(Kind.ENABLED, "carbons/balcony", BALCONY)
    text = Put(Kind.REPLACED, "1/balcony", None)

    assert loaded(NoAccount(JID), enabled, text).replaced == ()
