"""Reading vectors: what is malformed is an error that names the file and the step, and the rest goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.packaged import packaged
from tests.conformance.stage import BALCONY, CHAMBER, JULIET, ROMEO, receive, scenario, send
from xmpp_im_conformance.format import reading
from xmpp_im_conformance.format.data import VECTORS
from xmpp_im_conformance.format.finding import Selection, existing, find, id_of, wanted
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.format.schema import problems
from xmpp_im_conformance.format.vectors import MalformedFile, Side, Vector
from xmpp_im_conformance.format.worlds import ClientSetup, Setup

STATE = {"subscription": "none"}
ROW = {
    "direction": "outbound",
    "stanza": "subscribe",
    "before": STATE,
    "after": {"subscription": "none", "pending_out": True},
    "delivered_or_routed": True,
}
CLIENT = {"title": "a case", "rfc": ["6121 2.1.6"], "account": JULIET}


def read(tmp_path: Path, data: object) -> list[Vector | MalformedFile]:
    file = tmp_path / "vector.json"
    file.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return list(read_file(file, "vector"))


def why(tmp_path: Path, data: object) -> str:
    """Why the only vector of a file is malformed."""
    (malformed,) = read(tmp_path, data)
    assert isinstance(malformed, MalformedFile), "it was read"
    assert malformed.file == str(tmp_path / "vector.json")
    return malformed.why


def test_the_vectors_of_the_package_are_well_formed() -> None:
    vectors = packaged()

    assert [f"{each.id}: {each.why}" for each in vectors if isinstance(each, MalformedFile)] == []
    assert len({each.id for each in vectors}) == len(vectors)


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", '{"title": "x"}', "[" * 100_000])
def test_a_file_that_is_not_a_vector(tmp_path: Path, text: str) -> None:
    assert why(tmp_path, text).startswith(("not a JSON file", "neither a scenario"))


def test_a_file_that_cannot_be_read_is_no_end_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff")

    (malformed,) = find([tmp_path])

    assert isinstance(malformed, MalformedFile)
    assert malformed.why.startswith("not a JSON file")


def test_xml_of_any_depth_is_answered(tmp_path: Path) -> None:
    deep = "<a>" * 50_000 + "</a>" * 50_000

    assert "step 2 (receive)" in why(tmp_path, scenario(receive(deep)))


def test_a_key_that_stands_twice(tmp_path: Path) -> None:
    assert "the key 'silent' stands twice" in why(tmp_path, '{"steps": [{"silent": [], "silent": []}]}')


def test_the_kind_of_a_file_is_recognised_by_its_content(tmp_path: Path) -> None:
    (server,) = read(tmp_path, scenario())
    (row,) = read(tmp_path, {"title": "a table", "rfc": ["6121 A.2.1"], "rows": [ROW]})
    (client,) = read(tmp_path, {**CLIENT, "steps": [{"expect_nothing_sent": True}]})

    assert [type(each.scenario.setup) for each in (server, row, client) if isinstance(each, Vector)] == [
        Setup,
        Setup,
        ClientSetup,
    ]
    assert [each.side for each in (server, row, client)] == [Side.SERVER, Side.SERVER, Side.CLIENT]
    assert row.id == "vector#outbound subscribe: None"


BAD_STEPS: list[tuple[object, str]] = [
    ({"recieve": {"at": BALCONY, "xml": "<iq/>"}}, "step 2: unknown key 'recieve'"),
    ({"silent": [BALCONY], "flush": [BALCONY]}, "step 2: exactly one key makes a step, not 'silent', 'flush'"),
    ({}, "step 2: a step needs a key"),
    (receive("<iq/>", anywere=True), "step 2, receive: unknown key 'anywere'"),
    ({"receive": {"at": BALCONY}}, "step 2, receive: needs either xml or any_order"),
    (
        {"receive": {"at": BALCONY, "xml": "<iq/>", "any_order": ["<iq/>"]}},
        "step 2, receive: needs either xml or any_order",
    ),
    ({"receive": {"xml": "<iq/>"}}, "step 2, receive: 'at' is a required property"),
    (receive("<iq>"), "step 2 (receive): not well-formed"),
    (receive("<iq/><iq/>"), "step 2 (receive): not exactly one element: <iq/><iq/>"),
    (receive("text"), "step 2, receive, xml: 'text' is not one XML element, as text"),
    (receive("<iq id='{an}'/>"), "step 2 (receive): {an} is not a placeholder of the format"),
    (receive("<iq/>", at=JULIET), f"step 2, receive, at: '{JULIET}' is not a full JID"),
    (receive("<iq/>", at=CHAMBER), f"step 2 (receive): {CHAMBER} has not connected"),
    (send("<iq/>", CHAMBER), f"step 2 (send): {CHAMBER} has not connected"),
    (send("<iq"), "step 2 (send): not well-formed"),
    (send("<!DOCTYPE a><iq/>"), "step 2 (send): not well-formed"),
    ({"silent": [CHAMBER]}, f"step 2 (silent): {CHAMBER} has not connected"),
    ({"silent": []}, "step 2, silent"),
    ({"absent": {"at": CHAMBER, "xml": "<iq/>"}}, f"step 2 (absent): {CHAMBER} has not connected"),
    ({"remote_silent": False}, "step 2, remote_silent: True was expected"),
    ({"remote_receive": {"xml": "<iq/>", "at": "x"}}, "step 2, remote_receive: unknown key 'at'"),
    ({"remote_receive": {}}, "step 2, remote_receive: needs either xml or any_order"),
    ({"roster": {"of": "romeo@capulet.example", "items": []}}, "there is no account romeo@capulet.example"),
    ({"roster": {"of": JULIET, "items": [{"jid": ROMEO, "nam": ""}]}}, "unknown key 'nam'"),
    ({"roster": {"of": JULIET, "items": [{"jid": ROMEO, "pending_in": "<a"}]}}, "step 2 (roster): not well-formed"),
    ({"restart": "romeo@capulet.example"}, "there is no account romeo@capulet.example"),
    ({"disconnect": {"jid": BALCONY, "how": "rudely"}}, "step 2, disconnect, how: 'rudely' is not one of"),
    ({"time": "noon"}, "step 2, time: 'noon' is not a time as 2026-01-01T12:00:00Z"),
    ({"time": "2026-13-01T12:00:00Z"}, "step 2 (time): month must be in 1..12"),
    (receive("<iq id='\ud800'/>"), "step 2 (receive): not well-formed"),
    ({"roster": {"of": JULIET, "items": [{"jid": ROMEO}] * 2}}, f"step 2 (roster): {ROMEO} stands twice"),
    (
        {"roster": {"of": JULIET, "items": [{"jid": ROMEO, "name": "{an}"}]}},
        "step 2 (roster): {an} is not a placeholder",
    ),
    ({"one_of": [[{"connect": CHAMBER}]]}, "step 2, branch 1, step 1: unknown key 'connect'"),
    ({"one_of": [[], [receive("<iq/>", optinal=True)]]}, "branch 2, step 1, receive: unknown key 'optinal'"),
    ({"one_of": [[receive("<iq>")]]}, "step 2 (one_of): branch 1, step 1 (receive): not well-formed"),
    ({"one_of": [[{"silent": [CHAMBER]}]]}, f"step 2 (one_of): {CHAMBER} has not connected"),
]


@pytest.mark.parametrize(("step", "expected"), BAD_STEPS)
def test_a_step_that_is_wrong_is_named(tmp_path: Path, step: Any, expected: str) -> None:
    assert expected in why(tmp_path, scenario(step))


BAD_KEYS: list[tuple[dict[str, Any], str]] = [
    ({"lenint": True}, "unknown key 'lenint'"),
    ({"level": "OUGHT"}, "level: 'OUGHT' is not one of"),
    ({"features": ["rostrver"]}, "features, item 1: 'rostrver' is not one of"),
    ({"requirements": ["6121-3.1.2-99"]}, "unknown requirement 6121-3.1.2-99"),
    ({"requirements": ["3.1.2"]}, "requirements, item 1: '3.1.2' is not the id of a requirement"),
    ({"rfc": ["section 3"]}, "rfc, item 1: 'section 3' is not the number of an RFC"),
    ({"accounts": {"juliet@verona.example": {}}}, "juliet@verona.example is at none of the hosted domains"),
    ({"accounts": {JULIET: {"rooster": []}}}, f"accounts, {JULIET}: unknown key 'rooster'"),
    ({"accounts": {JULIET: {"roster": [{"jid": ROMEO, "pending_in": "<a"}]}}}, "not well-formed"),
    ({"no_account": [JULIET]}, f"no_account: {JULIET} stands in accounts as well"),
    ({"steps": []}, "steps: [] should be non-empty"),
]


@pytest.mark.parametrize(("keys", "expected"), BAD_KEYS)
def test_a_scenario_that_is_wrong(tmp_path: Path, keys: dict[str, Any], expected: str) -> None:
    assert expected in why(tmp_path, {**scenario(), **keys})


def test_requirements_may_be_left_out_where_rfc_stands_and_the_other_way_round(tmp_path: Path) -> None:
    without = {key: value for key, value in scenario().items() if key != "rfc"}

    assert why(tmp_path, without) == "needs requirements or rfc"
    for keys in ({"rfc": ["6121 3"]}, {"requirements": ["6121-3.1.2-07"]}):
        assert isinstance(read(tmp_path, {**without, **keys})[0], Vector)


def test_an_account_that_is_created_may_be_spoken_of_from_then_on(tmp_path: Path) -> None:
    created, roster = {"account_created": "a@capulet.example"}, {"roster": {"of": "a@capulet.example", "items": []}}

    assert isinstance(read(tmp_path, scenario(created, roster))[0], Vector)
    assert "step 2 (roster): there is no account" in why(tmp_path, scenario(roster, created))


def test_the_roster_of_a_name_that_has_no_account_on_purpose_may_be_looked_at(tmp_path: Path) -> None:
    roster = {"roster": {"of": "a@capulet.example", "items": []}}

    assert isinstance(read(tmp_path, scenario(roster, no_account=["a@capulet.example"]))[0], Vector)


# --- tables -------------------------------------------------------------------------------------------------


def test_a_row_that_is_wrong_is_named(tmp_path: Path) -> None:
    def table(**row: object) -> object:
        return {"title": "a table", "rfc": ["6121 A.2.1"], "rows": [ROW, {**ROW, **row}]}

    assert why(tmp_path, table(stanza="probe")).startswith("row 2, stanza: 'probe' is not one of")
    assert why(tmp_path, table(befor={})) == "row 2: unknown key 'befor'"
    assert why(tmp_path, table(before={})) == "row 2, before: 'subscription' is a required property"
    assert "unknown key 'aproved'" in why(tmp_path, table(after={**STATE, "aproved": True}))
    assert "unknown key" in why(tmp_path, table(situation="one"))


def test_a_row_with_an_unknown_requirement_leaves_the_others_alone(tmp_path: Path) -> None:
    good, bad = read(
        tmp_path, {"title": "a table", "rows": [{**ROW, "rfc": ["6121 A"]}, {**ROW, "requirements": ["6121-A.2.1-99"]}]}
    )

    assert isinstance(good, Vector)
    assert isinstance(bad, MalformedFile)
    assert bad.why == "unknown requirement 6121-A.2.1-99"


def test_a_table_or_each_of_its_rows_names_requirements_or_sections(tmp_path: Path) -> None:
    table = {"title": "a table", "rows": [{**ROW, "rfc": ["6121 A.2.1"]}, ROW]}

    assert why(tmp_path, table) == "needs requirements or rfc, for the table or for each row"


# --- client scenarios ---------------------------------------------------------------------------------------

BAD_CLIENT_STEPS: list[tuple[dict[str, Any], str]] = [
    ({"expect_send": "<iq/>"}, "step 1: unknown key 'expect_send'"),
    ({"expect_sent": "<iq>"}, "step 1 (expect_sent): not well-formed"),
    ({"expect_sent": "<iq id='{an}'/>"}, "step 1 (expect_sent): {an} is not a placeholder"),
    ({"expect_sent": {"xml": "<iq/>"}}, "step 1, expect_sent"),
    ({"from_server": "<iq>"}, "step 1 (from_server): not well-formed"),
    ({"client_sends": "<iq>"}, "step 1 (client_sends): not well-formed"),
    ({"client_does": {"action": "dance"}}, "step 1, client_does, action: 'dance' is not one of"),
    ({"client_does": {"action": "subscribe"}}, "step 1, client_does: 'jid' is a required property"),
    ({"client_does": {"action": "subscribe", "jid": "a@b", "to": "c"}}, "step 1, client_does: unknown key 'to'"),
    ({"expect_event": {"type": "wondered"}}, "step 1, expect_event, type: 'wondered' is not one of"),
    ({"expect_presence": {"jid": ROMEO}}, "step 1, expect_presence: needs resources or best"),
    ({"expect_presence": {"jid": ROMEO, "resources": {"a": {"shwo": "away"}}}}, "unknown key 'shwo'"),
    (
        {"expect_roster": [{"jid": ROMEO, "pending_in": "{any}"}]},
        "expect_roster, item 1: needs an item without",
    ),
]


@pytest.mark.parametrize(("step", "expected"), BAD_CLIENT_STEPS)
def test_a_client_step_that_is_wrong_is_named(tmp_path: Path, step: dict[str, Any], expected: str) -> None:
    assert expected in why(tmp_path, {**CLIENT, "steps": [step]})


# --- finding ------------------------------------------------------------------------------------------------


def test_an_id_is_the_place_below_the_folder_of_the_kind() -> None:
    assert id_of(VECTORS / "scenarios/deny/a.json", VECTORS) == "deny/a"
    assert id_of(VECTORS / "tables/a.2.1.json", VECTORS) == "tables/a.2.1"
    assert id_of(VECTORS / "client/push/a.json", VECTORS / "client/push") == "client/push/a"
    assert id_of(Path("/mine/deep/a.json"), Path("/mine")) == "deep/a"
    assert id_of(Path("/mine/deep/a.json"), Path("/mine/deep/a.json")) == "a"


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(scenario()), encoding="utf-8")

    assert [each.id for each in find([tmp_path, file])] == ["a"]


def test_sections_are_those_of_rfc_and_requirements() -> None:
    vector = MalformedFile(
        id="a",
        file="a.json",
        why="",
        rfc=("6121 3.1.2", "6120 8.2", "XEP-0191 3.3"),
        requirements=("6121-A.2.1-01", "6121-3.1.2-07"),
    )

    assert vector.sections == ("3.1.2", "A.2.1")
    assert [
        section
        for section in ("3", "3.1", "3.1.2", "A.2", "3.1.2.1", "3.11", "8", "A.2.11")
        if wanted(vector, [section], [])
    ] == ["3", "3.1", "3.1.2", "A.2"]


def test_what_does_not_say_its_section_may_be_about_any() -> None:
    assert wanted(MalformedFile(id="a", file="a.json", why=""), ["3.1"], [])
    assert not wanted(MalformedFile(id="a", file="a.json", why=""), [], ["b"])
    assert wanted(MalformedFile(id="deny/a", file="a.json", why=""), [], ["deny/*"])


# --- selecting ----------------------------------------------------------------------------------------------


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the titles of the vectors and tables that have been held against the schema."""
    titles: list[str] = []

    def noted(kind: str, data: Any, part: str = "") -> list[str]:
        titles.append(data["title"])
        return problems(kind, data, part)

    monkeypatch.setattr(reading, "problems", noted)
    return titles


