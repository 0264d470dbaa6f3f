"""Every event of a client, of an account and of a service refuses a field of a wrong type where it is made."""

from __future__ import annotations

import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import attrs
import pytest

from tests.one_test import in_one_test
from xmpp_im_core import client
from xmpp_im_core.client import events as client_events
from xmpp_im_core.element import Element, element
from xmpp_im_core.event import Decision
from xmpp_im_core.jid import JID, address_of, parse_address, parse_jid
from xmpp_im_core.roster import SharedItem
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.server import events as server_events
from xmpp_im_core.server.effects import AddressedAs, Damaged, Deliver, FanOut, Kind, Put, Route
from xmpp_im_core.server.service import events as service_events
from xmpp_im_core.server.state import Moved, SessionId
from xmpp_im_core.stanza import IQ, Condition, Message, Presence, Stanza, payload
from xmpp_im_core.subscription import NONE_OUT, TO_IN, Subscription, subscription_state

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
JULIET: Final = parse_jid("juliet@capulet.example")
BALCONY: Final = parse_jid("juliet@capulet.example/balcony")
SESSION: Final = SessionId("balcony", 1)
MESSAGE: Final = Message(address_of(JULIET), parse_address("romeo@montague.example/orchard"))
PING: Final = element("ping", "urn:xmpp:ping")
DELIVER: Final = Deliver(MESSAGE, (SESSION,), AddressedAs.FULL_JID, rules.TO_MALFORMED)
ROUTE: Final = Route(MESSAGE, rules.TO_MALFORMED)
TEXTS: Final = (client.Text("Hi", "en"),)
NICK: Final = (element("nick", "http://jabber.org/protocol/nick", {}, ["Juliet"]),)
ENDED: Final = server_events.SessionEnded(AT, "s", SESSION)

EXAMPLES: Final[dict[type, dict[str, object]]] = {
    # values that the application makes, and that events hold
    client.Text: {"text": "Hi", "lang": "en"},
    client.Thread: {"id": "t", "parent": "p"},
    client.Features: {"roster_versioning": True, "pre_approval": False},
    client.Bound: {"jid": BALCONY, "features": client.Features(), "lang": "en"},
    Moved: {"address": "xmpp:juliet@verona.example", "permanently": True},
    # a client's events
    client.SessionBound: {"bound": client.Bound(BALCONY)},
    client.SessionEnded: {},
    client.Inbound: {"stanza": MESSAGE, "decision": Decision.DENY},
    client.Outbound: {"stanza": MESSAGE},
    client.GetRoster: {},
    client.SetItem: {"jid": JULIET, "name": "Juliet", "groups": ("Friends",)},
    client.RemoveItem: {"jid": JULIET},
    client.Subscribe: {"jid": JULIET, "status": TEXTS, "extensions": NICK},
    client.Unsubscribe: {"jid": JULIET},
    client.Approve: {"jid": JULIET},
    client.Deny: {"jid": JULIET},
    client.SetPresence: {
        "show": client.Show.AWAY,
        "status": TEXTS,
        "priority": 1,
        "extensions": NICK,
        "to": JULIET,
    },
    client.GoUnavailable: {"status": TEXTS, "extensions": NICK, "to": JULIET},
    client.SendMessage: {
        "to": JULIET,
        "bodies": TEXTS,
        "type": client.MessageType.CHAT,
        "subjects": TEXTS,
        "thread": client.Thread("t"),
        "extensions": NICK,
    },
    client.Reply: {"message": MESSAGE, "bodies": TEXTS, "extensions": NICK},
    client.EndChat: {"jid": JULIET},
    client.SendIQ: {"type": client.Asking.GET, "request": PING, "to": JULIET},
    client.GiveUp: {"id": "a"},
    # an account's events
    server_events.SessionBound: {"session": SESSION, "lang": "en"},
    server_events.SessionDetached: {"session": SESSION},
    server_events.SessionResumed: {"session": SESSION},
    server_events.SessionEnded: {"session": SESSION, "undelivered": (DELIVER,)},
    server_events.Outbound: {"session": SESSION, "stanza": MESSAGE},
    server_events.Inbound: {"stanza": MESSAGE, "decision": Decision.DENY},
    server_events.Undelivered: {"effect": DELIVER, "sessions": (SESSION,)},
    server_events.Unroutable: {
        "effect": ROUTE,
        "condition": Condition.REMOTE_SERVER_TIMEOUT,
        "recipients": ("romeo@montague.example",),
    },
    server_events.AccountLoaded: {
        "records": (Put(Kind.MOVED, "", None),),
        "offline": 1,
        "offline_bytes": 1,
        "damaged": (Damaged(Kind.CONTACT, "a", "b"),),
    },
    server_events.LoadFailed: {},
    server_events.OwnershipLost: {},
    server_events.StoreFailed: {"event": ENDED},
    server_events.OfflineLoaded: {"session": SESSION, "messages": (("k", MESSAGE),)},
    server_events.TimePassed: {},
    server_events.AccountCreated: {"lineage": "l"},
    server_events.AccountRemoved: {},
    server_events.AccountMoved: {"to": Moved("xmpp:juliet@verona.example", permanently=True)},
    server_events.AdministratorSetItem: {"jid": JULIET.bare, "name": "Juliet", "groups": ("Friends",)},
    server_events.AdministratorRemovedItem: {"jid": JULIET.bare},
    server_events.SharedItemsChanged: {"items": (SharedItem(JULIET.bare),)},
    # a service's events
    service_events.ForAccount: {"jid": JULIET.bare, "event": ENDED, "decision": Decision.DENY},
    service_events.Arrived: {"stanza": MESSAGE, "decision": Decision.DENY},
    service_events.ArrivedForMany: {"stanza": MESSAGE, "recipients": (JULIET.bare,), "stored": False},
}
"""A value for each field that is not a stamp's."""

