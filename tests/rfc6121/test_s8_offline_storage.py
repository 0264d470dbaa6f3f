"""Messages for absent users: stored, stamped, delivered, forgotten (RFC 6121 §8; XEP-0160, XEP-0203, XEP-0334)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

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
    child,
    delivery,
    ended,
    following,
    ignored,
    message,
    outbound,
    presence,
    received_message,
    rfc6121,
    stanzas,
    told,
)
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules.delivery import TOO_MANY_STORED
from xmpp_im_core.server import (
    Account,
    AccountLoaded,
    Delete,
    Event,
    Inbound,
    Kind,
    NoAccount,
    OfflineLoaded,
    Outbound,
    Put,
    SessionDetached,
    SessionEnded,
    SessionId,
    SessionResumed,
    Step,
    StoreFailed,
    Undelivered,
    reduce,
)
from xmpp_im_core.stanza import CLIENT, Message, payload

ORCHARD = f"{ROMEO}/orchard"
DELAY, HINTS, CHAT_STATES = "urn:xmpp:delay", "urn:xmpp:hints", "http://jabber.org/protocol/chatstates"
BODY = child("body", "O blessed, blessed night!")
ABSENT = account(JULIET, {ROMEO: "Both"})

COMPOSING = element("composing", CHAT_STATES)
NO_STORE, STORE = element("no-store", HINTS), element("store", HINTS)
NO_PERMANENT_STORE = element("no-permanent-store", HINTS)


def stamp(at: str = "2011-03-01T12:00:00Z", by: str = "example.com") -> Element:
    return element("delay", DELAY, {"from": by, "stamp": at})


def kept(step: Step) -> list[Message]:
    """Return the messages that a step stores, each under the event's own number."""
    found = []
    for operation in step.store:
        assert isinstance(operation, Put)
        assert (operation.kind, operation.key) == (Kind.OFFLINE, "seq")
        assert isinstance(operation.value, Message)
        found.append(operation.value)
    return found


# --- what is stored ---------------------------------------------------------------------------------------------------


@rfc6121("8", quote="the server's act of storing a message stanza on behalf of the user")
@in_one_test("type", ["normal", "chat", None])
@in_one_test("sender", [ORCHARD, "tybalt@example.org"])
def test_a_message_for_an_absent_user_is_stored_whole_with_a_stamp_and_nobody_is_told(
    sender: str, type: str | None
) -> None:
    rich = Message(
        parse_address(JULIET),
        parse_address(sender),
        "m1",
        type,
        "en",
        payload("x", BODY, element("y", "urn:example:y", {"a": "b"})),
        (("{urn:example:z}z", "z"),),
    )

    step = reduce(ABSENT, Inbound(AT, "seq", rich))

    content = payload(*rich.payload.children, stamp())
    assert kept(step) == [Message(rich.to, rich.from_, "m1", type, "en", content, rich.attributes)]
    assert told(step) == []
    counted = evolve(ABSENT, offline=1, offline_bytes=kept(step)[0].size())
    assert (after(step).remembering(()), step.forget) == (counted, ())


def test_the_stamp_is_of_the_time_at_which_it_came_in_utc_and_in_the_name_of_the_server() -> None:
    verona = datetime(2002, 9, 11, 1, 41, 7, 999_999, tzinfo=timezone(timedelta(hours=2)))

    step = reduce(ABSENT, Inbound(verona, "seq", message("chat", ORCHARD, JULIET)))

    assert kept(step) == [
        message("chat", ORCHARD, JULIET, child("body", "Wherefore art thou?"), stamp("2002-09-10T23:41:07Z"))
    ]


@rfc6121("8.5.3.2.1", quote="store the message offline for later delivery")
def test_a_chat_message_to_a_resource_that_is_not_there_is_stored_as_it_was_addressed() -> None:
    (stored,) = kept(reduce(ABSENT, received_message("chat", ORCHARD, f"{JULIET}/balcony")))

    assert str(stored.to) == f"{JULIET}/balcony"


