"""Effects on the wire between processes: each comes back as it was, and everything else is refused by name."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.host.stage import Tape, enters, noon, numbers, says
from tests.one_test import in_one_test
from tests.test_rules import EVERY_RULE
from xmpp_im_core.element import element
from xmpp_im_core.host import Host, MemoryStorage
from xmpp_im_core.jid import parse_address
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import presence as presence_rules
from xmpp_im_core.server import (
    AS_IT_STANDS,
    FULL_JID,
    Delegate,
    Deliver,
    Effect,
    EndSession,
    Event,
    FanOut,
    ForAccount,
    IdentifiedEffect,
    Ignored,
    Inbound,
    Load,
    LoadOffline,
    Route,
    Served,
    SessionId,
    State,
    hosting,
    reduce,
    serve,
)
from xmpp_im_core.server.effects import EffectId
from xmpp_im_core.snapshot import SnapshotError, dump_effect, load_effect, to_text
from xmpp_im_core.stanza import CLIENT, IQ, Message, Presence, payload
from xmpp_im_core.testing.event_strategies import steps
from xmpp_im_core.testing.state_strategies import NOON

JULIET: Final = "juliet@capulet.example"
ROMEO: Final = "romeo@montague.example"
BALCONY: Final = SessionId("balc\u00f3ny \u2665", 7)
MESSAGE: Final = Message(
    parse_address(JULIET), parse_address(f"{ROMEO}/orchard"), "m1", "chat", None, payload("a\nb", element("x", "urn:x"))
)
IQS: Final = IQ(None, parse_address(ROMEO), "i", "get", None, payload(element("ping", "urn:xmpp:ping")))
OWN: Final = Rule("mine:rule", "Mine.", ("6121-3.1.2-01",), ("XEP-0280 §4",))
KNOWN: Final = presence_rules.INITIAL_PRESENCE

EACH: Final[list[Effect | Load]] = [
    Deliver(MESSAGE, (BALCONY, SessionId("x", 1)), AS_IT_STANDS, KNOWN),
    Deliver(MESSAGE, (BALCONY,), FULL_JID, OWN),
    Route(MESSAGE, KNOWN),
    Route(MESSAGE, KNOWN, BALCONY),
    FanOut(Presence(from_=parse_address(JULIET)), (ROMEO, f"{ROMEO}/orchard"), KNOWN),
    FanOut(Presence(type="probe"), (ROMEO,), KNOWN, Presence(from_=parse_address(f"{JULIET}/\u2665"), type="probe")),
    Delegate(IQS, OWN),
    EndSession(BALCONY, "conflict", KNOWN),
    LoadOffline(BALCONY, KNOWN),
    Ignored(KNOWN),
    Load(JULIET),
]


def identified(effect: Effect | Load, seq: str = "q\n7", index: int = 3) -> IdentifiedEffect:
    return IdentifiedEffect(JULIET, EffectId(seq, index), effect)


@in_one_test("effect", EACH)
def test_an_effect_comes_back_as_it_was(effect: Effect | Load) -> None:
    assert load_effect(dump_effect(identified(effect))) == identified(effect)


def test_there_is_a_case_of_every_effect() -> None:
    assert {type(each) for each in EACH} == {*get_args(Effect), Load}


@given(steps(), st.text(min_size=1), st.integers(min_value=0))
def test_every_effect_of_a_step_comes_back(step: tuple[State, Event], seq: str, index: int) -> None:
    for effect in reduce(*step).effects:
        sent = identified(effect, seq, index)

        assert load_effect(dump_effect(sent)) == sent


@in_one_test("effect", EACH)
def test_no_effect_can_be_cut_short(effect: Effect | Load) -> None:
    data = dump_effect(identified(effect))

    for end in range(len(data) - (data[-1:] == b"\n")):
        with pytest.raises(SnapshotError):
            load_effect(data[:end])


@given(st.sampled_from(EACH), st.data())
def test_a_damaged_effect_is_refused_or_read_and_raises_nothing_else(effect: Effect, data: st.DataObject) -> None:
    written = bytearray(dump_effect(identified(effect)))
    place = data.draw(st.integers(min_value=0, max_value=len(written) - 1))
    written[place] = data.draw(st.integers(min_value=0, max_value=255))
    with suppress(SnapshotError):
        load_effect(bytes(written))


@given(st.binary(max_size=80))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        load_effect(data)


HEAD: Final = ["route", JULIET, "e1", 0, KNOWN.name, None]
XML: Final = "<message/>"
REFUSED: Final[list[tuple[object, str, str]]] = [
    ({}, XML, "is not a list"),
    ([], XML, "at least 5 entries"),
    (["rout", *HEAD[1:]], XML, "is not one of"),
    ([1, *HEAD[1:]], XML, "is not one of"),
    (["route", 1, *HEAD[2:]], XML, "is not an account"),
    (["route", JULIET, 1, *HEAD[3:]], XML, "is not a seq"),
    (["route", JULIET, "", *HEAD[3:]], XML, "identity"),
    (["route", JULIET, "e1", -1, *HEAD[4:]], XML, "identity"),
    (["route", JULIET, "e1", True, *HEAD[4:]], XML, "is not an index"),
    (HEAD[:5], XML, "2 fields"),
    (HEAD, "", "a stanza is missing"),
    (HEAD, "<x/>", "is not a stanza"),
    ([*HEAD[:4], 1, None], XML, "is not a rule"),
    ([*HEAD[:4], ["a"], None], XML, "5 parts"),
    ([*HEAD[:4], ["a", 1, [], [], ""], None], XML, "part of a rule"),
    ([*HEAD[:4], ["a", "b", [1], [], ""], None], XML, "is not a string"),
    ([*HEAD[:4], ["a", "b", [], [], "no section"], None], XML, "section"),
    ([*HEAD[:5], ["balcony"]], XML, "list of 1"),
    ([*HEAD[:5], [1, 1]], XML, "is not a resource"),
    ([*HEAD[:5], ["balcony", "1"]], XML, "is not an epoch"),
    (["deliver", *HEAD[1:5], {}, False], XML, "list of sessions"),
    (["deliver", *HEAD[1:5], [], 1], XML, "true or false"),
    (["fan-out", *HEAD[1:5], [], "0"], XML, "is not a length"),
    (["fan-out", *HEAD[1:5], [], -1], XML, "length of the first"),
    (["fan-out", *HEAD[1:5], [], len(XML)], XML, "length of the first"),
    (["fan-out", *HEAD[1:5], {}, 0], XML, "is not a list"),
    (["delegate", *HEAD[1:5]], XML, "is not a <iq/>"),
    (["end", *HEAD[1:5], ["balcony", 1], 1], "", "is not a condition"),
    (["end", *HEAD[1:5], ["balcony", 1], "conflict"], XML, "no stanza belongs here"),
    (["load", JULIET, "e1", 0, 1], "", "is not a JID"),
]


@in_one_test(("header", "body", "why"), REFUSED)
def test_a_wrong_header_is_refused_and_the_error_says_why(header: object, body: str, why: str) -> None:
    with pytest.raises(SnapshotError, match=why):
        load_effect(f"{json.dumps(header)}\n{body}".encode())


def test_a_header_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(SnapshotError):
        load_effect(b"[" * 100_000)


def test_a_stanza_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(SnapshotError, match="cannot be written"):
        dump_effect(identified(Route(Message(payload=payload(element("no name", "urn:x"))), KNOWN)))


def test_a_rule_of_a_later_release_is_known_by_its_name_only() -> None:
    data = dump_effect(identified(Ignored(KNOWN))).replace(KNOWN.name.encode(), b"presence:later")

    assert load_effect(data).effect == Ignored(Rule("presence:later", ""))


def test_every_rule_of_the_server_half_is_known_by_its_name() -> None:
    server_half = [rule for rule in EVERY_RULE if not rule.name.startswith("client")]

    for rule in server_half:
        data = dump_effect(identified(Ignored(rule)))
        assert load_effect(data).effect == Ignored(rule)
    named = [rule for rule in server_half if rule.says.encode() not in dump_effect(identified(Ignored(rule)))]
    assert len(named) > 300


def test_a_rule_with_the_name_of_another_is_written_in_full() -> None:
    impostor = Rule(KNOWN.name, "Something else.")

    assert load_effect(dump_effect(identified(Ignored(impostor)))).effect == Ignored(impostor)


def test_the_form_is_short() -> None:
    chat = Message(
        parse_address(JULIET), parse_address(ROMEO), "m1", "chat", None, payload(element("body", CLIENT, {}, ["!"]))
    )
    effect = Route(chat, KNOWN)
    _, _, stanza = dump_effect(identified(effect, "e1", 0)).partition(b"\n")

    assert len(dump_effect(identified(effect, "e1", 0))) - len(stanza) < 80
    assert 3 * len(dump_effect(identified(effect, "e1", 0))) < len(to_text(effect))


# --- the identity -------------------------------------------------------------------------------------------


def test_an_effect_is_known_by_the_seq_of_the_event_and_its_index() -> None:
    ghost = Inbound(NOON, "e1", Message(parse_address(JULIET), parse_address(ROMEO), type="chat"))
    asked = serve(hosting("capulet.example"), ForAccount(JULIET, ghost))
    assert asked.identified() == (IdentifiedEffect(JULIET, EffectId("e1", 0), Load(JULIET)),)

    held = serve(asked.state, ForAccount(JULIET, Inbound(NOON, "e2", ghost.stanza)))
    assert (held.seq, held.identified()) == ("e2", ())


class Watching(Host[State]):
    """Notes what is in the outbox when effects are about to be performed, and their identities."""

    def __init__(self, storage: MemoryStorage) -> None:
        self.kept: list[str] = []
        self.sent: list[str] = []
        super().__init__(hosting("capulet.example"), storage, Tape(), noon, numbers(), outbox=True)
        self.records = storage

    def observe(self, served: Served[State]) -> None:
        self.kept += [key for _, key in self.records.outbox]
        self.sent += [str(each.id) for each in served.identified() if isinstance(each.effect, Deliver | Route | FanOut)]


def test_the_outbox_keeps_effects_under_their_identity() -> None:
    host = Watching(MemoryStorage())
    host.create(JULIET)
    balcony = enters(host, JULIET, "balcony")
    says(host, JULIET, balcony, f"<message to='{ROMEO}'/>")

    assert host.kept == host.sent
    assert len(host.sent) == 2
