"""Files that a release has written are read by every later one, as the same values (``"format": 1``).

The files in ``tests/data/format-1`` are never changed. If you add a kind of record or a class of state, add a file:
``python -m tests.snapshot.test_old_files`` writes those that are missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

from attrs import evolve

from tests.one_test import in_one_test
from xmpp_im_core.client import Client, ClientPolicy, Features
from xmpp_im_core.client.state import Bound, Chat, Heard, Item, Question, Request, Resource, RosterCache
from xmpp_im_core.element import element
from xmpp_im_core.extensions.carbons import Carbons
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import address_of, parse_address, parse_jid
from xmpp_im_core.lru_set import lru_set
from xmpp_im_core.policy import Audience, Policy
from xmpp_im_core.roster import Contact, RosterHead, SharedItem, roster_of
from xmpp_im_core.rules import Rule
from xmpp_im_core.server.accounts.machine import PLAIN, Beside
from xmpp_im_core.server.effects import AS_IT_STANDS, FULL_JID, Deliver, FanOut, Kind, Put, Route
from xmpp_im_core.server.events import (
    AdministratorRemovedItem,
    AdministratorSetItem,
    Event,
    SharedItemsChanged,
    TimePassed,
)
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.service.serving import Service
from xmpp_im_core.server.service.waiting_accounts import Held, Waiting
from xmpp_im_core.server.state import (
    Account,
    LastUnavailable,
    Moved,
    NoAccount,
    Notice,
    Session,
    SessionId,
    State,
    Unloaded,
)
from xmpp_im_core.snapshot import VERSION, dump_record, from_text, load_record, to_text
from xmpp_im_core.stanza import CLIENT, Message, Presence, payload
from xmpp_im_core.subscription import Subscription

FILES: Final = Path(__file__).resolve().parents[1] / "data" / f"format-{VERSION}"
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
JULIET: Final = parse_jid("juliet@capulet.example")
ROMEO: Final = "romeo@montague.example"
BALCONY: Final = SessionId("balcony", 7)
OBEYED: Final = Rule("a:rule", "Something is so.", ("6121-3.1.2-01",), ("XEP-0280 §4",))

MESSAGE: Final = Message(
    address_of(JULIET),
    parse_address(f"{ROMEO}/orchard"),
    "m1",
    "chat",
    "en",
    payload(
        element("body", CLIENT, {}, ["But <soft> & 'fair'"]),
        element("delay", "urn:xmpp:delay", {"stamp": "2026-01-01T12:00:00Z"}),
    ),
)
REQUEST: Final = Presence(
    address_of(JULIET),
    parse_address(ROMEO),
    "s1",
    "subscribe",
    None,
    payload(element("status", CLIENT, {}, ["I pray"])),
)
CONTACTS: Final = {
    ROMEO: Contact(ROMEO, Subscription.NONE_OUT_IN, True, "Rom\u00e9o", ("Lovers", "Verona"), True, REQUEST, NOON, 3),
    "nurse@capulet.example": Contact("nurse@capulet.example", Subscription.BOTH, version=1),
    "paris@verona.example": Contact("paris@verona.example", listed=False, version=2),
}

FULL: Final = address_of(JULIET.with_resource("balcony"))
SHOWN: Final = Presence(from_=FULL, payload=payload(element("priority", CLIENT, {}, ["1"])))
KEPT: Final = Session(BALCONY, FULL, "en", True, SHOWN, 1, (ROMEO,), False, True, True)

RECORDS: Final[Mapping[str, Put]] = {
    "roster": Put(Kind.ROSTER, "", RosterHead("l1", 3, 1, True)),
    "contact": Put(Kind.CONTACT, ROMEO, CONTACTS[ROMEO]),
    "contact-plain": Put(Kind.CONTACT, "nurse@capulet.example", CONTACTS["nurse@capulet.example"]),
    "last-unavailable": Put(
        Kind.LAST_UNAVAILABLE, "", LastUnavailable(Presence(from_=address_of(JULIET), type="unavailable"), NOON)
    ),
    "moved": Put(Kind.MOVED, "", Moved("xmpp:juliet@mantua.example", True)),
    "blocked": Put(Kind.BLOCKED, "tybalt@capulet.example", None),
    "notice": Put(Kind.NOTICE, "e1", Presence(address_of(JULIET), parse_address(ROMEO), "a1", "subscribed")),
    "offline": Put(Kind.OFFLINE, "e2", MESSAGE),
    "session": Put(Kind.SESSION, "balcony", KEPT),
    "session-plain": Put(Kind.SESSION, "balcony", Session(BALCONY, FULL)),
    "replaced": Put(Kind.REPLACED, "6/balcony", SessionId("balcony", 6)),
    "enabled": Put(Kind.ENABLED, "carbons/balcony", BALCONY),
    "wake": Put(Kind.WAKE, "2026-01-01T12:00:00.000000+00:00", None),
    "processed": Put(Kind.PROCESSED, "e8#0123abcd", None),
    "outbox-deliver": Put(Kind.OUTBOX, "e3:000000", Deliver(MESSAGE, (BALCONY,), FULL_JID, OBEYED)),
    "outbox-deliver-as-it-stands": Put(Kind.OUTBOX, "e3:000001", Deliver(MESSAGE, (BALCONY,), AS_IT_STANDS, OBEYED)),
    "outbox-route": Put(Kind.OUTBOX, "e3:000002", Route(MESSAGE, OBEYED)),
    "outbox-fan-out": Put(Kind.OUTBOX, "e3:000003", FanOut(Presence(from_=address_of(JULIET)), (ROMEO,), OBEYED)),
}


def account() -> Account:
    full = address_of(JULIET.with_resource("balcony"))
    presence = Presence(from_=full, payload=payload(element("priority", CLIENT, {}, ["1"])))
    roster = roster_of(RosterHead("l1", 3, 1), CONTACTS)
    return Account(
        JULIET,
        roster.showing(FrozenMap({"page@verona.example": SharedItem("page@verona.example", name="Page")}), 1),
        (Session(BALCONY, full, "en", True, presence, 1, (ROMEO,), False, True),),
        LastUnavailable(Presence(from_=full, type="unavailable"), NOON),
        Moved("xmpp:juliet@mantua.example", False),
        ("tybalt@capulet.example",),
        NOON,
        (Notice("e1", Presence(type="subscribed")),),
        2,
        (SessionId("balcony", 6),),
    )


RENAMED_EVENTS: Final = (
    AdministratorSetItem(NOON, "e5", ROMEO, "Romeo", ("Lovers",)),
    AdministratorRemovedItem(NOON, "e6", ROMEO),
    SharedItemsChanged(NOON, "e7", (SharedItem("page@verona.example", name="Page"),)),
)
"""Their file has the names that they had before: ItemSet, ItemRemoved, OverlayChanged."""


def holding(*events: Event) -> Waiting:
    """Return Juliet's account, which waits and holds these events."""
    waiting = Waiting(None)
    for event in events:
        waiting = waiting.holding(Held(ForAccount(JULIET.bare, event), event.seq))
    return waiting