EVENTS: Final = {
    *get_args(client_events.Event),
    *get_args(server_events.Event),
    *get_args(service_events.ServiceEvent),
}

POOL: Final[tuple[object, ...]] = (
    None,
    True,
    0,
    -1,
    5,
    5.0,
    b"romeo@montague.example",
    "",
    "romeo@montague.example",
    "romeo@montague.example/orchard",
    "a@b@c",
    (),
    [],
    {},
    set(),
    (None,),
    (5,),
    ("Hi",),
    (b"Hi",),
    ["Hi"],
    [client.Text("Hi")],
    (client.Text("Hi"), 5),
    ("k", MESSAGE),
    (("k", 5),),
    ((5, MESSAGE),),
    (("k", MESSAGE, 5),),
    (("k", MESSAGE.stamped(to=None)), None),
    object,
    object(),
    AT,
    AT.isoformat(),
    timedelta(1),
    JULIET,
    BALCONY,
    address_of(JULIET),
    SESSION,
    ("balcony", 1),
    SessionId("balcony", "1"),  # type: ignore[arg-type]  # what is tried
    SessionId(None, 1),  # type: ignore[arg-type]  # what is tried
    (("balcony", 1),),
    PING,
    (PING,),
    [PING],
    MESSAGE,
    Presence(),
    IQ(),
    Stanza(),
    payload(PING),
    DELIVER,
    ROUTE,
    FanOut,
    Condition.GONE,
    "gone",
    Decision.ASK,
    "ask",
    client.Show.AWAY,
    "away",
    client.MessageType.CHAT,
    "chat",
    client.Asking.GET,
    "get",
    client.Thread("t"),
    client.Bound(BALCONY),
    client.Features(),
    client.GetRoster(AT, "s"),
    ENDED,
    Moved("xmpp:juliet@verona.example", permanently=True),
    SharedItem(JULIET.bare),
    (SharedItem(JULIET.bare, None),),  # type: ignore[arg-type]  # what is tried
    (SharedItem(5),),  # type: ignore[arg-type]  # what is tried
    (SharedItem(JULIET.bare, groups=[]),),  # type: ignore[arg-type]  # what is tried
)


def made(cls: type, **changes: object) -> object:
    stamp = {"at": AT, "seq": "s"} if any(field.name == "at" for field in attrs.fields(cls)) else {}
    return cls(**{**stamp, **EXAMPLES[cls], **changes})


def _fields() -> Iterator[tuple[type, str, Any]]:
    """Yield each field of each class with what its annotation says."""
    for cls in EXAMPLES:
        hints = get_type_hints(cls)
        for field in attrs.fields(cls):
            yield cls, field.name, hints[field.name]


FIELDS: Final = in_one_test(
    ("cls", "name", "hint"),
    [pytest.param(*each, id=f"{each[0].__module__}.{each[0].__qualname__}.{each[1]}") for each in _fields()],
)


