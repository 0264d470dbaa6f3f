"""The database fails over to a standby while a node commits: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

pytest.importorskip("psycopg")  # only those who need PostgreSQL install it

from tests.xmpp_im_host.running import run
from tests.xmpp_im_host.storage.postgres_pair import postgres_pair
from xmpp_im_host.storage.errors import EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.postgres_engine import PostgresEngine
from xmpp_im_host.storage.records import Append, Batch, Lease, Row, Write, partition_of

pytestmark = pytest.mark.postgres

ROMEO = "romeo@montague.example"
AFTER = 30
"""How many commits follow the failover."""

T = TypeVar("T")


async def until_it_works(call: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await call()
        except Fenced:
            raise
        except (EngineFailed, Unknown):
            await asyncio.sleep(0.05)


class Writer:
    """An owner that commits one batch after the other."""

    def __init__(self, engine: PostgresEngine, account: str) -> None:
        self.engine, self.account = engine, account
        self.partition = partition_of(account)
        self.failed_over = asyncio.Event()
        self.number = 0
        """How many batches are known to be committed."""

    async def run(self) -> None:
        (lease,) = await self.engine.claim([self.partition], self.account)
        left = AFTER
        while left:
            lease = await self.commit(lease)
            left -= self.failed_over.is_set()

    async def commit(self, lease: Lease) -> Lease:
        """Commit the next batch, however often that has to be tried."""
        number = str(self.number)
        change, append = Write(self.account, Row("session", "n", number)), Append("q", "", body=number.encode())
        batch = Batch((change,), (append,), (), number)
        try:
            (lease,) = await self.engine.commit([lease], batch)
        except EngineFailed:
            await asyncio.sleep(0.05)
            return lease
        except Unknown:
            (lease,) = await until_it_works(lambda: self.engine.renew([self.partition], self.account))
            if lease.token != number:
                return lease
        self.number += 1
        return lease


def test_a_failover_loses_and_doubles_nothing_that_was_acknowledged() -> None:
    async def play(conninfo: str, fail_over: Callable[[], None]) -> None:
        async with await PostgresEngine.open(conninfo) as engine:
            writer = Writer(engine, ROMEO)
            writing = asyncio.ensure_future(writer.run())
            while writer.number < 30:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(fail_over)
            writer.failed_over.set()
            await writing
            found = await engine.entries({"q": 0}, 100_000)
            assert [int(each.body) for each in found] == list(range(writer.number))
            (row,) = (await engine.load(None, ROMEO, ["session"])).rows
            assert row.text == str(writer.number - 1)

    with postgres_pair() as pair:
        run(play(pair.conninfo, pair.fail_over))
