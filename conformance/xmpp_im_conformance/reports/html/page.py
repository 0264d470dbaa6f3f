"""Making the page."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from xmpp_im_conformance.format.data import requirements
from xmpp_im_conformance.reports.html.book import book
from xmpp_im_conformance.reports.html.failure import failure_of
from xmpp_im_conformance.reports.html.legible import legible
from xmpp_im_conformance.reports.requirements import CHAPTER_TITLES, LEVELS, MatrixCell, matrix, standings
from xmpp_im_conformance.reports.sections import heading, order
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.judging import Verdict
from xmpp_im_conformance.verdict.known import Deviation

_TEMPLATES: Final = "templates"
_MOST: Final = 12
"""At most so many stanzas of an example are shown."""
_SCRIPTS: Final = ("diagram.js", "steps.js", "filters.js")


def page(
    results: Sequence[Result],
    driver: str,
    made: datetime,
    about: str = "",
    remarks: Mapping[str, int] = {},
    known: Sequence[Deviation] = (),
) -> str:
    """Return the page about a run, as HTML.

    :param driver: the name of the driver that it was run on.
    :param made: when it was run.
    :param about: what was tested and where, as far as it is known.
    :param remarks: what it does otherwise, and was read all the same: what, and how often.
    :param known: the known deviations of what was tested.
    """
    results = sorted(results, key=lambda result: order(heading(result.vector)))
    # A vector's story has the same place in the book.
    groups = groupby(enumerate(results), key=lambda placed: heading(placed[1].vector))
    stand = standings(results)
    counts = Counter([result.outcome.value for result in results])
    script = Markup("\n".join([_asset(name) for name in _SCRIPTS]))
    return (
        _environment()
        .get_template("report.html")
        .render(
            driver=driver,
            about=about,
            remarks=sorted(remarks.items()),
            made=made,
            counts=counts,
            outcomes=[each.value for each in Outcome if each is not Outcome.NOT_RUN or counts[each.value]],
            seconds=sum([result.seconds for result in results]),
            groups=[(name, list(among)) for name, among in groups],
            titles=CHAPTER_TITLES,
            failure_of=failure_of,
            known=requirements(),
            total=len(results),
            standings=stand,
            everything=MatrixCell(tuple(stand)),
            rows=matrix(stand),
            verdict=Verdict(results, known),
            most=_MOST,
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
