"""What came where a vector failed, as the diagram draws it beside what was expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from attrs import evolve

from xmpp_im_conformance.reports.html.scene import Kind, Line, Mark
from xmpp_im_conformance.running.evidence import Evidence
from xmpp_im_core.element import Element

Arrow: TypeAlias = Callable[[Kind, str, Element], Mark]
"""Draws a stanza that has come: the kind, where it came, and what it is."""

_MOST: Final = 6
"""The arrows that are drawn of one kind; of a flood the rest is counted."""


def missed(mark: Mark) -> Mark:
    """Draw what had to come as missing."""
    return evolve(mark, kind=Kind.MISSING, label=f"{Kind.MISSING.value}: {mark.label}")


def with_what_came(line: Line, evidence: Evidence, arrow: Arrow) -> Line:
    """Draw below the step that failed what came instead, and what came besides and no step has taken."""
    instead, besides = sorted_out(evidence)
    expected = [evolve(mark, kind=Kind.WRONG) if mark.kind is Kind.CHECK else mark for mark in line.marks]
    marks = [*expected, *_drawn(Kind.CAME, instead, arrow), *_drawn(Kind.BESIDES, besides, arrow)]
    return evolve(line, marks=tuple(marks))


def sorted_out(evidence: Evidence) -> tuple[list[tuple[str, Element]], list[tuple[str, Element]]]:
    """Return what came where the step looked, and what came otherwise, each with where it came.

    Alternatives look at the same stanzas, which are counted once.
    """
    instead: Counter[tuple[str, Element]] = Counter()
    for unmet in evidence.unmet:
        instead |= Counter([(unmet.at, stanza) for stanza in unmet.came])
    untaken = [(at, stanza) for at, stanzas in evidence.untaken.items() for stanza in stanzas]
    left = Counter(instead)
    besides: list[tuple[str, Element]] = []
    for each in untaken:
        if left[each]:
            left[each] -= 1
        else:
            besides.append(each)
    return [*instead.elements()], besides


def _drawn(kind: Kind, came: Iterable[tuple[str, Element]], arrow: Arrow) -> Iterator[Mark]:
    drawn = [arrow(kind, at, stanza) for at, stanza in came]
    for mark in drawn[:_MOST]:
        yield evolve(mark, label=f"{kind.value}: {mark.label}")
    if len(drawn) > _MOST:
        yield evolve(drawn[_MOST], label=f"{kind.value}: {len(drawn) - _MOST} more")
