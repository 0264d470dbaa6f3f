"""What the PostgreSQL engine sends for queues.

Positions come from a sequence, so commits that append to one queue do not wait for each other. What one source appends,
and what the commits under one lease append, gets growing positions, because each waits for the one before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from xmpp_im_host.storage.postgres_pipeline import Statement
from xmpp_im_host.storage.postgres_plans import Plan, columns_of, plan_of
from xmpp_im_host.storage.postgres_values import Dumped, Rows, dumped
from xmpp_im_host.storage.records import Append, Entry

APPEND_ONE: Final = """
WITH counted AS (
    INSERT INTO sources (queue, source, n) VALUES ($1::text, $2::text, $3::bigint)
    ON CONFLICT (queue, source) DO UPDATE SET n = excluded.n WHERE sources.n < excluded.n
    RETURNING queue
)
INSERT INTO entries (queue, position, body) SELECT queue, nextval('positions'), $4::bytea FROM counted
"""
MAKE_SOURCES: Final = """
INSERT INTO sources (queue, source, n)
SELECT queue, source, -1 FROM unnest($1::text[], $2::text[]) AS all_of (queue, source) ORDER BY queue, source
ON CONFLICT (queue, source) DO NOTHING
"""
APPEND: Final = """
INSERT INTO entries (queue, position, body)
SELECT queue, nextval('positions'), body FROM (
    SELECT * FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS appended (queue, body, number) ORDER BY number
) AS ordered
"""
LOCK_SOURCES: Final = """
SELECT FROM sources JOIN unnest($1::text[], $2::text[]) AS all_of (queue, source) USING (queue, source)
ORDER BY queue, source FOR UPDATE OF sources
"""
APPEND_NEW: Final = """
INSERT INTO entries (queue, position, body)
SELECT queue, nextval('positions'), body FROM (
    SELECT appended.queue, body
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[])
    WITH ORDINALITY AS appended (queue, source, n, body, number)
    LEFT JOIN sources USING (queue, source)
    WHERE source = '' OR appended.n > sources.n ORDER BY number
) AS ordered
"""
COUNT_SOURCES: Final = """
UPDATE sources SET n = last.n FROM unnest($1::text[], $2::text[], $3::bigint[]) AS last (queue, source, n)
WHERE (sources.queue, sources.source) = (last.queue, last.source) AND sources.n < last.n
"""
ENTRIES: Final = """
SELECT found.queue, found.position, found.body
FROM unnest($1::text[], $2::bigint[]) AS wanted (queue, after)
CROSS JOIN LATERAL (
    SELECT queue, position, body FROM entries
    WHERE entries.queue = wanted.queue AND position > wanted.after ORDER BY position LIMIT $3::bigint
) AS found
ORDER BY found.position LIMIT $4::bigint
"""
_KEPT: Final = 64
"""How many arrays of queues or positions are kept as they are sent."""
SETTLE: Final = "DELETE FROM entries WHERE queue = $1::text AND position = ANY($2::bigint[])"
DONE: Final = """
DELETE FROM entries USING unnest($1::text[], $2::bigint[]) AS done (queue, position)
WHERE (entries.queue, entries.position) = (done.queue, done.position)
"""


def append(each: Append) -> Plan[None]:
    """Append an entry, unless it was appended before."""
    if not each.source:
        return plan_of(*append_all((each,)))
    return plan_of((APPEND_ONE, (each.queue, each.source, each.n, each.body)))


def append_all(appends: Sequence[Append]) -> Sequence[Statement]:
    """Append entries in their order, each unless it was appended before."""
    if not any(each.source for each in appends):
        columns = [each.queue for each in appends], [each.body for each in appends]
        return ((APPEND, columns),) if appends else ()
    last: dict[tuple[str, str], int] = {}
    rows: list[tuple[str, str, int, bytes]] = []
    for each in appends:
        source = each.queue, each.source
        if each.source and each.n <= last.get(source, -1):
            continue
        if each.source:
            last[source] = each.n
        rows.append((*source, each.n, each.body))
    sources = sorted(last)
    return (
        (MAKE_SOURCES, columns_of(sources)),
        (LOCK_SOURCES, columns_of(sources)),
        (APPEND_NEW, columns_of(rows)),
        (COUNT_SOURCES, columns_of([(*each, last[each]) for each in sources])),
    )


def remove(entries: Iterable[tuple[str, int]]) -> Sequence[Statement]:
    """Remove entries, each given by its queue and its position."""
    done = sorted(set(entries))
    return ((DONE, columns_of(done)),) if done else ()


def entries(queues: Mapping[str, int], each: int, limit: int) -> Plan[tuple[Entry, ...]]:
    """Read the first entries of queues.

    :param each: how many of each queue at most.
    :param limit: how many of all queues together.
    """

    def read(results: Sequence[Rows]) -> tuple[Entry, ...]:
        return tuple([Entry(queue, position, body) for queue, position, body in results[0]])

    return Plan(((ENTRIES, (_kept(tuple(queues)), _kept(tuple(queues.values())), each, limit)),), read)


@lru_cache(_KEPT)
def _kept(values: tuple[str, ...] | tuple[int, ...]) -> Dumped:
    """Return an array. A reader names the same queues each time, and while nothing comes the same positions too."""
    return dumped(list(values))


def settle(queue: str, positions: Collection[int]) -> Plan[None]:
    """Remove entries of a queue."""
    return plan_of((SETTLE, (queue, sorted(positions))))
