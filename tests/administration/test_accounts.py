"""Accounts that are created, moved and removed (RFC 6121 §2.5.2, §3.2, §3.3, §4.3.2)."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    STATES,
    account,
    after,
    contact,
    following,
    ignored,
    inbound,
    outbound,
    received_iq,
    received_message,
    rfc6121,
    roster_get,
    stanzas,
    told,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.roster import RosterHead, SharedItem
from xmpp_im_core.server import (
    OF_ACCOUNTS,
    Account,
    AccountCreated,
    AccountLoaded,
    AccountMoved,
    AccountRemoved,
    Clear,
    Delete,
    FanOut,
    Kind,
    Moved,
    NoAccount,
    Put,
    SessionBound,
    SessionId,
    SharedItemsChanged,
    State,
    StoreFailed,
    reduce,
)
from xmpp_im_core.server.effects import EndSession
from xmpp_im_core.stanza import Presence

NOBODY = NoAccount(parse_jid(JULIET))
REMOVED = AccountRemoved(AT, "seq")
LA_MER = Moved("xmpp:la-mer@example.com", True)

# --- created ---------------------------------------------------------------------------------------------------------


def test_a_new_account_is_empty_and_what_is_stored_of_it_is_enough_to_load_it() -> None:
    step = reduce(NOBODY, AccountCreated(AT, "seq", "w"))

    assert after(step) == account(JULIET, version=0).with_roster(after(step).roster)
    assert after(step).roster.ver == "w:0"
    assert told(step) == []
    stored = tuple(each for each in step.store if isinstance(each, Put))
    assert reduce(NOBODY, AccountLoaded(AT, "loaded", stored)).state == step.state


def test_an_account_that_is_there_is_not_created_again() -> None:
    assert ignored(account(JULIET, {ROMEO: "Both"}), AccountCreated(AT, "seq", "w"))


def test_there_is_no_account_if_the_creation_could_not_be_stored() -> None:
    assert ignored(NOBODY, StoreFailed(AT, "failed", AccountCreated(AT, "seq", "w")))


@pytest.mark.parametrize("lineage", [""])
def test_a_lineage_has_a_name(lineage: str) -> None:
    with pytest.raises(ValueError, match="lineage"):
        AccountCreated(AT, "seq", lineage)


@rfc6121("2.6.3", quote="the server cannot associate the version ID with any previous version it has on file")
def test_a_version_of_an_earlier_account_of_the_same_name_leads_nowhere() -> None:
    created = following_created("w")
    bound = following(created, SessionBound(AT, "seq", SessionId("balcony", 1)))

    step = reduce(bound, roster_get("balcony", ver="v:0"))

    assert told(step) == ["roster [] to balcony"]


def following_created(lineage: str) -> Account:
    return after(reduce(NOBODY, AccountCreated(AT, "new", lineage)))


# --- moved -----------------------------------------------------------------------------------------------------------


def test_the_new_address_of_a_moved_user_is_stored_and_announced_to_nobody() -> None:
    step = reduce(account(JULIET, {ROMEO: "Both"}, available=("balcony",)), AccountMoved(AT, "seq", LA_MER))

    assert told(step) == []
    assert step.store == (Put(Kind.MOVED, "", LA_MER),)
    assert after(step).moved == LA_MER


def test_one_who_is_back_is_nowhere_else() -> None:
    given = account(JULIET, {ROMEO: "Both"})

    step = reduce(following(given, AccountMoved(AT, "a", LA_MER)), AccountMoved(AT, "b", None))

    assert step.store == (Delete(Kind.MOVED, ""),)
    assert after(step).remembering(()) == given


def test_after_a_restart_the_new_address_is_still_known() -> None:
    stored = (Put(Kind.ROSTER, "", RosterHead("v", 7, 0)), Put(Kind.MOVED, "", LA_MER))

    assert after(reduce(NOBODY, AccountLoaded(AT, "loaded", stored))).moved == LA_MER


@in_one_test("state", STATES)
def test_it_changes_nothing_but_the_answers_to_probes(state: str) -> None:
    given = account(JULIET, {ROMEO: state}, interested=("hall",), available=("balcony",))
    moved = following(given, AccountMoved(AT, "seq", LA_MER))

    for event in (
        inbound("subscribe", ROMEO, to=JULIET),
        inbound("unsubscribed", ROMEO, to=JULIET),
        received_message("chat", ROMEO, JULIET),
        received_iq("get", element("query", "urn:example:x"), from_=ROMEO, to=JULIET),
        outbound("available", by="balcony"),
    ):
        assert reduce(moved, event).effects == reduce(given, event).effects


# --- removed ---------------------------------------------------------------------------------------------------------


@rfc6121("2.5.2", quote='the user\'s server MUST send both a presence stanza of type "unsubscribe" and a presence')
@in_one_test("state", STATES)
def test_each_of_the_nine_states_decides_what_a_contact_is_told(state: str) -> None:
    step = reduce(account(JULIET, {ROMEO: state}, available=("balcony",)), REMOVED)

    has = STATES[state]
    assert told(step) == [
        *[f"send unavailable from {JULIET}/balcony to {ROMEO}"] * has.from_,
        "end balcony with not-authorized",
        *[f"route unsubscribe from {JULIET} to {ROMEO}"] * (has.to or has.pending_out),
        *[f"route unsubscribed from {JULIET} to {ROMEO}"] * (has.from_ or has.pending_in),
    ]


@rfc6121("4.5.2", quote="If an available resource becomes unavailable for any reason")
def test_every_resource_sends_unavailable_before_any_subscription_ends() -> None:
    given = account(JULIET, {ROMEO: "Both"}, connected=("cellar",), available=("balcony", "chamber"))
    given = following(given, outbound("available", "lobby@chat.example.com", by="cellar"))

    step = reduce(given, REMOVED)

    assert told(step) == [
        f"send unavailable from {JULIET}/balcony to {ROMEO}",
        f"deliver unavailable from {JULIET}/balcony to chamber",
        "end balcony with not-authorized",
        f"send unavailable from {JULIET}/cellar to lobby@chat.example.com",
        "end cellar with not-authorized",
        f"send unavailable from {JULIET}/chamber to {ROMEO}",
        "end chamber with not-authorized",
        f"route unsubscribe from {JULIET} to {ROMEO}",
        f"route unsubscribed from {JULIET} to {ROMEO}",
    ]
    ids = [stanza.id for stanza in stanzas(step) if isinstance(stanza, Presence) and stanza.to is None]
    assert len(set(ids)) == 3


def test_every_session_is_ended_each_once() -> None:
    given = account(JULIET, connected=("cellar",), interested=("hall",), available=("balcony",))

    ends = [effect.session.resource for effect in reduce(given, REMOVED).effects if isinstance(effect, EndSession)]

    assert ends == ["balcony", "cellar", "hall"]


def test_nothing_stays_stored_in_any_kind_of_record() -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=False)
    step = reduce(account(JULIET, [waiting], available=("balcony",)).blocking(("a@b",)), REMOVED)

    assert step.state == evolve(NOBODY, ending=(SessionId("balcony", 1),))
    assert set(step.store) == {Clear(kind) for kind in OF_ACCOUNTS}
    assert step.forget == ()


def test_an_empty_account_is_removed_silently() -> None:
    step = reduce(account(JULIET), REMOVED)

    assert (told(step), step.state) == ([], NOBODY)
    assert step.effects != ()


@pytest.mark.parametrize("listed", [True, False])
def test_a_pending_requester_gets_a_denial_and_sees_no_resource(listed: bool) -> None:
    waiting = contact(ROMEO, "None + Pending In", listed=listed)

    step = reduce(account(JULIET, [waiting], available=("balcony",)), REMOVED)

    assert told(step)[-1] == f"route unsubscribed from {JULIET} to {ROMEO}"
    assert not any(isinstance(effect, FanOut) for effect in step.effects)


@rfc6121("8.5.1", quote="the server MUST silently ignore the stanza")
def test_a_contacts_answer_that_finds_nobody() -> None:
    gone: State = reduce(account(JULIET, {ROMEO: "Both"}), REMOVED).state

    for type in ("unsubscribed", "unsubscribe", "unavailable"):
        assert ignored(gone, inbound(type, ROMEO, to=JULIET))
    assert told(reduce(gone, inbound("probe", ROMEO, to=JULIET))) == [f"route unsubscribed from {JULIET} to {ROMEO}"]


def test_a_removed_account_can_be_recreated_and_is_empty() -> None:
    gone = reduce(account(JULIET, {ROMEO: "Both"}), REMOVED).state

    again = after(reduce(gone, AccountCreated(AT, "again", "w")))

    assert again.roster.contacts.get(ROMEO) is None
    assert again.sessions == ()


def test_the_account_stays_if_the_removal_could_not_be_stored() -> None:
    given = account(JULIET, {ROMEO: "Both"}, available=("balcony",))

    assert ignored(given, StoreFailed(AT, "failed", REMOVED))


def test_an_entity_that_saw_the_user_by_permission_of_the_service_is_told_that_she_is_gone() -> None:
    sharing = following(account(JULIET, available=("balcony",)), SharedItemsChanged(AT, "s", (SharedItem(ROMEO),)))

    assert told(reduce(sharing, REMOVED))[0] == f"send unavailable from {JULIET}/balcony to {ROMEO}"


def test_what_is_removed_twice_is_removed_once() -> None:
    assert ignored(NOBODY, REMOVED)
