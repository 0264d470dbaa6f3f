"""The data of the page, as its script reads it: what is the same for several systems is there once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from xmpp_im_conformance.format.data import requirements
from xmpp_im_conformance.format.markup import BadXML
from xmpp_im_conformance.format.vectors import MalformedFile, Vector
from xmpp_im_conformance.reports.compliance.reading import Tested, VectorResult
from xmpp_im_conformance.reports.html.legible import legible
from xmpp_im_conformance.reports.requirements import CHAPTER_TITLES
from xmpp_im_conformance.reports.sections import order
from xmpp_im_conformance.running.outcome import Outcome, Result

_HAPPENED: Final = "\nwhat happened:\n"
_LONGEST: Final = 2000
"""More of what is wrong is cut."""

SIGNS: Final[Mapping[Outcome, str]] = {
    Outcome.PASSED: "p",
    Outcome.FAILED: "f",
    Outcome.NOT_APPLICABLE: "n",
    Outcome.NOT_RUN: "r",
}
ABSENT: Final = "-"
"""The vector was not part of the run."""


def listed(tested: Iterable[Tested]) -> dict[str, VectorResult]:
    """Return each vector of the runs, in the order of the RFC's sections and then of the ids."""
    found = {result.id: result for each in reversed(tuple(tested)) for result in each.results.vectors}
    return dict(sorted(found.items(), key=lambda entry: (order(sections(entry[1])[0]), entry[0])))


def sections(result: VectorResult) -> tuple[str, ...]:
    """Return the rows that a vector belongs to: sections of RFC 6121, or else other documents."""
    others = [entry.partition(" ")[0] for entry in result.rfc]
    return (
        result.sections
        or tuple(dict.fromkeys([f"RFC {each}" if each.isdigit() else each for each in others]))
        or ("?",)
    )


def data(
    tested: Sequence[Tested],
    stories: Sequence[Mapping[str, Any] | None],
    drawn: Mapping[tuple[str, str], int] | None = None,
) -> dict[str, Any]:
    """Return the data.

    :param stories: the stories of the vectors, in the order of :func:`listed`; others may follow.
    :param drawn: the place of the story that draws a failure, by the key of the system and the id of the vector.
    """
    vectors = listed(tested)
    cited = {id for each in vectors.values() for id in each.requirements}
    shown = [each for each in requirements().values() if each.testable or each.id in cited]
    places = {id: place for place, id in enumerate(vectors)}
    return {
        "chapters": CHAPTER_TITLES,
        "requirements": [
            [each.id, each.section, each.level, legible(each.summary), legible(each.quote_anchor)] for each in shown
        ],
        "vectors": [_vector(each) for each in vectors.values()],
        "systems": [_system(each, places, _told_in_full(each, places, stories), drawn or {}) for each in tested],
    }


def _vector(each: VectorResult) -> list[object]:
    return [
        legible(each.id),
        legible(each.title),
        each.level,
        each.side,
        [legible(section) for section in sections(each)],
        list(dict.fromkeys(each.requirements)),
    ]


def _system(
    each: Tested, places: Mapping[str, int], in_full: frozenset[str], drawn: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    signs = [ABSENT] * len(places)
    reasons: dict[str, list[int]] = defaultdict(list)
    failures: dict[int, list[object]] = {}
    behaviours = {behaviour.id: number for number, behaviour in enumerate(each.results.behaviours)}
    for result in each.results.vectors:
        place = places[result.id]
        signs[place] = SIGNS[result.outcome]
        if result.outcome is Outcome.FAILED:
            told = _failure(result, result.id in in_full)
            story = drawn.get((each.key, result.id), -1)
            failures[place] = [result.step, *told, behaviours.get(result.behaviour or "", -1), story]
        elif result.outcome is not Outcome.PASSED:
            reasons[legible(result.detail)].append(place)
    return {
        "key": legible(each.key),
        "name": legible(each.name),
        "about": legible(each.results.system.about),
        "made": legible(each.results.made),
        "signs": "".join(signs),
        "failures": failures,
        "reasons": list(reasons.items()),
        "behaviours": [[legible(behaviour.does), behaviour.known] for behaviour in each.results.behaviours],
    }


def _failure(result: VectorResult, in_full: bool) -> list[str]:
    problem, _, happened = result.detail.partition(_HAPPENED)
    if len(problem) > _LONGEST:
        problem = f"{problem[:_LONGEST]} … {len(problem) - _LONGEST} more characters"
    return [legible(problem), legible(happened) if in_full else ""]


def _told_in_full(
    each: Tested, places: Mapping[str, int], stories: Sequence[Mapping[str, Any] | None]
) -> frozenset[str]:
    """Return the failed vectors whose conversation the page tells: the smallest of each row."""
    smallest: dict[str, tuple[int, str]] = {}
    for result in each.results.vectors:
        if result.outcome is Outcome.FAILED:
            story = stories[places[result.id]]
            size = (len(story["lines"]) if story is not None else 0, result.id)
            for row in _rows(result):
                smallest[row] = min(smallest.get(row, size), size)
    return frozenset([id for _, id in smallest.values()])


def _rows(result: VectorResult) -> Iterator[str]:
    yield from result.requirements
    for section in sections(result):
        yield section
        yield section.partition(".")[0]


def failures_of(tested: Iterable[Tested], known: Iterable[Vector | MalformedFile]) -> dict[tuple[str, str], Result]:
    """Return the failures of which it is known what came, by the key of the system and the id of the vector.

    Those of another version of a vector, which has not so many steps, and those that cannot be read are left out.
    """
    vectors = {vector.id: vector for vector in known if isinstance(vector, Vector)}
    failures: dict[tuple[str, str], Result] = {}
    for each in tested:
        for result in each.results.vectors:
            vector = vectors.get(result.id)
            if vector is None or result.found is None or result.step is None:
                continue
            if not 1 <= result.step <= len(vector.scenario.steps) + (vector.scenario.lenient is not True):
                continue
            with suppress(BadXML):
                evidence = result.found.evidence(result.step - 1, result.detail)
                failures[each.key, result.id] = Result(vector, Outcome.FAILED, evidence=evidence)
    return failures


def known_vectors(vectors: Iterable[Vector | MalformedFile], ids: Iterable[str]) -> list[Vector | MalformedFile]:
    """Return the vectors with these ids, in this order; one that this package does not have has no story."""
    known = {vector.id: vector for vector in vectors}
    return [known.get(id, MalformedFile(id=id, file="", why="not a vector of this package")) for id in ids]
