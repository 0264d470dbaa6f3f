"""The requirements of RFC 6121 by section and level, and how the run stands on each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from xmpp_im_conformance.format.data import Requirement, requirements
from xmpp_im_conformance.reports.sections import order
from xmpp_im_conformance.running.outcome import Outcome, Result

LEVELS: Final = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "plain")

CHAPTER_TITLES: Final[Mapping[str, str]] = {
    "1": "Introduction",
    "2": "Managing the Roster",
    "3": "Managing Presence Subscriptions",
    "4": "Exchanging Presence Information",
    "5": "Exchanging Messages",
    "6": "Exchanging IQ Stanzas",
    "7": "A Sample Session",
    "8": "Server Rules for Processing XML Stanzas",
    "9": "Handling of URIs",
    "10": "Internationalization Considerations",
    "11": "Security Considerations",
    "12": "Conformance Requirements",
    "A": "Subscription States",
    "B": "Blocking Communication",
}


@frozen
class Standing:
    """A requirement, and how the run stands on it."""

    requirement: Requirement
    outcomes: tuple[Outcome, ...]
    """What became of the vectors that show it."""

    @property
    def word(self) -> str:
        """Say it in a word: it failed, passed, was not applicable, was not run, or no vector shows it."""
        for outcome in (Outcome.FAILED, Outcome.PASSED, Outcome.NOT_APPLICABLE, Outcome.NOT_RUN):
            if outcome in self.outcomes:
                return str(outcome.value)
        return "uncovered"


@frozen
class MatrixCell:
    """Requirements of one section and level, or of several."""

    standings: tuple[Standing, ...]

    def count(self, word: str) -> int:
        """Return how many stand so."""
        return sum([standing.word == word for standing in self.standings])

    @property
    def all(self) -> int:
        """How many there are."""
        return len(self.standings)

    @property
    def covered(self) -> int:
        """How many some vector shows."""
        return self.all - self.count("uncovered")

    @property
    def passed(self) -> int:
        """How many passed."""
        return self.count(Outcome.PASSED.value)

    @property
    def failed(self) -> int:
        """How many failed."""
        return self.count(Outcome.FAILED.value)

    @property
    def tone(self) -> str:
        """What colour it has: that of the worst."""
        if self.failed:
            return "failed"
        if self.passed == self.all:
            return "passed"
        return "partly" if self.passed else "open"


@frozen
class MatrixRow:
    """A row of the matrix: a section, or a chapter with all its sections."""

    section: str
    title: str
    cells: Mapping[str, MatrixCell]
    """By level; a section without requirements of a level has no cell."""
    below: tuple[MatrixRow, ...] = ()
    """The sections of a chapter that has several."""

    @property
    def total(self) -> MatrixCell:
        """All levels together."""
        return MatrixCell(tuple([standing for cell in self.cells.values() for standing in cell.standings]))


def standings(results: Sequence[Result]) -> list[Standing]:
    """Return all testable requirements, in the RFC's order."""
    outcomes: defaultdict[str, list[Outcome]] = defaultdict(list)
    for result in results:
        for id in result.vector.requirements:
            outcomes[id].append(result.outcome)
    testable = [each for each in requirements().values() if each.testable]
    return [Standing(each, tuple(outcomes[each.id])) for each in testable]


def matrix(listed: Sequence[Standing]) -> list[MatrixRow]:
    """Arrange requirements by chapter and section."""
    chapters: defaultdict[str, defaultdict[str, list[Standing]]] = defaultdict(lambda: defaultdict(list))
    for standing in listed:
        section = standing.requirement.section
        chapters[section.partition(".")[0]][section].append(standing)
    return [_chapter(name, chapters[name]) for name in sorted(chapters, key=order)]


def _chapter(name: str, sections: Mapping[str, Sequence[Standing]]) -> MatrixRow:
    everything = [standing for section in sections.values() for standing in section]
    below = [MatrixRow(section, "", cells(sections[section])) for section in sorted(sections, key=order)]
    return MatrixRow(name, CHAPTER_TITLES.get(name, ""), cells(everything), tuple(below) if len(below) > 1 else ())


def cells(listed: Sequence[Standing]) -> dict[str, MatrixCell]:
    """Tell requirements apart by level."""
    by_level = {level: [each for each in listed if each.requirement.level == level] for level in LEVELS}
    return {level: MatrixCell(tuple(among)) for level, among in by_level.items() if among}