SIDS = "urn:xmpp:sid:0"
METADATA = {
    "a message event": element("x", "jabber:x:event", {}, [element("composing", "jabber:x:event")]),
    "a hint": element("no-permanent-store", HINTS),
    "another hint": element("no-copy", HINTS),
    "carbons' private": element("private", "urn:xmpp:carbons:2"),
    "an origin-id": element("origin-id", SIDS, {"id": "a1"}),
    "a stanza-id": element("stanza-id", SIDS, {"id": "s1", "by": JULIET}),
    "a delay": stamp(by="remote.example"),
    "an old delay": element("x", "jabber:x:delay", {"stamp": "20110301T12:00:00"}),
}

WORTH: dict[str, tuple[list[Element], bool]] = {
    "a body": ([BODY], True),
    "nothing": ([], True),
    "a subject": ([child("subject", "The balcony")], True),
    "something foreign": ([element("encrypted", "urn:example:x")], True),
    "a chat state": ([COMPOSING], False),
    "two chat states": ([COMPOSING, element("active", CHAT_STATES)], False),
    "a chat state and a thread": ([COMPOSING, child("thread", "t1")], False),
    "a thread": ([child("thread", "t1")], True),
    "metadata alone": ([stamp(), element("origin-id", SIDS, {"id": "a1"})], True),
    **{f"a chat state and {name}": ([COMPOSING, each], False) for name, each in METADATA.items()},
    "a chat state and all metadata": ([COMPOSING, *METADATA.values()], False),
    "a chat state, all metadata and a body": ([COMPOSING, *METADATA.values(), BODY], True),
    "a chat state and a receipt": ([COMPOSING, element("received", "urn:xmpp:receipts", {"id": "m0"})], True),
    "a chat state and another x": ([COMPOSING, element("x", "jabber:x:oob")], True),
    "a chat state and carbons' other": ([COMPOSING, element("received", "urn:xmpp:carbons:2")], True),
    "a chat state and a body": ([COMPOSING, BODY], True),
    "a chat state and a foreign thread": ([COMPOSING, element("thread", "urn:example:x")], True),
    "a chat state to be stored": ([COMPOSING, STORE], True),
    "what is not to be stored": ([BODY, NO_STORE], False),
    "what is to be stored and is not": ([BODY, STORE, NO_STORE], False),
    "what is not to be archived": ([BODY, NO_PERMANENT_STORE], True),
    "a hint of another namespace": ([BODY, element("no-store", "urn:example:x")], True),
    "a hint in the content namespace": ([BODY, element("no-store", CLIENT)], True),
}


@in_one_test(("children", "stored"), WORTH.values(), ids=WORTH)
@in_one_test("type", ["normal", "chat"])
def test_messages_that_are_useless_later_are_not_stored(type: str, children: list[Element], stored: bool) -> None:
    sent = Message(parse_address(JULIET), parse_address(ORCHARD), "m1", type, None, payload(*children))

    step = reduce(ABSENT, Inbound(AT, "seq", sent))

    assert bool(step.store) is stored
    assert told(step) == []
    assert step.effects != ()


@pytest.mark.parametrize("children", [[BODY, NO_STORE], [COMPOSING]], ids=["no-store", "chat state"])
def test_it_is_still_delivered_to_a_user_who_is_there(children: list[Element]) -> None:
    juliet = account(JULIET, available=("balcony",))

    step = reduce(juliet, received_message("chat", ORCHARD, JULIET, *children))

    assert told(step) == [f"deliver chat from {ORCHARD} to balcony"]


@pytest.mark.parametrize("children", [[BODY, NO_STORE], [COMPOSING]], ids=["no-store", "chat state"])
def test_it_is_bounced_as_usual_if_nothing_is_stored(children: list[Element]) -> None:
    step = reduce(ABSENT, received_message("chat", ORCHARD, JULIET, *children), Policy(offline_messages=False))

    assert told(step) == [f"route error service-unavailable from {JULIET} to {ORCHARD}"]
    assert step.store == ()


@rfc6121("8.5.2.2.1", quote='For a message stanza of type "headline" or "error", the server MUST silently ignore')
@pytest.mark.parametrize("type", ["headline", "error"])
def test_no_hint_stores_a_headline_or_an_error(type: str) -> None:
    assert ignored(ABSENT, received_message(type, ORCHARD, JULIET, BODY, STORE))


# --- stamps (XEP-0203) ------------------------------------------------------------------------------------------------