def fits(hint: Any, value: object) -> bool:
    """Whether a value is of the type of an annotation."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(each, value) for each in args)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = args[:1] * len(value) if args[1:] == (...,) else args
        return len(kinds) == len(value) and all(fits(kind, item) for kind, item in zip(kinds, value, strict=True))
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is SessionId:
        return isinstance(value, SessionId) and fits(tuple[str, int], tuple(value))
    if hint is Stanza:
        return type(value) in (Message, Presence, IQ)
    if hint is SharedItem:
        return isinstance(value, SharedItem) and all(
            fits(kind, getattr(value, name)) for name, kind in get_type_hints(SharedItem).items()
        )
    return isinstance(value, hint)


def is_plain(hint: Any, value: object) -> bool:
    """Whether a value is a string whose meaning is plain: an address, or what is to be said."""
    if fits(hint, JULIET):
        return isinstance(value, str)
    if fits(hint, TEXTS):
        whole = isinstance(value, str | client.Text)
        return whole or (isinstance(value, tuple) and all(isinstance(item, str | client.Text) for item in value))
    return False


def test_every_event_is_tried() -> None:
    assert EXAMPLES.keys() >= EVENTS
    for cls, given in EXAMPLES.items():
        stamps = {"at", "seq"} if cls in EVENTS - {service_events.ForAccount} else set()
        assert {field.name for field in attrs.fields(cls)} == {*given, *stamps}
        assert made(cls) == made(cls)


@FIELDS
def test_a_field_of_a_wrong_type_is_refused_by_its_name(cls: type, name: str, hint: Any) -> None:
    named, refused = rf"(^|'){name}\b", 0
    for value in POOL:
        if fits(hint, value) or is_plain(hint, value):
            continue
        with pytest.raises((TypeError, ValueError), match=named):
            made(cls, **{name: value})
        refused += 1
    assert refused > len(POOL) / 2


@in_one_test(
    "value",
    [
        5,
        "2026-01-01T00:00:00Z",
        AT.date(),
        datetime(2026, 1, 1),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
    ],
)
@in_one_test("cls", [cls for cls in EXAMPLES if cls in EVENTS - {service_events.ForAccount}])
def test_a_time_is_an_aware_datetime(cls: type, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^at: "):
        made(cls, at=value)


@in_one_test(
    ("field", "value"),
    [
        ("to", "romeo@montague.example"),
        ("to", JULIET),
        ("from_", "romeo@montague.example"),
        ("id", 5),
        ("type", client.MessageType.CHAT),
        ("lang", b"en"),
        ("payload", "Hi"),
        ("payload", (PING,)),
        ("attributes", {"a": "b"}),
    ],
)
@in_one_test(
    ("cls", "name"),
    [
        (client.Inbound, "stanza"),
        (client.Outbound, "stanza"),
        (client.Reply, "message"),
        (server_events.Inbound, "stanza"),
        (server_events.Outbound, "stanza"),
        (service_events.Arrived, "stanza"),
        (service_events.ArrivedForMany, "stanza"),
    ],
)
def test_a_stanza_whose_header_is_not_well_typed_is_refused_by_the_name_of_the_field(
    cls: type, name: str, field: str, value: object
) -> None:
    stanza = attrs.evolve(MESSAGE, **{field: value})  # type: ignore[arg-type]  # what is tried

    with pytest.raises(TypeError, match=rf"^{name}\.{field}: "):
        made(cls, **{name: stanza})


class Word(str):
    """A string of a program's own class."""


class Pairs(tuple[tuple[str, str], ...]):
    """A tuple of a program's own class."""


@in_one_test(
    ("field", "value"),
    [
        ("id", Word("i")),
        ("type", Word("chat")),
        ("lang", Word("en")),
        ("attributes", Pairs((("a", "b"),))),
        ("to", None),
    ],
)
def test_a_stanza_whose_header_has_values_of_subclasses_is_well_typed(field: str, value: object) -> None:
    stanza = attrs.evolve(MESSAGE, **{field: value})  # type: ignore[arg-type]  # what is tried

    event = made(client.Inbound, stanza=stanza)

    assert isinstance(event, client.Inbound)
    assert getattr(event.stanza, field) is value


# --- plain strings ------------------------------------------------------------------------------------------


