"""What a gateway appends as a part of the owner's transactions: in order, once, and whatever becomes of two leases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.xmpp_im_host.cluster.stage import AVAILABLE, JULIET, chatting
from tests.xmpp_im_host.cluster.test_appending import LEASE, QUEUE, Engine, Stage
from tests.xmpp_im_host.running import run, until
from xmpp_im_host.cluster import partition_worker
from xmpp_im_host.cluster.appending import MOST, Appender
from xmpp_im_host.cluster.committing import Committer, Outcome
from xmpp_im_host.storage.errors import EngineFailed, Fenced
from xmpp_im_host.storage.records import PARTITIONS, Append, Batch

PARTITION = 7
OWN = "gateway/1/7"
"""The queue to which the owner appends here."""


@asynccontextmanager
async def a_node(patience: float = 60) -> AsyncIterator[tuple[Stage, Committer]]:
    """An appender at work, and the committer that it shares with the owner of a partition."""
    engine = Engine()
    committer = Committer(engine, "node 1")
    await committer.claim([LEASE, PARTITION])
    ended: list[bool] = []
    appender = Appender(committer, LEASE, lambda: ended.append(True), patience=patience)
    committer.passenger = appender
    stage = Stage(engine, appender, ended=ended)
    task = asyncio.create_task(appender.run())
    try:
        yield stage, committer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def process(committer: Committer, body: str = "owner") -> Outcome:
    """Commit as the owner of the partition does."""
    return await committer.commit_together([PARTITION], (), [Append(OWN, "", body=body.encode())], ())


def test_what_waits_is_part_of_the_transaction_of_the_owner() -> None:
    async def play() -> None:
        async with a_node() as (stage, committer):
            stage.append("1", "2")
            assert await process(committer) == Outcome()
            assert stage.done == ["1", "2"]
            assert (stage.engine.bodies(), stage.engine.bodies(OWN)) == (["1", "2"], ["owner"])
            stage.append("3")
            await until(lambda: stage.done == ["1", "2", "3"])
            assert [len(batch.appends) for batch in stage.engine.batches] == [3, 1]

    run(play())


def test_settled_entries_are_removed_in_the_transaction_of_the_owner() -> None:
    async def play() -> None:
        async with a_node() as (stage, committer):
            await stage.engine.append(QUEUE, "", 0, b"settled")
            [position] = stage.engine._queues[QUEUE]
            stage.appender.settle((QUEUE, position))
            assert (await process(committer)).done
            assert stage.engine.bodies() == []
            await stage.appender.drained()
            assert len(stage.engine.batches) == 1

    run(play())


def test_the_owner_has_its_transaction_for_itself_if_nothing_waits() -> None:
    async def play() -> None:
        async with a_node() as (stage, committer):
            await stage.engine.claim([LEASE], "another")  # it would be noticed
            assert await process(committer) == Outcome()
            assert stage.ended == []

    run(play())


def test_the_gateway_has_one_commit_under_way_at_a_time() -> None:
    """Otherwise what a client sends later could be durable before."""

    async def play() -> None:
        async with a_node() as (stage, committer):
            stage.engine.gate = asyncio.Event()
            stage.append("1")
            await asyncio.sleep(0.01)  # it commits by itself
            stage.append("2")
            processing = asyncio.create_task(process(committer))
            await asyncio.sleep(0.01)
            stage.engine.gate.set()
            assert (await processing).done
            await until(lambda: stage.done == ["1", "2"])
            assert sorted(len(batch.appends) for batch in stage.engine.batches) == [1, 1, 1]

    run(play())


def test_what_is_asked_for_during_such_a_transaction_comes_after_it() -> None:
    async def play() -> None:
        async with a_node() as (stage, committer):
            stage.engine.gate = asyncio.Event()
            stage.append("1")
            processing = asyncio.create_task(process(committer))
            await asyncio.sleep(0)
            stage.append("2")
            await asyncio.sleep(0.1)
            assert stage.appender.waiting == 2
            stage.engine.gate.set()
            assert (await processing).done
            await until(lambda: stage.done == ["1", "2"])
            assert stage.engine.bodies() == ["1", "2"]

    run(play())


def test_more_than_one_transaction_may_carry_does_not_wait_for_another_one() -> None:
    async def play() -> None:
        async with a_node() as (stage, committer):
            stage.append(*[str(n) for n in range(2 * MOST + 5)])
            assert (await process(committer)).done
            assert len(stage.done) == MOST
            await stage.appender.drained()
            assert stage.engine.bodies() == stage.done == [str(n) for n in range(2 * MOST + 5)]

    run(play())


def test_after_a_failure_the_gateway_commits_by_itself_first() -> None:
    """The owner must not look for the cause among its own entries while what the gateway appends is the cause."""

    async def play() -> None:
        async with a_node() as (stage, committer):
            stage.engine.failing = True
            stage.append("1")
            assert isinstance((await process(committer)).error, EngineFailed)
            stage.engine.failing = False
            assert (await process(committer)).done
            assert [len(batch.appends) for batch in stage.engine.batches] == [1]
            await until(lambda: stage.done == ["1"])
            stage.append("2")
            assert (await process(committer)).done
            assert [len(batch.appends) for batch in stage.engine.batches] == [1, 1, 2]
            assert stage.done == stage.engine.bodies() == ["1", "2"]

    run(play())


def test_what_has_waited_too_long_is_refused_after_a_shared_transaction_that_failed() -> None:
    async def play() -> None:
        async with a_node(patience=0.0) as (stage, committer):
            stage.engine.failing = True
            stage.append("1", refusable=True)
            assert not (await process(committer)).done
            assert (stage.refused, stage.done) == (["1"], [])

    run(play())


@pytest.mark.parametrize("done", [True, False])
def test_what_was_in_doubt_is_there_once(done: bool) -> None:
    async def play() -> None:
        async with a_node() as (stage, committer):
            stage.engine.doubts = [done]
            stage.append("1", refusable=True)
            assert (await process(committer)).done is done
            await until(lambda: stage.done == ["1"])
            assert stage.engine.bodies() == ["1"]
            assert stage.engine.bodies(OWN) == ["owner"] * done

    run(play())


def test_the_loss_of_a_partition_does_not_concern_the_gateway() -> None:
    async def play() -> None:
        async with a_node() as (stage, committer):
            await stage.engine.claim([PARTITION], "another")
            stage.append("1")
            outcome = await process(committer)
            assert isinstance(outcome.error, Fenced)
            assert outcome.lost == {PARTITION}
            await until(lambda: stage.done == ["1"])
            assert (stage.engine.bodies(), stage.engine.bodies(OWN), stage.ended) == (["1"], [], [])

    run(play())


def test_the_end_of_the_node_is_noticed_and_nothing_is_done() -> None:
    async def play() -> None:
        async with a_node() as (stage, committer):
            await stage.engine.claim([LEASE], "another")
            stage.append("1")
            assert (await process(committer)).lost == {LEASE}
            await until(lambda: stage.ended == [True])
            assert (stage.done, stage.engine.bodies(), stage.engine.bodies(OWN)) == ([], [], [])
            stage.append("2")
            assert (await process(committer, "again")).done
            assert (stage.engine.bodies(), stage.engine.bodies(OWN)) == ([], ["again"])

    run(play())


def test_a_transaction_concerns_one_database() -> None:
    """The leases of a node and of a partition may be in different ones."""

    async def play() -> None:
        async with a_node() as (stage, committer):
            stage.engine.shards = 2
            assert PARTITIONS % 2 == 0
            assert (LEASE - PARTITION) % 2 == 0
            await committer.claim([PARTITION + 1])
            stage.append("1")
            assert (await committer.commit_together([PARTITION + 1], (), [Append(OWN, "", body=b"owner")], ())).done
            assert len(stage.engine.batches[0].appends) == 1
            await until(lambda: stage.done == ["1"])
            stage.append("2")
            assert (await process(committer)).done
            assert len(stage.engine.batches[-1].appends) == 2

    run(play())


def test_a_worker_that_looks_for_the_cause_of_a_failure_shares_nothing() -> None:
    class Waiting:
        lease, boarded = LEASE, 0

        def board(self) -> Batch | None:
            self.boarded += 1
            return None

        def land(self, outcome: Outcome) -> None:
            raise AssertionError("it was not aboard")

    async def play() -> None:
        stage, gateway = await chatting(JULIET)
        (owner,) = stage.owners
        owner.committer.passenger = waiting = Waiting()
        for healthy in (True, False):
            for worker in owner.workers:
                worker._most = partition_worker.MOST if healthy else 1
            waiting.boarded = 0
            await gateway.bind(JULIET, f"balcony-{healthy}", AVAILABLE)
            await stage.run()
            assert bool(waiting.boarded) is healthy

    run(play())
