"""What the PostgreSQL engine sends for leases and rows: each function returns a plan, and does nothing itself.

Locks are taken in one order, so no transactions wait for each other in a circle: leases first, in the order of the
partitions, and then sources, in the order of their names. Everything else that a batch changes is under its leases.

A commit locks its leases before it changes anything. So a claim waits until the commits with the earlier lease are
done, and a commit with an ended lease finds that it has ended. Then a statement of it fails on purpose, and
:func:`ended` tells which one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Final

from xmpp_im_host.storage import postgres_queues as queues
from xmpp_im_host.storage.errors import Fenced
from xmpp_im_host.storage.net_changes import net_changes
from xmpp_im_host.storage.postgres_pipeline import Statement
from xmpp_im_host.storage.postgres_plans import Plan, columns_of, plan_of
from xmpp_im_host.storage.postgres_values import Rows
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
SELECT each, 0, '', '' FROM unnest($1::integer[]) AS each ORDER BY each
ON CONFLICT (partition) DO NOTHING
"""
LOCK: Final = "SELECT FROM leases WHERE partition = ANY($1::integer[]) ORDER BY partition FOR UPDATE"
NEW_EPOCHS: Final = """
UPDATE leases SET epoch = epoch + 1, node = $1::text WHERE partition = ANY($2::integer[])
RETURNING partition, epoch, token
"""
# Dividing by zero ends the transaction, and with it the statements that have been sent after this one.
OWNED_OR_FAIL: Final = """
SELECT 1 / (count(*) = $1::bigint)::integer FROM (
    SELECT FROM leases WHERE partition = ANY($2::integer[]) AND node = $3::text ORDER BY partition FOR UPDATE
) AS owned
"""
HOLD_OR_FAIL: Final = """
WITH standing AS (
    SELECT partition FROM leases
    JOIN unnest($2::integer[], $3::bigint[]) AS held (partition, epoch) USING (partition, epoch)
    ORDER BY partition FOR UPDATE OF leases
), held AS (
    UPDATE leases SET token = $4::text FROM standing WHERE leases.partition = standing.partition RETURNING 1
)
SELECT 1 / (count(*) = $1::bigint)::integer FROM held
"""
LEASES: Final = "SELECT partition, epoch, node FROM leases WHERE partition = ANY($1::integer[])"


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
AND xact_start < clock_timestamp() - make_interval(secs => $1::double precision)
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
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::bigint[])
    WITH ORDINALITY AS written (account, kind, key, partition, text, size, number) ORDER BY number
) AS ordered
ON CONFLICT (account, kind, key) DO UPDATE SET text = excluded.text, size = excluded.size, place = excluded.place
"""
REMOVE: Final = """
DELETE FROM records USING unnest($1::text[], $2::text[], $3::text[]) AS removed (account, kind, key)
WHERE (records.account, records.kind, records.key) = (removed.account, removed.kind, removed.key)
"""
REMOVE_KINDS: Final = """
DELETE FROM records USING unnest($1::text[], $2::text[]) AS removed (account, kind)
WHERE (records.account, records.kind) = (removed.account, removed.kind)
"""
# One statement sees one moment. The first column tells what a row is.
LOAD: Final = """
SELECT 'row' AS what, kind, key, text, size, place FROM records WHERE account = $1::text AND kind = ANY($2::text[])
UNION ALL
SELECT 'sum', kind, '', '', sum(size)::bigint, count(*) FROM records
WHERE account = $1::text AND kind = ANY($3::text[]) GROUP BY kind
UNION ALL
SELECT 'lease', '', '', '', 0, 0 FROM leases WHERE partition = $4::integer AND epoch = $5::bigint
"""
SCAN: Final = """
SELECT place, account, kind, key, text, size FROM records
WHERE kind = $1::text AND place > $2::bigint AND partition = ANY($3::integer[]) ORDER BY place LIMIT $4::bigint
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
    """Keep leases from ending until the transaction does, and note its token with them."""
    if not leases:
        return ()
    held = sorted({(each.partition, each.epoch) for each in leases})
    partitions, epochs = columns_of(held)
    return ((HOLD_OR_FAIL, (len(held), partitions, epochs, token)),)


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
    """Read rows of an account, and count others."""

    def read(results: Sequence[Rows]) -> Found:
        placed: list[tuple[int, Row]] = []
        sums = {kind: Sums() for kind in counted}
        stands = lease is None
        for what, kind, key, text, size, place in results[0]:
            if what == "row":
                placed.append((place, Row(kind, key, text, size)))
            elif what == "sum":
                sums[kind] = Sums(place, size)
            else:
                stands = True
        if lease is not None and not stands:
            raise Fenced([lease.partition])
        return Found(tuple([row for _, row in sorted(placed, key=itemgetter(0))]), sums)

    held = (None, None) if lease is None else (lease.partition, lease.epoch)
    return Plan(((LOAD, (account, list(kinds), list(counted), *held)),), read)


def scan(partitions: Iterable[int], kind: str, after: int, limit: int) -> Plan[tuple[Listed, ...]]:
    """Read rows of a kind for which there is an index."""

    def read(results: Sequence[Rows]) -> tuple[Listed, ...]:
        return tuple([Listed(place, account, Row(*columns)) for place, account, *columns in results[0]])

    return Plan(((SCAN, (kind, after, sorted(set(partitions)), limit)),), read)
