"""What ``xmpp-im-conformance check`` does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from xmpp_im_conformance.drivers import core_driver
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.format.steps.base import Play
from xmpp_im_conformance.format.vectors import MalformedFile, Vector
from xmpp_im_conformance.format.worlds import Driver
from xmpp_im_conformance.reports.conversation import conversation, heading
from xmpp_im_conformance.reports.html.legible import legible
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.running.run import run_vector


def check(paths: tuple[Path, ...]) -> int:
    """Check vectors, print for each what it says and what the core did, and return the exit status."""
    outcomes: set[Outcome] = set()
    driver = core_driver()
    for vector in find(paths):
        click.echo(vector.file)
        outcome, lines = _checked(vector, driver)
        for line in lines:
            click.echo(legible(line))
        click.echo()
        outcomes.add(outcome)
    if Outcome.FAILED in outcomes:
        return 1
    return 0 if Outcome.PASSED in outcomes else 2


def _checked(vector: Vector | MalformedFile, driver: Driver) -> tuple[Outcome, Iterator[str]]:
    plays: list[Play] = []
    result = run_vector(vector, driver, plays.append)
    return result.outcome, _told(result, plays[0].transcript if plays else [])


def _told(result: Result, transcript: list[str]) -> Iterator[str]:
    vector = result.vector
    yield from heading(vector)
    if isinstance(vector, MalformedFile):
        yield f"   MALFORMED: {vector.why}"
        return
    evidence = result.evidence
    if transcript:
        yield from conversation(vector.scenario, transcript, None if evidence is None else evidence.step)
    if result.outcome is Outcome.PASSED:
        yield "   PASSED on xmpp_im_core"
    elif result.outcome is Outcome.NOT_APPLICABLE:
        yield f"   NOT APPLICABLE to xmpp_im_core: {result.detail}"
    else:
        yield f"   FAILED: {result.detail if evidence is None else evidence.problem}"
