"""Entries of queues: each comes back as it was, and everything else is refused by one error."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from xmpp_im_core.element import element
from xmpp_im_core.event import Decision
from xmpp_im_core.jid import parse_address
from xmpp_im_core.rules import presence as rules
from xmpp_im_core.server import (
    AS_IT_STANDS,
    FULL_JID,
    Arrived,
    Deliver,
    EndSession,
    Event,
    FanOut,
    ForAccount,
    IdentifiedEffect,
    Ignored,
    Inbound,
    Outbound,
    Route,
    SessionId,
    State,
    reduce,
)
from xmpp_im_core.server.effects import EffectId
from xmpp_im_core.server.service.events import ArrivedForMany
from xmpp_im_core.snapshot import SnapshotError
from xmpp_im_core.stanza import Message, Presence, Stanza, payload
from xmpp_im_core.testing.event_strategies import steps
from xmpp_im_core.testing.value_strategies import stanzas
from xmpp_im_host.cluster.queue_entries import (
    Called,
    ComponentConnected,
    ComponentLost,
    Counts,
    DamagedEntry,
    Deposit,
    EntryReader,
    Fed,
    ForComponent,
    GatewayEnded,
    Missing,
    Park,
    Parked,
    Perform,
    QueueEntry,
    Replied,
    Taken,
    Wanted,
    dump_entry,
    load_entry,
    load_gateway_entry,
    load_partition_entry,
)

NOON: Final = datetime(2026, 7, 12, 12, 0, tzinfo=UTC)
JULIET: Final = "juliet@capulet.example"
ROMEO: Final = "romeo@montague.example"
BALCONY: Final = SessionId("balc\u00f3ny \u2665", 7 << 32 | 1)
ORCHARD: Final = SessionId("\ud800", 8 << 32 | 1)
MESSAGE: Final = Message(parse_address(JULIET), parse_address(f"{ROMEO}/orchard"), "m1", "chat", None, payload("a\nb"))


def identified(effect: Deliver | EndSession | Route | FanOut) -> IdentifiedEffect:
    return IdentifiedEffect(JULIET, EffectId("q\n7", 3), effect)


PARTITION: Final[list[QueueEntry]] = [
    Fed(ForAccount(JULIET, Outbound(NOON, "s1", ORCHARD, MESSAGE), Decision.APPROVE)),
    Fed(ForAccount(JULIET, Inbound(NOON, "s.\n1", MESSAGE, Decision.DENY), Decision.APPROVE)),
    Fed(Arrived(NOON, "s1", MESSAGE, Decision.APPROVE)),
    Fed(ArrivedForMany(NOON, "s1", MESSAGE, (JULIET, "\u2665"))),
    Fed(ArrivedForMany(NOON, "s1", MESSAGE, (JULIET,), stored=False)),
    ForComponent("rooms.capulet.example", identified(Route(MESSAGE, rules.INITIAL_PRESENCE, BALCONY))),
    ForComponent("rooms.capulet.example", identified(FanOut(MESSAGE, (ROMEO,), rules.INITIAL_PRESENCE))),
    ComponentConnected("rooms.capulet.example", 7),
    ComponentLost("rooms.capulet.example", 7),
    GatewayEnded(7, NOON, "s1"),
    Park(JULIET, BALCONY, 7, "sm\n1"),
    Deposit(JULIET, BALCONY, 7, "sm1", NOON, Counts(3, 2, 1), (b"perform []\n<a>\xc3\xb3</a>", b"")),
    Missing(JULIET, "sm1", 7),
    Called("c1", 7, NOON, "create", JULIET, {"keys": None, "of": [1, {"a": "\n"}]}),
]
GATEWAY: Final[list[QueueEntry]] = [
    Perform(identified(Deliver(MESSAGE, (BALCONY, ORCHARD), AS_IT_STANDS, rules.INITIAL_PRESENCE)), (ORCHARD,)),
    Perform(identified(Deliver(MESSAGE, (BALCONY,), AS_IT_STANDS, rules.INITIAL_PRESENCE))),
    Perform(identified(EndSession(BALCONY, "conflict", rules.INITIAL_PRESENCE))),
    Replied("c1", {"a": [1, None]}),
    Replied("c1", None, "exists"),
    Parked(JULIET, BALCONY),
    Taken(JULIET, BALCONY, "sm1", Counts(3, 2, 1)),
    Wanted(JULIET, "sm1"),
]


@in_one_test("entry", PARTITION + GATEWAY)
def test_an_entry_comes_back_as_it_was(entry: QueueEntry) -> None:
    assert load_entry(dump_entry(entry)) == entry


@given(steps())
def test_every_event_and_effect_comes_back_as_it_was(step: tuple[State, Event]) -> None:
    state, event = step
    fed = Fed(ForAccount(JULIET, event))
    assert load_partition_entry(dump_entry(fed)) == fed
    for effect in reduce(state, event).effects:
        if isinstance(effect, Deliver | EndSession | Route | FanOut):
            perform = Perform(identified(effect))
            assert load_gateway_entry(dump_entry(perform)) == perform


@given(stanzas(), st.text(min_size=1), st.sampled_from(Decision))
def test_every_stanza_comes_back_as_it_was(stanza: Stanza, seq: str, decision: Decision) -> None:
    events: list[Fed] = [Fed(ForAccount(JULIET, Outbound(NOON, seq, BALCONY, stanza), decision))]
    with suppress(ValueError):  # it has no 'to' or no 'from'
        events.append(Fed(Arrived(NOON, seq, stanza, decision)))
        events.append(Fed(ArrivedForMany(NOON, seq, stanza, (JULIET, ROMEO))))
    for fed in events:
        assert load_partition_entry(dump_entry(fed)) == fed


@in_one_test("entry", PARTITION)
def test_an_entry_of_a_partition_is_refused_at_a_gateway(entry: QueueEntry) -> None:
    assert load_partition_entry(dump_entry(entry)) == entry
    with pytest.raises(DamagedEntry, match="does not belong into the queue of a gateway"):
        load_gateway_entry(dump_entry(entry))


@in_one_test("entry", GATEWAY)
def test_an_entry_of_a_gateway_is_refused_at_a_partition(entry: QueueEntry) -> None:
    assert load_gateway_entry(dump_entry(entry)) == entry
    with pytest.raises(DamagedEntry, match="does not belong into the queue of a partition"):
        load_partition_entry(dump_entry(entry))


@given(st.lists(st.sampled_from(PARTITION + GATEWAY), min_size=2, max_size=6), st.data())
def test_a_damaged_entry_has_no_influence_on_the_next_one(entries: list[QueueEntry], data: st.DataObject) -> None:
    reader = EntryReader()
    for entry in entries:
        written = bytearray(dump_entry(entry))
        place = data.draw(st.integers(0, len(written) - 1))
        cut = bytes(written[:place])
        written[place:place] = data.draw(
            st.sampled_from([b"<", b">", b"</stream:stream>", b"\xe2", b"<a/>", b"x", b""])
        )
        for damaged in (bytes(written), cut):
            with suppress(DamagedEntry):
                reader.any_entry(damaged)
        assert reader.any_entry(dump_entry(entry)) == entry


# --- damage -------------------------------------------------------------------------------------------------------


@given(st.binary())
def test_bytes_that_are_no_entry_are_refused(data: bytes) -> None:
    with pytest.raises(DamagedEntry):
        load_entry(data)


@given(st.sampled_from(PARTITION + GATEWAY), st.data())
def test_a_damaged_entry_is_refused_or_another_entry(entry: QueueEntry, data: st.DataObject) -> None:
    written = bytearray(dump_entry(entry))
    place = data.draw(st.integers(0, len(written) - 1))
    if data.draw(st.booleans()):
        del written[place:]
    else:
        written[place] = data.draw(st.integers(0, 255))
    with suppress(DamagedEntry):
        load_entry(bytes(written))


@in_one_test(
    "body",
    [
        b"",
        b"outbound",
        b"outbound []\n<message/>",
        b'outbound ["juliet@capulet.example","2026-07-12","s",["r",1],"ASK"]\n<message/>',
        b'outbound ["Juliet@capulet.example","2026-07-12T12:00:00+00:00","s",["r",1],"ASK"]\n<message/>',
        b'outbound ["juliet@capulet.example","2026-07-12T12:00:00+00:00","s",["r","1"],"ASK"]\n<message/>',
        b'outbound ["juliet@capulet.example","2026-07-12T12:00:00+00:00","s",["r",1],[]]\n<message/>',
        b'arrived ["2026-07-12T12:00:00+00:00","s","ASK"]\n<message/>',
        b'arrived ["2026-07-12T12:00:00+00:00","s","ASK"]\n<message to="a@b" from="c@d">',
        b'arrived-for-many ["2026-07-12T12:00:00+00:00","s",[],true]\n<message from="c@d"/>',
        b'arrived ["2026-07-12T12:00:00+00:00","s","ASK"]\n<message to="a@b" from="c@d"/><presence/>',
        b'arrived ["2026-07-12T12:00:00+00:00","s","ASK"]\n<message to="a@b" from="c@d"/><message',
        b'arrived ["2026-07-12T12:00:00+00:00","s","ASK"]\n<message to="a@b" from="c@d"/>\xe2',
        b'arrived ["2026-07-12T12:00:00+00:00","s","ASK"]\n</stream:stream>',
        b'arrived ["2026-07-12T12:00:00+00:00","s","ASK"]\n<handshake xmlns="jabber:component:accept"/>',
        b"event []\n{}",
        b'event []\n{"format":1,"class":"server.Ignored"}',
        b'gateway-ended [7,"2026-07-12T12:00:00","s"]\n',
        b'gateway-ended [true,"2026-07-12T12:00:00+00:00","s"]\n',
        b'called ["c",7,"2026-07-12T12:00:00+00:00","create","a@b",[]]\n',
        b"perform [[[]]]\n",
        b'replied ["c",1,2]\n',
        b"[" * 100_000,
        b"replied " + b"[" * 100_000 + b"\n",
    ],
)
def test_each_kind_of_damage_is_refused(body: bytes) -> None:
    with pytest.raises(DamagedEntry):
        load_entry(body)


def test_a_stanza_that_cannot_be_written_is_refused() -> None:
    bad = Message(payload=payload(element("no name", "urn:x")))
    for entry in (
        Fed(ForAccount(JULIET, Outbound(NOON, "s", BALCONY, bad))),
        Perform(identified(Route(bad, rules.INITIAL_PRESENCE))),
    ):
        with pytest.raises(SnapshotError):
            dump_entry(entry)


def test_an_answer_that_is_not_json_is_refused() -> None:
    with pytest.raises(SnapshotError, match="Replied cannot be written"):
        dump_entry(Replied("c", object()))  # type: ignore[arg-type]  # what the test is about


def test_only_effects_for_streams_are_performed() -> None:
    with pytest.raises(TypeError, match="identified"):
        Perform(IdentifiedEffect(JULIET, EffectId("s", 0), Ignored(rules.INITIAL_PRESENCE)))
    with pytest.raises(TypeError, match="identified"):
        ForComponent("rooms.capulet.example", identified(EndSession(BALCONY, "conflict", rules.INITIAL_PRESENCE)))


@in_one_test("entry", PARTITION + GATEWAY)
def test_each_header_is_json_as_one_encoder_would_write_it(entry: QueueEntry) -> None:
    header, *rest = dump_entry(entry).partition(b" ")[2].split(b"\n")
    for line in (header, rest[0]) if isinstance(entry, Perform | ForComponent) else (header,):
        assert line.decode() == json.dumps(json.loads(line), separators=(",", ":"))


STANZA: Final = (
    b'<message to="juliet@capulet.example" from="romeo@montague.example/orchard" id="m1" type="chat">a\nb</message>'
)
BALCONY_AS_JSON: Final = rb'["balc\u00f3ny \u2665",30064771073]'
WRITTEN_BEFORE: Final[dict[bytes, QueueEntry]] = {
    b'outbound ["juliet@capulet.example","2026-07-12T12:00:00+00:00","s1",'
    + BALCONY_AS_JSON
    + b',"ASK"]\n'
    + STANZA: Fed(ForAccount(JULIET, Outbound(NOON, "s1", BALCONY, MESSAGE))),
    rb'inbound ["juliet@capulet.example","2026-07-12T12:00:00+00:00","s.\n1","DENY","APPROVE"]' + b"\n" + STANZA: Fed(
        ForAccount(JULIET, Inbound(NOON, "s.\n1", MESSAGE, Decision.DENY), Decision.APPROVE)
    ),
    b"perform [null]\n"
    + rb'["deliver","juliet@capulet.example","q\n7",3,"presence:initial",['
    + BALCONY_AS_JSON
    + b"],false]\n"
    + STANZA: Perform(identified(Deliver(MESSAGE, (BALCONY,), AS_IT_STANDS, rules.INITIAL_PRESENCE))),
    b"perform [null]\n"
    + rb'["deliver","juliet@capulet.example","q\n7",3,"presence:initial",['
    + BALCONY_AS_JSON
    + rb',["\ud800",34359738369]],true]'
    + b"\n"
    + STANZA: Perform(identified(Deliver(MESSAGE, (BALCONY, ORCHARD), FULL_JID, rules.INITIAL_PRESENCE))),
}
"""The form of the usual entries. Nodes of two releases read each other's entries during a rolling upgrade."""


@in_one_test(("written", "entry"), list(WRITTEN_BEFORE.items()))
def test_the_usual_entries_have_the_form_that_every_release_reads(written: bytes, entry: QueueEntry) -> None:
    assert dump_entry(entry) == written
    assert load_entry(written) == entry


def test_a_presence_is_written_short() -> None:
    fed = Fed(ForAccount(JULIET, Outbound(NOON, "s", SessionId("r", 1), Presence())))
    assert dump_entry(fed) == (
        b'outbound ["juliet@capulet.example","2026-07-12T12:00:00+00:00","s",["r",1],"ASK"]\n<presence/>'
    )
