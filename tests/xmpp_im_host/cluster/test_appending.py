"""What a gateway appends: in order, in few commits, once, and with an end of all waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from attrs import define, field

from tests.xmpp_im_host.running import run, until
from xmpp_im_host.cluster.appending import Appender
from xmpp_im_host.cluster.committing import Committer
from xmpp_im_host.storage.errors import EngineFailed, Unknown
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import Batch, Entry, Lease, node_lease

QUEUE = "partition/7"
LEASE = node_lease(1)


@define(eq=False)
class Engine(MemoryEngine):
    """An engine whose commits fail, wait or are in doubt."""

    failing: bool = False
    doubts: list[bool] = field(factory=list)
    """For each of the next commits: in doubt, and whether it is done nevertheless."""
    batches: list[Batch] = field(factory=list)
    gate: asyncio.Event | None = None
    """What commits wait for."""
    blind: bool = False
    """Whether queues cannot be read."""

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        if self.blind:
            raise EngineFailed("the engine does not work")
        return await MemoryEngine.entries(self, queues, limit)

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        if self.gate is not None:
            await self.gate.wait()
        if self.failing:
            raise EngineFailed("the engine does not work")
        if self.doubts:
            if self.doubts.pop(0):
                await self._committed(leases, batch)
            raise Unknown("the connection broke")
        return await self._committed(leases, batch)

    async def _committed(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        renewed = await MemoryEngine.commit(self, leases, batch)
        self.batches.append(batch)
        return renewed

    def bodies(self, queue: str = QUEUE) -> list[str]:
        return [body.decode() for body in self._queues.get(queue, {}).values()]


@define(eq=False)
class Stage:
    """An appender at work."""

    engine: Engine
    appender: Appender
    done: list[str] = field(factory=list)
    refused: list[str] = field(factory=list)
    ended: list[bool] = field(factory=list)

    def append(self, *bodies: str, refusable: bool = False) -> None:
        for body in bodies:
            refuse = (lambda body=body: self.refused.append(body)) if refusable else None
            self.appender.append(
                [(QUEUE, body.encode())],
                done=lambda body=body: self.done.append(body),  # type: ignore[misc]
                refuse=refuse,
            )


@asynccontextmanager
async def a_stage(patience: float = 0.02) -> AsyncIterator[Stage]:
    engine = Engine()
    committer = Committer(engine, "node 1")
    await committer.claim([LEASE])
    ended: list[bool] = []
    stage = Stage(engine, Appender(committer, LEASE, lambda: ended.append(True), patience=patience), ended=ended)
    task = asyncio.create_task(stage.appender.run())
    try:
        yield stage
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_what_is_asked_for_at_a_time_is_one_commit_in_order() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.append("1", "2", "3")
            await until(lambda: stage.done == ["1", "2", "3"])
            assert stage.engine.bodies() == ["1", "2", "3"]
            assert len(stage.engine.batches) == 1

    run(play())


def test_what_is_asked_for_during_a_commit_is_in_the_next_one() -> None:
    async def play() -> None:
        async with a_stage(patience=60) as stage:
            stage.engine.gate = asyncio.Event()
            stage.append("1")
            await asyncio.sleep(0.01)
            stage.append("2", "3")
            assert stage.appender.waiting == 3
            stage.engine.gate.set()
            await until(lambda: stage.done == ["1", "2", "3"])
            assert [len(batch.appends) for batch in stage.engine.batches] == [1, 2]
            assert stage.appender.waiting == 0

    run(play())


def test_an_entry_and_the_removal_of_another_are_one_commit() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.append("old")
            await until(lambda: stage.done == ["old"])
            [position] = stage.engine._queues[QUEUE]
            stage.appender.append([(QUEUE, b"new")], [(QUEUE, position)])
            await until(lambda: stage.engine.bodies() == ["new"])
            assert len(stage.engine.batches) == 2

    run(play())


def test_settled_entries_are_removed_soon_and_many_at_a_time() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.append("1", "2", "3")
            await until(lambda: len(stage.done) == 3)
            for position in list(stage.engine._queues[QUEUE]):
                stage.appender.settle((QUEUE, position))
            await until(lambda: stage.engine.bodies() == [])
            assert len(stage.engine.batches) == 2

    run(play())


def test_while_the_engine_fails_requests_are_refused_and_the_rest_waits() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.engine.failing = True
            stage.append("presence", "end")
            stage.append("message", refusable=True)
            await until(lambda: stage.refused == ["message"])
            assert stage.done == []
            stage.engine.failing = False
            await until(lambda: stage.done == ["presence", "end"])
            assert stage.engine.bodies() == ["presence", "end"]

    run(play())


def test_a_request_is_not_refused_before_it_has_waited() -> None:
    async def play() -> None:
        async with a_stage(patience=60) as stage:
            stage.engine.failing = True
            stage.append("message", refusable=True)
            await asyncio.sleep(0.1)
            stage.engine.failing = False
            await until(lambda: stage.done == ["message"])
            assert stage.refused == []

    run(play())


def test_a_request_in_a_commit_under_way_is_not_refused() -> None:
    """It may be done, so an error would be wrong. What waits behind it is certainly not done."""

    async def play() -> None:
        async with a_stage() as stage:
            stage.engine.gate = asyncio.Event()
            stage.append("under way", refusable=True)
            await asyncio.sleep(0.01)
            stage.append("behind", refusable=True)
            await until(lambda: stage.refused == ["behind"])
            stage.engine.gate.set()
            await until(lambda: stage.done == ["under way"])
            assert (stage.refused, stage.engine.bodies()) == (["behind"], ["under way"])

    run(play())


@pytest.mark.parametrize("done", [True, False])
def test_a_commit_in_doubt_is_there_once(done: bool) -> None:
    async def play() -> None:
        async with a_stage(patience=60) as stage:
            stage.engine.doubts = [done]
            stage.append("1", refusable=True)
            await until(lambda: stage.done == ["1"])
            stage.append("2")
            await until(lambda: stage.done == ["1", "2"])
            assert stage.engine.bodies() == ["1", "2"]

    run(play())


def test_after_the_lease_is_claimed_nothing_is_done_and_the_node_has_ended() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            await stage.engine.claim([LEASE], "another")
            stage.append("1")
            await until(lambda: stage.ended == [True])
            await asyncio.sleep(0.05)
            assert (stage.done, stage.engine.bodies()) == ([], [])

    run(play())


def test_a_callback_that_fails_concerns_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with a_stage() as stage:

            def fails() -> None:
                raise RuntimeError("a fault of the caller")

            stage.appender.append([(QUEUE, b"1")], done=fails)
            stage.append("2")
            await until(lambda: stage.done == ["2"])
            assert stage.engine.bodies() == ["1", "2"]

    run(play())
    assert "a fault of the caller" in caplog.text


def test_draining_waits_until_everything_is_durable() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            stage.append(*[str(n) for n in range(1_000)])
            await stage.appender.drained()
            assert len(stage.done) == 1_000
            assert [len(batch.appends) for batch in stage.engine.batches] == [256, 256, 256, 232]

    run(play())


def test_draining_does_not_wait_for_a_node_that_has_ended() -> None:
    async def play() -> None:
        async with a_stage() as stage:
            await stage.engine.claim([LEASE], "another")
            stage.append("1")
            await stage.appender.drained()
            assert stage.done == []

    run(play())
