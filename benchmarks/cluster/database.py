"""The private PostgreSQL of a run: its accounts, its processor time and its size."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
from attrs import frozen
from psycopg.conninfo import conninfo_to_dict

from benchmarks.cluster.usage import seconds_of
from benchmarks.cluster.users import PASSWORD, account
from xmpp_im_core.host import import_records
from xmpp_im_host.credentials import FEWEST_ITERATIONS, Credentials
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.hosting.account_changes import import_changes, key_changes
from xmpp_im_host.storage.postgres_engine import PostgresEngine
from xmpp_im_host.storage.records import PARTITIONS, Batch, Lease, partition_of

_AT_ONCE: Final = 100


@frozen
class Size:
    """How large the stored accounts are."""

    accounts: int
    contacts: int
    """Of each account."""
    bytes_per_account: float
    """With indexes."""


class Database:
    """The database of one run."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self._directory = Path(str(conninfo_to_dict(conninfo)["host"]))

    @property
    def uri(self) -> str:
        """Return what the nodes connect to."""
        found = conninfo_to_dict(self.conninfo)
        return f"postgresql://{found['user']}@/{found['dbname']}?host={found['host']}"

    def seconds(self) -> float:
        """Return the processor time of all processes of PostgreSQL so far."""
        postmaster = int((self._directory / "data" / "postmaster.pid").read_text().split()[0])
        return seconds_of(postmaster, children=True)

    def ask(self, query: str) -> Any:
        """Return the one value that a query finds."""
        with psycopg.connect(self.conninfo, autocommit=True) as db:
            row = db.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    def version(self) -> str:
        """Return the version of the database."""
        return str(self.ask("SHOW server_version")).split()[0]

    def fill(self, accounts: int, contacts: int) -> Size:
        """Store accounts, each with the next ones as its contacts, and return how large they are."""
        asyncio.run(_filled(self.conninfo, accounts, contacts))
        with psycopg.connect(self.conninfo, autocommit=True) as db:
            db.execute("VACUUM ANALYZE records")
        size = int(self.ask("SELECT pg_total_relation_size('records')"))
        return Size(accounts, contacts, size / accounts)


async def _filled(conninfo: str, accounts: int, contacts: int) -> None:
    keys = Credentials.of(PASSWORD, FEWEST_ITERATIONS)
    now, ids = datetime.now(UTC), count()
    async with await PostgresEngine.open(conninfo) as engine:
        leases = {lease.partition: lease for lease in await engine.claim(range(PARTITIONS), "benchmark")}
        for first in range(0, accounts, _AT_ONCE):
            data = {
                account(each): {"roster": [_item((each + n) % accounts) for n in range(1, contacts + 1)]}
                for each in range(first, min(first + _AT_ONCE, accounts))
            }
            puts = import_records(data, now, lambda: str(next(ids)))
            rows = {jid: stored_records.rows_of(puts[jid]) for jid in data}
            changes = [change for jid in data for change in (*import_changes(jid, rows[jid]), *key_changes(jid, keys))]
            await _commit(engine, leases, Batch(tuple(changes), token=f"fill {first}"))


async def _commit(engine: PostgresEngine, leases: dict[int, Lease], batch: Batch) -> None:
    partitions = sorted({partition_of(change.account) for change in batch.changes})
    renewed = await engine.commit([leases[each] for each in partitions], batch)
    leases |= {lease.partition: lease for lease in renewed}


def _item(number: int) -> dict[str, str]:
    return {"jid": account(number), "name": f"User {number}", "subscription": "none"}
