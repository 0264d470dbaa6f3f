"""What belongs to which of several databases, and how a batch is divided among them.

A *shard* is one of the databases, by its number. The number of a partition or of a node decides where its lease and its
rows are. The last part of the name of a queue decides where the queue is: a number stands for itself, an account for
its partition. So ``partition/7`` and ``gateway/3/7`` are where the rows of partition 7 are.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from attrs import define, field

from xmpp_im_core.record import record
from xmpp_im_host.storage.errors import EngineFailed
from xmpp_im_host.storage.records import Append, Batch, Lease, partition_of


def number_of_queue(queue: str) -> int:
    """Return the number that decides in which shard a queue is."""
    last = queue.rpartition("/")[2]
    return int(last) if last.isascii() and last.isdecimal() else partition_of(last)


def shard_of_leases(leases: Collection[Lease], shards: int) -> int:
    """Return the shard of these leases.

    :raises ValueError: if they are in several ones.
    """
    return shard_of_numbers([each.partition for each in leases], shards)


def shard_of_numbers(partitions: Collection[int], shards: int) -> int:
    """Return the shard of these partitions; the first one if there are none.

    :raises ValueError: if they are in several ones.
    """
    found = {each % shards for each in partitions}
    if len(found) > 1:
        raise ValueError(f"leases: they are of {len(found)} of the {shards} databases, and a commit concerns one")
    return found.pop() if found else 0


@record
class Moved:
    """What a commit does to the queues of another shard."""

    appends: tuple[Append, ...] = ()
    done: tuple[tuple[str, int], ...] = ()


@define
class _Part:
    appends: list[Append] = field(factory=list)
    done: list[tuple[str, int]] = field(factory=list)


def divided(batch: Batch, shard: int, shards: int) -> tuple[Batch, dict[int, Moved]]:
    """Divide a batch that is committed in one shard.

    :return: what is done there, and what each other shard is to do.
    :raises EngineFailed: if the name of a queue or of a source cannot be stored; nobody could refuse it later.
    """
    parts: dict[int, _Part] = {}
    for append in batch.appends:
        check_text(append.queue)
        check_text(append.source)
        parts.setdefault(number_of_queue(append.queue) % shards, _Part()).appends.append(append)
    for queue, position in batch.done:
        parts.setdefault(number_of_queue(queue) % shards, _Part()).done.append((queue, position))
    moved = {each: Moved(tuple(part.appends), tuple(part.done)) for each, part in parts.items()}
    own = moved.pop(shard, Moved())
    return Batch(batch.changes, own.appends, own.done, batch.token), moved


def check_text(text: str) -> None:
    """Refuse text that no database stores.

    :raises EngineFailed: with the reason.
    """
    if "\0" in text:
        raise EngineFailed("a text cannot be stored: it has a null character")
    try:
        text.encode()
    except UnicodeError as error:
        raise EngineFailed(f"a text cannot be stored: {error}") from None


# --- on the way -------------------------------------------------------------------------------------------------


def dump_moved(moved: Moved) -> bytes:
    """Return what a relay stores: a line of JSON, and then the bodies."""
    appends = [(each.queue, each.source, each.n, len(each.body)) for each in moved.appends]
    head = json.dumps([appends, moved.done], ensure_ascii=False, separators=(",", ":"))
    return b"\n".join([head.encode(), b"".join([each.body for each in moved.appends])])


def load_moved(stored: bytes) -> Moved:
    """Return what :func:`dump_moved` has stored."""
    head, _, bodies = stored.partition(b"\n")
    listed, done = json.loads(head)
    appends: list[Append] = []
    begin = 0
    for queue, source, n, length in listed:
        appends.append(Append(queue, source, n, bodies[begin : begin + length]))
        begin += length
    return Moved(tuple(appends), tuple([(queue, position) for queue, position in done]))
