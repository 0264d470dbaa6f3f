"""Nonsense is refused by name and place, never with a traceback of something else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from tests.snapshot.test_round_trip import NOON, juliet
from xmpp_im_core.client import Asking, Client, SendIQ
from xmpp_im_core.element import element
from xmpp_im_core.server.effects import Kind, Put
from xmpp_im_core.server.events import AccountLoaded, Inbound, StoreFailed, TimePassed
from xmpp_im_core.server.state import Account, Unloaded
from xmpp_im_core.snapshot import (
    SnapshotError,
    dump,
    dump_record,
    from_text,
    load,
    load_event,
    load_record,
    load_state,
    to_text,
)
from xmpp_im_core.stanza import Presence, payload
from xmpp_im_core.testing.event_strategies import steps


def changed(path: str, value: object) -> dict[str, Any]:
    """Return Juliet's snapshot with another value at this path."""
    snapshot: dict[str, Any] = copy.deepcopy(dump(juliet()))
    *way, last = path.split(".")
    place: Any = snapshot
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[int(last) if last.isdigit() else last] = value
    return snapshot


@in_one_test(
    ("path", "value", "where", "why"),
    [
        ("format", 2, "$", "'format' is 2; this release reads 1"),
        ("format", True, "$", "'format' is True; this release reads 1"),
        ("class", "server.Accounts", "$", "not 'server.Accounts'"),
        ("class", 1, "$", "not 1"),
        ("sesions", [], "$", "has unknown fields: 'sesions'"),
        ("jid", "Juliet@capulet.example", "$.jid", "is not prepared; its prepared form is 'juliet@capulet.example'"),
        ("jid", "@capulet.example", "$.jid", "is not a JID"),
        ("jid", "romeo@montague.example", "$", "is not one of romeo@montague.example"),
        ("jid", "juliet@capulet.example/x", "$", "is not a bare JID"),
        ("roster", [], "$.roster", "a list is not an object"),
        ("roster.version", "2", "$.roster.version", "'2' is not a whole number"),
        ("roster.version", True, "$.roster.version", "True is not a whole number"),
        ("roster.version", 1, "$.roster", "its version is not between 0 and the roster's, 1"),
        ("roster.contacts", {}, "$.roster.contacts", "an object is not a list"),
        ("roster.contacts.1.jid", 5, "$.roster.contacts[1].jid", "5 is not a string"),
        ("roster.contacts.1.jid", "romeo@montague.example/x", "$.roster.contacts[1]", "is not a bare JID"),
        ("roster.contacts.1.jid", "nurse@capulet.example", "$.roster", "is repeated or not in its place"),
        ("roster.contacts.1.state", "BOTH", "$.roster", "there must be a request exactly if the state is pending in"),
        ("roster.contacts.1.state", "NONE_IN", "$.roster", "'asked' is allowed only if the state is pending out"),
        ("roster.contacts.1.state", "both", "$.roster.contacts[1].state", "'both' is not one of NONE, NONE_OUT"),
        ("roster.contacts.1.groups", "Lovers", "$.roster.contacts[1].groups", "'Lovers' is not a list"),
        ("roster.contacts.1.listed", 1, "$.roster.contacts[1].listed", "1 is not true or false"),
        ("roster.contacts.1.request", "<presence", "$.roster.contacts[1].request", "is not a stanza"),
        ("roster.contacts.1.request", "<message/>", "$.roster.contacts[1].request", "is not a <presence/>"),
        ("roster.contacts.1.request", "<!DOCTYPE x><presence/>", "$.roster.contacts[1].request", "is not a stanza"),
        ("roster.contacts.1.asked", "noon", "$.roster.contacts[1].asked", "is not a time in ISO 8601"),
        ("roster.contacts.1.asked", "2026-07-12T12:00:00", "$.roster.contacts[1].asked", "without an offset"),
        ("sessions.0.id", "balcony", "$.sessions[0].id", "is not a session [resource, epoch]"),
        ("sessions.0.id", ["balcony"], "$.sessions[0].id", "not a list of 1"),
        ("sessions.0.id", ["balcony", 7.5], "$.sessions[0].id", "7.5 is not an epoch"),
        ("sessions.0.id", ["chamber", 7], "$.sessions[0]", "is not the address of resource 'chamber'"),
        ("sessions.0.address", "", "$.sessions[0].address", "is not a JID"),
        ("sessions.0.priority", 2, "$.sessions[0]", "its priority is not that of its presence"),
        ("sessions.0.directed", ["b@x.example", "a@x.example"], "$.sessions[0]", "not in its place"),
        ("blocked", ["@"], "$", "'@' is not a JID"),
        ("moved", {"address": "xmpp:x@y.example"}, "$.moved.permanently", "is missing"),
        ("offline", -1, "$", "offline: -1 messages"),
        ("offline_bytes", -1, "$", "offline_bytes: -1 cannot be the size"),
    ],
)
def test_a_damaged_snapshot_is_refused_where_it_is_damaged(path: str, value: object, where: str, why: str) -> None:
    with pytest.raises(SnapshotError) as refused:
        load(changed(path, value))

    assert refused.value.path == where
    assert why in refused.value.reason


