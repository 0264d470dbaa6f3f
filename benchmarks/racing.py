"""Timing: variants run alternately, and the shortest CPU time of each counts.

Load on the machine slows all variants of one race equally, and an undisturbed round is the shortest. So the ratio of
two variants is reliable even if their times are not.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from timeit import Timer
from typing import Any, NamedTuple


class Statement(NamedTuple):
    """Python code, and the values of its names. Timing it includes no function call."""

    code: str
    names: Mapping[str, Any]


Variant = Callable[[], object] | Statement

_SLICE = 0.005
"""Seconds that a variant runs in each round: long for the clock, short enough for the load to stay constant."""


def race(variants: Mapping[str, Variant], rounds: int) -> dict[str, float]:
    """Return the CPU time of one run of each variant in microseconds: the shortest of all rounds.

    If one run of a variant takes long, there are fewer rounds.
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
    # Local names are the cheapest to read, so they distort the measurement least.
    setup = "; ".join([f"{name} = _names[{name!r}]" for name in names]) or "pass"
    return Timer(code, setup, timer=time.process_time, globals={"_names": names})


def _enough(timer: Timer) -> int:
    """Return how often to run a variant in one round. This also warms it up."""
    number = 1
    while (took := timer.timeit(number)) < _SLICE / 2:
        number = number * 4 if took < 1e-4 else max(number * 2, round(number * 0.7 * _SLICE / took))
    return number
