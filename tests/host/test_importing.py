"""Moving in: accounts from plain data, as another server has kept them."""

from __future__ import annotations

import copy
import json
import re
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.host.stage import CAPULET, JULIET, NOON, NURSE, ROMEO, Tape, enters, host_on, numbers, says
from tests.one_test import in_one_test
from xmpp_im_core.host import MemoryStorage, import_records
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.roster import RosterHead
from xmpp_im_core.server import Account, AccountLoaded, NoAccount, Put, reduce
from xmpp_im_core.server.effects import Kind
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import BOTH, FROM_OUT, NONE, NONE_IN, TO_IN

PARIS: Final = "paris@verona.example"
EVE: Final = "2025-12-31T12:00:00Z"
ASKS: Final = f"<presence from='{PARIS}/x' type='subscribe' id='s'><status>Pray</status></presence>"


def said(id: str) -> str:
    return f"<message from='romeo@capulet.example/orchard' id='{id}' type='chat'><body>{id}</body></message>"


DATA: Final[dict[str, Any]] = {
    "Juliet@Capulet.example": {
        "roster": [
            {"jid": "Romeo@capulet.example", "name": "Romeo", "groups": ["Lovers"], "subscription": "both"},
            {"jid": "nurse@capulet.example", "subscription": "from", "ask": "subscribe", "asked": EVE},
            {"jid": "friar@capulet.example", "subscription": "to", "approved": True},
            {"jid": "mother@capulet.example"},
        ],
        "requests": [
            {"jid": PARIS, "stanza": ASKS},
            {"jid": "friar@capulet.example"},
            {"jid": "romeo@capulet.example"},
        ],
        "blocked": ["tybalt@capulet.example", "Mantua.example", "tybalt@capulet.example"],
        "offline": [
            {"stanza": said("late"), "at": "2026-01-01T10:00:00Z"},
            {"stanza": said("early"), "at": "2026-01-01T11:00:00+02:00"},
        ],
    },
    "romeo@capulet.example": {"roster": [{"jid": "juliet@capulet.example", "subscription": "both"}]},
    "nurse@capulet.example": {},
}


def imported(data: Any = DATA) -> dict[str, tuple[Put, ...]]:
    return import_records(data, NOON, numbers())


def juliet() -> Account:
    offline = sum(put.kind is Kind.OFFLINE for put in imported()[JULIET])
    records = tuple([put for put in imported()[JULIET] if put.kind is not Kind.OFFLINE])
    state = reduce(NoAccount(parse_jid(JULIET)), AccountLoaded(NOON, "1", records, offline)).state
    assert isinstance(state, Account)
    return state


def test_a_roster_with_its_subscriptions() -> None:
    contacts = juliet().roster.contacts

    assert {jid: contact.state for jid, contact in contacts.items()} == {
        ROMEO: BOTH,
        "nurse@capulet.example": FROM_OUT,
        "friar@capulet.example": TO_IN,
        "mother@capulet.example": NONE,
        PARIS: NONE_IN,
    }
    assert (contacts[ROMEO].name, contacts[ROMEO].groups) == ("Romeo", ("Lovers",))
    assert contacts["friar@capulet.example"].approved
    assert contacts["nurse@capulet.example"].asked == datetime.fromisoformat(EVE)
    assert [jid for jid, contact in contacts.items() if not contact.listed] == [PARIS]
    assert juliet().roster.version == 4


def test_requests_are_those_that_came_or_as_plain_as_can_be() -> None:
    whole, plain = [juliet().roster.contacts[jid].request for jid in (PARIS, "friar@capulet.example")]

    assert whole is not None
    assert plain is not None
    assert (str(whole.from_), str(whole.to), whole.id) == (PARIS, JULIET, "s")
    assert whole.payload.first("status") is not None
    assert plain == Presence(whole.to, plain.from_, None, "subscribe")


def test_what_the_records_hold_is_what_loading_makes_of_them() -> None:
    """Nothing has to be put right: no contact is in a state that it cannot be in."""
    kept = {put.key: put.value for put in imported()[JULIET] if put.kind is Kind.CONTACT}

    assert kept == dict(juliet().roster.contacts)


def test_a_block_list_is_prepared_and_names_each_once() -> None:
    assert juliet().blocked == ("mantua.example", "tybalt@capulet.example")


def test_messages_are_in_the_order_of_their_times_and_have_them() -> None:
    stored = [put.value for put in imported()[JULIET] if put.kind is Kind.OFFLINE]

    assert [(message.id, str(message.to)) for message in stored] == [("early", JULIET), ("late", JULIET)]  # type: ignore[attr-defined]
    delays = [message.payload.first("delay", "urn:xmpp:delay") for message in stored]  # type: ignore[attr-defined]
    assert [(delay.get("from"), delay.get("stamp")) for delay in delays] == [
        (CAPULET, "2026-01-01T09:00:00Z"),
        (CAPULET, "2026-01-01T10:00:00Z"),
    ]


def test_an_account_with_nothing_is_an_account_and_each_has_its_own_lineage() -> None:
    heads = [put.value for records in imported().values() for put in records if put.kind is Kind.ROSTER]

    assert list(imported()) == [JULIET, ROMEO, NURSE]
    assert len(imported()[NURSE]) == 1
    assert len(heads) == len({head.lineage for head in heads if isinstance(head, RosterHead)}) == 3