def client() -> Client:
    item = Item(ROMEO, Subscription.BOTH, "Romeo", ("Lovers",))
    return Client(
        JULIET,
        RosterCache(FrozenMap({ROMEO: item}), "v1"),
        FrozenMap({ROMEO: Chat(NOON, "t1", parse_jid(f"{ROMEO}/orchard"))}),
        lru_set([ROMEO]),
        (MESSAGE,),
        Bound(JULIET.with_resource("balcony"), Features(True, True)),
        True,
        presence=Presence(),
        directed=(ROMEO,),
        questions=FrozenMap({"n-1-iq": Question(parse_jid("montague.example"), NOON)}),
        presences=FrozenMap({ROMEO: Heard((Resource("orchard", Presence()),))}),
        strangers=lru_set([ROMEO]),
        requests=FrozenMap({ROMEO: Request(REQUEST, NOON)}),
    )


VALUES: Final[Mapping[str, Any]] = {
    "account": account(),
    "account-remembering": account().remembering(("e8#0123abcd", "e9#00000000")),
    "account-unsaved": evolve(account(), unsaved=True),
    "no-account": NoAccount(JULIET),
    "no-account-ending": NoAccount(JULIET, (BALCONY,)),
    "unloaded-lost": Unloaded(JULIET, account().sessions, (SessionId("balcony", 6),), (BALCONY,)),
    "unloaded": Unloaded(JULIET, account().sessions),
    "account-with-carbons": Beside("carbons", Carbons((BALCONY,), ((ROMEO, "m1"),)), NoAccount(JULIET)),
    "service": Service(
        ("capulet.example",),
        PLAIN,
        FrozenMap({JULIET.bare: account()}),
        FrozenMap(
            {
                "nurse@capulet.example": Waiting(None).holding(
                    Held(ForAccount("nurse@capulet.example", TimePassed(NOON, "e4")), "e4")
                )
            }
        ),
    ),
    "renamed-events": Service(
        ("capulet.example",),
        PLAIN,
        held=FrozenMap({JULIET.bare: holding(*RENAMED_EVENTS)}),
    ),
    "policy": Policy(tombstones=3, served=FrozenMap({"urn:xmpp:ping": Audience.ANYONE})),
    "client": client(),
    "client-policy": ClientPolicy(),
}


def written(put: Put) -> str:
    """Return a record as a storage holds it: kind, key and text."""
    row = {"kind": put.kind.value, "key": put.key, "text": dump_record(put)}
    return json.dumps(row, indent=1) + "\n"


@in_one_test("name", sorted(RECORDS))
def test_an_old_record_is_read_as_the_same_value(name: str) -> None:
    row = json.loads((FILES / f"record-{name}.json").read_text())

    assert load_record(Kind(row["kind"]), row["key"], row["text"]) == RECORDS[name]


@in_one_test("name", sorted(VALUES))
def test_an_old_snapshot_is_read_as_the_same_value(name: str) -> None:
    assert from_text((FILES / f"{name}.json").read_text()) == VALUES[name]


def test_there_is_a_file_of_every_kind_of_record_and_of_every_state() -> None:
    assert {put.kind for put in RECORDS.values()} == set(Kind)
    assert {type(value) for value in VALUES.values()} >= {*get_args(State), Beside, Service, Client}


def test_no_file_is_left_unread() -> None:
    named = {*[f"record-{name}.json" for name in RECORDS], *[f"{name}.json" for name in VALUES]}

    assert {path.name for path in FILES.iterdir()} == named


def write_missing() -> None:
    """Write the files that are missing, and no other."""
    texts = {f"record-{name}.json": written(put) for name, put in RECORDS.items()}
    texts |= {f"{name}.json": f"{to_text(value)}\n" for name, value in VALUES.items()}
    for name, text in texts.items():
        if not (FILES / name).exists():
            (FILES / name).write_text(text)


if __name__ == "__main__":
    write_missing()