def test_a_stamp_of_another_entity_is_kept_and_the_server_adds_its_stamp() -> None:
    room = stamp("1999-01-01T00:00:00Z", "lobby@chat.example.com")

    (stored,) = kept(reduce(ABSENT, received_message("chat", ORCHARD, JULIET, BODY, room)))

    assert stored.payload == payload(BODY, room, stamp())


@in_one_test("by", ["example.com", "EXAMPLE.com", "example.com.", "example.com/storage"])
def test_a_forged_stamp_in_the_servers_name_is_taken_out(by: str) -> None:
    forged = stamp("1999-01-01T00:00:00Z", by)
    sent = received_message("chat", ORCHARD, JULIET, forged, BODY, forged)

    (stored,) = kept(reduce(ABSENT, sent))
    (live,) = stanzas(reduce(account(JULIET, available=("balcony",)), sent))

    assert stored.payload == payload(BODY, stamp())
    assert live == message("chat", ORCHARD, JULIET, BODY)


@pytest.mark.parametrize("other", [stamp(by=ROMEO), element("delay", "urn:example:x", {"from": "example.com"})])
def test_other_delay_elements_stay(other: Element) -> None:
    sent = received_message("chat", ORCHARD, JULIET, other, BODY)

    (live,) = stanzas(reduce(account(JULIET, available=("balcony",)), sent))

    assert live == sent.stanza


@pytest.mark.parametrize("type", ["chat", "headline"])
def test_what_is_delivered_at_once_is_not_stamped(type: str) -> None:
    sent = received_message(type, ORCHARD, JULIET)

    assert stanzas(reduce(account(JULIET, available=("balcony",)), sent)) == [sent.stanza]


# --- when they are asked for (XEP-0160 §2) ----------------------------------------------------------------------------


def shows(priority: int | None, by: str = "balcony", seq: str = "seq") -> Outbound:
    children = [] if priority is None else [child("priority", str(priority))]
    return outbound("available", None, *children, by=by, seq=seq)


def asked(given: Account, *events: Event, policy: Policy | None = None) -> list[bool]:
    """Return for each event whether the stored messages are asked for."""
    asking = []
    for event in events:
        step = reduce(given, event, policy or Policy())
        asking.append(f"load messages for {_resource(event)}" in told(step))
        assert sum(said.startswith("load") for said in told(step)) <= 1
        given = after(step)
    return asking


def _resource(event: Event) -> str:
    assert isinstance(event, Outbound | SessionDetached | SessionResumed)
    return event.session.resource


CONNECTED = account(JULIET, connected=("balcony",))
LEAVES = outbound("unavailable", by="balcony")


@rfc6121("8", quote="then delivering it when the user next becomes available")
@in_one_test("priority", [None, 0, 1, 127])
def test_initial_presence_that_is_not_negative_asks_for_stored_messages(priority: int | None) -> None:
    assert asked(CONNECTED, shows(priority)) == [True]


@rfc6121("8.5.2.1.1", quote="MUST NOT deliver the stanza to any available resource with a negative priority")
@pytest.mark.parametrize("priority", [-1, -128])
def test_a_negative_priority_does_not_ask_for_stored_messages(priority: int) -> None:
    assert asked(CONNECTED, shows(priority)) == [False]


def test_each_edge_from_negative_to_not_negative_asks_for_them_and_nothing_else_does() -> None:
    priorities = [-1, 0, 5, 0, -1, -2, 0]

    edges = asked(CONNECTED, *[shows(priority) for priority in priorities])
    sessions = asked(CONNECTED, shows(0), LEAVES, shows(-1), LEAVES, shows(1))

    assert edges == [False, True, False, False, False, False, True]
    assert sessions == [True, False, False, False, True]


def test_each_resource_that_becomes_reachable_asks_for_them() -> None:
    given = account(JULIET, connected=("balcony", "chamber"))

    assert asked(given, shows(0), shows(0, by="chamber")) == [True, True]


def test_directed_presence_and_a_resumed_stream_do_not() -> None:
    detached = SessionDetached(AT, "seq", SessionId("balcony", 1))
    resumed = SessionResumed(AT, "seq", SessionId("balcony", 1))

    assert asked(CONNECTED, outbound("available", ROMEO, by="balcony")) == [False]
    assert asked(CONNECTED, shows(0), detached, resumed) == [True, False, False]


