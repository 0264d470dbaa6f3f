"""What the contract tests of engines have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence

from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.records import PARTITIONS, Batch, Change, Entry, Lease, Row, Write, partition_of
from xmpp_im_host.storage.sharded_engine import ShardedEngine

ROMEO, JULIET = "romeo@montague.example", "juliet@verona.example"
"""Their partitions are in one shard, whether there are two or one."""
ALL = range(PARTITIONS)


def write(account: str, key: str, text: str = "", *, kind: str = "contact", size: int = 0) -> Write:
    return Write(account, Row(kind, key, text, size))


async def owner(engine: Engine, *accounts: str, node: str = "a") -> tuple[Lease, ...]:
    return await engine.claim([partition_of(each) for each in accounts], node)


async def keys(engine: Engine, account: str, lease: Lease, kinds: Collection[str] = ("contact",)) -> list[str]:
    return [row.key for row in (await engine.load(lease, account, kinds)).rows]


async def entries(engine: Engine, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
    """Read queues when everything that was committed is there."""
    while isinstance(engine, ShardedEngine) and await engine.unmoved():
        await asyncio.sleep(0.005)
    return await engine.entries(queues, limit)


async def commit_all(engine: Engine, leases: Iterable[Lease], changes: Sequence[Change]) -> None:
    """Commit changes of several partitions: one batch for each shard."""
    held = tuple(leases)
    for shard in range(engine.shards):
        mine = [each for each in changes if partition_of(each.account) % engine.shards == shard]
        await engine.commit([each for each in held if each.partition % engine.shards == shard], Batch(tuple(mine)))
