"""The statements of the PostgreSQL engine: each function returns what a call sends, and does nothing itself.

Locks are taken in one order, so no transactions wait for each other in a circle: leases first, in the order of the
partitions, and then sources, in the order of their names. Everything else that a batch changes is under its leases.

A commit locks its leases before it changes anything. So a claim waits until the commits with the earlier lease are
done, and a commit with an ended lease finds that it has ended. Then a statement of it fails on purpose, and
:func:`ended` tells which one.

Positions come from a sequence, so commits that append to one queue do not wait for each other. What one source appends,
and what the commits under one lease append, gets growing positions, because each waits for the one before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from xmpp_im_host.storage.errors import Fenced
from xmpp_im_host.storage.net_changes import net_changes
from xmpp_im_host.storage.postgres_plans import Plan, Rows, Statement, plan_of
from xmpp_im_host.storage.records import (
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

# --- leases -----------------------------------------------------------------------------------------------------

MAKE_LEASES: Final = """
INSERT INTO leases (partition, epoch, token, node)
SELECT each, 0, '', '' FROM unnest(%s::integer[]) AS each ORDER BY each
ON CONFLICT (partition) DO NOTHING
"""
LOCK: Final = "SELECT FROM leases WHERE partition = ANY(%s::integer[]) ORDER BY partition FOR UPDATE"
NEW_EPOCHS: Final = """
UPDATE leases SET epoch = epoch + 1, node = %s WHERE partition = ANY(%s::integer[]) RETURNING partition, epoch, token
"""
# Dividing by zero ends the transaction, and with it the statements that have been sent after this one.
OWNED_OR_FAIL: Final = """
SELECT 1 / (count(*) = %s)::integer FROM (
    SELECT FROM leases WHERE partition = ANY(%s::integer[]) AND node = %s ORDER BY partition FOR UPDATE
) AS owned
"""
HELD_OR_FAIL: Final = """
SELECT 1 / (count(*) = %s)::integer FROM (
    SELECT FROM leases JOIN unnest(%s::integer[], %s::bigint[]) AS held (partition, epoch) USING (partition, epoch)
    ORDER BY partition FOR UPDATE OF leases
) AS standing
"""
SET_TOKEN: Final = "UPDATE leases SET token = %s WHERE partition = ANY(%s::integer[])"
LEASES: Final = "SELECT partition, epoch, node FROM leases WHERE partition = ANY(%s::integer[])"


def claim(partitions: Sequence[int], node: str) -> Plan[tuple[Lease, ...]]:
    """Begin a new epoch of each partition."""
    ordered = sorted(partitions)
    statements = (MAKE_LEASES, (ordered,)), (LOCK, (ordered,)), (NEW_EPOCHS, (node, ordered))
    return Plan(statements, lambda results: _leases(partitions, results[-1]))


def renew(partitions: Sequence[int], node: str) -> Plan[tuple[Lease, ...]]:
    """Begin a new epoch of each partition, if this node is the owner of all; otherwise fail."""
    wanted = sorted(set(partitions))
    statements = (OWNED_OR_FAIL, (len(wanted), wanted, node)), (NEW_EPOCHS, (node, wanted))
    return Plan(statements, lambda results: _leases(partitions, results[-1]))


def _leases(partitions: Sequence[int], rows: Rows) -> tuple[Lease, ...]:
    found = {partition: Lease(partition, epoch, token) for partition, epoch, token in rows}
    return tuple([found[each] for each in partitions])


def lost(partitions: Sequence[int], node: str) -> Plan[list[int]]:
    """Tell which of these partitions a node does not own."""

    def read(results: Sequence[Rows]) -> list[int]:
        owned = {partition for partition, _, owner in results[0] if owner == node}
        return [each for each in partitions if each not in owned]

    return Plan(((LEASES, (list(partitions),)),), read)


def ended(leases: Collection[Lease]) -> Plan[list[int]]:
    """Tell which of these leases have ended: the numbers of their partitions."""

    def read(results: Sequence[Rows]) -> list[int]:
        standing = {(partition, epoch) for partition, epoch, _ in results[0]}
        return [each.partition for each in leases if (each.partition, each.epoch) not in standing]

    return Plan(((LEASES, ([each.partition for each in leases],)),), read)


STUCK: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Client'
AND xact_start < clock_timestamp() - make_interval(secs => %s)
AND pid IN (
    SELECT pid FROM pg_locks
    WHERE granted AND mode IN ('RowShareLock', 'RowExclusiveLock')
    AND relation IN ('leases'::regclass, 'sources'::regclass, 'entries'::regclass, 'nodes'::regclass)
)
"""


def end_stuck(seconds: float) -> Plan[None]:
    """End the transactions that hold locks here and have been waiting for their clients: these are stopped or lost.

    One that only reads, such as a backup, holds up nobody and is left alone.

    :param seconds: how long ago such a transaction has begun, at least.
    """
    return plan_of((STUCK, (seconds,)))


