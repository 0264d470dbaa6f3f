"""What the contract tests of engines have in common."""

from __future__ import annotations

from collections.abc import Collection

from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.records import PARTITIONS, Lease, Row, Write, partition_of

ROMEO, JULIET = "romeo@montague.example", "juliet@capulet.example"
ALL = range(PARTITIONS)


def write(account: str, key: str, text: str = "", *, kind: str = "contact", size: int = 0) -> Write:
    return Write(account, Row(kind, key, text, size))


async def owner(engine: Engine, *accounts: str, node: str = "a") -> tuple[Lease, ...]:
    return await engine.claim([partition_of(each) for each in accounts], node)


async def keys(engine: Engine, account: str, lease: Lease, kinds: Collection[str] = ("contact",)) -> list[str]:
    return [row.key for row in (await engine.load(lease, account, kinds)).rows]