@FIELDS
def test_an_address_may_be_given_as_a_string(cls: type, name: str, hint: Any) -> None:
    if not fits(hint, JULIET):
        return
    wanted = "Juliet@Capulet.Example/balcony"

    assert getattr(made(cls, **{name: wanted}), name) == parse_jid(wanted)
    if fits(hint, "a@b@c"):  # what the roster shows under an address that is no JID
        assert getattr(made(cls, **{name: "a@b@c"}), name) == "a@b@c"
        wanted_error = f"^{name}: '' is not a JID: "
        with pytest.raises(ValueError, match=wanted_error):
            made(cls, **{name: ""})
        return
    with pytest.raises(ValueError, match=f"^{name}: 'a@b@c' is not a JID: "):
        made(cls, **{name: "a@b@c"})


@FIELDS
def test_a_text_may_be_given_as_a_string(cls: type, name: str, hint: Any) -> None:
    if not fits(hint, TEXTS):
        return
    hi, ahoj = client.Text("Hi"), client.Text("Ahoj", "cs")

    assert getattr(made(cls, **{name: "Hi"}), name) == (hi,)
    assert getattr(made(cls, **{name: hi}), name) == (hi,)
    assert getattr(made(cls, **{name: ("Hi", ahoj)}), name) == (hi, ahoj)
    with pytest.raises(ValueError, match=f"^{name}: several texts in one language"):
        made(cls, **{name: ("Hi", "Hello")})


def test_values_given_as_strings_are_sent() -> None:
    juliet = client.reduce(client.Client(JULIET), client.SessionBound(AT, "b", client.Bound(BALCONY.full))).state
    event = client.SendMessage(AT, "s", "Romeo@montague.example", "Hi", subjects=("Greeting",))

    (effect,) = client.reduce(juliet, event).effects

    assert isinstance(effect, client.Send)
    assert str(effect.stanza.to) == "romeo@montague.example"
    assert [child.text for child in effect.stanza.payload.elements[:2]] == ["Greeting", "Hi"]


def test_a_session_needs_a_full_jid() -> None:
    with pytest.raises(ValueError, match=r"^jid: 'juliet@capulet\.example' has no resourcepart"):
        client.Bound(JULIET)


# --- values in values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [SessionId(5, 1), SessionId("balcony", "1")])  # type: ignore[arg-type]  # what is tried
def test_a_session_of_other_parts_is_refused_wherever_an_event_names_it(wrong: SessionId) -> None:
    delivery = attrs.evolve(DELIVER, sessions=(SESSION, wrong))

    with pytest.raises(TypeError, match=r"^session: a SessionId of a str and an int is needed"):
        server_events.SessionDetached(AT, "s", wrong)
    with pytest.raises(TypeError, match=r"^sessions: a SessionId of a str and an int is needed"):
        server_events.Undelivered(AT, "s", DELIVER, (SESSION, wrong))
    with pytest.raises(TypeError, match=r"^effect: a SessionId of a str and an int is needed"):
        server_events.Undelivered(AT, "s", delivery, (SESSION,))


@pytest.mark.parametrize("pending", [NONE_OUT, TO_IN, subscription_state("none", True, True)])
def test_a_shared_item_has_nothing_pending(pending: Subscription) -> None:
    with pytest.raises(ValueError, match=r"^items: .* has something pending$"):
        server_events.SharedItemsChanged(AT, "s", (SharedItem(JULIET.bare, pending),))


def test_the_name_of_a_shared_item_is_a_string() -> None:
    with pytest.raises(TypeError, match="'items' must be <class 'str'>"):
        server_events.SharedItemsChanged(AT, "s", (SharedItem(JULIET.bare, name=5),))  # type: ignore[arg-type]  # what is tried


# --- what stanzas are made of -------------------------------------------------------------------------------


@in_one_test("child", [None, 5, b"Hi", JULIET, (PING,)])
def test_a_child_that_is_neither_element_nor_text_is_refused(child: Any) -> None:
    with pytest.raises(TypeError, match="a child is an Element or a str"):
        payload(PING, child)
    with pytest.raises(TypeError, match="a child is an Element or a str"):
        element("x", "urn:x", {}, [child])


def test_an_attribute_whose_value_is_no_string_is_refused_by_its_name() -> None:
    with pytest.raises(TypeError, match=r"^max: the value of an attribute is a str"):
        element("set", "http://jabber.org/protocol/rsm", {"max": 5})  # type: ignore[dict-item]  # what is tried


def test_the_types_that_are_tried_are_told_apart() -> None:
    assert fits(JID | None, None)
    assert not fits(tuple[Element, ...], (PING, 5))
    assert not fits(tuple[str, Message], ("k", MESSAGE, 5))
