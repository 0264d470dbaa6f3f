"""The story of a vector: its cast, what there is at first, its steps, and where it failed what came instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import evolve

from xmpp_im_conformance.format.evidence import FROM_SERVER, Evidence
from xmpp_im_conformance.format.items import listed_items
from xmpp_im_conformance.format.markup import pretty
from xmpp_im_conformance.format.steps.client import USER, stated
from xmpp_im_conformance.format.story import (
    Line,
    Mark,
    MarkKind,
    Participant,
    Scene,
    Stage,
    bare,
    listed,
    short,
    short_label,
)
from xmpp_im_conformance.format.vectors import Scenario
from xmpp_im_conformance.format.worlds import REMOTE, ClientSetup, Setup
from xmpp_im_core.element import Element

_MOST: Final = 6
"""At most this many arrows of one kind, or events, are drawn. The others are counted."""


def scene_of(scenario: Scenario, evidence: Evidence | None = None) -> Scene:
    """Tell a scenario.

    :param evidence: what was found when it failed, if it did.
    """
    setup = scenario.setup
    if isinstance(setup, ClientSetup):
        tested = f"{setup.account}/{setup.resource}"
        cast = _client_cast(setup, tested)
    else:
        tested, cast = FROM_SERVER, _server_cast(scenario, setup, () if evidence is None else tuple(evidence.untaken))
    stage = Stage({name: index for index, name in enumerate(cast)}, tested)
    lines = [step.show(stage) for step in scenario.steps]
    if scenario.lenient is not True:
        free = sorted(scenario.lenient or ())
        lines.append(Line(f"In the end nothing more has come{f', at {listed(free)} excepted' if free else ''}."))
    if evidence is not None and evidence.step is not None:
        lines[evidence.step] = _failed(stage, scenario, evidence, lines[evidence.step])
    before = _before_client(setup) if isinstance(setup, ClientSetup) else _before_server(setup)
    return Scene(tuple(cast.values()), tuple(lines), tuple(before))


# --- who takes part, and what there is at first -----------------------------------------------------------


def _server_cast(scenario: Scenario, setup: Setup, came_at: Sequence[str]) -> dict[str, Participant]:
    """The account that connects first stands to the left of the server, the others to its right."""
    clients = scenario.clients
    left = [jid for jid in clients if bare(jid) == bare(clients[0])]
    right = [jid for jid in clients if jid not in left]
    remote = [REMOTE] if setup.remote or scenario.looks_at_remote else []
    names = dict.fromkeys([*left, FROM_SERVER, *right, *remote, *came_at])
    return {name: _participant(name) for name in names}


def _participant(name: str) -> Participant:
    if "@" in name:
        return Participant(short(name), bare(name).partition("@")[2])
    return Participant(name, "another server" if name == REMOTE else "under test")


def _client_cast(setup: ClientSetup, tested: str) -> dict[str, Participant]:
    return {
        USER: Participant(USER, "the application"),
        tested: Participant(short(tested), "client under test"),
        FROM_SERVER: Participant(FROM_SERVER, setup.account.partition("@")[2]),
    }


def _before_server(setup: Setup) -> Iterator[str]:
    for jid, items in setup.accounts.items():
        yield f"{jid} has {listed_items(items) if items else 'an empty roster'}"


def _before_client(setup: ClientSetup) -> Iterator[str]:
    for feature in setup.stream_features:
        yield f"The server offers {pretty(feature)}"
    if setup.cache is not None:
        ver, items = setup.cache
        yield f"The client kept version {ver!r} of the roster: {listed_items(items)}"


# --- where it failed --------------------------------------------------------------------------------------


def _failed(stage: Stage, scenario: Scenario, evidence: Evidence, line: Line) -> Line:
    """Tell the step that failed: what of it is missing, what came instead, and what came besides."""
    assert evidence.step is not None
    events = False
    if evidence.step < len(scenario.steps):
        step = scenario.steps[evidence.step]
        line = step.show(evolve(stage, unmet=evidence.unmet))
        events = step.about_events
    instead, besides = sorted_out(evidence)
    marks = [evolve(mark, kind=MarkKind.WRONG) if mark.kind is MarkKind.CHECK else mark for mark in line.marks]
    marks += _drawn(stage, MarkKind.CAME, instead)
    marks += _drawn(stage, MarkKind.BESIDES, besides)
    marks += _told(stage, MarkKind.CAME if events else MarkKind.BESIDES, evidence)
    return evolve(line, marks=tuple(marks))


def sorted_out(evidence: Evidence) -> tuple[list[tuple[str, Element]], list[tuple[str, Element]]]:
    """Return what came where the step looked, and what came otherwise, each with where it came.

    Alternatives look at the same stanzas, which are counted once.
    """
    instead: Counter[tuple[str, Element]] = Counter()
    for unmet in evidence.unmet:
        instead |= Counter([(unmet.at, stanza) for stanza in unmet.came])
    left = Counter(instead)
    besides: list[tuple[str, Element]] = []
    for each in [(at, stanza) for at, stanzas in evidence.untaken.items() for stanza in stanzas]:
        if left[each]:
            left[each] -= 1
        else:
            besides.append(each)
    return [*instead.elements()], besides


def _drawn(stage: Stage, kind: MarkKind, came: Iterable[tuple[str, Element]]) -> Iterator[Mark]:
    drawn = [stage.came(kind, at, stanza) for at, stanza in came]
    for mark in drawn[:_MOST]:
        yield evolve(mark, label=f"{kind.value}: {mark.label}")
    if len(drawn) > _MOST:
        yield evolve(drawn[_MOST], label=f"{kind.value}: {len(drawn) - _MOST} more")


def _told(stage: Stage, kind: MarkKind, evidence: Evidence) -> Iterator[Mark]:
    """Draw what the application was told."""
    for event in evidence.told[:_MOST]:
        text = short_label(f"{kind.value}: {stated('type', event)}")
        yield Mark(kind, stage.places[stage.tested], text, stage.places[USER])
