"""The results as JUnit XML, which continuous-integration systems read: a test suite for each section of RFC 6121."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from xmpp_im_conformance.reports.sections import heading, order
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.judging import Verdict

# XML 1.0 has no way to write these, not even as references (https://www.w3.org/TR/xml/#charsets).
_NO_CHARACTER: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(verdict: Verdict) -> bytes:
    """Return a run as a JUnit document.

    Skipped are the vectors that are not applicable or were not run, and the failures that are known. A vector that
    passes unexpectedly has failed. Characters that XML cannot hold are written as U+FFFD.
    """
    suites: defaultdict[str, list[Result]] = defaultdict(list)
    for result in verdict.results:
        suites[heading(result.vector)].append(result)
    cases = {name: [_case(name, result, verdict) for result in suites[name]] for name in sorted(suites, key=order)}
    everything = [case for among in cases.values() for case in among]
    root = ET.Element("testsuites", {"name": "RFC 6121", **_counted(everything, verdict.results)})
    for name, among in cases.items():
        skipped = {"skipped": str(_count(among, "skipped"))}
        suite = ET.SubElement(root, "testsuite", {"name": _legal(name), **_counted(among, suites[name]), **skipped})
        suite.extend(among)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _counted(cases: Sequence[ET.Element], results: Sequence[Result]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(_count(cases, "failure")),
        "errors": "0",
        "time": _time(sum([result.seconds for result in results])),
    }


def _count(cases: Sequence[ET.Element], tag: str) -> int:
    return sum([case.find(tag) is not None for case in cases])


def _time(seconds: float) -> str:
    return f"{seconds:.4f}"


def _case(section: str, result: Result, verdict: Verdict) -> ET.Element:
    """Return the test case of a vector; if it failed, with its title, its file and its behaviour."""
    name = {"classname": f"conformance.{_legal(section)}", "name": _legal(result.vector.id)}
    case = ET.Element("testcase", {**name, "time": _time(result.seconds)})
    recorded = verdict.recorded.get(result.vector.id)
    if result.outcome in (Outcome.NOT_APPLICABLE, Outcome.NOT_RUN):
        _skipped(case, result.detail)
    elif result.outcome is Outcome.FAILED and recorded is not None:
        _skipped(case, f"known: {recorded.does}")
    elif result.outcome is Outcome.FAILED:
        behaviour = verdict.by_vector[result.vector.id]
        differs = f"behaviour: {behaviour.deviation.does}"
        first = result.detail.partition("\n")[0]
        _failure(case, result, behaviour.id, first, differs, behaviour.deviation.sentence, result.detail)
    elif recorded is not None and not recorded.unsteady:
        _failure(case, result, "passed-unexpectedly", f"passed, but is known to fail: {recorded.does}")
    return case


def _skipped(case: ET.Element, why: str) -> None:
    ET.SubElement(case, "skipped", {"message": _legal(why)})


def _failure(case: ET.Element, result: Result, type: str, message: str, *more: str) -> None:
    failure = ET.SubElement(case, "failure", {"type": type, "message": _legal(message)})
    failure.text = _legal("\n".join([line for line in (result.vector.title, result.vector.file, *more) if line]))


def _legal(text: str) -> str:
    return _NO_CHARACTER.sub("\ufffd", text)
