"""Records as a host stores them: text under a kind and a key."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given

from tests.one_test import in_one_test
from tests.snapshot.test_round_trip import juliet
from xmpp_im_core.roster import Contact, RosterHead
from xmpp_im_core.server.accounts.reducer import reduce
from xmpp_im_core.server.effects import Kind, Put
from xmpp_im_core.server.events import AccountLoaded, Event
from xmpp_im_core.server.state import Account, LastUnavailable, Moved, NoAccount, State
from xmpp_im_core.snapshot import SnapshotError, dump_record, load_record
from xmpp_im_core.stanza import Message, Presence
from xmpp_im_core.subscription import Subscription
from xmpp_im_core.testing.event_strategies import steps
from xmpp_im_core.testing.state_strategies import JULIET

NOON = datetime(2026, 7, 12, 12, 0, tzinfo=UTC)


@in_one_test(
    ("put", "text"),
    [
        (Put(Kind.ROSTER, "", RosterHead("l1", 2, 0)), '{"format":1,"value":{"lineage":"l1","version":2,"horizon":0}}'),
        (
            Put(Kind.CONTACT, "a@b.example", Contact("a@b.example", Subscription.TO, groups=("x",), version=3)),
            '{"format":1,"value":{"jid":"a@b.example","state":"TO","groups":["x"],"version":3}}',
        ),
        (
            Put(Kind.MOVED, "", Moved("xmpp:a@c.example", True)),
            '{"format":1,"value":{"address":"xmpp:a@c.example","permanently":true}}',
        ),
        (Put(Kind.BLOCKED, "a@b.example", None), '{"format":1,"value":null}'),
        (Put(Kind.OFFLINE, "e1", Message(id="m1")), '{"format":1,"value":"<message id=\\"m1\\"/>"}'),
        (
            Put(Kind.NOTICE, "e1", Presence(type="subscribed")),
            '{"format":1,"value":"<presence type=\\"subscribed\\"/>"}',
        ),
        (
            Put(Kind.LAST_UNAVAILABLE, "", LastUnavailable(Presence(type="unavailable"), NOON)),
            '{"format":1,"value":{"presence":"<presence type=\\"unavailable\\"/>","at":"2026-07-12T12:00:00+00:00"}}',
        ),
    ],
)
def test_a_record_is_stored_as_text_and_comes_back(put: Put, text: str) -> None:
    assert dump_record(put) == text
    assert load_record(put.kind, put.key, text) == put


@in_one_test("kind", Kind)
def test_every_kind_of_record_can_be_read(kind: Kind) -> None:
    with pytest.raises(SnapshotError, match=r"\$\.value.*is not"):
        load_record(kind, "", '{"format":1,"value":[{}, {}]}')


@given(steps())
def test_every_record_that_a_step_stores_comes_back(step: tuple[State, Event]) -> None:
    for put in reduce(*step).store:
        if isinstance(put, Put):
            assert load_record(put.kind, put.key, dump_record(put)) == put


def test_a_contact_under_the_key_of_another_is_refused() -> None:
    text = dump_record(Put(Kind.CONTACT, "a@b.example", Contact("a@b.example")))

    with pytest.raises(SnapshotError, match=r"\$\.value\.jid: 'a@b\.example' was stored under the key 'c@d\.example'"):
        load_record(Kind.CONTACT, "c@d.example", text)


def test_a_record_of_another_kind_is_refused() -> None:
    text = dump_record(Put(Kind.ROSTER, "", RosterHead("l1", 2, 0)))

    with pytest.raises(SnapshotError, match="is missing"):
        load_record(Kind.MOVED, "", text)


def test_an_account_comes_back_from_its_records() -> None:
    before = juliet()
    kept = [Put(Kind.CONTACT, contact.jid, contact) for contact in before.roster.contacts.values()]
    stored = [(put.kind, put.key, dump_record(put)) for put in [Put(Kind.ROSTER, "", before.roster.head), *kept]]

    records = tuple([load_record(kind, key, text) for kind, key, text in stored])
    loaded = reduce(NoAccount(JULIET), AccountLoaded(NOON, "1", records)).state

    assert isinstance(loaded, Account)
    assert loaded.roster == before.roster


def test_an_account_is_as_new_as_the_newest_of_its_contacts_whatever_its_head_says() -> None:
    contact = Contact("romeo@montague.example", Subscription.BOTH, version=9)
    records = (Put(Kind.ROSTER, "", RosterHead("l1", 2, 0)), Put(Kind.CONTACT, contact.jid, contact))

    loaded = reduce(NoAccount(JULIET), AccountLoaded(NOON, "1", records)).state

    assert isinstance(loaded, Account)
    assert loaded.roster.ver == "l1:9"
