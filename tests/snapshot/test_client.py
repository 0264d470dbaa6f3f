"""The client's half in snapshots: what it knows of its roster, of others, and of what it has asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from xmpp_im_core.client import (
    Approve,
    Asking,
    Bound,
    Client,
    ClientPolicy,
    Deny,
    Event,
    Features,
    GetRoster,
    GiveUp,
    GoUnavailable,
    Inbound,
    Outbound,
    RemoveItem,
    Reply,
    SendIQ,
    SendMessage,
    SessionBound,
    SessionEnded,
    SetItem,
    SetPresence,
    Show,
    Subscribe,
    Text,
    Thread,
    Unsubscribe,
    reduce,
)
from xmpp_im_core.client.policy import DEFAULT
from xmpp_im_core.element import element
from xmpp_im_core.jid import parse_address, parse_jid
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server.state import NoAccount
from xmpp_im_core.snapshot import FORMAT, SnapshotError, dump, from_text, load, replay, to_text, write_log
from xmpp_im_core.stanza import IQ, Message, Presence, payload
from xmpp_im_core.testing.draw import choose
from xmpp_im_core.testing.draw_stanzas import draw_arriving, draw_leaving
from xmpp_im_core.testing.state_strategies import JULIET, NOON
from xmpp_im_core.text_set import text_set

ROMEO = parse_jid("romeo@montague.example")
BALCONY = Bound(JULIET.with_resource("balcony"), Features(True, True), "en")
NICK = element("nick", "http://jabber.org/protocol/nick", {}, ["Juliet"])
BOTH = element("item", ROSTER, {"jid": ROMEO.full, "subscription": "both"})


@st.composite
def histories(draw: st.DrawFn) -> tuple[Event, ...]:
    """What may happen to Juliet's client after her session was bound."""
    events: list[Event] = [SessionBound(NOON, "e0", BALCONY)]
    push = IQ(None, None, "p1", "set", None, payload(element("query", ROSTER, {"ver": "v2"}, [BOTH])))
    result = IQ(None, None, "e1", "result", None, payload(element("query", ROSTER, {"ver": "v1"}, [BOTH])))
    message = Message(parse_address(BALCONY.jid.full), parse_address(f"{ROMEO}/orchard"), "m1", "chat")
    for number in range(choose(draw, range(1, 14))):
        seq = f"e{number + 1}"
        wanted: tuple[Event, ...] = (
            GetRoster(NOON, seq),
            SetItem(NOON, seq, ROMEO, "Romeo", ("Lovers",)),
            RemoveItem(NOON, seq, ROMEO),
            Subscribe(NOON, seq, ROMEO, (Text("O Romeo"), Text("O Romeo", "it")), (NICK,)),
            Unsubscribe(NOON, seq, ROMEO),
            Approve(NOON, seq, ROMEO),
            Deny(NOON, seq, ROMEO),
            SetPresence(NOON, seq, Show.AWAY, (Text("sighing", "en"),), 5, (NICK,)),
            SetPresence(NOON, seq, to=ROMEO),
            GoUnavailable(NOON, seq),
            SendMessage(NOON, seq, ROMEO, (Text("Wherefore?"),), thread=Thread("t1", "t0")),
            Reply(NOON, seq, message, (Text("Aye"),)),
            SendIQ(NOON, seq, Asking.GET, element("ping", "urn:xmpp:ping"), ROMEO),
            GiveUp(NOON, seq, f"e{number}-iq"),
            SessionEnded(NOON, seq),
        )
        made: tuple[Event, ...] = (
            Inbound(NOON, seq, draw_arriving(draw, NoAccount(JULIET))),
            Inbound(NOON, seq, choose(draw, (push, result, message))),
            Outbound(NOON, seq, draw_leaving(draw, NoAccount(JULIET))),
            choose(draw, wanted),
        )
        events.append(choose(draw, made))
    return tuple(events)


@given(histories())
def test_everything_that_a_client_meets_knows_and_does_is_loaded_as_it_was(events: tuple[Event, ...]) -> None:
    client = Client(JULIET)
    for event in events:
        step = reduce(client, event)
        client = step.state
        for value in (event, client, *step.effects):
            assert from_text(to_text(value)) == value


@given(histories())
def test_the_replay_of_a_clients_log_equals_what_happened(events: tuple[Event, ...]) -> None:
    live: list[Client] = []
    for event in events:
        live.append(reduce(live[-1] if live else Client(JULIET), event).state)
    state, log = Client(JULIET), list(write_log(events))

    again = list(FORMAT.read_log(log))

    assert tuple(again) == events
    assert [step.state for step in replay(state, events, DEFAULT, reduce)] == live  # type: ignore[arg-type]  # ditto