def test_a_host_goes_on_with_what_was_imported() -> None:
    storage, wire = MemoryStorage(), Tape()
    storage.commit([(jid, put) for jid, records in imported().items() for put in records])
    host = host_on(storage, wire)
    host.create(JULIET)  # it exists: nothing happens

    enters(host, ROMEO, "orchard")
    balcony = host.bind(JULIET, "balcony")
    says(host, JULIET, balcony, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
    says(host, JULIET, balcony, "<presence/>")
    says(host, JULIET, balcony, f"<presence to='{PARIS}' type='subscribed'/>")

    assert wire.bodies(f"{JULIET}/balcony") == ["early", "late"]
    assert storage.account(JULIET).offline == 0
    requests = [str(each.from_) for at, each in wire.got if at == f"{JULIET}/balcony" and each.type == "subscribe"]
    assert sorted(requests) == ["friar@capulet.example", PARIS]
    seen = [str(each.from_) for at, each in wire.got if at == f"{ROMEO}/orchard" and each.KIND == "presence"]
    assert f"{JULIET}/balcony" in seen
    assert [each.type for each in wire.routed] == ["subscribed", None]  # to Paris, and then her presence


REFUSED: Final = [
    (("Juliet@Capulet.example", "roster", 0, "subscription"), "remove", "roster[0].subscription: 'remove' is not one"),
    (("Juliet@Capulet.example", "roster", 1, "ask"), "unsubscribe", "roster[1].ask"),
    (("Juliet@Capulet.example", "roster", 1, "asked"), "yesterday", "roster[1].asked: 'yesterday' is not a time"),
    (
        ("Juliet@Capulet.example", "roster", 1, "asked"),
        EVE[:-1],
        "roster[1].asked: '2025-12-31T12:00:00' is a",
    ),
    (("Juliet@Capulet.example", "roster", 2, "approved"), "yes", "roster[2].approved"),
    (("Juliet@Capulet.example", "roster", 0, "jid"), "a@b@c", "roster[0].jid: 'a@b@c' is not a JID"),
    (
        ("Juliet@Capulet.example", "roster", 0, "jid"),
        "a@b.example/c",
        "roster[0].jid: 'a@b.example/c' is not a bare JID",
    ),
    (("Juliet@Capulet.example", "roster", 3, "jid"), ROMEO, f"roster[3].jid: {ROMEO} occurs twice"),
    (("Juliet@Capulet.example", "roster", 0, "name"), 1, "roster[0].name: 1 is not a string"),
    (("Juliet@Capulet.example", "roster", 0, "groups"), ["a", "a"], "roster[0].groups[1]"),
    (("Juliet@Capulet.example", "roster", 0, "groups"), [""], "roster[0].groups[0]"),
    (("Juliet@Capulet.example", "roster", 0, "group"), "a", "roster[0].group: is not one of"),
    (("Juliet@Capulet.example", "roster"), {}, "roster: {} is not a list"),
    (
        ("Juliet@Capulet.example", "requests", 0, "stanza"),
        "<presence/>",
        "requests[0].stanza: it is not a subscription",
    ),
    (("Juliet@Capulet.example", "requests", 0, "stanza"), "<presence", "requests[0].stanza: it is not a stanza"),
    (("Juliet@Capulet.example", "requests", 0, "from"), ROMEO, "requests[0].from: is not one of"),
    (("Juliet@Capulet.example", "blocked", 0), "", "blocked[0]: '' is not a JID"),
    (("Juliet@Capulet.example", "offline", 1, "stanza"), "<iq/>", "offline[1].stanza: it is not a message"),
    (("Juliet@Capulet.example", "offline", 1, "stanza"), "<message/>", "offline[1].stanza: it is not a message"),
    (("Juliet@Capulet.example", "offline", 1, "at"), None, "offline[1].at: None is not a time"),
    (("Juliet@Capulet.example", "rooster"), [], "rooster: is not one of"),
    (("Juliet@Capulet.example",), [], "[] is not a mapping"),
    (("juliet@capulet.example",), {}, "juliet@capulet.example occurs twice"),
    (("capulet.example",), {}, "an account has a localpart"),
    (("juliet@capulet.example/balcony",), {}, "is not a bare JID"),
]


@in_one_test(("place", "value", "why"), REFUSED, ids=[str(each[2]) for each in REFUSED])
def test_bad_data_is_refused_where_it_stands(place: tuple[Any, ...], value: object, why: str) -> None:
    data: Any = copy.deepcopy(DATA)
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value

    with pytest.raises(ValueError, match=f"^{re.escape(place[0])}: .*{re.escape(why)}"):
        imported(data)


def test_a_time_without_its_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="at: "):
        import_records({}, datetime(2026, 1, 1), numbers())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_no_data_at_all_raises_another_error(data: st.DataObject) -> None:
    damaged: Any = json.loads(json.dumps(DATA))
    place = damaged["Juliet@Capulet.example"]
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)

    with suppress(ValueError):
        imported(damaged)
