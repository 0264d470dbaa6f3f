"""A damaged record costs its owner that record alone: the rest is served, and the damaged one is named.

RFC 6121 §2 and §8 have the server keep rosters and messages for the user; nothing there lets one bad record take the
others away.
"""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from tests.rfc6121.conversation import (
    AT,
    JULIET,
    ROMEO,
    account,
    bound,
    following,
    outbound,
    presence,
    roster_get,
    told,
)
from xmpp_im_core.host import Stored
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.server import (
    Account,
    AccountLoaded,
    Damaged,
    Inbound,
    Kind,
    NoAccount,
    OfflineLoaded,
    Put,
    SessionId,
    reduce,
)
from xmpp_im_core.server.accounts.loading import unusable
from xmpp_im_core.snapshot import dump, dump_record, load_records, load_state
from xmpp_im_core.stanza import Message, Presence
from xmpp_im_core.subscription import Subscription
from xmpp_im_core.testing.event_strategies import records

NOBODY: Final = NoAccount(parse_jid(JULIET))
HEAD: Final = Put(Kind.ROSTER, "", RosterHead("l1", 4, 0))
FRIEND: Final = Put(Kind.CONTACT, ROMEO, Contact(ROMEO, Subscription.BOTH, version=3))
UNPREPARED: Final = "\u0378@example.org"
"""No JID for this interpreter: a character that Unicode has not assigned, and a later version may."""

BAD: Final = {
    "no JSON": (Kind.CONTACT, "tybalt@example.org", "{"),
    "another key": (Kind.CONTACT, "tybalt@example.org", dump_record(FRIEND)),
    "a contact that cannot be prepared": (
        Kind.CONTACT,
        UNPREPARED,
        dump_record(Put(Kind.CONTACT, UNPREPARED, Contact(UNPREPARED))),
    ),
    "a blocked JID that cannot be prepared": (Kind.BLOCKED, UNPREPARED, '{"format":1,"value":null}'),
    "no stanza": (Kind.NOTICE, "n1", '{"format":1,"value":"<presence"}'),
    "another format": (Kind.LAST_UNAVAILABLE, "", '{"format":99,"value":{}}'),
    "no text": (Kind.MOVED, "", ""),
}


def text(put: Put) -> tuple[Kind, str, str]:
    return put.kind, put.key, dump_record(put)


@in_one_test("bad", BAD.values(), ids=BAD)
def test_the_rest_of_an_account_is_served_and_the_damaged_record_is_named(bad: tuple[Kind, str, str]) -> None:
    loaded = load_records([text(HEAD), bad, text(FRIEND)])

    assert loaded.records == (HEAD, FRIEND)
    (damaged,) = loaded.damaged
    assert (damaged.kind, damaged.key) == bad[:2]
    assert damaged.reason

    juliet = following(NOBODY, Stored(loaded.records, damaged=loaded.damaged).loaded(AT, "loaded"), bound("balcony"))
    assert told(reduce(juliet, roster_get("balcony")))[0].startswith(f"roster [{ROMEO}")
    assert f"send presence from {JULIET}/balcony to {ROMEO}" in told(reduce(juliet, outbound(None, by="balcony")))


def test_what_is_not_damaged_is_not_named() -> None:
    blocked = Put(Kind.BLOCKED, "tybalt@example.org", None)

    assert load_records([text(HEAD), text(FRIEND), text(blocked)]) == ((HEAD, FRIEND, blocked), ())
    assert load_records([]) == ((), ())


def test_good_messages_are_delivered_and_the_damaged_one_stays_stored() -> None:
    good = [Put(Kind.OFFLINE, f"m{n}", Message(id=f"m{n}")) for n in range(3)]
    loaded = load_records([text(good[0]), (Kind.OFFLINE, "m9", "<"), text(good[1]), text(good[2])])
    messages = tuple([(put.key, put.value) for put in loaded.records if isinstance(put.value, Message)])
    juliet = following(NOBODY, AccountLoaded(AT, "l", (HEAD,), 4), bound("balcony"), outbound(None, by="balcony"))

    step = reduce(juliet, OfflineLoaded(AT, "o", SessionId("balcony", 1), messages))

    assert [each.key for each in loaded.damaged] == ["m9"]
    assert len([line for line in told(step) if line.startswith("deliver")]) == 3
    assert "m9" not in [operation.key for operation in step.forget if hasattr(operation, "key")]
    assert isinstance(step.state, Account)
    assert step.state.offline == 1, "it takes its place until it is taken away or read"


