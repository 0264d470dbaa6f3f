"""Making the page."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Final

from attrs import frozen
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from xmpp_im_conformance.format.data import Requirement, requirements
from xmpp_im_conformance.format.vectors import MalformedFile, Vector, sections
from xmpp_im_conformance.reports.html.book import book
from xmpp_im_conformance.reports.html.failure import Failure, failure_of
from xmpp_im_conformance.reports.html.legible import legible
from xmpp_im_conformance.reports.requirements import CHAPTER_TITLES, LEVELS, MatrixCell, matrix, standings
from xmpp_im_conformance.reports.sections import heading, order
from xmpp_im_conformance.running.outcome import Outcome, Result

_TEMPLATES: Final = "templates"
_SCRIPTS: Final = ("diagram.js", "steps.js", "filters.js")


@frozen
class Entry:
    """A vector as the page lists it."""

    place: int
    """Its story's place in the book."""
    id: str
    title: str
    heading: str
    """The section of RFC 6121 that it is about first."""
    sections: tuple[str, ...]
    side: str
    level: str
    note: str
    features: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    outcome: str
    reason: str
    """Why it is not applicable; empty if it is."""
    failure: Failure | None


@frozen
class Group:
    """The vectors of one section."""

    heading: str
    title: str
    entries: tuple[Entry, ...]


def page(results: Sequence[Result], driver: str, made: datetime, about: str = "") -> str:
    """Return the page about a run, as HTML.

    :param driver: the name of the driver that it was run on.
    :param made: when it was run.
    :param about: what was tested and where, as far as it is known.
    """
    results = sorted(results, key=lambda result: order(heading(result.vector)))
    entries = [_entry(place, result) for place, result in enumerate(results)]
    known = standings(results)
    script = Markup("\n".join([_asset(name) for name in _SCRIPTS]))
    return (
        _environment()
        .get_template("report.html")
        .render(
            driver=driver,
            about=about,
            made=made,
            counts=Counter([entry.outcome for entry in entries]),
            outcomes=[outcome.value for outcome in Outcome],
            seconds=sum([result.seconds for result in results]),
            groups=_groups(entries),
            total=len(entries),
            standings=known,
            everything=MatrixCell(tuple(known)),
            rows=matrix(known),
            levels=LEVELS,
            book=book(results),
            style=Markup(_asset("report.css")),
            script=script,
            # Nothing but this very script runs on the page, whatever a vector or a server under test says.
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("xmpp_im_conformance.reports.html", _TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """Make everything visible in what the templates write, except what is markup already."""
    return legible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _asset(name: str) -> str:
    return files("xmpp_im_conformance.reports.html").joinpath(_TEMPLATES, name).read_text(encoding="utf-8")


def _entry(place: int, result: Result) -> Entry:
    vector = result.vector
    known = requirements()
    return Entry(
        place=place,
        id=vector.id,
        title=_title(vector),
        heading=heading(vector),
        sections=sections(vector),
        side=vector.side.value,
        level=vector.level if isinstance(vector, Vector) else "",
        note=vector.note if isinstance(vector, Vector) else "",
        features=tuple(sorted(vector.features)) if isinstance(vector, Vector) else (),
        requirements=tuple([known[id] for id in dict.fromkeys(vector.requirements) if id in known]),
        outcome=result.outcome.value,
        reason=result.detail if result.outcome is Outcome.NOT_APPLICABLE else "",
        failure=failure_of(result),
    )


def _groups(entries: Sequence[Entry]) -> list[Group]:
    """Put entries that are sorted by section under their headings."""
    return [
        Group(name, CHAPTER_TITLES.get(name.partition(".")[0], ""), tuple(among))
        for name, among in groupby(entries, key=lambda entry: entry.heading)
    ]


def _title(vector: Vector | MalformedFile) -> str:
    return vector.title if isinstance(vector, Vector) else "(malformed vector)"
