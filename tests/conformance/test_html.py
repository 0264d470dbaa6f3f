"""The page about a run, as a parser reads it: what stands there, what it refers to, and that nothing gets out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field

from tests.conformance.packaged import packaged
from tests.conformance.reports import EVIL, VECTORS, results
from tests.conformance.stage import BALCONY, arriving, result, scenario
from xmpp_im_conformance.format.data import Requirement
from xmpp_im_conformance.reports.html.book import book
from xmpp_im_conformance.reports.html.page import page
from xmpp_im_conformance.reports.requirements import MatrixCell, Standing, matrix
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.known import Deviation

MADE: Final = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
VOID: Final = {"meta", "input", "img", "br"}


@define
class Node:
    """An element of the page."""

    name: str
    attributes: dict[str, str] = field(factory=dict)
    children: list[Node | str] = field(factory=list)

    @property
    def text(self) -> str:
        return "".join([child if isinstance(child, str) else child.text for child in self.children])

    def all(self, name: str = "", **attributes: str) -> Iterator[Node]:
        """Yield what is below it and has this name and these attributes; of classes, this one among others."""
        for child in self.children:
            if isinstance(child, Node):
                if name in ("", child.name) and all(_has(child, *each) for each in attributes.items()):
                    yield child
                yield from child.all(name, **attributes)

    def the(self, name: str = "", **attributes: str) -> Node:
        (only,) = self.all(name, **attributes)
        return only


def _has(node: Node, name: str, value: str) -> bool:
    there = node.attributes.get(name.rstrip("_").replace("_", "-"), "")
    return value in there.split() if name == "class_" else there == value


class Tree(HTMLParser):
    """Reads a page strictly: every element is closed, and in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = Node("")
        self.open = [self.root]
        self.feed(text)
        self.close()
        assert self.open == [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> states an attribute twice"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    return results(tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="module")
def source(run: list[Result]) -> str:
    return page(run, "embedded", MADE)


@pytest.fixture(scope="module")
def root(source: str) -> Node:
    return Tree(source).root


def vector(root: Node, id: str) -> Node:
    return root.the("li", data_id=id)


# --- the page as a whole ----------------------------------------------------------------------------------


def test_it_says_what_was_tested_and_where_as_far_as_that_is_known(run: list[Result]) -> None:
    remarks = {"the server adds <x/>": 2, "it asks for a name": 1}
    root = Tree(page(run, "live", MADE, "Prosody 0.12 at 127.0.0.1:5222", remarks)).root

    assert root.the("title").text == "Conformance to RFC 6121: Prosody 0.12 at 127.0.0.1:5222"
    assert root.the("p", class_="about").text == "Prosody 0.12 at 127.0.0.1:5222"
    assert [each.text for each in root.the("ul", class_="remarks").all("li")] == [
        "it asks for a name: 1 time",
        "the server adds <x/>: 2 times",
    ]
    assert root.the("p", class_="when").text.startswith("driver live, 7 vectors in ")


def test_it_says_what_was_run_when_and_how_it_went(root: Node) -> None:
    assert root.the("title").text == "Conformance to RFC 6121: embedded"
    assert root.the("time").attributes == {"datetime": "2026-01-02T03:04:00+00:00"}
    assert [(sum.the("dt").text, sum.the("dd").text) for sum in root.the("dl").all("div")] == [
        ("passed", "2"),
        ("failed", "4"),
        ("not applicable", "1"),
        ("requirements shown to hold", "1/809"),
    ]


def test_requirements_that_hold_are_counted_and_what_is_not_shown_is_not_red(root: Node) -> None:
    (held,) = [sum for sum in root.the("dl").all("div") if sum.the("dt").text == "requirements shown to hold"]

    assert held.attributes["class"] == "partly"


def behaviours(root: Node) -> dict[str, Node]:
    return {each.attributes["id"]: each for list_ in root.all("ol", class_="behaviours") for each in list_.all("li")}


def test_failures_are_grouped_by_behaviour(root: Node) -> None:
    new = behaviours(root)

    assert len(new) == 4
    each = new["behaviour=after-a-client-sends-available-presence-attribute-to-of-presence-differs"]
    says = " ".join(each.the("summary").text.split())
    assert says == "after a client sends available presence: attribute 'to' of <presence> differs 1"
    expected, came = [node.text.strip() for node in each.all("pre")]
    assert expected == '<presence from="{any}" to="nobody"/>'
    assert came == f'<presence from="{BALCONY}" to="juliet@capulet.example" xml:lang="en"/>'
    (link,) = each.all("a")
    assert (link.text, link.attributes["href"]) == ("wrong", "#vector=wrong")


def test_known_behaviours_and_surprises_are_told_apart(run: list[Result]) -> None:
    known = (
        Deviation(does="says it to nobody", vectors=("wrong", "good"), section="6121 4.4", note="by design"),
        Deviation(does=EVIL, vectors=("hostile",)),
    )

    root = Tree(page(run, "embedded", MADE, known=known)).root

    new, recorded = root.all("ol", class_="behaviours")
    assert [each.text for each in new.all("a")] == ["left", "malformed"]
    second, first = recorded.all("li")
    assert "says it to nobody" in first.text
    assert "by design" in first.text
    assert EVIL in second.text
    (surprise,) = [each for each in root.all("p", class_="hint") if "and passed" in each.text]
    assert [each.attributes["href"] for each in surprise.all("a")] == ["#vector=good"]


def test_a_run_without_failures_has_no_part_about_them(run: list[Result]) -> None:
    passed = [result for result in run if result.outcome is Outcome.PASSED]

    assert "What differs" not in page(passed, "embedded", MADE)


def test_it_refers_to_nothing_outside_itself(root: Node) -> None:
    for node in root.all():
        assert not node.attributes.keys() & {"src", "srcset", "action", "data", "background"}, node
        assert node.attributes.get("href", "#").startswith("#"), node
        assert not any(name.startswith("on") for name in node.attributes), node
    assert not list(root.all("link"))
    assert "url(" not in root.the("style").text
    assert "@import" not in root.the("style").text


def test_only_its_own_script_may_run_and_nothing_be_loaded(root: Node) -> None:
    policy = root.the("meta", http_equiv="Content-Security-Policy").attributes["content"]
    data, script = root.all("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()

    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert data.attributes == {"type": "application/json", "id": "book"}


def test_every_id_is_there_once_and_every_control_has_a_name(root: Node) -> None:
    ids = [node.attributes["id"] for node in root.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))

    labelled = [control for label in root.all("label") for name in ("input", "select") for control in label.all(name)]
    assert labelled == [*root.the("form").all("input"), *root.the("form").all("select")]
    for button in root.all("button"):
        assert button.attributes["aria-label"]
        assert button.attributes["aria-controls"] in ids
    for node in root.all():
        assert node.attributes.get("aria-labelledby", ids[0]) in ids


# --- vectors ----------------------------------------------------------------------------------------------


def test_vectors_stand_in_the_order_of_the_sections(root: Node) -> None:
    def ids(group: Node) -> list[str]:
        return [each.attributes["data-id"] for each in group.all("li", class_="vector")]

    groups = [(group.the("h3").text, ids(group)) for group in root.all("li", class_="group")]

    assert groups == [
        ("2.1.3 Managing the Roster", ["client"]),
        ("4.2.2 Exchanging Presence Information", ["good"]),
        ("4.4 Exchanging Presence Information", ["wrong"]),
        ("4.4.2 Exchanging Presence Information", ["left"]),
        ("5 Exchanging Messages", ["hostile"]),
        ("11 Security Considerations", ["elsewhere"]),
        ("12 Conformance Requirements", ["malformed"]),
    ]


def test_a_vector_tells_its_title_note_and_requirements(root: Node) -> None:
    good = vector(root, "good")

    assert good.attributes["class"] == "vector passed"
    assert good.the("span", class_="dot").attributes["aria-label"] == "passed"
    assert good.the("span", class_="title").text == "A client hears of itself"
    assert good.the("p", class_="note").text == "The first of many."
    (shown,) = good.the("p", class_="shows").all("a")
    assert (shown.attributes["href"], shown.text) == ("#requirement=6121-4.2.2-02", "6121-4.2.2-02")
    assert root.the("li", id="requirement=6121-4.2.2-02").text.startswith("6121-4.2.2-02 MUST ")


def compared(failure: Node) -> list[list[tuple[str, str, list[str]]]]:
    """The rows of what is compared: of each cell its side, its text, and what is marked in it."""
    return [
        [
            (cell.attributes["class"].split()[0], cell.text, [marked.text for marked in cell.all("mark")])
            for cell in row.all("td")
        ]
        for row in failure.the("table").the("tbody").all("tr")
    ]


def test_a_failure_tells_what_was_expected_what_came_and_what_had_happened(root: Node) -> None:
    failure = vector(root, "wrong").the("section", class_="failure")

    assert failure.the("h4").text == (
        "step 3 of 4 (receive): at juliet@capulet.example/balcony something else came: "
        "attribute 'to' of <presence>: expected 'nobody', came 'juliet@capulet.example'"
    )
    assert [heading.text for heading in failure.all("th")] == ["expected", "came"]
    # What the placeholder allows is not marked.
    assert compared(failure) == [
        [
            ("expected", '<presence from="{any}" to="nobody"/>', ['to="nobody"']),
            (
                "came",
                '<presence from="juliet@capulet.example/balcony" to="juliet@capulet.example" xml:lang="en"/>',
                ['to="juliet@capulet.example"'],
            ),
        ]
    ]
    assert "juliet@capulet.example/balcony sends <presence/>" in failure.the("pre").text
    assert not list(vector(root, "good").all("section", class_="failure"))


def test_what_came_and_was_not_expected_stands_alone(root: Node) -> None:
    failure = vector(root, "left").the("section", class_="failure")

    assert [heading.text for heading in failure.all("th")] == ["came, and was not expected"]
    assert [[text for _, text, _ in row] for row in compared(failure)] == [
        ['<presence from="juliet@capulet.example/balcony" to="juliet@capulet.example" xml:lang="en"/>']
    ]


def test_what_is_not_applicable_says_why(root: Node) -> None:
    elsewhere = vector(root, "elsewhere")

    assert elsewhere.attributes["class"] == "vector not_applicable"
    assert elsewhere.the("p", class_="reason").text == "Not applicable: the feature 'mam' is not supported"
    assert "needs mam" in elsewhere.the("p", class_="facts").text


def test_everything_in_a_vector_is_shown_as_text(root: Node, source: str) -> None:
    hostile, malformed = vector(root, "hostile"), vector(root, "malformed")

    assert hostile.the("span", class_="title").text == EVIL
    assert hostile.the("p", class_="note").text == EVIL
    assert "&lt;img src=x onerror" in hostile.the("section", class_="failure").text
    assert repr(EVIL) in malformed.the("section", class_="failure").text
    assert not list(root.all("img"))
    assert source.count("</script>") == 2


def test_output_of_the_server_is_shown_as_bounded_text(tmp_path: Path) -> None:
    said = f"]]&gt; \u202e\u05e8\u05d5\u05de\u05d0\u05d5 {EVIL.replace('<', '&lt;')} {'x' * 1_000_000}"
    step, world = arriving(f"<message><body>{said}</body></message>")
    found = result(tmp_path, scenario(step, {"silent": [BALCONY]}), world)

    text = page([found], "scripted", MADE)

    root = Tree(text).root
    _, ((_, came, _),), _ = compared(root.the("section", class_="failure"))
    assert came.startswith(
        "  <body>]]&gt; \\u{202e}\u05e8\u05d5\u05de\u05d0\u05d5 &lt;/script&gt;&lt;/pre&gt;&lt;img src=x"
    )
    assert came.endswith("more characters")
    assert not list(root.all("img"))
    assert text.count("</script>") == 2
    assert len(text) < len(page([], "scripted", MADE)) + 50_000


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\ud800", "\u2028", "\u202e", "]]>"])
def test_a_strange_character_breaks_nothing(run: list[Result], character: str) -> None:
    strange = [Result(result.vector, Outcome.FAILED, f"step 1 of 2 (send): {character}") for result in run]

    root = Tree(page(strange, character, MADE)).root

    assert len(list(root.all("section", class_="failure"))) == len(run)


