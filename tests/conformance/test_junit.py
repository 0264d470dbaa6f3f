"""JUnit XML: the shape that Jenkins and Surefire share, and whatever a vector or a server says put safely into it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from attrs import evolve

from tests.one_test import in_one_test
from xmpp_im_conformance.format.vectors import MalformedFile, Scenario, Vector
from xmpp_im_conformance.format.worlds import Setup
from xmpp_im_conformance.reports.junit import as_junit
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.judging import Verdict
from xmpp_im_conformance.verdict.known import Deviation

# Of each element: what it may hold, what it must state, and what it may state.
SHAPE = {
    "testsuites": ({"testsuite"}, set[str](), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testcase", "properties", "system-out", "system-err"},
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package"},
    ),
    "testcase": ({"skipped", "error", "failure", "system-out", "system-err"}, {"name"}, {"time", "classname"}),
    "failure": (set[str](), set[str](), {"type", "message"}),
    "skipped": (set[str](), set[str](), {"type", "message"}),
}
TIME = re.compile(r"[0-9]+\.[0-9]+")


def assert_shape(element: ET.Element) -> None:
    children, required, optional = SHAPE[element.tag]
    assert {child.tag for child in element} <= children, element.tag
    assert required <= set(element.keys()) <= required | optional, element.tag
    assert TIME.fullmatch(element.get("time", "0.0"))
    for child in element:
        assert_shape(child)


def result(id: str, outcome: Outcome, detail: str = "", section: str = "3.1", seconds: float = 0.0) -> Result:
    nothing = Scenario(Setup({}), ())
    vector = Vector(id=id, file=f"/vectors/{id}.json", title=f"about {id}", scenario=nothing, rfc=(f"6121 {section}",))
    return Result(vector, outcome, detail, seconds)


def document(*results: Result, known: tuple[Deviation, ...] = ()) -> ET.Element:
    root = ET.fromstring(as_junit(Verdict(results, known)))
    assert_shape(root)
    return root


def test_there_is_a_suite_for_each_section_in_the_order_of_the_rfc() -> None:
    root = document(
        result("late", Outcome.PASSED, section="10.1", seconds=0.5),
        result("good", Outcome.PASSED, section="3.1", seconds=1.25),
        result("bad", Outcome.FAILED, "step 1: no", section="3.1", seconds=0.25),
        result("other", Outcome.NOT_APPLICABLE, "the feature 'mam' is not supported", section="3.1"),
        result("appendix", Outcome.PASSED, section="A.2.1"),
    )

    assert root.attrib == {"name": "RFC 6121", "tests": "5", "failures": "1", "errors": "0", "time": "2.0000"}
    assert [suite.get("name") for suite in root] == ["3.1", "10.1", "A.2.1"]
    assert root[0].attrib == {
        "name": "3.1",
        "tests": "3",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
        "time": "1.5000",
    }


def test_a_vector_is_a_case_with_its_time() -> None:
    (case,) = document(result("deny/outbound", Outcome.PASSED, seconds=0.0123))[0]

    assert case.attrib == {"classname": "conformance.3.1", "name": "deny/outbound", "time": "0.0123"}
    assert list(case) == []


def test_a_failure_says_what_failed_in_a_line_and_then_all_there_is() -> None:
    (case,) = document(result("bad", Outcome.FAILED, "step 2 of 3 (receive): nothing came\nwhat happened:\n  x"))[0]

    (failure,) = case
    assert failure.tag == "failure"
    assert failure.get("message") == "step 2 of 3 (receive): nothing came"
    assert failure.get("type") == "nothing-came"
    assert failure.text == (
        "about bad\n/vectors/bad.json\nbehaviour: nothing came\n"
        "step 2 of 3 (receive): nothing came\nwhat happened:\n  x"
    )


KNOWN = Deviation(does="treats them otherwise", vectors=("bad", "good"))


def test_a_known_failure_is_skipped_and_says_so() -> None:
    root = document(result("bad", Outcome.FAILED, "step 1: no"), result("new", Outcome.FAILED, "no"), known=(KNOWN,))

    assert (root.get("failures"), root[0].get("failures"), root[0].get("skipped")) == ("1", "1", "1")
    assert [(child.tag, child.attrib) for child in root[0][0]] == [
        ("skipped", {"message": "known: treats them otherwise"})
    ]
    assert [child.tag for child in root[0][1]] == ["failure"]


def test_a_known_vector_that_passes_has_failed_unless_it_is_unsteady() -> None:
    (case,) = document(result("good", Outcome.PASSED), known=(KNOWN,))[0]
    (unsteady,) = document(result("good", Outcome.PASSED), known=(evolve(KNOWN, unsteady=True),))[0]

    assert case[0].attrib == {
        "type": "passed-unexpectedly",
        "message": "passed, but is known to fail: treats them otherwise",
    }
    assert list(unsteady) == []


def test_what_is_not_applicable_is_skipped_with_the_reason() -> None:
    (case,) = document(result("other", Outcome.NOT_APPLICABLE, "the feature 'mam' is not supported"))[0]

    assert [(child.tag, child.attrib) for child in case] == [
        ("skipped", {"message": "the feature 'mam' is not supported"})
    ]


def test_a_malformed_vector_has_failed() -> None:
    malformed = MalformedFile(id="broken", file="broken.json", why="not a JSON file")

    (case,) = document(Result(malformed, Outcome.FAILED, "malformed vector: not a JSON file"))[0]

    assert (case.get("classname"), case.get("name")) == ("conformance.unknown", "broken")
    assert case[0].text == "broken.json\nbehaviour: the vector is malformed\nmalformed vector: not a JSON file"


@in_one_test("outcome", [Outcome.FAILED, Outcome.NOT_APPLICABLE])
@in_one_test("text", ["\x00", "\x1b[31m", "\x08", "\ufffe", "\uffff", "\ud800", "a\udfffb"])
def test_what_xml_cannot_hold_is_replaced(text: str, outcome: Outcome) -> None:
    (case,) = document(result(f"id {text}", outcome, f"<b> & {text}"))[0]

    legal = re.sub("[\x00\x08\x1b\ufffe\uffff\ud800\udfff]", "\ufffd", text)
    assert case.get("name") == f"id {legal}"
    assert case[0].get("message") == f"<b> & {legal}"


def test_every_character_that_xml_allows_stays() -> None:
    text = "<![CDATA[ ]]> \U0001f339 \u00e9 </failure>"

    (case,) = document(result("fine", Outcome.FAILED, f"a line\n{text}"))[0]

    assert (case[0].text or "").endswith(f"a line\n{text}")
