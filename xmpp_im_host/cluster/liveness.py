"""Liveness: what one node concludes from the beats of the others. It is pure, and no clocks are compared.

The database counts the beats of each node. An observer looks at the counts with each of its own beats, and measures
with its own monotonic clock how long a count has stood still. Only time counts in which the observer looked regularly:
after a gap, everything begins anew. So while the database is away, or the observer is stopped, nobody grows silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import define, field, frozen

from xmpp_im_host.storage.records import Node

_GAPS: Final = 3
"""The longest gap between two looks is this fraction of the time after which a silent node is dead."""


@frozen(kw_only=True)
class Pace:
    """How often nodes beat, and when a silent one is dead. All nodes of a cluster have the same pace."""

    beat_seconds: float = 0.5
    dead_seconds: float = 3.0

    @property
    def gap_seconds(self) -> float:
        """The longest time between two looks of an observer that has missed nothing."""
        return self.dead_seconds / _GAPS

    @property
    def fresh_seconds(self) -> float:
        """How long after the start of its last beat a node can be sure that nobody declares it dead."""
        return self.dead_seconds - self.beat_seconds


@frozen
class _Seen:
    beats: int
    since: float
    """When the observer first knew this count, or when it last began anew."""


@define
class Observer:
    """What one node has seen of the others.

    :param number: its own number. It never declares itself dead.
    """

    number: int
    pace: Pace = field(factory=Pace)
    _seen: dict[int, _Seen] = field(factory=dict, init=False)
    _looked: float | None = field(default=None, init=False)

    def look(self, began: float, ended: float, nodes: Sequence[Node]) -> frozenset[int]:
        """Take in what one beat has found, and return the numbers of the nodes that this one has to end.

        A node is dead if its count was the same for ``dead_seconds``, from the end of the look that found it first to
        the begin of this one: in between, it was the same in the database. The living node with the lowest number ends
        the dead ones, and the others do so if it has not done it in that time. That only saves work: any number of
        nodes may end the same one.

        :param began: when the observer asked, on its monotonic clock.
        :param ended: when it got the answer.
        """
        anew = self._looked is None or ended - self._looked > self.pace.gap_seconds
        self._looked = ended
        before = {} if anew else self._seen
        self._seen = {node.number: _seen(before.get(node.number), node, ended) for node in nodes}
        silent = {number: began - seen.since for number, seen in self._seen.items() if number != self.number}
        living = [number for number, seconds in silent.items() if seconds < self.pace.dead_seconds]
        wait = self.pace.dead_seconds * (1 if self.number < min(living, default=self.number + 1) else 2)
        return frozenset([number for number, seconds in silent.items() if seconds >= wait])


def _seen(before: _Seen | None, node: Node, now: float) -> _Seen:
    return before if before is not None and before.beats == node.beats else _Seen(node.beats, now)