@in_one_test(
    ("data", "where", "why"),
    [
        (None, "$", "null is not an object"),
        ([], "$", "a list is not an object"),
        ({}, "$", "'format' is null; this release reads 1"),
        ({"format": 1}, "$", "'class' must be one of"),
        ({"format": 1, "class": "server.Inbound", "at": "2026-07-12T12:00:00Z", "seq": "1"}, "$.stanza", "is missing"),
        (
            {"format": 1, "class": "server.TimePassed", "at": "2026-07-12T12:00:00Z", "seq": ""},
            "$",
            "seq: must not be empty",
        ),
        (
            {
                "format": 1,
                "class": "server.StoreFailed",
                "at": "2026-07-12T12:00:00Z",
                "seq": "1",
                "event": {"class": "server.NoAccount", "jid": "a.example"},
            },
            "$.event",
            "not server.NoAccount",
        ),
        (
            {
                "format": 1,
                "class": "server.OfflineLoaded",
                "at": "2026-07-12T12:00:00Z",
                "seq": "1",
                "session": ["balcony", 7],
                "messages": [["m1"]],
            },
            "$.messages[0]",
            "a list of 2 belongs here, not of 1",
        ),
        ({"format": 1, "class": "server.Policy", "tombstones": -1}, "$", "tombstones"),
        (
            {
                "format": 1,
                "class": "server.AccountLoaded",
                "at": "2026-07-12T12:00:00Z",
                "seq": "1",
                "records": [],
                "offline": -1,
            },
            "$",
            "offline",
        ),
        (
            {"format": 1, "class": "server.Policy", "resend_requests_after": {"weeks": 1}},
            "$.resend_requests_after",
            "'weeks' is not days, seconds or microseconds",
        ),
        (
            {"format": 1, "class": "server.Policy", "resend_requests_after": {"days": 10**12}},
            "$.resend_requests_after",
            "",
        ),
        (
            {"format": 1, "class": "server.Policy", "served": {"urn:a": "ALL"}},
            "$.served['urn:a']",
            "'ALL' is not one of",
        ),
        ({"format": 1, "class": "server.Put", "kind": "MOVED", "key": "", "value": None}, "$.value", "null is not"),
        ({"format": 1, "class": "server.Put", "kind": "SHOE", "key": "", "value": None}, "$", "'SHOE' is not one of"),
    ],
)
def test_data_that_is_no_snapshot_is_refused(data: object, where: str, why: str) -> None:
    with pytest.raises(SnapshotError) as refused:
        load(data)

    assert refused.value.path == where
    assert why in refused.value.reason


@in_one_test("text", ["", "{", "nonsense", "[" * 100_000, '{"format": ' + "9" * 5000 + "}", "\x00"])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(SnapshotError, match=r"\$: is not JSON"):
        from_text(text)


