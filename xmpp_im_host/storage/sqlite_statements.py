"""What the SQLite engine does in its threads: each function takes a connection with a transaction under way."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from xmpp_im_host.storage.errors import Fenced
from xmpp_im_host.storage.net_changes import net_changes
from xmpp_im_host.storage.records import (
    PARTITIONS,
    Append,
    Batch,
    Change,
    Entry,
    Found,
    Lease,
    Listed,
    Node,
    Row,
    Sums,
    partition_of,
)

WRITE = """
INSERT OR REPLACE INTO records (partition, account, kind, key, text, size) VALUES (?, ?, ?, ?, ?, ?)
"""
REMOVE = "DELETE FROM records WHERE account = ? AND kind = ? AND key = ?"
REMOVE_KIND = "DELETE FROM records WHERE account = ? AND kind = ?"
SET_TOKEN = "UPDATE leases SET token = ? WHERE partition = ? AND epoch = ?"
STANDS = "SELECT 1 FROM leases WHERE partition = ? AND epoch = ?"
CLAIM = """
INSERT INTO leases (partition, epoch, token, node) VALUES (?, 1, '', ?)
ON CONFLICT (partition) DO UPDATE SET epoch = epoch + 1, node = excluded.node
RETURNING epoch, token
"""
RENEW = """
UPDATE leases SET epoch = epoch + 1 WHERE partition = ? AND node = ? RETURNING epoch, token
"""
COUNT_APPEND = """
INSERT INTO sources (queue, source, n) VALUES (?, ?, ?)
ON CONFLICT (queue, source) DO UPDATE SET n = excluded.n WHERE n < excluded.n
"""
APPEND = "INSERT INTO entries (queue, body) VALUES (?, ?)"
ENTRIES = "SELECT queue, position, body FROM entries WHERE queue = ? AND position > ? ORDER BY position LIMIT ?"
SETTLE = "DELETE FROM entries WHERE queue = ? AND position = ?"
JOIN = "INSERT INTO nodes (name) VALUES (?) RETURNING number"
BEAT = "UPDATE nodes SET beats = beats + 1, report = ? WHERE number = ?"
NODES = "SELECT number, name, beats, weight, draining, report FROM nodes ORDER BY number"
LEAVE = "DELETE FROM nodes WHERE number = ?"
DIRECT = "UPDATE nodes SET weight = coalesce(?, weight), draining = coalesce(?, draining) WHERE number = ?"


# --- leases -----------------------------------------------------------------------------------------------------


def claim(db: sqlite3.Connection, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
    """Begin a new epoch of each partition."""
    return tuple([Lease(each, *db.execute(CLAIM, (each, node)).fetchone()) for each in partitions])


def renew(db: sqlite3.Connection, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
    """Begin a new epoch of each partition, if this node is the owner of all."""
    leases: list[Lease] = []
    lost: list[int] = []
    for partition in partitions:
        row = db.execute(RENEW, (partition, node)).fetchone()
        if row is None:
            lost.append(partition)
        else:
            leases.append(Lease(partition, *row))
    if lost:
        raise Fenced(lost)
    return tuple(leases)


def _check(db: sqlite3.Connection, lease: Lease) -> None:
    if db.execute(STANDS, (lease.partition, lease.epoch)).fetchone() is None:
        raise Fenced([lease.partition])


# --- rows -------------------------------------------------------------------------------------------------------


def commit(db: sqlite3.Connection, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
    """Perform a batch, if all its leases stand."""
    ended = [
        each.partition
        for each in leases
        if not db.execute(SET_TOKEN, (batch.token, each.partition, each.epoch)).rowcount
    ]
    if ended:
        raise Fenced(ended)
    _change(db, batch.changes)
    for each in batch.appends:
        append(db, each)
    db.executemany(SETTLE, batch.done)
    return tuple([Lease(each.partition, each.epoch, batch.token) for each in leases])


def _change(db: sqlite3.Connection, changes: Iterable[Change]) -> None:
    net = net_changes(changes)
    db.executemany(REMOVE_KIND, net.kinds)
    db.executemany(REMOVE, net.removed)
    rows = [(partition_of(at[0]), *at, row.text, row.size) for at, row in net.written.items()]
    db.executemany(WRITE, rows)


def load(
    db: sqlite3.Connection, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str]
) -> Found:
    """Read rows of an account, and count others."""
    if lease:
        _check(db, lease)
    query = f"""
        SELECT kind, key, text, size FROM records
        WHERE account = ? AND kind IN ({_places(kinds)}) ORDER BY place
    """
    rows = _texts(db, query, (account, *kinds))
    sums = {kind: _sums(db, account, kind) for kind in counted}
    return Found(tuple([_row(*columns) for columns in rows]), sums)


def _sums(db: sqlite3.Connection, account: str, kind: str) -> Sums:
    query = "SELECT count(*), coalesce(sum(size), 0) FROM records WHERE account = ? AND kind = ?"
    return Sums(*db.execute(query, (account, kind)).fetchone())


def scan(db: sqlite3.Connection, partitions: Collection[int], kind: str, after: int, limit: int) -> tuple[Listed, ...]:
    """Read rows of a kind for which there is an index. SQLite uses it only if the kind is part of the query's text."""
    of_all = len(frozenset(partitions)) == PARTITIONS
    among = "" if of_all else f"AND partition IN ({_places(partitions)})"
    query = f"""
        SELECT place, account, kind, key, text, size FROM records
        WHERE kind = '{kind}' AND place > ? {among} ORDER BY place LIMIT ?
    """
    rows = _texts(db, query, (after, *(() if of_all else partitions), limit))
    return tuple([Listed(place, account, _row(*columns)) for place, account, *columns in rows])


