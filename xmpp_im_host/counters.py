"""What the server counts while it runs: plain numbers, which the metrics read when somebody asks for them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

from attrs import define, field

BOUNDS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
"""The upper bounds of the buckets of a histogram, in seconds."""


@define
class Histogram:
    """How often a time was within each bound."""

    counts: list[int] = field(factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one time."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


@define
class Counters:
    """Counts since the start."""

    connections: int = 0
    """Connections that were accepted."""
    refused: Counter[str] = field(factory=Counter)
    """Connections that were refused or closed by a limit, by the name of the limit."""
    received: int = 0
    """Stanzas from clients and components."""
    sent: int = 0
    """Stanzas to clients and components."""
    logins: int = 0
    failed_logins: int = 0
    resumed: int = 0
    latency: Histogram = field(factory=Histogram)
    """The times from reading a stanza until it was processed: durable, and written to the connections."""
