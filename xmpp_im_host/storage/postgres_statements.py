"""What the PostgreSQL engine does in its transactions: each function takes a connection with one under way.

A commit locks the rows of its leases first, in the order of the partitions. So a claim waits until the commits with the
earlier lease are done, and a commit with an ended lease finds that it has ended.

Positions come from a sequence, so commits that append to one queue do not wait for each other. What one source appends,
and what the commits under one lease append, gets growing positions, because each waits for the one before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeAlias

import psycopg

from xmpp_im_host.storage.errors import Fenced
from xmpp_im_host.storage.records import (
    Append,
    Batch,
    Change,
    Entry,
    Found,
    Lease,
    Listed,
    Node,
    Remove,
    Row,
    Sums,
    Write,
    partition_of,
)

Connection: TypeAlias = psycopg.AsyncConnection[Any]

LOCK: Final = "SELECT partition, epoch FROM leases WHERE partition = ANY(%s) ORDER BY partition FOR UPDATE"
SET_TOKEN: Final = "UPDATE leases SET token = %s WHERE partition = ANY(%s)"
CLAIM: Final = """
INSERT INTO leases (partition, epoch, token, node) VALUES (%s, 1, '', %s)
ON CONFLICT (partition) DO UPDATE SET epoch = leases.epoch + 1, node = excluded.node
RETURNING epoch, token
"""
RENEW: Final = "UPDATE leases SET epoch = epoch + 1 WHERE partition = %s AND node = %s RETURNING epoch, token"
STANDS: Final = "SELECT 1 FROM leases WHERE partition = %s AND epoch = %s"
WRITE: Final = """
INSERT INTO records (account, kind, key, partition, text, size) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (account, kind, key) DO UPDATE SET text = excluded.text, size = excluded.size, place = excluded.place
"""
REMOVE: Final = "DELETE FROM records WHERE account = %s AND kind = %s AND key = %s"
REMOVE_KIND: Final = "DELETE FROM records WHERE account = %s AND kind = %s"
LOAD: Final = "SELECT kind, key, text, size FROM records WHERE account = %s AND kind = ANY(%s) ORDER BY place"
SUMS: Final = "SELECT count(*), coalesce(sum(size), 0)::bigint FROM records WHERE account = %s AND kind = %s"
SCAN: Final = """
SELECT place, account, kind, key, text, size FROM records
WHERE kind = %s AND place > %s AND partition = ANY(%s) ORDER BY place LIMIT %s
"""
APPEND: Final = """
INSERT INTO entries (queue, position, body) VALUES (%(queue)s, nextval('positions'), %(body)s)
"""
APPEND_ONCE: Final = """
WITH counted AS (
    INSERT INTO sources (queue, source, n) VALUES (%(queue)s, %(source)s, %(n)s)
    ON CONFLICT (queue, source) DO UPDATE SET n = excluded.n WHERE sources.n < excluded.n
    RETURNING queue
)
INSERT INTO entries (queue, position, body) SELECT queue, nextval('positions'), %(body)s FROM counted
"""
ENTRIES: Final = """
SELECT found.queue, found.position, found.body
FROM unnest(%s::text[], %s::bigint[]) AS wanted (queue, after)
CROSS JOIN LATERAL (
    SELECT queue, position, body FROM entries
    WHERE entries.queue = wanted.queue AND position > wanted.after ORDER BY position LIMIT %s
) AS found
ORDER BY found.position LIMIT %s
"""
JOIN: Final = "INSERT INTO nodes (name) VALUES (%s) RETURNING number"
BEAT: Final = "UPDATE nodes SET beats = beats + 1, report = %s WHERE number = %s"
NODES: Final = "SELECT number, name, beats, weight, draining, report FROM nodes ORDER BY number"
LEAVE: Final = "DELETE FROM nodes WHERE number = %s"
DIRECT: Final = """
UPDATE nodes SET weight = coalesce(%s, weight), draining = coalesce(%s, draining) WHERE number = %s
"""
SETTLE: Final = "DELETE FROM entries WHERE queue = %s AND position = ANY(%s)"

STUCK: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Client'
AND xact_start < clock_timestamp() - make_interval(secs => %s)
AND pid IN (
    SELECT pid FROM pg_locks
    WHERE granted AND mode IN ('RowShareLock', 'RowExclusiveLock')
    AND relation IN ('leases'::regclass, 'sources'::regclass)
)
"""


# --- leases -----------------------------------------------------------------------------------------------------


async def claim(db: Connection, partitions: Collection[int], node: str) -> tuple[Lease, ...]:
    """Begin a new epoch of each partition."""
    return await _new_epochs(db, partitions, node, CLAIM)


async def renew(db: Connection, partitions: Collection[int], node: str) -> tuple[Lease, ...]:
    """Begin a new epoch of each partition, if this node is the owner of all."""
    return await _new_epochs(db, partitions, node, RENEW)