# --- stories ----------------------------------------------------------------------------------------------


def read(root: Node) -> Any:
    return json.loads(root.the("script", id="book").text)


def test_every_vector_that_could_be_read_has_a_story(root: Node) -> None:
    stories = read(root)["stories"]
    places = {
        each.attributes["data-id"]: int(each.attributes["data-place"]) for each in root.all("li", class_="vector")
    }

    assert sorted(places) == sorted(VECTORS)
    assert {id for id, place in places.items() if stories[place] is None} == {"malformed"}
    assert stories[places["wrong"]]["failed"] == 2
    assert stories[places["left"]]["failed"] == 2  # the end, after two steps
    assert "failed" not in stories[places["good"]]


def test_what_vectors_have_in_common_is_written_once(run: list[Result]) -> None:
    written = book(run)

    connects = [story["lines"][0] for story in written["stories"] if story and len(story["lines"]) > 2]
    assert len(set(connects)) == 1
    assert written["lines"][connects[0]] == {
        "says": "juliet@capulet.example/balcony connects.",
        "marks": [{"kind": "event", "at": 0, "label": "connects"}],
    }


# --- the matrix -------------------------------------------------------------------------------------------


def standing(section: str, level: str, *outcomes: Outcome) -> Standing:
    return Standing(Requirement(f"6121-{section}-01", section, level, "server", "", "core", True), outcomes)


