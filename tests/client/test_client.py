"""The client as a machine: total, deterministic, and with a rule for every requirement (RFC 6121)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.stage import BALCONY, BOTH_FEATURES, JULIET, NOON, ORCHARD, ROMEO, Scene, is_silent, rules_of, stanza
from tests.one_test import in_one_test
from xmpp_im_core.client import (
    Approve,
    Asking,
    Bound,
    Client,
    Deny,
    EndChat,
    Event,
    Features,
    GetRoster,
    GiveUp,
    GoUnavailable,
    Inbound,
    Outbound,
    RemoveItem,
    Reply,
    Send,
    SendIQ,
    SendMessage,
    SessionBound,
    SessionEnded,
    SetItem,
    SetPresence,
    Subscribe,
    Text,
    Unsubscribe,
    read_features,
    reduce,
)
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.rules import (
    Rule,
    client_messages,
    client_presence,
    client_roster,
    client_subscriptions,
)
from xmpp_im_core.rules import client as rules
from xmpp_im_core.server import events as server_events
from xmpp_im_core.stanza import Message

REQUIREMENTS = Path(__file__).parents[2] / "conformance" / "requirements.json"


def client_rules() -> list[Rule]:
    modules = (rules, client_roster, client_subscriptions, client_presence, client_messages)
    return [each for module in modules for each in vars(module).values() if isinstance(each, Rule)]


def client_requirements() -> Iterator[str]:
    for each in json.loads(REQUIREMENTS.read_text(encoding="utf-8")):
        if (
            each["actor"] in ("client", "sender", "receiver")
            and each["scope"] in ("core", "codec")
            and each["testable"]
        ):
            yield each["id"]


def test_every_requirement_of_clients_is_cited_by_a_rule() -> None:
    cited = {id for each in client_rules() for id in each.requirements}

    assert sorted(set(client_requirements()) - cited) == []


def test_rules_have_unique_names() -> None:
    names = [each.name for each in client_rules()]

    assert len(set(names)) == len(names)


# --- any events ---------------------------------------------------------------------------------------------

ROOM, JJ, TYBALT = [parse_jid(f"room@muc.example{nick}") for nick in ("", "/jj", "/tybalt")]
JIDS = [
    ROMEO,
    ORCHARD,
    parse_jid("romeo@montague.example/garden"),
    JULIET,
    BALCONY,
    parse_jid("capulet.example"),
    ROOM,
    JJ,
    TYBALT,
]
USER = "http://jabber.org/protocol/muc#user"
jids = st.sampled_from(JIDS)
PAYLOADS = {
    "presence": [
        "",
        "<show>away</show>",
        "<priority>5</priority>",
        "<show>x</show><show>y</show>",
        "<x xmlns='http://jabber.org/protocol/muc'/>",
        f"<x xmlns='{USER}'/>",
        f"<x xmlns='{USER}'><status code='110'/></x>",
        f"<x xmlns='{USER}'><item nick='juliet'/><status code='110'/><status code='303'/></x>",
        "<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
    ],
    "message": [
        "",
        "<body>a</body>",
        "<thread>t</thread>",
        "<thread parent='t'>t</thread>",
        f"<body>a</body><thread>t</thread><x xmlns='{USER}'/>",
        "<body>a</body><delay xmlns='urn:xmpp:delay' stamp='2025-12-31T00:00:00Z'/>",
    ],
    "iq": [
        "",
        "<x xmlns='urn:x'/>",
        "<query xmlns='jabber:iq:roster' ver='v2'/>",
        "<query xmlns='jabber:iq:roster' ver='v3'><item jid='romeo@montague.example' subscription='both'/></query>",
        "<query xmlns='jabber:iq:roster'><item jid='romeo@montague.example' subscription='remove'/></query>",
    ],
}
TYPES = {
    "presence": ["", "unavailable", "error", "probe", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "foo"],
    "message": ["", "normal", "chat", "groupchat", "headline", "error", "foo"],
    "iq": ["get", "set", "result", "error", "foo", ""],
}


@st.composite
def stanzas(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["presence", "message", "iq"]))
    attributes = {
        "type": draw(st.sampled_from(TYPES[kind])),
        "from": draw(st.sampled_from(["", "@", *[jid.full for jid in JIDS]])),
        "to": draw(st.sampled_from(["", "@", *[jid.full for jid in JIDS]])),
        "id": draw(st.sampled_from(["", "a", "e1-roster", "e2-iq", "e3-set", "e1-message"])),
    }
    written = " ".join(f"{name}='{value}'" for name, value in attributes.items() if value)
    return f"<{kind} {written}>{draw(st.sampled_from(PAYLOADS[kind]))}</{kind}>"


@st.composite
def events(draw: st.DrawFn, number: int) -> Event:
    stamp = (NOON, f"e{number}")
    jid = draw(jids)
    kind = draw(st.sampled_from(get_args(Event)))
    if kind is SessionBound:
        return SessionBound(*stamp, Bound(BALCONY, BOTH_FEATURES))
    if kind in (Inbound, Outbound):
        read = stanza(draw(stanzas()))
        return Inbound(*stamp, read) if kind is Inbound else Outbound(*stamp, read)
    if kind is SetItem:
        return SetItem(*stamp, jid, draw(st.none() | st.just("R")), draw(st.none() | st.just(("A",))))
    if kind in (SetPresence, GoUnavailable):
        to = draw(st.none() | jids)
        return SetPresence(*stamp, to=to) if kind is SetPresence else GoUnavailable(*stamp, to=to)
    if kind is SendMessage:
        return SendMessage(*stamp, jid, (Text("a"),))
    if kind is Reply:
        read = stanza(draw(stanzas().filter(lambda xml: xml.startswith("<message"))))
        assert isinstance(read, Message)
        return Reply(*stamp, read)
    if kind is SendIQ:
        return SendIQ(*stamp, Asking.GET, element("ping", "urn:xmpp:ping"), draw(st.none() | jids))
    if kind is GiveUp:
        return GiveUp(*stamp, draw(st.sampled_from(["a", "e1-roster", "e2-iq", "e3-set"])))
    if kind in (Subscribe, Unsubscribe, Approve, Deny, RemoveItem, EndChat):
        event: Event = kind(*stamp, jid)
        return event
    plain: Event = kind(*stamp)
    return plain


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    count = draw(st.integers(1, 25))
    first: Event = SessionBound(NOON, "e0", Bound(BALCONY, BOTH_FEATURES))
    return [first, *[draw(events(number)) for number in range(1, count)]]


def run(history: list[Event]) -> list[object]:
    client, steps = Client(JULIET), []
    for event in history:
        step = reduce(client, event)
        client = step.state
        steps.append(step)
    return list(steps)


@given(histories())
def test_every_event_gets_an_answer_with_a_rule_in_every_state(history: list[Event]) -> None:
    client = Client(JULIET)
    for event in history:
        before, digest = client, hash(client)
        step = reduce(client, event)
        client = step.state
        assert step.effects != ()
        assert all(isinstance(effect.rule, Rule) for effect in step.effects)
        assert hash(before) == digest


@given(histories())
def test_the_same_events_give_the_same_steps(history: list[Event]) -> None:
    assert run(history) == run(history)


@given(histories())
def test_an_inbound_stanza_causes_only_iq_answers(history: list[Event]) -> None:
    client = Client(JULIET)
    for event in history:
        step = reduce(client, event)
        client = step.state
        if isinstance(event, Inbound):
            answers = [effect.stanza for effect in step.effects if isinstance(effect, Send)]
            assert all(each.type in ("result", "error") for each in answers)
            assert event.stanza.type != "error" or not answers


@given(histories())
def test_strangers_and_what_is_known_of_presence_agree(history: list[Event]) -> None:
    client = Client(JULIET)
    for event in history:
        client = reduce(client, event).state
        addressed = {entry.partition("/")[0] for entry in client.directed}
        vouched = {*client.roster.items, JULIET.bare, *addressed}
        assert sorted(client.strangers) == sorted(set(client.presences) - vouched)


@given(histories())
def test_a_room_is_known_until_it_has_answered_the_leaving(history: list[Event]) -> None:
    client = Client(JULIET)
    for event in history:
        client = reduce(client, event).state
        assert all(client.owes_any(jid) or room.leaving for jid, room in client.rooms.items())


@given(histories())
def test_what_is_said_to_an_occupant_goes_to_nobody_else(history: list[Event]) -> None:
    client = Client(JULIET)
    for event in history:
        step = reduce(client, event)
        if isinstance(event, Reply) and event.message.from_jid in (JJ, TYBALT) and event.message.kind != "groupchat":
            rooms = ROOM.full in client.rooms or event.message.payload.first("x", USER) is not None
            sent = [effect.stanza for effect in step.effects if isinstance(effect, Send)]
            assert not rooms or all(each.to_jid == event.message.from_jid for each in sent if each.KIND == "message")
        client = step.state


@given(histories())
def test_every_chat_session_has_its_place_among_those_that_may_give_way(history: list[Event]) -> None:
    client = Client(JULIET)
    for event in history:
        client = reduce(client, event).state
        assert sorted(client.idle) == sorted(client.chats)


@in_one_test("jid", [None, 5, "", "a@b@c", BALCONY, BALCONY.full])
def test_a_client_is_known_by_a_bare_jid(jid: object) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^jid: "):
        Client(jid)  # type: ignore[arg-type]  # wrong on purpose


def test_the_jid_of_a_client_may_be_given_as_a_string() -> None:
    assert Client("Juliet@capulet.example") == Client(JULIET)


def test_an_event_of_another_class_is_refused_by_the_client() -> None:
    other = server_events.Inbound(NOON, "s", stanza("<message/>"))
    for client in (Client(JULIET), Scene().client):
        for event in (None, "get_roster", GetRoster, other):
            with pytest.raises(TypeError, match=r"^event: an event of a client is needed"):
                reduce(client, event)  # type: ignore[arg-type]  # wrong on purpose


# --- the session --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [Inbound(NOON, "e", stanza("<presence/>")), SessionEnded(NOON, "e")])
def test_without_a_session_nothing_arrives(event: Event) -> None:
    assert is_silent(reduce(Client(JULIET), event), rules.NO_SESSION)


def test_without_a_session_nothing_can_be_sent() -> None:
    assert rules_of(reduce(Client(JULIET), GetRoster(NOON, "e"))) == [rules.NOTHING_WITHOUT_SESSION]


def test_an_account_that_was_not_meant_brings_nothing_along() -> None:
    scene = Scene()
    scene.server(
        "<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='romeo@montague.example'/></query></iq>"
    )
    other = parse_jid("rosaline@capulet.example/hall")

    step = scene.take(SessionBound(*scene.stamp(), Bound(other)))

    assert step.state == Client(other.to_bare(), bound=Bound(other))


def test_the_features_are_those_that_the_stream_offered() -> None:
    ver, sub = element("ver", "urn:xmpp:features:rosterver"), element("sub", "urn:xmpp:features:pre-approval")

    assert read_features([]) == Features()
    assert read_features([ver, sub]) == BOTH_FEATURES
    assert read_features([element("ver", "urn:example"), sub]) == Features(pre_approval=True)


@pytest.mark.parametrize(("at", "seq"), [(NOON.replace(tzinfo=None), "e"), (NOON, "")])
def test_an_event_without_its_time_or_number_cannot_be_made(at: object, seq: str) -> None:
    with pytest.raises(ValueError, match=r"naive|empty"):
        GetRoster(at, seq)  # type: ignore[arg-type]  # wrong on purpose
