"""What became of a vector."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from enum import Enum
from time import perf_counter

from attrs import evolve, field, frozen

from xmpp_im_conformance.format.evidence import Evidence
from xmpp_im_conformance.format.vectors import MalformedFile, Vector
from xmpp_im_conformance.format.worlds import NotApplicable, ServerFailed


class Outcome(Enum):
    """The three things that may become of a vector."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


@frozen
class Result:
    """A vector and what became of it."""

    vector: Vector | MalformedFile
    outcome: Outcome
    detail: str = ""
    """Why it failed or is not applicable; empty if it passed."""
    seconds: float = field(default=0.0, eq=False)
    """How long it took; no part of what became of it."""
    evidence: Evidence | None = field(default=None, eq=False)
    """The parts of the detail, for reports that show it differently; None if there are no parts."""


class Failed(Exception):
    """The vector fails; the message is for people."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(str(evidence))
        self.evidence = evidence


def result_of(vector: Vector | MalformedFile, run: Callable[[Vector], None]) -> Result:
    """Run a vector. No implementation under test can stop the runner.

    :param run: returns if the vector passes.
    """
    if isinstance(vector, MalformedFile):
        return Result(vector, Outcome.FAILED, f"malformed vector: {vector.why}")
    began = perf_counter()
    result = _result_of(vector, run)
    return evolve(result, seconds=perf_counter() - began)


def _result_of(vector: Vector, run: Callable[[Vector], None]) -> Result:
    try:
        run(vector)
    except NotApplicable as reason:
        return Result(vector, Outcome.NOT_APPLICABLE, str(reason))
    except Failed as failure:
        return Result(vector, Outcome.FAILED, str(failure), evidence=failure.evidence)
    except ServerFailed as failure:
        return Result(vector, Outcome.FAILED, str(failure))
    except Exception:
        return Result(vector, Outcome.FAILED, f"the implementation raised\n{traceback.format_exc()}")
    return Result(vector, Outcome.PASSED)