def test_a_clients_roster_is_kept_with_its_version() -> None:
    client = reduce(Client(JULIET), SessionBound(NOON, "e0", BALCONY)).state
    push = IQ(None, None, "p1", "set", None, payload(element("query", ROSTER, {"ver": "v2"}, [BOTH])))
    asked = reduce(client, GetRoster(NOON, "e1")).state
    result = IQ(None, None, next(iter(asked.questions)), "result", None, push.payload)
    client = reduce(asked, Inbound(NOON, "e2", result)).state.without_session()

    assert dump(client) == {
        "format": 1,
        "class": "client.Client",
        "jid": "juliet@capulet.example",
        "roster": {
            "items": {"romeo@montague.example": {"jid": "romeo@montague.example", "subscription": "BOTH"}},
            "ver": "v2",
            "received": True,
        },
    }


def test_a_clients_policy_is_plain_data() -> None:
    policy = ClientPolicy(served=frozenset({"urn:b", "urn:a"}))

    assert dump(policy) == {"format": 1, "class": "client.ClientPolicy", "served": ["urn:a", "urn:b"]}
    assert load(dump(policy)) == policy


@in_one_test(
    ("field", "value", "where", "why"),
    [
        ("jid", "juliet@capulet.example/balcony", "$", "is not a bare JID"),
        ("jid", "romeo@montague.example", "$", "the session juliet@capulet.example/balcony is not one of romeo"),
        ("presence", "<message/>", "$.presence", "is not a <presence/>"),
        ("presence", "<!--x--><presence/>", "$.presence", "is not a stanza"),
        ("idle", ["romeo@montague.example"], "$", "idle: not the JIDs of the chat sessions"),
        ("questions", [], "$.questions", "a list is not an object"),
        ("strangers", ["a@verona.example"] * 2, "$.strangers", "a string is repeated"),
        ("strangers", [1], "$.strangers", "1 is not a string"),
        ("asked", ["a@verona.example"] * 2, "$.asked", "a string is repeated"),
        ("asked", [1], "$.asked", "1 is not a string"),
        ("asked", {}, "$.asked", "an object is not a list"),
    ],
)
def test_a_damaged_client_is_refused_where_it_is_damaged(field: str, value: object, where: str, why: str) -> None:
    snapshot = dump(reduce(Client(JULIET), SessionBound(NOON, "e0", BALCONY)).state)

    with pytest.raises(SnapshotError) as refused:
        load({**snapshot, field: value})

    assert refused.value.path == where
    assert why in refused.value.reason


def test_the_requests_that_wait_are_a_sorted_list_as_in_earlier_releases() -> None:
    written = {"format": 1, "class": "client.Client", "jid": JULIET.full, "asked": ["a@x.example", "b@x.example"]}

    client = load(written)

    assert client == Client(JULIET, asked=text_set(["b@x.example", "a@x.example"]))
    assert dump(client) == written


def test_a_malformed_element_is_refused_at_its_position() -> None:
    event = dump(Subscribe(datetime(2026, 7, 12, tzinfo=UTC), "e1", ROMEO, (), (NICK,)))

    with pytest.raises(SnapshotError, match=r"\$\.extensions\[0\]: '<nick' is not an element"):
        load({**event, "extensions": ["<nick"]})
    with pytest.raises(SnapshotError, match=r"\$: extensions: the namespace jabber:client is not extended content"):
        load({**event, "extensions": ["<body/>"]})


def test_what_was_heard_of_others_is_in_the_snapshot() -> None:
    client = reduce(Client(JULIET), SessionBound(NOON, "e0", BALCONY)).state
    heard = Presence(
        None, parse_address(f"{ROMEO}/orchard"), payload=payload(element("show", "jabber:client", {}, ["xa"]))
    )
    client = reduce(client, Inbound(NOON, "e1", heard)).state

    loaded = load(dump(client))

    assert isinstance(loaded, Client)
    assert [resource.name for resource in loaded.resources(ROMEO.full)] == ["orchard"]


@in_one_test(
    ("name", "now"),
    [
        ("Changed", "PresenceChanged"),
        ("ItemStored", "RosterSetAccepted"),
        ("Refused", "OrderRefused"),
        ("Unsubscribe", "ContactUnsubscribed"),
    ],
)
def test_a_notification_is_read_under_its_earlier_name(name: str, now: str) -> None:
    jid, stanza = JULIET.full, "<presence/>"
    fields: dict[str, dict[str, object]] = {
        "Changed": {"jid": jid, "before": stanza, "presence": stanza},
        "Refused": {"stanza": stanza},
        "ItemStored": {"change": {"jid": jid}},
        "Unsubscribe": {"jid": jid, "presence": stanza},
    }
    written: dict[str, object] = {"format": 1, "class": f"notification.{name}", **fields[name]}

    told = load(written)

    assert type(told).__name__ == now
    assert dump(told)["class"] == f"notification.{now}"
