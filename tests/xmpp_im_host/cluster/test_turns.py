"""How often a node looks and commits: the fewer transactions, the less it costs; nobody waits for more than some ticks.

Time is not real here. The counts depend on nothing but the code.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.xmpp_im_host.cluster.faulty_engine import FaultyEngine
from tests.xmpp_im_host.cluster.virtual_loop import Stage, VirtualLoop
from tests.xmpp_im_host.cluster.world import World
from xmpp_im_host.cluster.turns import FEW, LONGEST_PAUSE, MANY, TICK, Strain, Turns, phase_of

RATE = 130
"""Messages a second, of three users together: what one node does without effort."""
SECONDS = 3
READERS = 2
"""A node has a worker and a gateway."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What was asked of the engine; and as ``reads`` how often there was a look, however many looked at a time."""
    counted: Counter[str] = Counter()
    looks: set[tuple[FaultyEngine, float]] = set()

    def counting(name: str) -> None:
        method = getattr(FaultyEngine, name)

        def call(self: FaultyEngine, *arguments: Any, **options: Any) -> Any:
            counted[name] += 1
            if name == "entries" and (self, self.stage.now) not in looks:
                looks.add((self, self.stage.now))
                counted["reads"] += 1
            return method(self, *arguments, **options)

        monkeypatch.setattr(FaultyEngine, name, call)

    for each in ("commit", "entries"):
        counting(each)
    return counted


def talking(
    nodes: int, calls: Counter[str], *, rate: int = RATE, seconds: float = SECONDS, distance: float = 0.0005
) -> tuple[int, int, float]:
    """Let three users talk. Return how many messages were sent, how many came, and the longest time that one took.

    :param distance: how long a call takes to the database, and back.
    """
    with World(seed=1, nodes=nodes) as world:
        world.weather.calm = True
        for slot in range(3):
            world.enter(slot, slot)
        world.wait(2.0)
        world.weather.distance = distance
        calls.clear()
        sent, longest = 0, 0.0
        began, before = world.stage.now, len(world.ledger.receipts)
        while world.stage.now < began + seconds:
            while sent < (world.stage.now - began) * rate:
                world.chat(sent % 3, ("juliet", "nurse", "romeo")[sent % 3])
                sent += 1
            world.wait(0.001)
            waiting = sent - (len(world.ledger.receipts) - before)
            longest = max(longest, waiting / rate)
        world.wait(0.5)
        return sent, len(world.ledger.receipts) - before, longest


def test_at_a_low_rate_messages_share_transactions(calls: Counter[str]) -> None:
    """Each has to be appended, processed for its sender, and processed for its recipient: three transactions alone."""
    sent, came, longest = talking(1, calls)
    assert sent == came == RATE * SECONDS
    assert calls["commit"] < 2.25 * sent
    assert calls["reads"] < 1.75 * sent
    assert longest < 6 * TICK


def test_at_a_low_rate_messages_share_transactions_also_between_nodes(calls: Counter[str]) -> None:
    """At each of three nodes only a third of them can be together."""
    sent, came, longest = talking(3, calls)
    assert sent == came == RATE * SECONDS
    assert calls["commit"] < 2.25 * sent
    assert calls["reads"] < 2 * sent
    assert longest < 4 * LONGEST_PAUSE


@pytest.mark.parametrize(("nodes", "most"), [(1, 0.03), (3, 0.07)])
def test_when_transactions_take_long_more_messages_share_each(nodes: int, most: float, calls: Counter[str]) -> None:
    """Then the machine is busy. Each of three transactions waits for a tick of a busy node, besides its own time."""
    call = 0.02
    sent, came, longest = talking(nodes, calls, rate=2400, seconds=0.5, distance=call / 2)
    assert sent == came == 1200
    assert calls["commit"] < most * sent
    assert longest < 3 * (2 * call + 1.5 * LONGEST_PAUSE)


