"""Vectors as stories: who takes part, the steps in words, and what is drawn of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.scenes_stage import END, SUBSCRIPTION_TABLE
from tests.conformance.stage import (
    BALCONY,
    CHAMBER,
    JULIET,
    receive,
    scenario,
    send,
)
from tests.one_test import in_one_test
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.story import Line, Mark, MarkKind, Participant, Scene, label
from xmpp_im_conformance.format.vectors import Vector
from xmpp_im_conformance.reports.html.scenes import scene_of

BALCONY_LINE = Participant("juliet/balcony", "capulet.example")
SERVER_LINE = Participant("server", "under test")
REMOTE_LINE = Participant("remote.example", "another server")


def told(tmp_path: Path, *vectors: Any) -> list[Scene]:
    scenes: list[Scene] = []
    for number, data in enumerate(vectors):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(data), encoding="utf-8")
        for vector in find([file]):
            assert isinstance(vector, Vector), vector
            scenes.append(scene_of(vector.scenario))
    return scenes


def lines(tmp_path: Path, *steps: Any, **keys: Any) -> tuple[Line, ...]:
    """The lines of a scenario of Juliet's, without the first: she connects."""
    (scene,) = told(tmp_path, scenario(*steps, **keys))
    return scene.lines[1:]


def test_a_scenario_is_told_from_the_first_step_to_the_silence_at_the_end(tmp_path: Path) -> None:
    (scene,) = told(tmp_path, scenario(send("<presence/>"), receive("<presence from='{any}' to='{any}'/>")))

    assert scene == Scene(
        participants=(BALCONY_LINE, SERVER_LINE),
        before=(f"{JULIET} has an empty roster",),
        lines=(
            Line(f"{BALCONY} connects.", marks=(Mark(MarkKind.EVENT, 0, "connects"),)),
            Line(f"{BALCONY} sends", ("<presence/>",), (Mark(MarkKind.SENT, 0, "presence", 1),)),
            Line(
                f"{BALCONY} gets",
                ('<presence from="{any}" to="{any}"/>',),
                (Mark(MarkKind.EXPECTED, 1, "presence", 0),),
            ),
            END,
        ),
    )


def test_the_first_account_stands_left_of_the_server_and_the_other_server_last(tmp_path: Path) -> None:
    romeo = "romeo@montague.example"
    (scene,) = told(
        tmp_path,
        scenario(
            {"connect": f"{romeo}/orchard"},
            {"connect": CHAMBER},
            {"remote_send": f"<presence from='nurse@remote.example' to='{JULIET}' type='subscribe'/>"},
            accounts={JULIET: {"roster": [{"jid": romeo, "subscription": "both"}]}, romeo: {}},
        ),
    )

    assert scene.participants == (
        BALCONY_LINE,
        Participant("juliet/chamber", "capulet.example"),
        SERVER_LINE,
        Participant("romeo/orchard", "montague.example"),
        REMOTE_LINE,
    )
    assert scene.before == (f"{JULIET} has {romeo} both", f"{romeo} has an empty roster")
    assert scene.lines[3].marks == (Mark(MarkKind.SENT, 4, "presence subscribe to juliet", 2),)


def test_expectations_say_how_strict_they_are(tmp_path: Path) -> None:
    told_lines = lines(
        tmp_path,
        receive("<message id='1'/>", "<message id='2'/>", anywhere=True),
        receive("<message/>", optional=True),
        {"absent": {"at": BALCONY, "xml": "<iq type='set'/>"}},
        {"silent": [BALCONY]},
        {"flush": [BALCONY]},
        {"remote_flush": True},
        lenient=[BALCONY],
    )

    assert told_lines == (
        Line(
            f"{BALCONY} gets, in any order, among other things",
            ('<message id="1"/>', '<message id="2"/>'),
            (Mark(MarkKind.EXPECTED, 1, "message", 0), Mark(MarkKind.EXPECTED, 1, "message", 0)),
        ),
        Line(f"{BALCONY} may get", ("<message/>",), (Mark(MarkKind.OPTIONAL, 1, "message", 0),)),
        Line(
            f"At {BALCONY} nothing like this has come", ('<iq type="set"/>',), (Mark(MarkKind.ABSENT, 1, "iq set", 0),)
        ),
        Line(f"Nothing more has come at {BALCONY}.", marks=(Mark(MarkKind.SILENCE, 0),)),
        Line(
            f"Whatever else has come at {BALCONY} is not looked at.", marks=(Mark(MarkKind.EVENT, 0, "rest dropped"),)
        ),
        # The other server plays no part but this: it has no line.
        Line("Whatever else has come at remote.example is not looked at."),
        Line(f"In the end nothing more has come, at {BALCONY} excepted."),
    )


