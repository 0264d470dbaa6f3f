"""The conversation of a vector that was run, as text: each step, and what came because of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import indent
from typing import Final

from xmpp_im_conformance.format.data import requirements
from xmpp_im_conformance.format.story import Line
from xmpp_im_conformance.format.vectors import Identified, Scenario
from xmpp_im_conformance.reports.html.scenes import scene_of

_STEP: Final = re.compile(r"step (\d+) of \d+ \(")
_EXPECTED: Final = "   "
_CAME: Final = "   > "


def heading(vector: Identified) -> Iterator[str]:
    """Yield what a vector is about: its id, title, level and sections, and the sentences that it shows."""
    yield f"{vector.id}: {vector.title}" if vector.title else vector.id
    about = [*([vector.level] if vector.level else []), *vector.rfc]
    if about:
        yield f"   {', '.join(about)}"
    if not vector.requirements:
        yield from _candidates(vector)
    for id in vector.requirements:
        known = requirements().get(id)
        if known is None:
            yield f"   {id}: there is no such requirement"
        else:
            yield f"   {id} ({known.level}, {known.actor}): {known.summary}"
            yield f"      RFC 6121, section {known.section}: “{known.quote_anchor}”"


def _candidates(vector: Identified) -> Iterator[str]:
    """Yield the requirements that a vector which names none may be about."""
    for section in vector.sections:
        ids = [each.id for each in requirements().values() if each.section == section and each.testable]
        if ids:
            yield f"   It names no requirement. Section {section} has {', '.join(ids)}."


def conversation(scenario: Scenario, transcript: Sequence[str], failed: int | None = None) -> Iterator[str]:
    """Yield the steps of a scenario, each with what came because of it.

    :param transcript: what the runner noted.
    :param failed: the index of the step that failed, if one did. The steps after it were not taken.
    """
    scene = scene_of(scenario)
    yield from [f"   At first: {line}" for line in scene.before]
    came = _by_step(transcript)
    for number, line in enumerate(scene.lines):
        sign = "x" if number == failed else " "
        yield from _told(line, f"{sign}{number + 1:3}. ")
        yield from [f"      {_CAME}{each}" for each in came.get(number, ())]
        if number == failed:
            left = len(scene.lines) - number - 1
            yield from [f"     {left} more {'step' if left == 1 else 'steps'}, not taken"] if left else []
            return


def _told(line: Line, sign: str) -> Iterator[str]:
    yield f"{sign}{line.says}"
    for xml in line.xml:
        yield from indent(xml, f"      {_EXPECTED}").splitlines()
    for branch in line.branches:
        for number, each in enumerate(branch):
            yield from [f"      {told}" for told in _told(each, "either: " if number == 0 else "   and: ")]


def _by_step(transcript: Iterable[str]) -> Mapping[int, Sequence[str]]:
    """Sort what came by the index of the step that caused it. A line that is not indented begins a step."""
    came: defaultdict[int, list[str]] = defaultdict(list)
    step = 0
    for line in transcript:
        begun = _STEP.match(line)
        if begun is not None:
            step = int(begun[1]) - 1
        else:
            came[step].append(line.strip())
    return came
