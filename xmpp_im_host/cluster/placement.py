"""Placement: which node is to own which partition. It is weighted rendezvous hashing, and a pure function.

Each pair of a node and a partition has a score, which depends on nothing else. The node with the lowest score gets the
partition. So if a node leaves, only its own partitions move; if a node comes, it takes its share from all others; and
all nodes that see the same list come to the same result.

Nothing relies on that for safety. If two nodes see different lists, both may claim a partition: the later claim ends
the earlier lease, and each commit proves its lease.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from math import log
from typing import Final

from xmpp_im_host.storage.records import PARTITIONS

_BITS: Final = 52
"""How many bits of a hash count. A half more than such a number is still an exact float."""


def placement(weights: Mapping[int, float], partitions: Iterable[int] = range(PARTITIONS)) -> dict[int, int]:
    """Return the node of each partition.

    :param weights: by the number of the node: its share in proportion to the others'. A node with 0 gets nothing.
    :return: by partition; empty if no node has a weight above 0.
    """
    able = {number: weight for number, weight in weights.items() if weight > 0}
    if not able:
        return {}
    return {partition: min(able, key=lambda each: score(partition, each, able[each])) for partition in partitions}


def score(partition: int, number: int, weight: float) -> tuple[float, int]:
    """Return the score of a node for a partition. The lowest score wins; the number of the node ends a tie.

    The logarithm of an even number between 0 and 1 has an exponential distribution. The lowest of several such values,
    each divided by a weight, belongs to each of them with a probability in proportion to its weight.
    """
    digest = blake2b(b"%d/%d" % (partition, number), digest_size=8).digest()
    drawn = ((int.from_bytes(digest) >> (64 - _BITS)) + 0.5) / (1 << _BITS)
    return -log(drawn) / weight, number


def moves(before: Mapping[int, int], after: Mapping[int, int]) -> dict[int, tuple[int | None, int]]:
    """Return the partitions that move from one placement to another: by partition, from which node to which."""
    return {
        partition: (before.get(partition), number)
        for partition, number in after.items()
        if before.get(partition) != number
    }
