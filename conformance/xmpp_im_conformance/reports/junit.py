"""The results as JUnit XML, which continuous-integration systems read: a test suite for each section of RFC 6121."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from xmpp_im_conformance.reports.sections import heading, order
from xmpp_im_conformance.running.outcome import Outcome, Result

# XML 1.0 has no way to write these, not even as references (https://www.w3.org/TR/xml/#charsets).
_NO_CHARACTER: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(results: Sequence[Result]) -> bytes:
    """Return the results as a JUnit document; a vector that is not applicable counts as skipped.

    Characters that XML cannot hold are written as U+FFFD.
    """
    suites: defaultdict[str, list[Result]] = defaultdict(list)
    for result in results:
        suites[heading(result.vector)].append(result)
    root = ET.Element("testsuites", {"name": "RFC 6121", **_counted(results)})
    for section in sorted(suites, key=order):
        among = suites[section]
        skipped = {"skipped": str(_count(among, Outcome.NOT_APPLICABLE))}
        suite = ET.SubElement(root, "testsuite", {"name": _legal(section), **_counted(among), **skipped})
        suite.extend([_case(section, result) for result in among])
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _counted(results: Sequence[Result]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(_count(results, Outcome.FAILED)),
        "errors": "0",
        "time": _time(sum([result.seconds for result in results])),
    }


def _count(results: Sequence[Result], outcome: Outcome) -> int:
    return Counter([result.outcome for result in results])[outcome]


def _time(seconds: float) -> str:
    return f"{seconds:.4f}"


def _case(section: str, result: Result) -> ET.Element:
    """Return the test case of a vector, with its title and file in case of a failure."""
    name = {"classname": f"conformance.{_legal(section)}", "name": _legal(result.vector.id)}
    case = ET.Element("testcase", {**name, "time": _time(result.seconds)})
    first, _, _ = result.detail.partition("\n")
    if result.outcome is Outcome.NOT_APPLICABLE:
        ET.SubElement(case, "skipped", {"message": _legal(result.detail)})
    elif result.outcome is Outcome.FAILED:
        failure = ET.SubElement(case, "failure", {"type": "failed", "message": _legal(first)})
        failure.text = _legal(
            "\n".join([line for line in (result.vector.title, result.vector.file, result.detail) if line])
        )
    return case


def _legal(text: str) -> str:
    return _NO_CHARACTER.sub("\ufffd", text)
