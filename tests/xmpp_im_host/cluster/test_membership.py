"""The task that beats: what it tells its node, and how it ends those that are dead."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import pytest
from attrs import define, field

from tests.xmpp_im_host.running import run, until
from xmpp_im_host.cluster.liveness import Pace
from xmpp_im_host.cluster.membership import Membership, end_node
from xmpp_im_host.cluster.placement import placement
from xmpp_im_host.cluster.queue_entries import GatewayEnded, load_entry
from xmpp_im_host.cluster.queue_names import partition_queue
from xmpp_im_host.storage.errors import EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import PARTITIONS, Batch, Lease, Node, node_lease

QUICK = Pace(beat_seconds=0.001, dead_seconds=0.1)
STAMP = datetime(2026, 1, 1, tzinfo=UTC), "stamped"
ALL = frozenset(range(PARTITIONS))


@define
class Told:
    """A node that notes what its membership tells it."""

    placed: list[frozenset[int]] = field(factory=list)
    directed: list[bool] = field(factory=list)
    ends: int = 0
    reports: int = 0

    def report(self) -> str:
        self.reports += 1
        return f'{{"reports": {self.reports}}}'

    def place(self, wanted: frozenset[int]) -> None:
        self.placed.append(wanted)

    def direct(self, draining: bool) -> None:
        self.directed.append(draining)

    def ended(self) -> None:
        self.ends += 1


@define(eq=False)
class Failing(MemoryEngine):
    """An engine that does not answer while ``away``, and interrupts the calls that are named in ``doubtful``."""

    away: bool = False
    asked: int = 0
    doubtful: set[str] = field(factory=set)

    async def beat(self, number: int, report: str) -> Sequence[Node]:
        self.asked += 1
        if self.away:
            raise EngineFailed("away")
        return await MemoryEngine.beat(self, number, report)

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        done = await MemoryEngine.commit(self, leases, batch)
        self._interrupt("commit")
        return done

    async def leave(self, number: int) -> None:
        self._interrupt("leave")
        await MemoryEngine.leave(self, number)

    def _interrupt(self, call: str) -> None:
        if call in self.doubtful:
            self.doubtful.remove(call)
            raise Unknown(call)


def member(engine: MemoryEngine, told: Told, pace: Pace = QUICK, weight: float = 1.0) -> Membership:
    return Membership(engine, told, lambda: STAMP, name="verona", weight=weight, pace=pace)


async def ends(engine: MemoryEngine) -> dict[int, list[GatewayEnded]]:
    """Return what each partition's queue holds."""
    found: dict[int, list[GatewayEnded]] = {each: [] for each in range(PARTITIONS)}
    for partition in range(PARTITIONS):
        for entry in await engine.entries({partition_queue(partition): 0}):
            loaded = load_entry(entry.body)
            assert isinstance(loaded, GatewayEnded)
            found[partition].append(loaded)
    return found


@define(eq=False)
class Slow(MemoryEngine):
    """An engine of which the first answer to a node that joins takes so long that others end the node."""

    async def join(self, name: str) -> int:
        number = await MemoryEngine.join(self, name)
        if number == 1:
            await end_node(self, number, "another", STAMP)
        return number


def test_a_number_that_has_ended_before_its_node_began_is_not_used() -> None:
    """Its lease could be claimed and used all the same, and no partition would ever learn that its sessions end."""

    async def play() -> None:
        engine = Slow()
        membership = member(engine, Told())
        lease = await membership.join()
        assert (membership.number, lease.partition, lease.token) == (2, node_lease(2), "")
        assert [node.number for node in await engine.beat(0, "")] == [2]

    run(play())


def test_a_lone_node_owns_everything() -> None:
    async def play() -> None:
        engine, told = MemoryEngine(), Told()
        membership = member(engine, told)
        lease = await membership.join()
        assert lease.partition == node_lease(membership.number)
        task = asyncio.create_task(membership.run())
        await until(lambda: len(told.placed) == 3)
        task.cancel()
        assert set(told.placed) == {ALL}
        (node,) = await engine.beat(0, "")
        assert (node.name, node.weight) == ("verona", 1.0)
        assert node.beats > 0
        assert node.report == f'{{"reports": {told.reports}}}'

    run(play())


