"""Taking apart what the runner says of a failure: which step it was, what was wrong, what had happened."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

_STEP: Final = re.compile(r"step (\d+) of \d+ \(\w+\): |at the end: ")
_HAPPENED: Final = "\nwhat happened:\n"


@frozen
class Failure:
    """Why a vector failed."""

    problem: str
    """What was expected and what came."""
    happened: str = ""
    """All that happened up to there, where the runner knows."""
    step: int | None = None
    """The step, counted from 0; None where it is no step's fault, as of what a table asks for; -1 for the end."""


def failure_of(detail: str) -> Failure:
    """Take the detail of a failed result apart."""
    problem, _, happened = detail.partition(_HAPPENED)
    place = _STEP.match(problem)
    if place is None:
        return Failure(problem, happened)
    return Failure(problem, happened, int(place[1]) - 1 if place[1] else -1)
