"""What became of a vector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum

from attrs import field, frozen

from xmpp_im_conformance.format.evidence import Evidence
from xmpp_im_conformance.format.vectors import MalformedFile, Vector


class Outcome(Enum):
    """What may become of a vector."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"
    NOT_RUN = "not_run"
    """The run ended before it, because the system under test was gone. This shows nothing about the vector."""


@frozen
class Result:
    """A vector and what became of it."""

    vector: Vector | MalformedFile
    outcome: Outcome
    detail: str = ""
    """Why it failed or is not applicable; empty if it passed."""
    seconds: float = field(default=0.0, eq=False)
    """How long it took; no part of what became of it."""
    findings: Mapping[str, int] = field(factory=dict)
    """What was forgiven, or could not be looked at, and how often: the vector shows less than it would otherwise."""
    evidence: Evidence | None = field(default=None, eq=False)
    """The parts of the detail, for reports that show it differently; None if there are no parts."""
    unanswered: bool = field(default=False, eq=False)
    """Whether it failed because the system under test did not answer, or not as one must, rather than wrongly."""


def all_findings(results: Iterable[Result]) -> Counter[str]:
    """Return the findings of all vectors."""
    return sum([Counter(result.findings) for result in results], Counter())


class Failed(Exception):
    """The vector fails; the message is for people."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(str(evidence))
        self.evidence = evidence
