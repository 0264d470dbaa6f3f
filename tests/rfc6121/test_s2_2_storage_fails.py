"""What an account does while its storage fails, and what it reads when it is loaded again (RFC 6121 §2.2, §2.3.3)."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    NURSE,
    ROMEO,
    account,
    after,
    bound,
    contact,
    delivery,
    following,
    inbound,
    iq,
    received_message,
    rfc6121,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.rules import administration as administration_rules
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import sessions as session_rules
from xmpp_im_core.rules import storage as rules
from xmpp_im_core.server import (
    Account,
    AccountCreated,
    AccountLoaded,
    AccountRemoved,
    Ignored,
    Kind,
    LoadFailed,
    NoAccount,
    Outbound,
    Put,
    Route,
    SessionEnded,
    SessionId,
    StoreFailed,
    Undelivered,
    Unloaded,
    reduce,
)
from xmpp_im_core.server.accounts.loading import sound
from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.stanza import Message
from xmpp_im_core.subscription import NONE

NOBODY = NoAccount(parse_jid(JULIET))


def head(version: int = 7, horizon: int = 0, *, sharing: bool = False) -> Put:
    return Put(Kind.ROSTER, "", RosterHead("v", version, horizon, sharing))


def unloaded(*resources: str) -> Unloaded:
    state = reduce(NOBODY, LoadFailed(AT, "load")).state
    for resource in resources:
        state = reduce(state, bound(resource)).state
    assert isinstance(state, Unloaded)
    return state


# --- commits that fail --------------------------------------------------------------------------------------


def test_a_request_that_is_answered_at_once_waits_too_since_its_answer_has_to_be_stored_elsewhere() -> None:
    """The request is answered with subscribed (3.1.3). A contact of this server stores that answer."""
    juliet = account(JULIET, {ROMEO: "From"})
    request = inbound("subscribe", ROMEO, to=JULIET)
    assert not reduce(juliet, request).store

    (answer,) = reduce(juliet, StoreFailed(AT, "failed", request)).effects

    assert isinstance(answer, Route)
    assert (answer.rule, answer.stanza.type) == (rules.NOT_NOW, "error")


def test_a_repeated_request_that_stores_nothing_is_not_refused() -> None:
    request = inbound("subscribe", ROMEO, to=JULIET)
    juliet = following(account(JULIET), evolve(request, seq="earlier"))
    done = reduce(juliet, request)
    assert not done.store

    assert reduce(juliet, StoreFailed(AT, "failed", request)).effects == done.effects


@pytest.mark.parametrize("type", ["error", "chat"])
def test_an_error_is_not_answered_while_an_account_is_not_loaded(type: str) -> None:
    (answer,) = reduce(unloaded(), received_message(type, ROMEO, JULIET)).effects

    assert (answer == Ignored(rules.NOT_NOW_IGNORED)) is (type == "error")


def test_a_lost_session_ends_before_the_senders_of_what_it_missed_are_told() -> None:
    juliet = account(JULIET, {ROMEO: "From"}, available=("balcony",))
    request = iq("get", element("ping", "urn:xmpp:ping"), from_=f"{ROMEO}/orchard", to=f"{JULIET}/balcony")
    end = SessionEnded(AT, "end", SessionId("balcony", 1), (delivery(request, SessionId("balcony", 1)),))

    step = reduce(juliet, StoreFailed(AT, "failed", end))

    assert [each.split()[0] for each in told(step)] == ["send", "route"]


def test_who_waits_for_an_answer_of_a_lost_session_is_told_although_the_account_is_not_loaded() -> None:
    request = iq("get", element("ping", "urn:xmpp:ping"), from_=f"{ROMEO}/orchard", to=f"{JULIET}/balcony")
    session, other = SessionId("balcony", 1), SessionId("chamber", 1)
    waiting = unloaded("balcony", "chamber")

    ended = reduce(waiting, SessionEnded(AT, "end", session, (delivery(request, session),)))
    failed = reduce(waiting, Undelivered(AT, "seq", delivery(request, session), (session,)))
    partly = reduce(waiting, Undelivered(AT, "seq", delivery(request, session, other), (session,)))

    assert [type(effect) for effect in ended.effects] == [Route, Ignored]
    assert [type(effect) for effect in failed.effects] == [Route]
    assert partly.effects == (Ignored(rules.NOT_NOW_IGNORED),)


def test_a_message_of_type_unavailable_is_no_logout() -> None:
    juliet = account(JULIET, available=("balcony",))
    message = Message(parse_address(ROMEO), None, "m", "unavailable")
    event = Outbound(AT, "seq", SessionId("balcony", 1), message)

    assert told(reduce(juliet, StoreFailed(AT, "failed", event))) == [
        f"deliver error internal-server-error from {ROMEO} to balcony"
    ]


# --- accounts that are not loaded ---------------------------------------------------------------------------


def test_the_sessions_of_an_account_that_turns_out_not_to_exist_are_ended() -> None:
    waiting = unloaded("balcony", "chamber")

    step = reduce(waiting, AccountLoaded(AT, "loaded", ()))

    assert told(step) == ["end balcony with not-authorized", "end chamber with not-authorized"]
    assert step.state == evolve(NOBODY, ending=(SessionId("balcony", 1), SessionId("chamber", 1)))
    assert step.effects[0] == Ignored(rules.NOTHING_LOADED)


def test_a_session_that_ended_while_the_account_was_not_loaded_is_not_there_afterwards() -> None:
    waiting = unloaded("balcony", "chamber")

    step = reduce(waiting, SessionEnded(AT, "ended", SessionId("balcony", 1)))

    assert step.effects == (Ignored(rules.ENDED_UNLOADED),)
    juliet = after(reduce(step.state, AccountLoaded(AT, "loaded", (head(),))))
    assert [session.id.resource for session in juliet.sessions] == ["chamber"]


def test_a_session_that_replaces_another_while_the_account_is_not_loaded_ends_it() -> None:
    waiting = unloaded("balcony")

    step = reduce(waiting, bound("balcony", 2))

    assert told(step) == ["end balcony with conflict"]
    assert step.effects[-1] == Ignored(rules.BOUND_UNLOADED)


def test_a_second_failure_to_load_keeps_the_sessions() -> None:
    waiting = unloaded("balcony")

    assert reduce(waiting, LoadFailed(AT, "again")).state == waiting


def test_the_removal_of_an_account_without_sessions_that_cannot_be_loaded_has_a_rule() -> None:
    assert reduce(unloaded(), AccountRemoved(AT, "removed")).effects == (Ignored(administration_rules.REMOVED),)


# --- records ------------------------------------------------------------------------------------------------


def loaded(*records: Put, offline: int = 0, offline_bytes: int = 0) -> Account:
    return after(reduce(NOBODY, AccountLoaded(AT, "loaded", records, offline, offline_bytes)))


@rfc6121("4.2.2", quote="an entity is implicitly subscribed to its own presence")
def test_a_stored_item_of_the_own_address_has_no_subscription() -> None:
    own = contact(JULIET, "Both", name="Me", groups=("Self",), version=3)

    juliet = loaded(head(), Put(Kind.CONTACT, JULIET, own))

    assert juliet.roster.contacts[JULIET] == Contact(JULIET, NONE, True, "Me", ("Self",), version=3)


def test_a_stored_contact_is_kept_under_its_prepared_address() -> None:
    juliet = loaded(head(), Put(Kind.CONTACT, "Nurse@Example.COM", contact("Nurse@Example.COM", "From")))

    assert juliet.roster.contacts[NURSE].jid == NURSE


@in_one_test(
    ("stored", "of_contact", "expected"),
    [
        ((7, 3), 5, (7, 3)),
        ((7, 9), 5, (7, 7)),
        ((7, -2), 5, (7, 0)),
        ((-4, -2), -1, (0, 0)),
        ((4, 2), 6, (6, 2)),
    ],
)
def test_no_version_is_negative_or_later_than_the_newest(
    stored: tuple[int, int], of_contact: int, expected: tuple[int, int]
) -> None:
    juliet = loaded(head(*stored), Put(Kind.CONTACT, ROMEO, contact(ROMEO, "To", version=of_contact)))

    assert (juliet.roster.head.version, juliet.roster.head.horizon) == expected


def test_a_negative_version_of_an_empty_roster_is_read_as_the_first() -> None:
    assert loaded(head(-4, -6)).roster.head == RosterHead("v", 0, 0)


def test_where_items_were_shared_no_version_of_before_leads_on() -> None:
    juliet = loaded(head(7, 3, sharing=True))

    assert juliet.roster.head == RosterHead("v", 8, 8)


def test_stored_messages_without_number_have_no_size() -> None:
    assert (loaded(head(), offline_bytes=500).offline, loaded(head(), offline_bytes=500).offline_bytes) == (0, 0)
    assert (loaded(head(), offline=2, offline_bytes=500).offline_bytes) == 500


def test_a_loaded_account_knows_when_its_request_is_due() -> None:
    asked = evolve(contact(ROMEO, "None + Pending Out"), asked=AT)

    assert loaded(head(), Put(Kind.CONTACT, ROMEO, asked)).wake_at is not None
    assert loaded(head(), Put(Kind.CONTACT, ROMEO, contact(ROMEO, "To"))).wake_at is None


@in_one_test("state", ["To", "From", "Both", "None + Pending Out"])
def test_a_contact_with_a_state_is_listed_whatever_is_stored(state: str) -> None:
    assert sound(contact(ROMEO, state, listed=False)).listed


def test_an_approved_contact_is_listed_and_a_waiting_request_alone_is_not() -> None:
    assert sound(contact(ROMEO, approved=True, listed=False)).listed
    assert not sound(contact(ROMEO, "None + Pending In", listed=False)).listed


def test_an_account_is_created_with_a_rule_and_stores_its_head_where_it_is_read() -> None:
    step = reduce(NOBODY, AccountCreated(AT, "new", "w"))

    assert step.effects == (Ignored(administration_rules.CREATED),)
    assert step.store == (Put(Kind.ROSTER, "", RosterHead("w", 0, 0)),)


# --- accounts that do not exist -----------------------------------------------------------------------------


def test_who_waits_for_an_answer_of_a_lost_session_is_told_although_the_account_is_gone() -> None:
    request = iq("get", element("ping", "urn:xmpp:ping"), from_=f"{ROMEO}/orchard", to=f"{JULIET}/balcony")
    session = SessionId("balcony", 1)

    step = reduce(NOBODY, SessionEnded(AT, "end", session, (delivery(request, session),)))

    assert [type(effect) for effect in step.effects] == [Route, Ignored]
    assert step.effects[-1] == Ignored(session_rules.NO_ACCOUNT)


def test_a_stanza_that_is_for_another_account_is_not_answered_by_one_that_does_not_exist() -> None:
    step = reduce(NOBODY, received_message("chat", ROMEO, NURSE))

    assert step.effects == (Ignored(delivery_rules.WITHOUT_ADDRESSES),)


def test_what_is_no_state_of_an_account_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^5 is no state of an account$"):
        account_of(5)