def test_a_service_that_stores_nothing_asks_for_nothing() -> None:
    assert asked(CONNECTED, shows(0), policy=Policy(offline_messages=False)) == [False]


def test_a_priority_that_the_server_overrides_is_the_one_that_counts() -> None:
    assert asked(CONNECTED, shows(-1), policy=Policy(lowest_priority=0)) == [True]
    assert asked(CONNECTED, shows(1), policy=Policy(highest_priority=-1)) == [False]


def test_stored_messages_are_asked_for_last_at_initial_presence() -> None:
    given = account(JULIET, {ROMEO: "Both", NURSE: "To + Pending In"}, connected=("balcony",), available=("chamber",))

    assert told(reduce(given, shows(0)))[-1] == "load messages for balcony"


# --- how many there may be (XEP-0160 §2) ------------------------------------------------------------------------------

TWO = Policy(offline_message_count=2)


def loaded_with(waiting: int, contacts: Mapping[str, str] = MappingProxyType({})) -> Account:
    """An account as it is loaded, with so many messages in storage."""
    given = account(JULIET, contacts)
    records = [Put(Kind.CONTACT, each.jid, each) for each in given.roster.contacts.values()]
    head = Put(Kind.ROSTER, "", given.roster.head)
    return following(NoAccount(given.jid), AccountLoaded(AT, "loaded", (head, *records), waiting))


@pytest.mark.parametrize(("contacts", "answer"), [({ROMEO: "From"}, True), ({ROMEO: "Both"}, True), ({}, False)])
def test_a_message_beyond_the_limit_is_bounced_if_the_sender_may_know_and_is_dropped_otherwise(
    contacts: dict[str, str], answer: bool
) -> None:
    full = loaded_with(2, contacts)

    step = reduce(full, received_message("chat", ORCHARD, JULIET, BODY), TWO)

    assert told(step) == ([f"route error service-unavailable from {JULIET} to {ORCHARD}"] if answer else [])
    assert [effect.rule for effect in step.effects] == [TOO_MANY_STORED]
    assert (step.state, step.store, step.forget) == (full, (), ())


@in_one_test("to", [JULIET, f"{JULIET}/balcony"])
@in_one_test("type", ["normal", "chat", "headline", "groupchat"])
def test_a_stranger_cannot_tell_whether_there_is_room_or_even_a_user(type: str, to: str) -> None:
    sent = received_message(type, "tybalt@example.org/square", to, BODY)

    full, empty, nobody = (
        told(reduce(given, sent, TWO)) for given in (loaded_with(2), loaded_with(0), NoAccount(ABSENT.jid))
    )

    assert full == empty == nobody


def test_what_was_stored_before_the_account_was_loaded_counts() -> None:
    asked = [bool(reduce(loaded_with(n), received_message("chat", ORCHARD, JULIET), TWO).store) for n in range(4)]

    assert asked == [True, True, False, False]


def test_there_is_room_again_when_they_have_been_delivered() -> None:
    full = following(loaded_with(2), bound("balcony"), shows(0))

    empty = following(full, loaded(messages=STORED[:2]), ended("balcony"))

    assert reduce(empty, received_message("chat", ORCHARD, JULIET), TWO).store != ()


def test_the_bound_holds_if_the_session_ended_before_the_messages_came() -> None:
    gone = following(loaded_with(2), bound("balcony"), shows(0), ended("balcony"))

    full = following(gone, loaded(messages=STORED[:2]))

    assert reduce(full, received_message("chat", ORCHARD, JULIET), TWO).store == ()


def test_the_bound_holds_if_the_messages_could_not_be_read() -> None:
    full = following(loaded_with(2), bound("balcony"), shows(0), loaded(messages=()), ended("balcony"))

    assert reduce(full, received_message("chat", ORCHARD, JULIET), TWO).store == ()


def test_a_host_that_did_not_count_makes_nobody_owe_messages() -> None:
    juliet = following(loaded_with(0), bound("balcony"), shows(0), loaded(), ended("balcony"))

    assert juliet.offline == 0