def _places(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _texts(db: sqlite3.Connection, query: str, values: Sequence[object]) -> list[Any]:
    """Read rows. A text that is not UTF-8 is damaged: it must not prevent the others from being read."""
    try:
        return db.execute(query, values).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    with _tolerant(db):
        return db.execute(query, values).fetchall()


@contextmanager
def _tolerant(db: sqlite3.Connection) -> Iterator[None]:
    before, db.text_factory = db.text_factory, _replaced
    try:
        yield
    finally:
        db.text_factory = before


def _replaced(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _row(kind: str, key: str, text: object, size: int) -> Row:
    """Return a row. A damaged file may have a value of another type in place of the text."""
    return Row(kind, key, text if isinstance(text, str) else repr(text), size)


# --- queues -----------------------------------------------------------------------------------------------------


def append(db: sqlite3.Connection, each: Append) -> None:
    """Append an entry, unless it was appended before."""
    if not each.source or db.execute(COUNT_APPEND, (each.queue, each.source, each.n)).rowcount:
        db.execute(APPEND, (each.queue, each.body))


def entries(db: sqlite3.Connection, queues: Mapping[str, int], limit: int) -> tuple[Entry, ...]:
    """Read the first entries of queues. Those of all queues are in the order in which they were appended."""
    rows = [row for queue, after in queues.items() for row in db.execute(ENTRIES, (queue, after, limit))]
    return tuple([Entry(*row) for row in sorted(rows, key=_position)[:limit]])


def _position(row: tuple[Any, ...]) -> int:
    return int(row[1])


def settle(db: sqlite3.Connection, queue: str, positions: Collection[int]) -> None:
    """Remove entries of a queue."""
    db.executemany(SETTLE, [(queue, each) for each in positions])


# --- nodes ------------------------------------------------------------------------------------------------------


def join(db: sqlite3.Connection, name: str) -> int:
    """Note a new node."""
    return int(db.execute(JOIN, (name,)).fetchone()[0])


def beat(db: sqlite3.Connection, number: int, report: str) -> tuple[Node, ...]:
    """Count a beat, and read all nodes."""
    db.execute(BEAT, (report, number))
    return tuple([_node(*columns) for columns in db.execute(NODES)])


def _node(number: int, name: str, beats: int, weight: float, draining: int, report: str) -> Node:
    return Node(number, name, beats, weight, bool(draining), report)


def leave(db: sqlite3.Connection, number: int) -> None:
    """Forget a node."""
    db.execute(LEAVE, (number,))


def direct(db: sqlite3.Connection, number: int, weight: float | None, draining: bool | None) -> None:
    """Change what a node is to do."""
    db.execute(DIRECT, (weight, draining, number))
