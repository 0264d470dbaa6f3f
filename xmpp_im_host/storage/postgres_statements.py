"""What the PostgreSQL engine sends for leases and rows: each function returns a plan, and does nothing itself.

Locks are taken in one order, so no transactions wait for each other in a circle: leases first, in the order of the
partitions, and then sources, in the order of their names. Everything else that a batch changes is under its leases.

A commit locks its leases before it changes anything. So a claim waits until the commits with the earlier lease are
done, and a commit with an ended lease finds that it has ended. Then a statement of it fails on purpose, and
:func:`ended` tells which one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from xmpp_im_host.storage import postgres_queues as queues
from xmpp_im_host.storage.errors import Fenced
from xmpp_im_host.storage.net_changes import net_changes
from xmpp_im_host.storage.postgres_plans import Plan, Rows, Statement, columns_of, plan_of
from xmpp_im_host.storage.records import (
    Batch,
    Change,
    Found,
    Lease,
    Listed,
    Row,
    Sums,
    partition_of,
)

# --- leases -----------------------------------------------------------------------------------------------------

MAKE_LEASES: Final = """
INSERT INTO leases (partition, epoch, token, node)
SELECT each, 0, '', '' FROM unnest(%b::integer[]) AS each ORDER BY each
ON CONFLICT (partition) DO NOTHING
"""
LOCK: Final = "SELECT FROM leases WHERE partition = ANY(%b::integer[]) ORDER BY partition FOR UPDATE"
NEW_EPOCHS: Final = """
UPDATE leases SET epoch = epoch + 1, node = %s WHERE partition = ANY(%b::integer[]) RETURNING partition, epoch, token
"""
# Dividing by zero ends the transaction, and with it the statements that have been sent after this one.
OWNED_OR_FAIL: Final = """
SELECT 1 / (count(*) = %s)::integer FROM (
    SELECT FROM leases WHERE partition = ANY(%b::integer[]) AND node = %s ORDER BY partition FOR UPDATE
) AS owned
"""
HELD_OR_FAIL: Final = """
SELECT 1 / (count(*) = %s)::integer FROM (
    SELECT FROM leases JOIN unnest(%b::integer[], %b::bigint[]) AS held (partition, epoch) USING (partition, epoch)
    ORDER BY partition FOR UPDATE OF leases
) AS standing
"""
SET_TOKEN: Final = "UPDATE leases SET token = %s WHERE partition = ANY(%b::integer[])"
LEASES: Final = "SELECT partition, epoch, node FROM leases WHERE partition = ANY(%b::integer[])"


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
    SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::integer[], %b::text[], %b::bigint[])
    WITH ORDINALITY AS written (account, kind, key, partition, text, size, number) ORDER BY number
) AS ordered
ON CONFLICT (account, kind, key) DO UPDATE SET text = excluded.text, size = excluded.size, place = excluded.place
"""
REMOVE: Final = """
DELETE FROM records USING unnest(%b::text[], %b::text[], %b::text[]) AS removed (account, kind, key)
WHERE (records.account, records.kind, records.key) = (removed.account, removed.kind, removed.key)
"""
REMOVE_KINDS: Final = """
DELETE FROM records USING unnest(%b::text[], %b::text[]) AS removed (account, kind)
WHERE (records.account, records.kind) = (removed.account, removed.kind)
"""
STANDS: Final = "SELECT 1 FROM leases WHERE partition = %s AND epoch = %s"
LOAD: Final = "SELECT kind, key, text, size FROM records WHERE account = %s AND kind = ANY(%b::text[]) ORDER BY place"
SUMS: Final = """
SELECT kind, count(*), sum(size)::bigint FROM records WHERE account = %s AND kind = ANY(%b::text[]) GROUP BY kind
"""
SCAN: Final = """
SELECT place, account, kind, key, text, size FROM records
WHERE kind = %s AND place > %s AND partition = ANY(%b::integer[]) ORDER BY place LIMIT %s
"""


def commit(leases: Sequence[Lease], batch: Batch) -> Plan[tuple[Lease, ...]]:
    """Perform a batch, if all its leases stand; otherwise fail."""
    statements = (
        *_hold(leases, batch.token),
        *queues.append_all(batch.appends),
        *_change(batch.changes),
        *queues.remove(batch.done),
    )
    renewed = tuple([Lease(each.partition, each.epoch, batch.token) for each in leases])
    return Plan(statements, lambda results: renewed)


def _hold(leases: Sequence[Lease], token: str) -> Sequence[Statement]:
    """Keep leases from ending until the transaction does."""
    if not leases:
        return ()
    held = sorted({(each.partition, each.epoch) for each in leases})
    partitions, epochs = columns_of(held)
    return (HELD_OR_FAIL, (len(held), partitions, epochs)), (SET_TOKEN, (token, partitions))


def _change(changes: Iterable[Change]) -> Iterable[Statement]:
    net = net_changes(changes)
    if net.kinds:
        yield REMOVE_KINDS, columns_of(net.kinds)
    if net.removed:
        yield REMOVE, columns_of(net.removed)
    if net.written:
        rows = [(*at, partition_of(at[0]), row.text, row.size) for at, row in net.written.items()]
        yield WRITE, columns_of(rows)


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
