"""Where a vector failed, the scene shows what came and what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conformance.scenes_stage import END, SUBSCRIPTION_TABLE
from tests.conformance.stage import (
    BALCONY,
    JULIET,
    ScriptedWorld,
    receive,
    result,
    scenario,
    send,
)
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.format.story import Mark, MarkKind, Scene
from xmpp_im_conformance.format.vectors import Vector
from xmpp_im_conformance.format.worlds import REMOTE
from xmpp_im_conformance.reports.html.scenes import scene_of
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_conformance.running.run import run_vector

# --- where a vector failed --------------------------------------------------------------------------------


PRESENCE = "<presence/>"


def failed(tmp_path: Path, step: Any, came: Sequence[tuple[str, str]], *more: Any, **keys: Any) -> tuple[Scene, int]:
    """Tell a scenario that fails at a step after which this had come, and which line that step is."""
    world = ScriptedWorld({PRESENCE: came}, **keys)
    found = result(tmp_path, scenario(send(PRESENCE), step, *more), world)
    assert found.outcome is Outcome.FAILED
    assert found.evidence is not None
    assert found.evidence.step is not None
    assert isinstance(found.vector, Vector)
    return scene_of(found.vector.scenario, found.evidence), found.evidence.step


def drawn(tmp_path: Path, step: Any, *came: tuple[str, str], **keys: Any) -> tuple[Mark, ...]:
    """What is drawn of the step that fails; Juliet's client is 0, the server 1."""
    scene, number = failed(tmp_path, step, came, **keys)
    return scene.lines[number].marks


def test_what_did_not_come_is_missing_and_nothing_is_drawn_instead(tmp_path: Path) -> None:
    assert drawn(tmp_path, receive("<message/>")) == (Mark(MarkKind.MISSING, 1, "missing: message", 0),)


def test_what_came_instead_is_drawn_below_what_is_missing(tmp_path: Path) -> None:
    assert drawn(tmp_path, receive("<message/>"), (BALCONY, "<iq type='result'/>")) == (
        Mark(MarkKind.MISSING, 1, "missing: message", 0),
        Mark(MarkKind.CAME, 1, "came: iq result", 0),
    )


def test_extra_stanzas_are_drawn_as_extra(tmp_path: Path) -> None:
    came = [(BALCONY, "<iq type='result'/>"), (BALCONY, "<message type='chat'/>"), (REMOTE, "<presence/>")]

    scene, number = failed(tmp_path, receive("<presence/>"), came)

    assert [each.name for each in scene.participants] == ["juliet/balcony", "server", REMOTE]
    assert scene.lines[number].marks == (
        Mark(MarkKind.MISSING, 1, "missing: presence", 0),
        Mark(MarkKind.CAME, 1, "came: iq result", 0),
        Mark(MarkKind.BESIDES, 1, "besides: message chat", 0),
        Mark(MarkKind.BESIDES, 1, "besides: presence", 2),
    )


def test_only_the_stanzas_that_did_not_come_are_missing(tmp_path: Path) -> None:
    step = receive("<message/>", "<presence/>")

    assert drawn(tmp_path, step, (BALCONY, "<message/>"), (BALCONY, "<iq type='get'/>")) == (
        Mark(MarkKind.EXPECTED, 1, "message", 0),
        Mark(MarkKind.MISSING, 1, "missing: presence", 0),
        Mark(MarkKind.CAME, 1, "came: iq get", 0),
        Mark(MarkKind.BESIDES, 1, "besides: message", 0),
    )


def test_an_unexpected_stanza_is_drawn_if_silence_was_expected(tmp_path: Path) -> None:
    assert drawn(tmp_path, {"silent": [BALCONY]}, (BALCONY, "<presence type='unavailable'/>")) == (
        Mark(MarkKind.SILENCE, 0),
        Mark(MarkKind.CAME, 1, "came: presence unavailable", 0),
    )


