"""How the parts of a node see each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from attrs import define


@define
class PartitionFigures:
    """What the owner of a partition has done since it claimed it."""

    accounts: int = 0
    """Accounts in memory now."""
    entries: int = 0
    """Entries that were taken from the queue."""
    steps: int = 0
    """Steps of the core: at least one for each event."""
    commits: int = 0
    """Commits that the partition took part in."""
    refused: int = 0
    """Entries that could not be read or processed. Who waits for an answer got an error."""
    lag: float = 0.0
    """How old the last event was when its result was durable, in seconds, by the clocks of two nodes."""


class PartitionOwner(Protocol):
    """The owner of partitions: it takes the entries of their queues, and processes them.

    ``Owner(engine, node, service, policy, delegate, components, clock, ids, appended, *, workers=1, ...)`` is one.
    """

    def set_wanted(self, partitions: Collection[int]) -> None:
        """Say which partitions are placed on this node. Those that it does not hold are claimed soon.

        Partitions that it holds and that are placed elsewhere stay until another node claims them. A partition that
        another node has claimed is claimed again when this is called the next time. So call it after each look at the
        other nodes, also if nothing has changed.
        """

    @property
    def held(self) -> frozenset[int]:
        """The partitions that this node holds now, as far as it knows."""

    def wake(self, queues: Iterable[str]) -> None:
        """Say that entries were appended to these queues. Queues that the owner does not read do not matter."""

    def figures(self) -> Mapping[int, PartitionFigures]:
        """Return what was done for each partition that is held now."""

    async def aclose(self) -> None:
        """Finish the batches that are under way, and stop. This waits for an engine that does not answer."""

    def abandon(self) -> None:
        """Stop at once, as a crash would."""
