"""Draw one or several of a few values, fast: to draw an index is much cheaper than to build a strategy.

The strategies of states and events make some hundred choices for one example, and nearly every property test of the
project uses them. Examples shrink towards the first option, so put the simplest one first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol, TypeAlias, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Chance(Protocol):
    """A source of random choices, such as ``random.Random``."""

    def choice(self, seq: Sequence[T], /) -> T:
        """Return one of these, each with the same probability."""


Draw: TypeAlias = st.DrawFn | Chance
"""Who makes the choices: Hypothesis, which searches for failures and shrinks them, or a random generator."""


@cache
def _below(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


def choose(draw: Draw, options: Sequence[T]) -> T:
    """Draw one of these. An option that is listed twice is drawn twice as often."""
    return options[draw(_below(len(options)))] if callable(draw) else draw.choice(options)


def several(draw: Draw, options: Sequence[T], at_most: int) -> list[T]:
    """Draw a list of up to ``at_most`` of these, each at most once, in any order."""
    left = list(options)
    return [left.pop(choose(draw, range(len(left)))) for _ in range(choose(draw, range(min(at_most, len(left)) + 1)))]
