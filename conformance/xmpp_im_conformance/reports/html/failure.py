"""A failure as the page tells it: in a line, then what was expected next to what came, then everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from xmpp_im_conformance.format.comparing import ComparedLine
from xmpp_im_conformance.format.evidence import FROM_SERVER, Evidence
from xmpp_im_conformance.format.markup import pretty
from xmpp_im_conformance.reports.html.scenes import sorted_out
from xmpp_im_conformance.running.outcome import Outcome, Result


@frozen
class Compared:
    """A stanza that was expected, the one that came, or both next to each other."""

    rows: Sequence[ComparedLine]

    @property
    def headings(self) -> Mapping[str, str]:
        """What stands above the rows, by the side of them that is below it."""
        if not any(row.expected for row in self.rows):
            return {"came": "came, and was not expected"}
        if not any(row.came for row in self.rows):
            return {"expected": "expected, and did not come"}
        return {"expected": "expected", "came": "came"}


@frozen
class Point:
    """One expectation that did not hold."""

    says: str
    """Why, in a line."""
    compared: tuple[Compared, ...]
    """Each stanza that was expected next to what came."""
    items: tuple[str, ...]
    """How a roster differs."""


@frozen
class Failure:
    """Why a vector failed."""

    says: str
    """Why, in a line."""
    points: tuple[Point, ...] = ()
    problem: str = ""
    """All that the runner says of it, if there is nothing to compare."""
    besides: tuple[tuple[str, str], ...] = ()
    """What had come and no step had taken: where, and what."""
    happened: str = ""
    """All that had happened up to there."""


def failure_of(result: Result) -> Failure | None:
    """Return what there is to tell of a failure; None if there is none."""
    if result.outcome is not Outcome.FAILED:
        return None
    evidence = result.evidence or Evidence(result.detail)
    says, _, more = evidence.problem.partition("\n")
    points = [
        Point(unmet.says, tuple([Compared(each.rows) for each in unmet.compared(evidence.bindings)]), unmet.items)
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