def test_what_a_session_could_not_be_given_counts_too() -> None:
    online = following(loaded_with(0), bound("balcony"), shows(0))
    lost = [
        delivery(message("chat", ORCHARD, JULIET, child("body", str(n))), SessionId("balcony", 1)) for n in range(3)
    ]

    at_once = reduce(online, SessionEnded(AT, "end", SessionId("balcony", 1), tuple(lost)), TWO)
    one_by_one = [Undelivered(AT, f"u{n}", each, each.sessions) for n, each in enumerate(lost)]
    refused = reduce(following(online, *one_by_one[:2], policy=TWO), one_by_one[2], TWO)

    assert len([put for put in at_once.store if isinstance(put, Put) and put.kind is Kind.OFFLINE]) == 2
    assert after(at_once).offline == 2
    assert refused.store == ()
    assert after(refused).offline == 2


def test_what_could_not_be_stored_does_not_count() -> None:
    step = reduce(ABSENT, StoreFailed(AT, "failed", received_message("chat", ORCHARD, JULIET)))

    assert step.state is ABSENT


# --- how they are delivered -------------------------------------------------------------------------------------------

STORED = (
    ("1", message("chat", ORCHARD, JULIET, BODY, stamp())),
    ("2", message("normal", NURSE, JULIET, BODY, stamp())),
    ("3", message("chat", ORCHARD, f"{JULIET}/hall", BODY, stamp())),
)


def loaded(by: str = "balcony", epoch: int = 1, messages: tuple[tuple[str, Message], ...] = STORED) -> OfflineLoaded:
    return OfflineLoaded(AT, "seq", SessionId(by, epoch), messages)


@rfc6121("8", quote="then delivering it when the user next becomes available")
def test_they_are_delivered_in_order_as_they_were_stored_and_then_forgotten() -> None:
    juliet = account(JULIET, available=("balcony", "chamber"))

    step = reduce(juliet, loaded())

    assert stanzas(step) == [stored for _, stored in STORED]
    assert told(step) == [
        f"deliver chat from {ORCHARD} to balcony",
        f"deliver normal from {NURSE} to balcony",
        f"deliver chat from {ORCHARD} to balcony",
    ]
    assert step.forget == tuple(Delete(Kind.OFFLINE, key) for key in ("1", "2", "3"))
    assert (after(step).remembering(()), step.store) == (juliet, ())


@in_one_test(
    "meanwhile",
    [
        shows(-1),
        LEAVES,
        ended("balcony"),
        bound("balcony", epoch=2),
    ],
    ids=["negative", "unavailable", "ended", "replaced"],
)
def test_if_the_resource_is_no_longer_reachable_they_stay_stored(meanwhile: Event) -> None:
    given = following(CONNECTED, shows(0), meanwhile)

    assert ignored(given, loaded())


def test_where_nothing_is_stored_nothing_is_delivered_or_forgotten() -> None:
    assert ignored(following(CONNECTED, shows(0)), loaded(messages=()))


def test_a_detached_session_may_still_have_them() -> None:
    detached = following(CONNECTED, shows(0), SessionDetached(AT, "seq", SessionId("balcony", 1)))

    assert len(told(reduce(detached, loaded()))) == 3


def test_the_way_of_a_message_from_storage_to_the_user_and_nowhere_twice() -> None:
    arrival = reduce(ABSENT, received_message("chat", ORCHARD, JULIET, BODY))
    store = {put.key: put.value for put in arrival.store if isinstance(put, Put)}
    online = following(after(arrival), bound("balcony"), shows(0, seq="login"))

    (key, stored), *_ = store.items()
    assert isinstance(stored, Message)
    flushed = reduce(online, loaded(messages=((key, stored),)))

    assert stanzas(flushed) == [message("chat", ORCHARD, JULIET, BODY, stamp())]
    assert flushed.forget == (Delete(Kind.OFFLINE, key),)


def test_presence_and_iqs_are_never_stamped_nor_stored() -> None:
    for event in (
        Inbound(AT, "seq", presence("available", ORCHARD, JULIET)),
        Inbound(datetime(2011, 3, 1, tzinfo=UTC), "seq", presence("unavailable", ORCHARD, JULIET)),
    ):
        assert ignored(ABSENT, event)