async def _new_epochs(db: Connection, partitions: Collection[int], node: str, query: str) -> tuple[Lease, ...]:
    cursors = {}
    async with db.pipeline():
        for each in sorted(partitions):
            cursors[each] = await db.execute(query, (each, node))
    found = {each: await cursor.fetchone() for each, cursor in cursors.items()}
    lost = [each for each, row in found.items() if row is None]
    if lost:
        raise Fenced(lost)
    return tuple([Lease(each, *(found[each] or ())) for each in partitions])


async def end_stuck(db: Connection, seconds: float) -> None:
    """End the transactions that hold locks here and have been waiting for their clients: these are stopped or lost.

    One that only reads, such as a backup, holds up nobody and is left alone.

    :param seconds: how long ago such a transaction has begun, at least.
    """
    await db.execute(STUCK, (seconds,))


async def _hold(db: Connection, leases: Collection[Lease]) -> None:
    """Keep leases from ending until the transaction does."""
    standing = set(await (await db.execute(LOCK, ([each.partition for each in leases],))).fetchall())
    ended = [each.partition for each in leases if (each.partition, each.epoch) not in standing]
    if ended:
        raise Fenced(ended)


# --- rows -------------------------------------------------------------------------------------------------------


async def commit(db: Connection, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
    """Perform a batch, if all its leases stand."""
    await _hold(db, leases)
    async with db.pipeline():
        if leases:
            await db.execute(SET_TOKEN, (batch.token, [each.partition for each in leases]))
        for change in batch.changes:
            await _change(db, change)
        for each in batch.appends:
            await append(db, each)
        for queue, position in batch.done:
            await db.execute(SETTLE, (queue, [position]))
    return tuple([Lease(each.partition, each.epoch, batch.token) for each in leases])


async def _change(db: Connection, change: Change) -> None:
    account = change.account
    if isinstance(change, Write):
        row = change.row
        await db.execute(WRITE, (account, row.kind, row.key, partition_of(account), row.text, row.size))
    elif isinstance(change, Remove):
        await db.execute(REMOVE, (account, change.kind, change.key))
    else:
        await db.execute(REMOVE_KIND, (account, change.kind))


async def load(
    db: Connection, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str]
) -> Found:
    """Read rows of an account, and count others. The transaction sees one moment."""
    async with db.pipeline():
        standing = await db.execute(STANDS, (lease.partition, lease.epoch)) if lease else None
        rows = await db.execute(LOAD, (account, list(kinds)))
        sums = {kind: await db.execute(SUMS, (account, kind)) for kind in counted}
    if lease and standing and await standing.fetchone() is None:
        raise Fenced([lease.partition])
    found = tuple([Row(*columns) for columns in await rows.fetchall()])
    return Found(found, {kind: Sums(*(await each.fetchone() or ())) for kind, each in sums.items()})


async def scan(db: Connection, partitions: Iterable[int], kind: str, after: int, limit: int) -> tuple[Listed, ...]:
    """Read rows of a kind for which there is an index."""
    rows = await (await db.execute(SCAN, (kind, after, sorted(set(partitions)), limit))).fetchall()
    return tuple([Listed(place, account, Row(*columns)) for place, account, *columns in rows])


# --- queues -----------------------------------------------------------------------------------------------------


async def append(db: Connection, each: Append) -> None:
    """Append an entry, unless it was appended before."""
    query = APPEND_ONCE if each.source else APPEND
    await db.execute(query, {"queue": each.queue, "source": each.source, "n": each.n, "body": each.body})


async def entries(db: Connection, queues: Mapping[str, int], limit: int) -> tuple[Entry, ...]:
    """Read the first entries of queues."""
    rows = await (await db.execute(ENTRIES, (list(queues), list(queues.values()), limit, limit))).fetchall()
    return tuple([Entry(queue, position, bytes(body)) for queue, position, body in rows])


async def settle(db: Connection, queue: str, positions: Collection[int]) -> None:
    """Remove entries of a queue."""
    await db.execute(SETTLE, (queue, list(positions)))


# --- nodes ------------------------------------------------------------------------------------------------------


async def join(db: Connection, name: str) -> int:
    """Note a new node."""
    row = await (await db.execute(JOIN, (name,))).fetchone()
    return int(row[0]) if row else 0


async def beat(db: Connection, number: int, report: str) -> tuple[Node, ...]:
    """Count a beat, and read all nodes."""
    async with db.pipeline():
        await db.execute(BEAT, (report, number))
        nodes = await db.execute(NODES)
    return tuple([Node(*columns) for columns in await nodes.fetchall()])


async def leave(db: Connection, number: int) -> None:
    """Forget a node."""
    await db.execute(LEAVE, (number,))


async def direct(db: Connection, number: int, weight: float | None, draining: bool | None) -> None:
    """Change what a node is to do."""
    await db.execute(DIRECT, (weight, draining, number))
