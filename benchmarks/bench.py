"""The common part of the groups: the yardsticks, and adding lines to the table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final
from xml.parsers.expat import ParserCreate

from rich.console import Console

from benchmarks import documents
from benchmarks.figures import BYTES, FASTEST_PEER, FLOOR, SMALLEST, TIME, E, Line
from benchmarks.floors import floor
from benchmarks.racing import Statement, Variant, race

FLAT: Final = 1.5
"""A step that should cost the same in a large and a small state may take this many times as long: caches miss."""


def _nothing(*_: object) -> None:
    pass


def bare_expat() -> Callable[[bytes], object]:
    """Return the function that feeds bytes to an expat parser whose handlers do nothing."""
    parser = ParserCreate("UTF-8", "\x01")
    parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = _nothing
    if hasattr(parser, "SetReparseDeferralEnabled"):
        parser.SetReparseDeferralEnabled(False)
    parser.Parse(documents.HEADER, False)
    return parser.Parse


def reading_e() -> Callable[[], object]:
    """Return a function that takes one E: expat with empty handlers reads the chat message of 306 bytes."""
    return partial(bare_expat(), documents.MESSAGE)


class Bench:
    """Measures variants, and collects the lines of the table."""

    def __init__(self, rounds: int, err: Console | None = None) -> None:
        self.rounds = rounds
        self.lines: list[Line] = []
        self.absent: dict[str, str] = {}
        self.e = self.race({"E": reading_e()})["E"]
        """The shortest time of one E in this process, in microseconds."""
        self._err = err or Console(file=sys.stderr)

    def race(self, variants: Mapping[str, Variant]) -> dict[str, float]:
        """Return the time of each variant in microseconds."""
        return race(variants, self.rounds)

    def against_floor(
        self, group: str, name: str, reducer: Callable[..., object], state: object, event: object, *, goal: float = 2
    ) -> None:
        """Add a step, with its time as a multiple of its floor."""
        code = floor(reducer(state, event), state, event)
        ours = Statement("reduce(state, event)", {"reduce": reducer, "state": state, "event": event})
        took = self.race({"ours": ours, "floor": code})
        self.lines.append(Line(group, name, took["ours"], FLOOR, took["ours"] / took["floor"], goal))

    def in_e(
        self,
        group: str,
        name: str,
        run: Variant,
        *,
        goal: float | None = None,
        parts: int = 1,
        others: Mapping[str, Variant] | None = None,
    ) -> None:
        """Add a variant, with its time in E.

        :param parts: the divisor of the time, such as the number of recipients of a broadcast.
        :param others: variants to show in the same line, in E too.
        """
        took = self.race({"ours": run, "E": reading_e(), **(others or {})})
        ours, e = took.pop("ours") / parts, took.pop("E")
        self.e = min(self.e, e)
        beside = {other: each / parts / e for other, each in took.items()}
        self.lines.append(Line(group, name, ours, E, ours / e, goal, beside))

    def took(self, group: str, name: str, took: float) -> None:
        """Add a time without a goal, in microseconds of CPU time."""
        self.lines.append(Line(group, name, took, TIME, took))

    def against_peers(self, group: str, name: str, runs: Mapping[str, Variant], *, goal: float) -> None:
        """Add our variant ``ours``, with its time as a multiple of that of the fastest peer."""
        self.beside_peers(group, name, self.race(runs), goal=goal)

    def beside_peers(self, group: str, name: str, times: Mapping[str, float], *, goal: float) -> None:
        """Add times that were measured elsewhere, in microseconds; see :meth:`against_peers`."""
        took = dict(times)
        ours = took.pop("ours")
        if not took:  # no peer is installed
            self.took(group, name, ours)
            return
        beside = {peer: each / ours for peer, each in took.items()}
        self.lines.append(Line(group, name, ours, FASTEST_PEER, ours / min(took.values()), goal, beside))

    def growth(
        self,
        group: str,
        name: str,
        runs: Mapping[str, Variant],
        *,
        per: Mapping[str, int] | None = None,
        goal: float | None = FLAT,
    ) -> None:
        """Add a step in states of different sizes, from the smallest to the largest.

        :param per: the divisor of the time of each size.
        """
        took = {size: each / (per[size] if per else 1) for size, each in self.race(runs).items()}
        (_, smallest), *between, (largest, most) = took.items()
        beside = {size: each / smallest for size, each in between}
        self.lines.append(Line(group, f"{name}: {largest}", most, SMALLEST, most / smallest, goal, beside))

    def in_bytes(self, group: str, name: str, size: float, goal: float | None = None) -> None:
        """Add an amount of memory, in bytes."""
        self.lines.append(Line(group, name, size, BYTES, size, goal))

    def say(self, text: str) -> None:
        """Print a message to the user at once."""
        self._err.print(text, highlight=False)