@pytest.mark.parametrize("nodes", [1, 3])
def test_a_database_that_takes_long_does_not_make_a_node_wait_that_has_little_to_do(
    nodes: int, calls: Counter[str]
) -> None:
    """The database may be far away, or the disk slow: then waiting would save nothing that is scarce."""
    call = 0.02
    sent, came, longest = talking(nodes, calls, distance=call / 2)
    assert sent == came == RATE * SECONDS
    assert longest < 3 * (2 * call + 1.5 * TICK) + 1 / RATE


@pytest.mark.parametrize("entries", [1, FEW - 1, FEW, MANY - 1, MANY])
def test_only_a_turn_that_took_long_for_its_entries_waits_for_a_later_tick(entries: int) -> None:
    stage = Stage()
    loop = VirtualLoop(stage.clock)  # type: ignore[abstract]  # only what asyncio's tasks need is there
    stage.loops.append(loop)
    turns = Turns()

    async def turn(lasts: float) -> float:
        turns.begin()
        began = stage.now
        await asyncio.sleep(lasts)
        await turns.end(entries)
        return stage.now - began

    usual, busy = [stage.wait_for(loop, turn(lasts)) for lasts in (TICK / 4, 1.25 * TICK)]
    assert usual <= 1.5 * TICK
    if FEW <= entries < MANY:
        assert LONGEST_PAUSE / 2 < busy <= 1.5 * LONGEST_PAUSE
    else:
        assert busy == pytest.approx(1.25 * TICK)


def test_all_turns_of_a_node_know_that_it_is_busy_and_for_how_long() -> None:
    """A commit of the gateway may be quick while the owner of the same node has more to do than it can."""
    stage, strain = Stage(), Strain()
    loop = VirtualLoop(stage.clock)  # type: ignore[abstract]  # only what asyncio's tasks need is there
    stage.loops.append(loop)
    slow, quick = Turns(strain=strain), Turns(strain=strain)

    async def turn(turns: Turns, lasts: float) -> float:
        turns.begin()
        began = stage.now
        await asyncio.sleep(lasts)
        await turns.end(FEW)
        return stage.now - began

    assert stage.wait_for(loop, turn(quick, 0.0)) <= 1.5 * TICK
    stage.wait_for(loop, turn(slow, 2 * TICK))
    assert stage.wait_for(loop, turn(quick, 0.0)) > LONGEST_PAUSE / 2
    stage.run(3 * LONGEST_PAUSE)
    assert stage.wait_for(loop, turn(quick, 0.0)) <= 1.5 * TICK


@pytest.mark.parametrize("nodes", [1, 3])
def test_an_idle_node_looks_seldom_and_once_for_all_its_readers(nodes: int, calls: Counter[str]) -> None:
    with World(seed=1, nodes=nodes) as world:
        world.weather.calm = True
        world.wait(2.0)
        calls.clear()
        world.wait(10.0)
        looks = 10 / LONGEST_PAUSE
        assert 0.9 * looks * nodes < calls["reads"] < 1.1 * looks * nodes
        assert calls["entries"] == READERS * calls["reads"]
        assert calls["commit"] == 0


def test_the_ticks_of_nodes_come_at_different_times() -> None:
    """Otherwise what one leaves for another would always just have missed its look."""
    for first in (1, 77, 4_000):
        phases = sorted([phase_of(number) for number in range(first, first + 5)])
        gaps = [after - before for before, after in zip(phases, [*phases[1:], phases[0] + LONGEST_PAUSE], strict=True)]
        assert min(gaps) > LONGEST_PAUSE / 15


def test_the_next_tick_is_never_now() -> None:
    """A sum of rounded numbers may be a bit less than it should: then a reader would look again and again."""
    for number in range(1, 50):
        turns, time = Turns(phase_of(number)), 0.0
        for _ in range(200):
            after = turns._next(time, TICK)
            assert time < after <= time + 2 * TICK
            time = after
