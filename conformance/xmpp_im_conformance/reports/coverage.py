"""What a run says of RFC 6121: by section, and requirement by requirement."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from xmpp_im_conformance.format.data import Requirement, requirements
from xmpp_im_conformance.format.vectors import MalformedFile, Side, Vector, sections
from xmpp_im_conformance.running.outcome import Outcome, Result

LEVELS: Final = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "plain")


@frozen
class Tally:
    """How many of something there are, and what became of them."""

    all: int
    covered: int
    """How many some vector shows."""
    passed: int
    """How many of these are shown by vectors none of which failed, and not all of which are not applicable."""
    failed: int
    """How many are shown by a vector that failed."""


def by_section(results: Iterable[Result], side: Side) -> dict[str, Counter[Outcome]]:
    """Count outcomes by the section of RFC 6121 that a vector is about first, in the RFC's order."""
    counts: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
    for result in results:
        if result.vector.side is side:
            counts[heading(result.vector)][result.outcome] += 1
    return dict(sorted(counts.items(), key=lambda entry: order(entry[0])))


def heading(vector: Vector | MalformedFile) -> str:
    """Return the section of RFC 6121 that a vector is about first; if it names none, the other document."""
    for section in sections(vector):
        return section
    for entry in vector.rfc:
        document = entry.partition(" ")[0]
        return f"RFC {document}" if document.isdigit() else document
    return "unknown"


def order(section: str) -> tuple[tuple[int, int, str], ...]:
    """Return what sorts sections as the RFC has them: numbers by value, before letters."""
    parts = re.split(r"[.\s]+", section)
    return tuple([(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts])


def by_requirement(results: Iterable[Result]) -> dict[str, list[Outcome]]:
    """Return what became of the vectors that show each requirement."""
    outcomes: dict[str, list[Outcome]] = {}
    for result in results:
        for id in result.vector.requirements:
            outcomes.setdefault(id, []).append(result.outcome)
    return outcomes


def coverage(results: Iterable[Result]) -> dict[str, dict[str, Tally]]:
    """Return the coverage of all testable requirements, by chapter and by level."""
    outcomes = by_requirement(results)
    grouped: defaultdict[str, defaultdict[str, list[Requirement]]] = defaultdict(lambda: defaultdict(list))
    for requirement in requirements().values():
        if requirement.testable:
            grouped[requirement.section.split(".")[0]][requirement.level].append(requirement)
    chapters = sorted(grouped, key=order)
    return {
        chapter: {level: _cell(grouped[chapter][level], outcomes) for level in LEVELS if grouped[chapter][level]}
        for chapter in chapters
    }


def _cell(listed: list[Requirement], outcomes: dict[str, list[Outcome]]) -> Tally:
    shown = [outcomes[requirement.id] for requirement in listed if requirement.id in outcomes]
    failed = sum([Outcome.FAILED in each for each in shown])
    passed = sum([Outcome.PASSED in each and Outcome.FAILED not in each for each in shown])
    return Tally(len(listed), len(shown), passed, failed)


def uncovered(results: Iterable[Result]) -> list[Requirement]:
    """Return the testable requirements that no vector shows, in the RFC's order."""
    outcomes = by_requirement(results)
    return [each for each in requirements().values() if each.testable and each.id not in outcomes]
