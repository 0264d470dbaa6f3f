"""A failure as the page tells it: in a line, then what was expected next to what came, then everything."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from xmpp_im_conformance.format.comparing import Comparison
from xmpp_im_conformance.format.evidence import FROM_SERVER, Evidence, Unmet
from xmpp_im_conformance.format.markup import pretty
from xmpp_im_conformance.reports.html.scenes import sorted_out
from xmpp_im_conformance.running.outcome import Result


@frozen
class Failure:
    """Why a vector failed."""

    says: str
    """Why, in a line."""
    points: tuple[tuple[Unmet, Sequence[Comparison]], ...] = ()
    """Each expectation that did not hold, and what was expected next to what came."""
    problem: str = ""
    """All that the runner says of it, if there is nothing to compare."""
    besides: tuple[tuple[str, str], ...] = ()
    """What had come and no step had taken: where, and what."""
    happened: str = ""
    """All that had happened up to there."""


def failure_of(result: Result) -> Failure:
    """Return what there is to tell of a failure."""
    evidence = result.evidence or Evidence(result.detail)
    says, _, more = evidence.problem.partition("\n")
    points = [
        (unmet, unmet.compared(evidence.bindings))
        for unmet in evidence.unmet
        if unmet.expected or unmet.came or unmet.items or len(evidence.unmet) > 1
    ]
    _, besides = sorted_out(evidence)
    return Failure(
        says,
        tuple(points),
        "" if points else more,
        tuple([("the server" if at == FROM_SERVER else at, pretty(stanza)) for at, stanza in besides]),
        evidence.happened,
    )
