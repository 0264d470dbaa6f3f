"""Making the compliance page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.format.vectors import MalformedFile, Vector
from xmpp_im_conformance.reports.compliance.building import data, failures_of, known_vectors, listed
from xmpp_im_conformance.reports.compliance.reading import Tested
from xmpp_im_conformance.reports.html.book import book
from xmpp_im_conformance.reports.html.legible import legible
from xmpp_im_conformance.running.outcome import Outcome, Result

_HERE: Final = "xmpp_im_conformance.reports.compliance"
_REPORT: Final = "xmpp_im_conformance.reports.html"
_SCRIPTS: Final = ((_REPORT, "diagram.js"), (_REPORT, "steps.js"), (_HERE, "matrix.js"), (_HERE, "panel.js"))
_STYLES: Final = ((_REPORT, "report.css"), (_HERE, "compliance.css"))


def page(tested: Sequence[Tested], made: datetime, vectors: Iterable[Vector | MalformedFile] | None = None) -> str:
    """Return the page, as HTML.

    :param made: when it is made.
    :param vectors: the vectors of this package, if they were read already.
    """
    known = known_vectors(find([]) if vectors is None else vectors, listed(tested))
    failures = failures_of(tested, known)
    told = book([*[Result(vector, Outcome.PASSED) for vector in known], *failures.values()])
    drawn = {which: len(known) + number for number, which in enumerate(failures)}
    script = Markup("\n".join([_asset(package, name) for package, name in _SCRIPTS]))
    return (
        _environment()
        .get_template("compliance.html")
        .render(
            tested=tested,
            made=made,
            counted={each.key: _counted(each) for each in tested},
            book=told,
            data=data(tested, told["stories"], drawn),
            style=Markup("\n".join([_asset(package, name) for package, name in _STYLES])),
            script=script,
            # Nothing but this very script runs on the page, whatever a vector or a system under test says.
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def _counted(tested: Tested) -> dict[str, int]:
    outcomes = [result.outcome for result in tested.results.vectors]
    return {outcome.value: outcomes.count(outcome) for outcome in Outcome}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(_HERE, "templates"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """Make everything visible in what the template writes, except what is markup already."""
    return legible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _asset(package: str, name: str) -> str:
    return files(package).joinpath("templates", name).read_text(encoding="utf-8")