def test_an_account_whose_roster_head_is_damaged_is_still_there_and_no_old_version_leads_on() -> None:
    loaded = load_records([(Kind.ROSTER, "", "{"), text(FRIEND)])
    event = AccountLoaded(AT, "loaded", loaded.records, damaged=loaded.damaged)

    juliet = following(NOBODY, event, bound("balcony"))

    assert told(reduce(juliet, roster_get("balcony", ver="l1:4")))[0].startswith(f"roster [{ROMEO}")
    assert juliet.roster.lineage == "loaded"
    assert load_state(dump(juliet)) == juliet


def test_a_damaged_roster_head_is_replaced_by_one_of_the_versions_that_are_stored() -> None:
    event = AccountLoaded(AT, "loaded", (), damaged=(Damaged(Kind.ROSTER, "", "y"),))

    assert following(NOBODY, event).roster.head == RosterHead("loaded", 0, 0)
    event = AccountLoaded(AT, "loaded", (FRIEND,), damaged=(Damaged(Kind.ROSTER, "", "y"),))
    assert following(NOBODY, event).roster.head == RosterHead("loaded", 3, 0)


def test_where_nothing_but_a_contact_is_damaged_there_is_no_account_without_a_head() -> None:
    event = AccountLoaded(AT, "loaded", (FRIEND,), damaged=(Damaged(Kind.CONTACT, "x", "y"),))

    assert isinstance(reduce(NOBODY, event).state, NoAccount)


def test_a_storage_of_values_can_ask_which_of_them_are_left_out() -> None:
    put = Put(Kind.CONTACT, UNPREPARED, Contact(UNPREPARED))
    blocked = Put(Kind.BLOCKED, "@", None)

    assert [(each.kind, each.key) for each in unusable([HEAD, put, FRIEND, blocked])] == [
        (Kind.CONTACT, UNPREPARED),
        (Kind.BLOCKED, "@"),
    ]
    juliet = following(NOBODY, AccountLoaded(AT, "loaded", (HEAD, put, FRIEND, blocked)))
    assert list(juliet.roster.contacts) == [ROMEO]
    assert juliet.blocked == ()


# --- versions -----------------------------------------------------------------------------------------------


@in_one_test("head", [RosterHead("l1", -5, 0), RosterHead("l1", 0, -5), RosterHead("l1", 3, 9)])
@in_one_test("version", [-1, 0, 7])
def test_no_version_is_loaded_that_cannot_be_saved(head: RosterHead, version: int) -> None:
    contact = Put(Kind.CONTACT, ROMEO, Contact(ROMEO, version=version))

    loaded = following(NOBODY, AccountLoaded(AT, "loaded", (Put(Kind.ROSTER, "", head), contact)))

    assert load_state(dump(loaded)) == loaded
    assert 0 <= loaded.roster.horizon <= loaded.roster.version


@given(records(), st.sampled_from([0, 1, 1000]))
def test_every_loaded_state_can_be_saved(stored: tuple[Put, ...], offline: int) -> None:
    state = reduce(NOBODY, AccountLoaded(AT, "loaded", stored, offline)).state

    assert load_state(dump(state)) == state


# --- notices ------------------------------------------------------------------------------------------------


@in_one_test("seqs", [("9", "10", "11"), ("c", "b", "a"), ("z.1", "A", "0")])
@in_one_test("turned", [False, True])
def test_kept_notices_come_back_in_order_for_every_form_of_the_numbers(seqs: tuple[str, ...], turned: bool) -> None:
    senders = [f"u{n}@example.org" for n in range(3)]
    given = account(JULIET, dict.fromkeys(senders, "To"))
    stored: list[Put] = [HEAD]
    for seq, sender in zip(seqs, senders, strict=True):
        step = reduce(given, Inbound(AT, seq, presence("unsubscribed", sender, JULIET)), Policy(notices=9))
        assert isinstance(step.state, Account)
        given = step.state
        stored += [put for put in step.store if isinstance(put, Put) and put.kind is Kind.NOTICE]

    loaded = following(NOBODY, AccountLoaded(AT, "l", tuple(reversed(stored) if turned else stored)))

    assert [notice.stanza for notice in loaded.notices] == [
        Presence(each.stanza.to, each.stanza.from_, each.stanza.id, "unsubscribed") for each in given.notices
    ]
    assert [str(notice.stanza.from_) for notice in loaded.notices] == senders