def test_the_matrix_counts_by_chapter_section_and_level() -> None:
    passed = standing("3.1", "MUST", Outcome.PASSED, Outcome.NOT_APPLICABLE)
    failed = standing("3.1", "MUST", Outcome.PASSED, Outcome.FAILED)
    uncovered = standing("3.2", "MAY")
    elsewhere = standing("10", "MUST", Outcome.NOT_APPLICABLE)

    three, ten = matrix([elsewhere, passed, failed, uncovered])

    assert (three.section, three.title) == ("3", "Managing Presence Subscriptions")
    assert three.cells == {"MUST": MatrixCell((passed, failed)), "MAY": MatrixCell((uncovered,))}
    assert [row.section for row in three.below] == ["3.1", "3.2"]
    assert (ten.section, ten.below) == ("10", ())
    total = three.total
    assert (total.all, total.covered, total.passed, total.failed) == (3, 2, 1, 1)
    assert [cell.tone for cell in (total, three.cells["MAY"], ten.total, MatrixCell((passed,)))] == [
        "failed",
        "open",
        "open",
        "passed",
    ]
    assert MatrixCell((passed, uncovered)).tone == "partly"


def test_a_number_of_the_matrix_says_what_it_counts_and_leads_to_it(root: Node) -> None:
    (link,) = [
        each
        for each in root.the("table", class_="matrix").all("a")
        if each.attributes["href"] == "#section=4.2.2&level=MUST"
    ]

    assert re.fullmatch(
        r"Section 4\.2\.2, MUST: \d+ requirements?, 1 covered, 1 passed, 0 failed", link.attributes["aria-label"]
    )


# --- all vectors ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_page_about_all_vectors_is_whole_and_of_moderate_size() -> None:
    everything = [Result(vector, Outcome.PASSED) for vector in packaged()]

    text = page(everything, "embedded", MADE)

    assert len(text.encode()) < 6_000_000
    assert len(list(Tree(text).root.all("li", class_="vector"))) == len(everything)
