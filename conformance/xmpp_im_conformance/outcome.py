"""What became of a vector."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from enum import Enum

from attrs import frozen

from xmpp_im_conformance.driver import NotApplicable
from xmpp_im_conformance.vectors import Malformed, Vector


class Outcome(Enum):
    """The three things that may become of a vector."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"


@frozen
class Result:
    """A vector and what became of it."""

    vector: Vector | Malformed
    outcome: Outcome
    detail: str = ""
    """Why it failed or is not applicable; empty where it passed."""


class Failed(Exception):
    """The vector fails; the message is for people."""


def result_of(vector: Vector | Malformed, run: Callable[[Vector], None]) -> Result:
    """Run a vector, whatever comes of it: no implementation under test can stop the runner.

    :param run: returns where the vector passes.
    """
    if isinstance(vector, Malformed):
        return Result(vector, Outcome.FAILED, f"malformed vector: {vector.why}")
    try:
        run(vector)
    except NotApplicable as reason:
        return Result(vector, Outcome.NOT_APPLICABLE, str(reason))
    except Failed as failure:
        return Result(vector, Outcome.FAILED, str(failure))
    except Exception:
        return Result(vector, Outcome.FAILED, f"the implementation raised\n{traceback.format_exc()}")
    return Result(vector, Outcome.PASSED)
