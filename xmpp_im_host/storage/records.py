"""The records of the engine protocol: leases, rows, changes, entries of queues, and batches of all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, TypeAlias
from zlib import crc32

from attrs import field

from xmpp_im_core.record import record

PARTITIONS: Final = 256
"""How many partitions the accounts are divided into. The number never changes, because stored rows have it."""

LISTED: Final = frozenset({"component", "gateway", "outbox", "replaced", "resumption", "roster", "session", "wake"})
"""The kinds of row that :meth:`~xmpp_im_host.storage.engine.Engine.scan` finds. Engines have an index of them."""


def partition_of(account: str) -> int:
    """Return the partition of an account.

    :param account: the prepared bare JID.
    """
    return crc32(account.encode()) % PARTITIONS


def node_lease(number: int) -> int:
    """Return the number of the lease that a node holds of itself; claiming it ends what the node may do.

    These numbers follow those of the partitions. No rows belong to them.

    :param number: what :meth:`~xmpp_im_host.storage.engine.Engine.join` has returned.
    """
    return PARTITIONS + number


@record
class Lease:
    """The right to write to a partition. It ends when anybody claims the partition after that."""

    partition: int
    epoch: int
    """It grows by each claim of the partition, so an older lease is told apart from a newer one."""
    token: str = ""
    """The token of the last batch that was committed for the partition, under this lease or an earlier one."""


@record
class Node:
    """A process that uses the engine together with others, as they see it."""

    number: int
    """No other node has or has had it."""
    name: str
    """For operators; several nodes may have the same."""
    beats: int = 0
    """How often the node has said that it is alive. It is compared with itself only: no clock is read."""
    weight: float = 1.0
    """The share of the partitions that the node is to have, compared with the others."""
    draining: bool = False
    """Whether the node is to have no partitions, and is to give up its sessions."""
    report: str = ""
    """What the node has said about itself with its last beat, as JSON."""


# --- rows -------------------------------------------------------------------------------------------------------


@record
class Row:
    """One row: what is stored for an account under a kind and a key. The engine does not read the text."""

    kind: str
    key: str
    text: str
    size: int = 0
    """The size of what the text stands for, in bytes; see :class:`Sums`."""


@record
class Write:
    """Store a row. It replaces the row of the same account, kind and key, and becomes the last of its kind."""

    account: str
    row: Row


@record
class Remove:
    """Remove a row, if there is one."""

    account: str
    kind: str
    key: str


@record
class RemoveKind:
    """Remove all rows of a kind of an account."""

    account: str
    kind: str


Change: TypeAlias = Write | Remove | RemoveKind


@record
class Sums:
    """How many rows there are, and the sum of their sizes."""

    rows: int = 0
    size: int = 0


@record
class Found:
    """The result of loading an account."""

    rows: tuple[Row, ...] = ()
    """In the order in which they were written last."""
    sums: Mapping[str, Sums] = field(factory=dict)
    """By kind: each kind that was only to be counted."""


@record
class Listed:
    """A row that a scan has found."""

    place: int
    """Where the next scan goes on; it grows along the result."""
    account: str
    row: Row


# --- queues -----------------------------------------------------------------------------------------------------


@record
class Entry:
    """An entry of a queue."""

    queue: str
    position: int
    """It is never used again in this queue. Entries are in the order of their positions. See :meth:`Engine.entries`."""
    body: bytes = field(repr=False)


@record
class Append:
    """Append an entry to a queue, unless the queue has had an entry of this source with this or a higher number."""

    queue: str
    source: str
    """Who appends: a name that nobody else uses. If it is empty, the entry is appended in any case: that is for a batch
    under a lease, which is done once by itself."""
    n: int = 0
    """The source counts its entries for each queue, and appends them in this order. It is unused if there is no source.
    """
    body: bytes = field(default=b"", repr=False)


@record
class Batch:
    """What a commit does, all of it or nothing."""

    changes: tuple[Change, ...] = ()
    """Performed in this order."""
    appends: tuple[Append, ...] = ()
    done: tuple[tuple[str, int], ...] = ()
    """The entries to remove, each by its queue and its position. Entries that are gone already do not matter."""
    token: str = ""
    """A name that no other batch has. It tells afterwards whether the batch was committed."""


# --- checks that every engine makes -----------------------------------------------------------------------------


def check_leases(leases: Collection[Lease], batch: Batch) -> None:
    """Refuse a batch that changes rows of a partition for which no lease is given.

    :raises ValueError: with the number of the partition.
    """
    held = {lease.partition for lease in leases}
    for change in batch.changes:
        partition = partition_of(change.account)
        if partition not in held:
            raise ValueError(f"leases: the batch changes rows of partition {partition}, and no lease of it is given")


def check_listed(kind: str) -> None:
    """Refuse to scan for a kind that engines have no index of.

    :raises ValueError: with the kind.
    """
    if kind not in LISTED:
        raise ValueError(f"kind: {kind!r} is not one of {', '.join(sorted(LISTED))}")