def test_two_nodes_share_and_the_weight_counts() -> None:
    async def play() -> None:
        engine, one, two = MemoryEngine(), Told(), Told()
        memberships = member(engine, one), member(engine, two, weight=3.0)
        numbers = []
        tasks = []
        for each in memberships:
            await each.join()
            numbers.append(each.number)
            tasks.append(asyncio.create_task(each.run()))
        expected = placement({numbers[0]: 1.0, numbers[1]: 3.0})
        mine = frozenset([each for each, number in expected.items() if number == numbers[0]])
        await until(lambda: mine in one.placed and ALL - mine in two.placed)
        for task in tasks:
            task.cancel()

    run(play())


def test_a_node_that_drains_is_told_and_gets_nothing() -> None:
    async def play() -> None:
        engine, one, two = MemoryEngine(), Told(), Told()
        first, second = member(engine, one), member(engine, two)
        await first.join()
        await second.join()
        tasks = [asyncio.create_task(each.run()) for each in (first, second)]
        await engine.direct(second.number, draining=True)
        await until(lambda: two.directed == [True] and one.placed[-1] == ALL and two.placed[-1] == frozenset())
        await engine.direct(second.number, draining=False)
        await until(lambda: two.directed == [True, False] and one.placed[-1] | two.placed[-1] == ALL)
        assert one.directed == []
        for task in tasks:
            task.cancel()

    run(play())


def test_if_all_nodes_drain_nothing_is_placed() -> None:
    async def play() -> None:
        engine, told = MemoryEngine(), Told()
        membership = member(engine, told)
        await membership.join()
        await engine.direct(membership.number, draining=True)
        task = asyncio.create_task(membership.run())
        await until(lambda: bool(told.placed))
        task.cancel()
        assert set(told.placed) == {frozenset()}, "it claims nothing new, and keeps what it owns"

    run(play())


def test_a_dead_node_is_ended() -> None:
    async def play() -> None:
        engine, told = MemoryEngine(), Told()
        dead = await engine.join("dead")
        (lease,) = await engine.claim([node_lease(dead)], "dead")
        membership = member(engine, told)
        await membership.join()
        task = asyncio.create_task(membership.run())
        await until(lambda: bool(told.placed) and told.placed[-1] == ALL)
        task.cancel()
        assert [node.number for node in await engine.beat(0, "")] == [membership.number]
        assert await ends(engine) == {each: [GatewayEnded(dead, *STAMP)] for each in range(PARTITIONS)}
        with pytest.raises(Fenced):
            await engine.commit([lease], Batch(token="late"))

    run(play())


def test_the_partitions_of_a_dead_node_move_without_another_pause() -> None:
    async def play() -> None:
        now = 100.0
        engine, told = MemoryEngine(), Told()
        await engine.join("dead")
        membership = Membership(engine, told, lambda: STAMP, pace=Pace(beat_seconds=50.0), clock=lambda: now)
        await membership.join()
        for _ in range(4):
            assert await membership._beat(now)
            now += 1.0
        task = asyncio.create_task(membership.run())
        await until(lambda: told.placed[-1] == ALL)
        task.cancel()

    run(play())


@pytest.mark.parametrize("interrupted", [{"commit"}, {"leave"}, {"commit", "leave"}])
def test_an_end_that_is_interrupted_is_done_once(interrupted: set[str]) -> None:
    async def play() -> None:
        engine = Failing(doubtful=set(interrupted))
        dead = await engine.join("dead")
        for _ in interrupted:
            with pytest.raises(Unknown):
                await end_node(engine, dead, "another", STAMP)
        await end_node(engine, dead, "another", STAMP)
        await end_node(engine, dead, "yet another", STAMP)
        assert await ends(engine) == {each: [GatewayEnded(dead, *STAMP)] for each in range(PARTITIONS)}
        assert await engine.beat(0, "") == ()

    run(play())


