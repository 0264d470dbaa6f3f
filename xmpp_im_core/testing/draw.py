"""Choosing among a few values, quickly: drawing an index costs a fraction of what building a strategy does.

The strategies of states and events make some hundred choices for one example, and are drawn from in nearly
every property test of the project. The first option is the simplest: examples shrink towards it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol, TypeAlias, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Chance(Protocol):
    """What draws evenly, as ``random.Random`` does."""

    def choice(self, seq: Sequence[T], /) -> T:
        """Draw one of these."""


Draw: TypeAlias = st.DrawFn | Chance
"""What choices are made by: Hypothesis, which looks for what fails and can shrink it, or plain chance."""


@cache
def _below(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)


def choose(draw: Draw, options: Sequence[T]) -> T:
    """Draw one of these; one that stands there twice is drawn twice as often."""
    return options[draw(_below(len(options)))] if callable(draw) else draw.choice(options)


def several(draw: Draw, options: Sequence[T], at_most: int) -> list[T]:
    """Draw up to so many of these, each at most once, in any order."""
    left = list(options)
    return [left.pop(choose(draw, range(len(left)))) for _ in range(choose(draw, range(min(at_most, len(left)) + 1)))]