def test_a_roster_that_is_another_is_marked_as_wrong(tmp_path: Path) -> None:
    step = {"roster": {"of": JULIET, "items": [{"jid": "romeo@remote.example"}]}}

    assert drawn(tmp_path, step) == (Mark(MarkKind.WRONG, 1, "roster of juliet"),)


def test_each_alternative_shows_what_is_missing_of_it(tmp_path: Path) -> None:
    step = {"one_of": [[receive("<message/>")], [receive("<presence/>"), {"silent": [BALCONY]}]]}

    scene, number = failed(tmp_path, step, [(BALCONY, "<iq type='set'/>")])

    line = scene.lines[number]
    assert [[mark.kind for mark in each.marks] for branch in line.branches for each in branch] == [
        [MarkKind.MISSING],
        [MarkKind.MISSING],
        [MarkKind.SILENCE],
    ]
    assert line.marks == (Mark(MarkKind.CAME, 1, "came: iq set", 0),)


def test_what_is_left_at_the_end_is_drawn_there(tmp_path: Path) -> None:
    scene, number = failed(tmp_path, {"flush": [BALCONY]}, [(REMOTE, "<message/>")])

    assert number == len(scene.lines) - 1
    assert scene.lines[-1].says == END.says
    assert scene.lines[-1].marks == (Mark(MarkKind.CAME, 1, "came: message", 2),)


def test_a_flood_is_drawn_in_part_and_counted(tmp_path: Path) -> None:
    marks = drawn(tmp_path, {"silent": [BALCONY]}, *[(BALCONY, f"<message id='{n}'/>") for n in range(10)])

    assert [mark.label for mark in marks] == ["", *["came: message"] * 6, "came: 4 more"]


def test_a_client_shows_what_it_sent_and_told_instead(tmp_path: Path) -> None:
    steps = [{"client_does": {"action": "get_roster"}}, {"expect_sent": "<presence/>"}]
    (case,) = told_of_client(tmp_path, steps)

    assert case.lines[1].marks == (
        Mark(MarkKind.MISSING, 1, "missing: presence", 2),
        Mark(MarkKind.CAME, 1, "came: iq get roster", 2),
    )


def test_a_client_that_tells_something_else_shows_what(tmp_path: Path) -> None:
    incoming = "<message from='romeo@montague.example/foo' type='chat'><body>hi</body></message>"
    steps = [{"from_server": incoming}, {"expect_no_event": ["message"]}]
    (case,) = told_of_client(tmp_path, steps)

    (expected, came) = case.lines[1].marks
    assert expected.kind is MarkKind.ABSENT
    assert (came.kind, came.at, came.to) == (MarkKind.CAME, 1, 0)
    assert came.label.startswith("came: message romeo@montague.example")


def told_of_client(tmp_path: Path, steps: Sequence[Any]) -> list[Scene]:
    data = {"title": "a case", "rfc": ["6121 3"], "account": JULIET, "steps": steps}
    file = tmp_path / "client.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    found = [run_vector(vector, Embedded()) for vector in find([file])]
    assert [each.outcome for each in found] == [Outcome.FAILED], found
    return [scene_of(each.vector.scenario, each.evidence) for each in found if isinstance(each.vector, Vector)]


def test_a_row_of_a_table_shows_what_was_routed_against_it(tmp_path: Path) -> None:
    table = {**SUBSCRIPTION_TABLE, "rows": [{**SUBSCRIPTION_TABLE["rows"][0], "delivered_or_routed": False}]}
    file = tmp_path / "table.json"
    file.write_text(json.dumps(table), encoding="utf-8")
    (vector,) = find([file])
    found = run_vector(vector, Embedded())
    assert isinstance(vector, Vector)

    assert found.evidence is not None
    assert found.evidence.step == 5
    assert scene_of(vector.scenario, found.evidence).lines[5].marks[:2] == (
        Mark(MarkKind.ABSENT, 1, "presence subscribe from juliet", 2),
        Mark(MarkKind.CAME, 1, "came: presence subscribe from juliet", 2),
    )
