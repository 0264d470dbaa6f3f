"""Timing: variants run in turn, and of each the least CPU time counts.

A load on the machine slows all variants of one race alike, and the round that nothing disturbed is the least. So the
ratio of two variants holds where their times do not.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from timeit import Timer
from typing import Any, NamedTuple


class Statement(NamedTuple):
    """Python code, and the values of its names. Timed like this it costs no call of a function."""

    code: str
    names: Mapping[str, Any]


Variant = Callable[[], object] | Statement

_SLICE = 0.005
"""Seconds that a variant runs in each round: long for the clock, short for the load of the machine to change."""


def race(variants: Mapping[str, Variant], rounds: int) -> dict[str, float]:
    """Return the microseconds of CPU time that one run of each variant takes: the least of all rounds.

    There are fewer rounds where one run of a variant takes long.
    """
    timers = {name: _timer(variant) for name, variant in variants.items()}
    numbers = {name: _enough(timer) for name, timer in timers.items()}
    longest = max([timer.timeit(numbers[name]) for name, timer in timers.items()])
    rounds = max(3, min(rounds, round(rounds * 4 * _SLICE / longest)))
    best = dict.fromkeys(timers, float("inf"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, timer in timers.items():
                best[name] = min(best[name], timer.timeit(numbers[name]) / numbers[name])
    finally:
        gc.enable()
    return {name: seconds * 1e6 for name, seconds in best.items()}


def _timer(variant: Variant) -> Timer:
    code, names = variant if isinstance(variant, Statement) else ("run()", {"run": variant})
    # Local names are the cheapest to read, so that the measurement adds least.
    setup = "; ".join([f"{name} = _names[{name!r}]" for name in names]) or "pass"
    return Timer(code, setup, timer=time.process_time, globals={"_names": names})


def _enough(timer: Timer) -> int:
    """Return how often to run a variant in one round; running it so often warms it up too."""
    number = 1
    while (took := timer.timeit(number)) < _SLICE / 2:
        number = number * 4 if took < 1e-4 else max(number * 2, round(number * 0.7 * _SLICE / took))
    return number
