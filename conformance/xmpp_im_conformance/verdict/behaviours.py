"""The failures of a run by behaviour: known ones as the file of known deviations has them, new ones by their shape."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from xmpp_im_conformance.format.data import Requirement, requirements
from xmpp_im_conformance.format.markup import flat
from xmpp_im_conformance.format.vectors import RFC, MalformedFile
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.known import Deviation
from xmpp_im_conformance.verdict.shapes import Shape, shape_of


@frozen
class Example:
    """The smallest failure that shows a behaviour."""

    result: Result
    expected: tuple[str, ...]
    """What was expected, a line each; empty if nothing was."""
    came: tuple[str, ...]
    """What came instead, a line each; empty if nothing did."""


@frozen(kw_only=True)
class Behaviour:
    """What a system does otherwise, and the failures that show it."""

    id: str
    """Words of ``deviation.does``, joined by hyphens."""
    deviation: Deviation
    """What is recorded of it; of a new one, what would be."""
    is_known: bool
    requirement: Requirement | None
    """The requirement that most of its vectors cite; None if they cite none."""
    failures: tuple[Result, ...]
    """The vectors of this run that fail so. It is never empty."""

    @property
    def sentence(self) -> str:
        """The sentence that it does not follow; empty if there is none."""
        return self.deviation.sentence

    @property
    def example(self) -> Example:
        """The smallest failure among them."""
        return _example(min(self.failures, key=lambda each: (len(each.detail), each.vector.id)))


def behaviours_of(results: Iterable[Result], known: Iterable[Deviation]) -> tuple[Behaviour, ...]:
    """Return the behaviours that the failures show: new ones first, those with the most failures first."""
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    recorded = {id: each for each in known for id in each.vectors}
    of_known: defaultdict[str, list[Result]] = defaultdict(list)
    of_new: defaultdict[Shape, list[Result]] = defaultdict(list)
    for result in failed:
        deviation = recorded.get(result.vector.id)
        if deviation is None:
            of_new[shape_of(result)].append(result)
        else:
            of_known[deviation.does].append(result)
    by_does = {each.does: each for each in recorded.values()}
    found = [(_described(does, among), False, among) for does, among in _merged(of_new)]
    found += [(by_does[does], True, among) for does, among in of_known.items()]
    found.sort(key=lambda each: (each[1], -len(each[2]), each[0].does))
    return tuple(_identified(found))


def _merged(of_new: Mapping[Shape, list[Result]]) -> Iterator[tuple[str, list[Result]]]:
    """Join what differs alike after different events, if the failures are about the same section."""
    alike: defaultdict[tuple[str, str], list[Shape]] = defaultdict(list)
    for shape, among in of_new.items():
        alike[shape.differs, _section(among)].append(shape)
    for (differs, _), shapes in alike.items():
        causes = " or ".join(sorted([shape.after for shape in shapes if shape.after]))
        yield str(Shape(differs, causes)), [result for shape in shapes for result in of_new[shape]]


def _section(among: Sequence[Result]) -> str:
    """Return the section that most of these failures are about: that of a requirement, or else the first stated."""
    requirement = _most_cited(among)
    if requirement is not None:
        return f"{RFC} {requirement.section}"
    return next(iter(Counter([entry for result in among for entry in result.vector.rfc])), "")


def _identified(found: Iterable[tuple[Deviation, bool, Sequence[Result]]]) -> Iterator[Behaviour]:
    taken: Counter[str] = Counter()
    for deviation, is_known, among in found:
        slug = "-".join(re.findall(r"[a-z0-9]+", deviation.does.lower())) or "behaviour"
        taken[slug] += 1
        yield Behaviour(
            id=slug if taken[slug] == 1 else f"{slug}-{taken[slug]}",
            deviation=deviation,
            is_known=is_known,
            requirement=_most_cited(among),
            failures=tuple(among),
        )


def _described(does: str, among: Sequence[Result]) -> Deviation:
    """Describe a new behaviour as a file of known deviations would."""
    requirement = _most_cited(among)
    levels = {result.vector.level for result in among}
    return Deviation(
        does=does,
        vectors=tuple(sorted([result.vector.id for result in among])),
        kind="beyond" if levels and levels <= {"MAY", "peer"} else "against",
        section=_section(among),
        sentence="" if requirement is None else requirement.summary,
    )


def _most_cited(among: Iterable[Result]) -> Requirement | None:
    known = requirements()
    counts = Counter([id for result in among for id in dict.fromkeys(result.vector.requirements) if id in known])
    return known[counts.most_common(1)[0][0]] if counts else None


def _example(result: Result) -> Example:
    evidence = result.evidence
    if evidence is None or not evidence.unmet:
        problem = result.detail if evidence is None else evidence.problem
        # What is wrong with a malformed vector may be a list, below a heading.
        says = " ".join(problem.split()) if isinstance(result.vector, MalformedFile) else problem.partition("\n")[0]
        return Example(result, (), (says,))
    unmet = evidence.unmet[0]
    if unmet.items:
        return Example(
            result,
            tuple([item[2:] for item in unmet.items if item.startswith("-")]),
            tuple([item[2:] for item in unmet.items if item.startswith("+")]),
        )
    if not unmet.expected and not unmet.came:
        return Example(result, (), (unmet.says,))
    return Example(result, tuple([flat(each) for each in unmet.expected]), tuple([flat(each) for each in unmet.came]))