def test_what_is_nested_too_deeply_is_refused_in_both_directions() -> None:
    event: Any = TimePassed(NOON, "1")
    data: Any = {"class": "server.TimePassed", "at": "2026-07-12T12:00:00Z", "seq": "1"}
    for _ in range(2000):
        event = StoreFailed(NOON, "1", event)
        data = {"class": "server.StoreFailed", "at": "2026-07-12T12:00:00Z", "seq": "1", "event": data}

    with pytest.raises(SnapshotError, match="nested too deeply"):
        dump(event)
    with pytest.raises(SnapshotError, match="nested too deeply"):
        load({"format": 1, **data})


def test_a_class_outside_the_table_is_not_written() -> None:
    with pytest.raises(SnapshotError, match="object is in no schema of this format"):
        dump(object())
    with pytest.raises(SnapshotError, match="a record of kind MOVED holds Moved, not NoneType"):
        dump(Put(Kind.MOVED, "", None))
    with pytest.raises(SnapshotError, match="a record of kind MOVED holds Moved, not NoneType"):
        dump_record(Put(Kind.MOVED, "", None))


def test_what_xml_cannot_hold_is_not_written() -> None:
    nameless = element("no name", "urn:x")

    with pytest.raises(SnapshotError, match="a stanza cannot be written: 'no name' is not a name for an element"):
        dump(Inbound(NOON, "1", Presence(payload=payload(nameless))))
    with pytest.raises(SnapshotError, match="an element cannot be written: 'no name' is not a name for an element"):
        dump(SendIQ(NOON, "1", Asking.GET, nameless))


def test_an_event_is_no_state_and_a_state_is_no_event() -> None:
    event = dump(TimePassed(NOON, "1"))
    state = dump(juliet())

    assert load_event(event) == TimePassed(NOON, "1")
    assert load_state(state) == juliet()
    with pytest.raises(SnapshotError, match="TimePassed is not a state of an account"):
        load_state(event)
    with pytest.raises(SnapshotError, match="Account is not an event of an account"):
        load_event(state)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_no_data_at_all_makes_a_loader_fail_in_another_way(data: object) -> None:
    with pytest.raises(SnapshotError):
        load(data)
    for kind in Kind:
        with pytest.raises(SnapshotError):
            load_record(kind, "", json.dumps(data))


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    here = [path] if path else []
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [*here, *[place for key, value in inner for place in _places(value, (*path, key))]]


@given(st.data(), steps())
def test_no_damage_at_all_makes_a_loader_fail_in_another_way(data: st.DataObject, step: Any) -> None:
    snapshot: Any = json.loads(to_text(data.draw(st.sampled_from(step))))
    *way, last = data.draw(st.sampled_from(_places(snapshot)))
    place = snapshot
    for key in way:
        place = place[key]
    place[last] = data.draw(JSON)

    try:
        loaded = load(snapshot)
    except SnapshotError as refused:
        where = refused.path
    else:
        where = "$"
        assert load(dump(loaded)) == loaded  # the damage made sense: then it is loaded for good

    assert where.startswith("$")


def test_an_unsound_record_is_no_damage_since_loading_an_account_gives_it_a_meaning() -> None:
    contact = {"jid": "romeo@montague.example", "state": "NONE_IN"}
    put = load_record(Kind.CONTACT, "romeo@montague.example", json.dumps({"format": 1, "value": contact}))
    event = AccountLoaded(NOON, "1", (put,))

    assert load(dump(event)) == event


def test_a_value_of_a_class_that_is_not_expected_is_refused() -> None:
    text = to_text(juliet())

    assert from_text(text, Account) == juliet()
    with pytest.raises(SnapshotError, match=r"\$: Account is not the expected Client"):
        from_text(text, Client)
    with pytest.raises(SnapshotError, match=r"\$: Account is not the expected Unloaded"):
        load(dump(juliet()), Unloaded)