# --- rows -------------------------------------------------------------------------------------------------------

WRITE: Final = """
INSERT INTO records (account, kind, key, partition, text, size, place)
SELECT account, kind, key, partition, text, size, nextval('records_place_seq') FROM (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::integer[], %s::text[], %s::bigint[])
    WITH ORDINALITY AS written (account, kind, key, partition, text, size, number) ORDER BY number
) AS ordered
ON CONFLICT (account, kind, key) DO UPDATE SET text = excluded.text, size = excluded.size, place = excluded.place
"""
REMOVE: Final = """
DELETE FROM records USING unnest(%s::text[], %s::text[], %s::text[]) AS removed (account, kind, key)
WHERE (records.account, records.kind, records.key) = (removed.account, removed.kind, removed.key)
"""
REMOVE_KINDS: Final = """
DELETE FROM records USING unnest(%s::text[], %s::text[]) AS removed (account, kind)
WHERE (records.account, records.kind) = (removed.account, removed.kind)
"""
STANDS: Final = "SELECT 1 FROM leases WHERE partition = %s AND epoch = %s"
LOAD: Final = "SELECT kind, key, text, size FROM records WHERE account = %s AND kind = ANY(%s::text[]) ORDER BY place"
SUMS: Final = """
SELECT kind, count(*), sum(size)::bigint FROM records WHERE account = %s AND kind = ANY(%s::text[]) GROUP BY kind
"""
SCAN: Final = """
SELECT place, account, kind, key, text, size FROM records
WHERE kind = %s AND place > %s AND partition = ANY(%s::integer[]) ORDER BY place LIMIT %s
"""


def commit(leases: Sequence[Lease], batch: Batch) -> Plan[tuple[Lease, ...]]:
    """Perform a batch, if all its leases stand; otherwise fail."""
    statements = (*_hold(leases, batch.token), *_append(batch.appends), *_change(batch.changes), *_done(batch.done))
    renewed = tuple([Lease(each.partition, each.epoch, batch.token) for each in leases])
    return Plan(statements, lambda results: renewed)


def _hold(leases: Sequence[Lease], token: str) -> Sequence[Statement]:
    """Keep leases from ending until the transaction does."""
    if not leases:
        return ()
    held = sorted({(each.partition, each.epoch) for each in leases})
    partitions, epochs = _columns(held)
    return (HELD_OR_FAIL, (len(held), partitions, epochs)), (SET_TOKEN, (token, partitions))


def _change(changes: Iterable[Change]) -> Iterable[Statement]:
    net = net_changes(changes)
    if net.kinds:
        yield REMOVE_KINDS, _columns(net.kinds)
    if net.removed:
        yield REMOVE, _columns(net.removed)
    if net.written:
        rows = [(*at, partition_of(at[0]), row.text, row.size) for at, row in net.written.items()]
        yield WRITE, _columns(rows)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Return the columns of rows: PostgreSQL takes each as an array, however many rows there are."""
    return [list(column) for column in zip(*rows, strict=True)]


def load(lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str]) -> Plan[Found]:
    """Read rows of an account, and count others. The transaction sees one moment."""
    stands: Sequence[Statement] = ((STANDS, (lease.partition, lease.epoch)),) if lease else ()
    sums: Sequence[Statement] = ((SUMS, (account, list(counted))),) if counted else ()

    def read(results: Sequence[Rows]) -> Found:
        if lease and not results[0]:
            raise Fenced([lease.partition])
        rows = tuple([Row(*columns) for columns in results[len(stands)]])
        found = {kind: Sums(*columns) for kind, *columns in results[-1]} if counted else {}
        return Found(rows, {kind: found.get(kind, Sums()) for kind in counted})

    return Plan((*stands, (LOAD, (account, list(kinds))), *sums), read)


def scan(partitions: Iterable[int], kind: str, after: int, limit: int) -> Plan[tuple[Listed, ...]]:
    """Read rows of a kind for which there is an index."""

    def read(results: Sequence[Rows]) -> tuple[Listed, ...]:
        return tuple([Listed(place, account, Row(*columns)) for place, account, *columns in results[0]])

    return Plan(((SCAN, (kind, after, sorted(set(partitions)), limit)),), read)


# --- queues -----------------------------------------------------------------------------------------------------

APPEND_ONE: Final = """
WITH counted AS (
    INSERT INTO sources (queue, source, n) VALUES (%(queue)s, %(source)s, %(n)s)
    ON CONFLICT (queue, source) DO UPDATE SET n = excluded.n WHERE sources.n < excluded.n
    RETURNING queue
)
INSERT INTO entries (queue, position, body) SELECT queue, nextval('positions'), %(body)s FROM counted
"""
MAKE_SOURCES: Final = """
INSERT INTO sources (queue, source, n)
SELECT queue, source, -1 FROM unnest(%s::text[], %s::text[]) AS all_of (queue, source) ORDER BY queue, source
ON CONFLICT (queue, source) DO NOTHING
"""
APPEND: Final = """
INSERT INTO entries (queue, position, body)
SELECT queue, nextval('positions'), body FROM (
    SELECT * FROM unnest(%s::text[], %s::bytea[]) WITH ORDINALITY AS appended (queue, body, number) ORDER BY number
) AS ordered
"""
LOCK_SOURCES: Final = """
SELECT FROM sources JOIN unnest(%s::text[], %s::text[]) AS all_of (queue, source) USING (queue, source)
ORDER BY queue, source FOR UPDATE OF sources
"""
APPEND_NEW: Final = """
INSERT INTO entries (queue, position, body)
SELECT queue, nextval('positions'), body FROM (
    SELECT appended.queue, body
    FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bytea[])
    WITH ORDINALITY AS appended (queue, source, n, body, number)
    LEFT JOIN sources USING (queue, source)
    WHERE source = '' OR appended.n > sources.n ORDER BY number
) AS ordered
"""
COUNT_SOURCES: Final = """
UPDATE sources SET n = last.n FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS last (queue, source, n)
WHERE (sources.queue, sources.source) = (last.queue, last.source) AND sources.n < last.n
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
SETTLE: Final = "DELETE FROM entries WHERE queue = %s AND position = ANY(%s::bigint[])"
DONE: Final = """
DELETE FROM entries USING unnest(%s::text[], %s::bigint[]) AS done (queue, position)
WHERE (entries.queue, entries.position) = (done.queue, done.position)
"""