@pytest.fixture
def several(tmp_path: Path) -> Path:
    row = {"situation": "one", "target": "bare", "type": "chat", "outcomes": ["delivered"], "rfc": ["6121 8.5.4"]}
    vectors = {
        "scenarios/a/one": scenario(title="a/one", rfc=["6121 3.1.2"]),
        "scenarios/a/two": scenario(title="a/two", rfc=["6121 4"], level="MAY"),
        "scenarios/b/one": scenario(title="b/one", requirements=["6121-3.1.2-01"]),
        "tables/t": {"title": "table", "rows": [row, {**row, "type": "normal", "level": "SHOULD", "rfc": ["6121 9"]}]},
    }
    for name, vector in vectors.items():
        file = tmp_path / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(vector), encoding="utf-8")
    return tmp_path


CHAT, NORMAL = "tables/t#one, bare, chat", "tables/t#one, bare, normal"


@pytest.mark.parametrize(
    ("selection", "found", "held"),
    [
        (Selection(), ["a/one", "a/two", "b/one", CHAT, NORMAL], ["a/one", "a/two", "b/one", "table"]),
        (Selection(ids=("a/two",)), ["a/two"], ["a/two"]),
        (Selection(ids=("a/*",)), ["a/one", "a/two"], ["a/one", "a/two"]),
        (Selection(ids=("*/one",)), ["a/one", "b/one"], ["a/one", "b/one", "table"]),
        (Selection(ids=("b/*", "a/one")), ["a/one", "b/one"], ["a/one", "b/one"]),
        (Selection(ids=(CHAT,)), [CHAT], ["table"]),
        (Selection(ids=("tables/t#*normal",)), [NORMAL], ["table"]),
        (Selection(ids=("t?bles/*",)), [CHAT, NORMAL], ["table"]),
        (Selection(ids=("tables/t",)), [], ["table"]),
        (Selection(sections=("3.1",)), ["a/one", "b/one"], ["a/one", "b/one"]),
        (Selection(sections=("9",)), [NORMAL], ["table"]),
        (Selection(levels=("MAY",)), ["a/two"], ["a/two"]),
        (Selection(levels=("SHOULD",)), [NORMAL], ["table"]),
        (Selection(levels=("peer",)), [], []),
        (Selection(("3",), ("a/*",), ("MUST",)), ["a/one"], ["a/one"]),
    ],
    ids=str,
)
def test_only_what_is_selected_is_checked(
    several: Path, checked: list[str], selection: Selection, found: list[str], held: list[str]
) -> None:
    assert [vector.id for vector in find([several], selection)] == found
    assert checked == held


def test_ids_exist_at_the_paths_and_in_the_package(several: Path) -> None:
    here, there = ("a/one", CHAT), ("deny/outbound-example", "tables/a.2.1#outbound subscribe: None")

    assert existing([*here, *there, "c", "tables/t#x", "a/one#x"], [several]) == {*here, *there}
    assert existing([*here, *there], []) == set(there)


def test_a_table_without_rows_is_malformed_whatever_is_selected(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    cases: tuple[object, ...] = ([], [1], {})
    for rows in cases:
        file.write_text(json.dumps({"title": "a table", "rows": rows}), encoding="utf-8")
        (only,) = find([file], Selection(sections=("3",), levels=("MUST",)))
        assert isinstance(only, MalformedFile)
