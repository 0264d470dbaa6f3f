"""What a commit of the engine on PostgreSQL costs, by the number of steps that it has, and what an idle node's looks at
its queues cost.

    python -m benchmarks.cluster.commits [--commits 100] [--steps 1,60,256]

A step here is what a message between two sessions costs on both sides: it stores a row of a session, appends an entry
to the queue of a gateway, every second one appends an entry to the queue of another partition, and each removes what
it has consumed. The kernel counts the processor time of this process, which is the part of the engine in a node, and of
the database.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import median
from typing import Final

from attrs import frozen
from rich.console import Console
from rich.table import Table

from benchmarks.cluster.database import Database
from tests.examples.postgres import postgres
from xmpp_im_host.storage.postgres_engine import PostgresEngine
from xmpp_im_host.storage.records import PARTITIONS, Append, Batch, Entry, Lease, Row, Write, partition_of

_ACCOUNTS: Final = 3000
_STANZA: Final = b"<message from='romeo@montague.example/orchard' to='juliet@capulet.example'><body>%s</body></message>"
_BODY: Final = _STANZA % (b"x" * 150)
_SESSION: Final = "s" * 300
_LOOKS: Final = 200


@frozen
class Costs:
    """What one call costs."""

    milliseconds: float
    """The median of how long it took."""
    node: float
    """Processor time of this process, in milliseconds."""
    database: float
    """Processor time of PostgreSQL, in milliseconds."""
    log_bytes: float = 0.0
    """What PostgreSQL has written to its log."""


class Bench:
    """An engine that owns all partitions."""

    def __init__(self, database: Database, engine: PostgresEngine) -> None:
        self.database, self.engine = database, engine
        self.leases: dict[int, Lease] = {}
        self.consumed: list[tuple[str, int]] = []
        """Entries that are to be removed."""
        self.number = 0

    async def claim(self) -> None:
        self.leases = {lease.partition: lease for lease in await self.engine.claim(range(PARTITIONS), "benchmark")}

    def batch(self, steps: int) -> Batch:
        """Return the next batch."""
        changes: list[Write] = []
        appends: list[Append] = []
        for n in range(steps):
            self.number += 1
            account = f"user{self.number % _ACCOUNTS}@capulet.example"
            partition = partition_of(account)
            changes.append(Write(account, Row("session", "1/orchard", f"{self.number} {_SESSION}")))
            appends.append(Append(f"gateway/1/{partition}", "", body=_BODY))
            if n % 2:
                appends.append(Append(f"partition/{self.number % PARTITIONS}", "", body=_BODY))
        done = tuple(self.consumed[: len(appends)])
        del self.consumed[: len(appends)]
        return Batch(tuple(changes), tuple(appends), done, f"batch {self.number}")

    async def commit(self, steps: int) -> float:
        """Commit a batch, and return how long that took."""
        batch = self.batch(steps)
        partitions = sorted({partition_of(change.account) for change in batch.changes})
        began = time.perf_counter()
        renewed = await self.engine.commit([self.leases[each] for each in partitions], batch)
        took = time.perf_counter() - began
        self.leases |= {lease.partition: lease for lease in renewed}
        return took

    async def refill(self) -> None:
        """Note what waits in the queues as consumed."""
        self.consumed = [(each.queue, each.position) for each in await self._all()]

    async def _all(self) -> Sequence[Entry]:
        return await self.engine.entries({**_queues("partition/"), **_queues("gateway/1/")}, 100_000)

    async def commits(self, steps: int, number: int) -> Costs:
        """Measure commits."""
        for _ in range(number):
            await self.commit(steps)
        await self.refill()
        log = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
        before = self.database.ask(log)
        found = await self._measured(number, lambda: self.commit(steps))
        return Costs(found.milliseconds, found.node, found.database, (self.database.ask(log) - before) / number)

    async def looks(self) -> Costs:
        """Measure looks at queues in which nothing waits."""
        await self.refill()
        await self.engine.commit([], Batch(done=tuple(self.consumed)))

        async def look() -> float:
            began = time.perf_counter()
            await self.engine.entries(_queues("partition/"), 256)
            return time.perf_counter() - began

        return await self._measured(_LOOKS, look)

    async def _measured(self, number: int, call: Callable[[], Awaitable[float]]) -> Costs:
        node, database = time.process_time(), self.database.seconds()
        took = [await call() for _ in range(number)]
        node, database = time.process_time() - node, self.database.seconds() - database
        return Costs(median(took) * 1e3, node / number * 1e3, database / number * 1e3)


def _queues(prefix: str) -> Mapping[str, int]:
    return {f"{prefix}{partition}": 0 for partition in range(PARTITIONS)}


async def measured(conninfo: str, steps: Sequence[int], number: int) -> dict[str, Costs]:
    """Measure commits with so many steps each, and looks at empty queues."""
    async with await PostgresEngine.open(conninfo) as engine:
        bench = Bench(Database(conninfo), engine)
        await bench.claim()
        found = {f"commit of {each} steps": await bench.commits(each, number) for each in steps}
        return {**found, "look at 256 empty queues": await bench.looks()}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster.commits")
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument("--steps", default="1,60,256", metavar="N,N,...")
    options = parser.parse_args()
    table = Table("", "ms", "node ms", "database ms", "log bytes")
    with postgres() as conninfo:
        costs = asyncio.run(measured(conninfo, [int(each) for each in options.steps.split(",")], options.commits))
    for name, each in costs.items():
        table.add_row(
            name, f"{each.milliseconds:.2f}", f"{each.node:.2f}", f"{each.database:.2f}", f"{each.log_bytes:.0f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