def test_alternatives_are_told_one_by_one(tmp_path: Path) -> None:
    first, end = lines(tmp_path, {"one_of": [[receive("<message/>")], [{"silent": [BALCONY]}]]})

    assert first == Line(
        "One of these holds",
        branches=(
            (Line(f"{BALCONY} gets", ("<message/>",), (Mark(MarkKind.EXPECTED, 1, "message", 0),)),),
            (Line(f"Nothing more has come at {BALCONY}.", marks=(Mark(MarkKind.SILENCE, 0),)),),
        ),
    )
    assert end == END


@pytest.mark.parametrize(
    ("step", "says", "mark"),
    [
        ({"replace": BALCONY}, "binds the same resource again", Mark(MarkKind.EVENT, 0, "binds again")),
        ({"detach": BALCONY}, "loses its stream", Mark(MarkKind.EVENT, 0, "stream lost")),
        ({"resume": BALCONY}, "resumes its stream", Mark(MarkKind.EVENT, 0, "resumes")),
        ({"expire": BALCONY}, "has not resumed its stream in time", Mark(MarkKind.EVENT, 0, "not resumed")),
        (
            {"disconnect": {"jid": BALCONY, "how": "clean"}},
            "closes its stream",
            Mark(MarkKind.EVENT, 0, "closes its stream"),
        ),
        ({"disconnect": {"jid": BALCONY, "how": "abrupt"}}, "breaks off", Mark(MarkKind.EVENT, 0, "breaks off")),
        ({"restart": JULIET}, "loaded again from what was stored", Mark(MarkKind.EVENT, 1, "juliet: account reloaded")),
        ({"account_removed": JULIET}, "removes the account", Mark(MarkKind.EVENT, 1, "juliet: account removed")),
        (
            {"storage_fails": {"of": JULIET, "what": "load"}},
            "The next load",
            Mark(MarkKind.EVENT, 1, "load fails: juliet"),
        ),
        (
            {"storage_waits": JULIET},
            f"the storage does not answer when the server reads anything of {JULIET}",
            Mark(MarkKind.EVENT, 1, "juliet: storage waits"),
        ),
        (
            {"storage_answers": JULIET},
            "The storage answers what the server has asked",
            Mark(MarkKind.EVENT, 1, "juliet: storage answers"),
        ),
        (
            {"time": "2026-01-01T12:00:00Z"},
            "It is now 2026-01-01",
            Mark(MarkKind.EVENT, 1, "2026-01-01 12:00:00+00:00"),
        ),
        (
            {"account_moved": {"of": JULIET, "to": "xmpp:juliet@montague.example", "permanently": True}},
            "has moved to xmpp:juliet@montague.example, for good.",
            Mark(MarkKind.EVENT, 1, "juliet has moved"),
        ),
        (
            {"account_moved": {"of": JULIET, "to": None, "permanently": False}},
            f"The administrator notes that {JULIET} is back.",
            Mark(MarkKind.EVENT, 1, "juliet is back"),
        ),
        (
            {"items_shared": {"of": JULIET, "items": [{"jid": "romeo@remote.example"}]}},
            "The service shows romeo@remote.example (both) in the roster of juliet@capulet.example, and no others",
            Mark(MarkKind.EVENT, 1, "items shared: juliet"),
        ),
        (
            {"stanza_again": BALCONY},
            f"The server takes the last stanza of {BALCONY} once more.",
            Mark(MarkKind.EVENT, 1, "again: juliet/balcony"),
        ),
        (
            {"decide": {"at": JULIET, "request_from": "romeo@remote.example", "decision": "deny"}},
            "denies the next request of romeo@remote.example",
            Mark(MarkKind.EVENT, 1, "policy denies romeo"),
        ),
        (
            {"roster": {"of": JULIET, "items": [{"jid": "romeo@remote.example", "subscription": "to"}]}},
            "is: romeo@remote.example to.",
            Mark(MarkKind.CHECK, 1, "roster of juliet"),
        ),
        (
            {"stream_features": {"at": BALCONY, "xml": "<sub xmlns='urn:xmpp:features:pre-approval'/>"}},
            "is offered the stream feature",
            Mark(MarkKind.EXPECTED, 1, "feature sub", 0),
        ),
        (
            {"binding_refused": {"jid": BALCONY, "condition": "conflict"}},
            f"A client may not bind {BALCONY}: conflict.",
            Mark(MarkKind.CHECK, 1, "not bound: conflict"),
        ),
        (
            {"binding_refused": {"jid": BALCONY, "condition": None}},
            f"A client may bind {BALCONY}.",
            Mark(MarkKind.CHECK, 1, "may be bound"),
        ),
        (
            {"stream_closed": {"at": BALCONY, "condition": "reset"}},
            f"The server closes the stream of {BALCONY} with the stream error reset.",
            Mark(MarkKind.CHECK, 0, "closed: reset"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_every_event_is_drawn_where_it_happens(tmp_path: Path, step: Any, says: str, mark: Mark) -> None:
    line, _ = lines(tmp_path, step)

    assert says in line.says
    assert line.marks == (mark,)


def test_a_client_stands_between_its_user_and_its_server(tmp_path: Path) -> None:
    item = {"jid": "romeo@montague.example", "subscription": "both"}
    (scene,) = told(
        tmp_path,
        {
            "title": "a client",
            "rfc": ["6121 2.1.3"],
            "account": JULIET,
            "cache": {"ver": "v1", "items": [item]},
            "stream_features": ["<ver xmlns='urn:xmpp:features:rosterver'/>"],
            "steps": [
                {"client_does": {"action": "set_item", "jid": "romeo@montague.example", "name": "Romeo"}},
                {"expect_sent": "<iq id='{any}' type='set'><query xmlns='jabber:iq:roster'/></iq>"},
                {"client_sends": "<presence/>"},
                {"from_server": f"<presence from='{JULIET}/chamber' to='{BALCONY}'/>"},
                {"expect_event": {"type": "available", "jid": JULIET}},
                {"expect_no_event": ["item_added", "unavailable"]},
                {"expect_nothing_sent": True},
                {"expect_ignored": True},
                {"expect_ver": None},
                {"expect_roster": [item]},
                {"expect_presence": {"jid": JULIET, "resources": {"chamber": {"priority": 1}}, "best": "chamber"}},
            ],
        },
    )

    assert scene.participants == (
        Participant("user", "the application"),
        Participant("juliet/balcony", "client under test"),
        Participant("server", "capulet.example"),
    )
    assert scene.before == (
        'The server offers <ver xmlns="urn:xmpp:features:rosterver"/>',
        "The client kept version 'v1' of the roster: romeo@montague.example both",
    )
    assert [(line.says, line.marks) for line in scene.lines] == [
        (
            "The user wants: set item romeo@montague.example, name 'Romeo'.",
            (Mark(MarkKind.SENT, 0, "set item romeo@montague.example, name 'Romeo'"[:43] + "…", 1),),
        ),
        ("The client sends", (Mark(MarkKind.EXPECTED, 1, "iq set roster", 2),)),
        ("The application hands over, to be sent", (Mark(MarkKind.SENT, 0, "presence", 1),)),
        ("From the server arrives", (Mark(MarkKind.SENT, 2, "presence", 1),)),
        (
            f"The application is told: available {JULIET}.",
            (Mark(MarkKind.EXPECTED, 1, f"available {JULIET}", 0),),
        ),
        (
            "The application is told nothing of: item_added, unavailable.",
            (Mark(MarkKind.ABSENT, 1, "item_added, unavailable", 0),),
        ),
        ("The client sends nothing more.", (Mark(MarkKind.SILENCE, 2),)),
        ("That changed nothing, and the application was told nothing.", (Mark(MarkKind.CHECK, 1, "ignored"),)),
        ("Next time the client would ask with no version.", (Mark(MarkKind.CHECK, 1, "no version"),)),
        ("The client's roster is: romeo@montague.example both.", (Mark(MarkKind.CHECK, 1, "roster"),)),
        (
            f"Of {JULIET} are known to be available: chamber (priority 1). "
            f"Of {JULIET} the client ranks first: chamber.",
            (Mark(MarkKind.CHECK, 1, f"presence of {JULIET}"),),
        ),
    ]


def test_a_row_of_appendix_a_goes_from_state_to_state(tmp_path: Path) -> None:
    outbound, inbound = told(tmp_path, SUBSCRIPTION_TABLE)

    assert outbound.participants == (BALCONY_LINE, SERVER_LINE, REMOTE_LINE)
    assert outbound.before == (f"{JULIET} has romeo@remote.example none",)
    assert [line.says for line in outbound.lines[:4]] == [
        f"{BALCONY} connects.",
        f"{BALCONY} sends",
        f"{BALCONY} sends",
        f"Whatever else has come at {BALCONY} and remote.example is not looked at.",
    ]
    assert [(line.says, line.marks) for line in outbound.lines[4:]] == [
        (f"{BALCONY} sends", (Mark(MarkKind.SENT, 0, "presence subscribe to romeo", 1),)),
        ("remote.example gets, among other things", (Mark(MarkKind.EXPECTED, 1, "presence subscribe from juliet", 2),)),
        ("The new state is None + Pending Out.", (Mark(MarkKind.CHECK, 1, "None + Pending Out"),)),
    ]
    assert inbound.lines[4].marks == (Mark(MarkKind.SENT, 2, "presence subscribe to juliet", 1),)
    assert inbound.lines[5].says == f"At {BALCONY} nothing like this has come"
    assert inbound.lines[5].marks == (Mark(MarkKind.ABSENT, 1, "presence subscribe from romeo", 0),)


def test_a_cell_of_the_message_table_offers_its_outcomes(tmp_path: Path) -> None:
    row = {"situation": "several", "target": "bare", "type": "chat", "outcomes": ["most-available", "all"]}
    single = {"situation": "no-account", "target": "bare", "type": "normal", "outcomes": ["error"]}
    several, nobody = told(tmp_path, {"title": "a table", "rfc": ["6121 8.5.4"], "rows": [row, single]})

    resources = tuple([Participant(f"juliet/r{n}", "capulet.example") for n in range(3)])
    assert several.participants == (*resources, SERVER_LINE, REMOTE_LINE)
    assert several.lines[-2].marks == (Mark(MarkKind.SENT, 4, "message chat to juliet", 3),)
    assert several.lines[-1] == Line(
        "One of these happens",
        branches=(
            (
                Line(
                    "It is delivered to the most available resource.",
                    marks=(Mark(MarkKind.CHECK, 3, "most available"),),
                ),
            ),
            (
                Line(
                    "It is delivered to all resources of non-negative priority.",
                    marks=(Mark(MarkKind.CHECK, 3, "all"),),
                ),
            ),
        ),
    )
    assert nobody.participants == (SERVER_LINE, REMOTE_LINE)
    assert nobody.lines[-1] == Line("The sender gets an error.", marks=(Mark(MarkKind.CHECK, 0, "error"),))


def test_rows_have_their_own_titles(tmp_path: Path) -> None:
    cell = {"situation": "no-resource", "target": "full-match", "type": "chat", "outcomes": ["stored"], "note": "why"}
    titles = []
    for number, table in enumerate((SUBSCRIPTION_TABLE, {"title": "messages", "rfc": ["6121 8.5.4"], "rows": [cell]})):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(table), encoding="utf-8")
        titles += [(each.title, each.note) for each in find([file]) if isinstance(each, Vector)]

    assert titles == [
        ("Outbound subscribe: None", "a table"),
        ("Inbound subscribe: None", "a table"),
        (
            "A message of type chat to the full JID of a resource: no resource is connected",
            "messages\nwhy",
        ),
    ]


@in_one_test(
    ("xml", "whose", "expected"),
    [
        ("<presence/>", "to", "presence"),
        ("<presence type='subscribe' to='romeo@montague.example'/>", "to", "presence subscribe to romeo"),
        ("<presence to='montague.example'><show>away</show></presence>", "to", "presence away to montague.example"),
        ("<presence><priority>-1</priority></presence>", "to", "presence priority -1"),
        ("<message type='chat' from='romeo@montague.example/orchard'/>", "from", "message chat from romeo/orchard"),
        (f"<presence from='{CHAMBER}'/>", "from", "presence"),
        ("<message type='{any}' from='{bind:who}'/>", "from", "message"),
        ("<iq type='set'><query xmlns='jabber:iq:roster'/></iq>", "to", "iq set roster"),
        ("<iq type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", "to", "iq get disco#info"),
        (
            "<iq type='error'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error></iq>",
            "to",
            "iq error item-not-found",
        ),
        ("<x xmlns='urn:scenario:any' type='error'/>", "to", "any stanza error"),
        (f"<message to='{'r' * 60}@montague.example'/>", "to", f"message to {'r' * 32}…"),
    ],
)
def test_a_label_says_in_a_few_words_what_a_stanza_is(xml: str, whose: Any, expected: str) -> None:
    assert label(read_xml(xml), whose, JULIET) == expected