def test_the_task_repeats_an_end_that_was_interrupted() -> None:
    async def play() -> None:
        engine, told = Failing(doubtful={"leave"}), Told()
        dead = await engine.join("dead")
        membership = member(engine, told)
        await membership.join()
        task = asyncio.create_task(membership.run())
        await until(lambda: len(membership.nodes) == 1)
        task.cancel()
        assert await ends(engine) == {each: [GatewayEnded(dead, *STAMP)] for each in range(PARTITIONS)}

    run(play())


def test_two_nodes_that_end_the_same_one_end_it_once() -> None:
    async def play() -> None:
        engine = MemoryEngine()
        dead = await engine.join("dead")
        await asyncio.gather(
            *[end_node(engine, dead, f"node {each}", STAMP) for each in range(5)], return_exceptions=True
        )
        await end_node(engine, dead, "node 9", STAMP)
        assert {len(each) for each in (await ends(engine)).values()} == {1}

    run(play())


def test_an_outage_of_the_database_ends_nobody() -> None:
    async def play() -> None:
        engine, one, two = Failing(), Told(), Told()
        memberships = member(engine, one), member(engine, two)
        for each in memberships:
            await each.join()
        tasks = [asyncio.create_task(each.run()) for each in memberships]
        await until(lambda: bool(one.placed and two.placed))
        engine.away = True
        asked = engine.asked
        await asyncio.sleep(2 * QUICK.dead_seconds)
        assert engine.asked > asked, "they go on trying"
        engine.away = False
        asked = engine.asked
        await until(lambda: engine.asked > asked + 20)
        assert {node.number for node in await engine.beat(0, "")} == {each.number for each in memberships}
        assert one.ends == two.ends == 0
        assert (await ends(engine))[0] == []
        for task in tasks:
            task.cancel()

    run(play())


def test_a_node_whose_number_has_ended_is_told_once_and_stops() -> None:
    async def play() -> None:
        engine, told = MemoryEngine(), Told()
        membership = member(engine, told)
        await membership.join()
        task = asyncio.create_task(membership.run())
        await until(lambda: bool(told.placed))
        await end_node(engine, membership.number, "another", STAMP)
        await task
        assert told.ends == 1

    run(play())


def test_a_node_that_leaves_ends_itself() -> None:
    async def play() -> None:
        engine, told = MemoryEngine(), Told()
        membership = member(engine, told)
        await membership.join()
        await membership.leave()
        assert await engine.beat(0, "") == ()
        assert (await ends(engine))[255] == [GatewayEnded(membership.number, *STAMP)]
        assert told.ends == 0

    run(play())


def test_a_node_that_cannot_leave_is_left_to_the_others() -> None:
    async def play() -> None:
        engine = Failing(doubtful={"leave"})
        membership = member(engine, Told())
        await membership.join()
        await membership.leave()
        assert [node.number for node in await engine.beat(0, "")] == [membership.number]

    run(play())


def test_a_gateway_waits_for_a_beat_that_is_young_enough() -> None:
    async def play() -> None:
        now = 100.0
        engine, told = Failing(), Told()
        pace = Pace(beat_seconds=0.001, dead_seconds=3.0)
        membership = Membership(engine, told, lambda: STAMP, pace=pace, clock=lambda: now)
        await membership.join()

        def fresh() -> bool:
            return membership.fresh

        assert not fresh()
        task = asyncio.create_task(membership.run())
        await membership.until_fresh()
        now += 2.9
        assert fresh()
        engine.away = True
        now += 1.0
        assert not fresh(), "others may have ended this node"
        waiting = asyncio.create_task(membership.until_fresh())
        asked = engine.asked
        await until(lambda: engine.asked > asked + 3)
        assert not waiting.done()
        engine.away = False
        await waiting
        assert fresh()
        task.cancel()

    run(play())