def append(each: Append) -> Plan[None]:
    """Append an entry, unless it was appended before."""
    if not each.source:
        return plan_of(*_append((each,)))
    return plan_of((APPEND_ONE, {"queue": each.queue, "source": each.source, "n": each.n, "body": each.body}))


def _append(appends: Iterable[Append]) -> Sequence[Statement]:
    """Append entries in their order, each unless it was appended before."""
    last: dict[tuple[str, str], int] = {}
    rows: list[tuple[str, str, int, bytes]] = []
    for each in appends:
        source = each.queue, each.source
        if each.source and each.n <= last.get(source, -1):
            continue
        if each.source:
            last[source] = each.n
        rows.append((*source, each.n, each.body))
    if not last:
        return ((APPEND, _columns([(queue, body) for queue, _, _, body in rows])),) if rows else ()
    sources = sorted(last)
    return (
        (MAKE_SOURCES, _columns(sources)),
        (LOCK_SOURCES, _columns(sources)),
        (APPEND_NEW, _columns(rows)),
        (COUNT_SOURCES, _columns([(*each, last[each]) for each in sources])),
    )


def _done(entries: Iterable[tuple[str, int]]) -> Sequence[Statement]:
    done = sorted(set(entries))
    return ((DONE, _columns(done)),) if done else ()


def entries(queues: Mapping[str, int], limit: int) -> Plan[tuple[Entry, ...]]:
    """Read the first entries of queues."""

    def read(results: Sequence[Rows]) -> tuple[Entry, ...]:
        return tuple([Entry(queue, position, bytes(body)) for queue, position, body in results[0]])

    return Plan(((ENTRIES, (list(queues), list(queues.values()), limit, limit)),), read)


def settle(queue: str, positions: Collection[int]) -> Plan[None]:
    """Remove entries of a queue."""
    return plan_of((SETTLE, (queue, sorted(positions))))


# --- nodes ------------------------------------------------------------------------------------------------------

JOIN: Final = "INSERT INTO nodes (name) VALUES (%s) RETURNING number"
BEAT: Final = "UPDATE nodes SET beats = beats + 1, report = %s WHERE number = %s"
NODES: Final = "SELECT number, name, beats, weight, draining, report FROM nodes ORDER BY number"
LEAVE: Final = "DELETE FROM nodes WHERE number = %s"
DIRECT: Final = """
UPDATE nodes SET weight = coalesce(%s, weight), draining = coalesce(%s, draining) WHERE number = %s
"""


def join(name: str) -> Plan[int]:
    """Note a new node."""
    return Plan(((JOIN, (name,)),), lambda results: int(results[0][0][0]))


def beat(number: int, report: str) -> Plan[tuple[Node, ...]]:
    """Count a beat, and read all nodes."""

    def read(results: Sequence[Rows]) -> tuple[Node, ...]:
        return tuple([Node(*columns) for columns in results[1]])

    return Plan(((BEAT, (report, number)), (NODES, ())), read)


def leave(number: int) -> Plan[None]:
    """Forget a node."""
    return plan_of((LEAVE, (number,)))


def direct(number: int, weight: float | None, draining: bool | None) -> Plan[None]:
    """Change what a node is to do."""
    return plan_of((DIRECT, (weight, draining, number)))
