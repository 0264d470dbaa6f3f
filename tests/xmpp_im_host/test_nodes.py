"""What operators see of nodes, and what they direct: on an engine in memory, where no node runs."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Final

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from tests.xmpp_im_host.running import run
from xmpp_im_host.cluster.placement import placement
from xmpp_im_host.cluster.reports import Report, State
from xmpp_im_host.command import main
from xmpp_im_host.command import nodes as command
from xmpp_im_host.configuration import Configuration
from xmpp_im_host.operations import nodes as cluster
from xmpp_im_host.operations.control import CallFailed
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import Node

DATABASE = "postgresql://montague@db.example/xmpp"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> MemoryEngine:
    """Two nodes, verona and mantua. The commands find this engine in place of a PostgreSQL database."""
    found = MemoryEngine()

    async def opened(configuration: Configuration) -> Engine:
        assert configuration.engine == (DATABASE,)
        return found

    async def prepare() -> None:
        for name, report in (("verona", Report(150, 12, 0.25)), ("mantua", Report(100, 3, 0.0))):
            await found.beat(await found.join(name), report.dump())

    monkeypatch.setattr(command, "open_engine", opened)
    monkeypatch.setattr(command, "_BEATS", 0.001)
    run(prepare())
    return found


def invoke(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [words[0], "--engine", DATABASE, *words[1:]])
    assert result.exit_code == code, result.output
    return result


# --- reports ------------------------------------------------------------------------------------------------------


@given(
    st.builds(
        Report,
        st.integers(0),
        st.integers(0),
        st.floats(0, allow_nan=False, allow_infinity=False),
        st.none() | st.sampled_from(State),
    )
)
def test_a_report_is_read_as_it_was_written(report: Report) -> None:
    assert Report.load(report.dump()) == report


@pytest.mark.parametrize("text", ["", "null", "[1]", "{", '{"partitions": "many", "sessions": true, "lag": null}'])
def test_a_report_that_cannot_be_read_says_nothing(text: str) -> None:
    assert Report.load(text) == Report()


def test_a_report_of_another_release_is_read_as_far_as_it_is_known() -> None:
    found = Report.load('{"sessions": 5, "lag": 2, "mood": "good", "state": "resting"}')
    assert found == Report(0, 5, 2.0, None)


# --- nodes --------------------------------------------------------------------------------------------------------


def test_nodes_that_beat_between_two_looks_serve_or_drain(engine: MemoryEngine) -> None:
    async def play() -> None:
        await engine.direct(2, draining=True)
        looking = asyncio.create_task(cluster.nodes(engine, 0.05))
        await asyncio.sleep(0)
        for number in (1, 2):
            await engine.beat(number, Report(128, 1, 0.0).dump())
        found = await looking
        assert [(each.number, each.state, each.placed, each.partitions) for each in found] == [
            (1, "serving", 256, 128),
            (2, "draining", 0, 128),
        ]
        assert cluster.without_owner(found) == 0

    run(play())


def test_the_table_shows_silent_nodes_and_what_nobody_owns(engine: MemoryEngine) -> None:
    result = invoke("nodes")
    placed = Counter(placement({1: 1.0, 2: 1.0}).values())
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["NODE", "NAME", "STATE", "BEATS", "WEIGHT", "PARTITIONS", "SESSIONS", "LAG"],
        ["1", "verona", "silent", "1", "1", "150", "of", str(placed[1]), "12", "0.2", "s"],
        ["2", "mantua", "silent", "1", "1", "100", "of", str(placed[2]), "3", "0.0", "s"],
    ]
    assert result.stderr == "256 partitions are owned by no node at the moment\n"


def test_the_same_as_json(engine: MemoryEngine) -> None:
    (verona, _) = json.loads(invoke("nodes", "--json").stdout)
    assert verona == {
        "number": 1,
        "name": "verona",
        "state": "silent",
        "beats": 1,
        "weight": 1.0,
        "placed": Counter(placement({1: 1.0, 2: 1.0}).values())[1],
        "partitions": 150,
        "sessions": 12,
        "lag": 0.25,
    }


def test_looking_changes_nothing(engine: MemoryEngine) -> None:
    before = run(engine.beat(0, ""))
    invoke("nodes")
    invoke("rebalance")
    assert run(engine.beat(0, "")) == before


# --- drain --------------------------------------------------------------------------------------------------------


def test_drain_directs_a_node_by_number_or_name(engine: MemoryEngine) -> None:
    assert invoke("drain", "verona", "--no-wait").stdout == "node 1 drains\n"
    assert invoke("drain", "2", "--no-wait").stdout == "node 2 drains\n"
    assert [node.draining for node in run(engine.beat(0, ""))] == [True, True]


def says(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch, *reports: Report | None) -> None:
    """Let Mantua say these things from now on, one before each look at the nodes; None says that it has gone."""
    saying, looked = iter(reports), engine.beat

    async def beat(number: int, report: str) -> Sequence[Node]:
        if not number and (said := next(saying, reports[-1])) is not None:
            await looked(2, said.dump())
        elif not number:
            await engine.leave(2)
        return await looked(number, report)

    monkeypatch.setattr(MemoryEngine, "beat", lambda self, number, report: beat(number, report))


GONE: Final = None
SERVING: Final = Report(128, 9, 0.0, State.SERVING)
DRAINS: Final = [Report(90, 9, 0.0, State.DRAINING), Report(90, 9, 0.1, State.DRAINING), Report(0, 9, 0.0)]
DRAINED: Final = Report(0, 0, 0.0, State.DRAINED)
STOPPING: Final = Report(10, 0, 0.0, State.STOPPING)


def test_drain_waits_until_the_node_is_drained(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    says(engine, monkeypatch, SERVING, *DRAINS, DRAINED)
    result = invoke("drain", "mantua")
    assert result.stdout == "node 2 is drained\n"
    assert result.stderr.splitlines() == [
        "node 2 drains: 90 partitions, 9 sessions",
        "node 2 drains: 0 partitions, 9 sessions",
    ]


def test_drain_says_if_the_node_has_gone_instead(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    says(engine, monkeypatch, SERVING, *DRAINS, STOPPING, GONE)
    assert invoke("drain", "mantua").stdout == "node 2 has gone\n"


def test_undrain_waits_until_the_node_serves(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    run(engine.direct(2, draining=True))
    says(engine, monkeypatch, DRAINED, DRAINED, Report(60, 0, 0.0, State.DRAINING), SERVING)
    result = invoke("undrain", "mantua")
    assert result.stdout == "node 2 serves\n"
    assert result.stderr.splitlines() == [
        "node 2 comes back: 0 partitions, 0 sessions",
        "node 2 comes back: 60 partitions, 0 sessions",
    ]
    assert [node.draining for node in run(engine.beat(0, ""))] == [False, False]


def test_undrain_need_not_wait(engine: MemoryEngine) -> None:
    run(engine.direct(1, draining=True))
    assert invoke("undrain", "1", "--no-wait").stdout == "node 1 comes back\n"
    assert [node.draining for node in run(engine.beat(0, ""))] == [False, False]


def test_a_node_that_serves_stays_as_it_is(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    says(engine, monkeypatch, SERVING)
    assert invoke("undrain", "mantua").stdout == "node 2 serves\n"


def test_a_node_that_stops_does_not_come_back(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    run(engine.direct(2, draining=True))
    says(engine, monkeypatch, STOPPING)
    assert "node 2 stops: start it again" in invoke("undrain", "mantua", code=1).stderr
    assert [node.draining for node in run(engine.beat(0, ""))] == [False, True]


def test_undrain_says_if_the_node_has_gone(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    says(engine, monkeypatch, DRAINED, STOPPING, GONE)
    assert "node 2 has gone" in invoke("undrain", "mantua", code=1).stderr


@pytest.mark.parametrize(
    ("draining", "said", "state"),
    [
        (False, State.SERVING, State.SERVING),
        (False, None, State.SERVING),
        (True, State.SERVING, State.DRAINING),
        (True, None, State.DRAINING),
        (True, State.DRAINING, State.DRAINING),
        (True, State.DRAINED, State.DRAINED),
        (False, State.DRAINING, State.DRAINING),
        (False, State.DRAINED, State.DRAINING),
        (False, State.STOPPING, State.STOPPING),
        (True, State.STOPPING, State.STOPPING),
    ],
)
def test_the_state_follows_from_what_was_directed_and_what_is_said(
    draining: bool, said: State | None, state: State
) -> None:
    assert cluster.state_of(Node(1, "verona", 5, 1.0, draining, ""), Report(state=said)) is state


@pytest.mark.parametrize("command", ["drain", "undrain"])
def test_an_unknown_or_ambiguous_node_is_refused(engine: MemoryEngine, command: str) -> None:
    run(engine.direct(1, draining=command == "undrain"))
    assert "`xmpp-im-host nodes` lists them" in invoke(command, "padua", code=1).stderr
    run(engine.join("verona"))
    assert "take one of their numbers: 1, 3" in invoke(command, "verona", code=1).stderr
    assert [node.draining for node in run(engine.beat(0, ""))] == [command == "undrain", False, False]


# --- rebalance ----------------------------------------------------------------------------------------------------


def test_rebalance_sets_weights_and_says_what_moves(engine: MemoryEngine) -> None:
    before, after = placement({1: 1.0, 2: 1.0}), placement({1: 1.0, 2: 3.0})
    count = Counter(after.values())
    moved = sum([before[each] != after[each] for each in before])
    lines = invoke("rebalance", "mantua", "3").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["NODE", "WEIGHT", "PARTITIONS"],
        ["1", "1", str(count[1])],
        ["2", "3", str(count[2])],
        f"{moved} partitions move from node 1 to node 2".split(),
    ]
    assert [node.weight for node in run(engine.beat(0, ""))] == [1.0, 3.0]


def test_rebalance_as_json(engine: MemoryEngine) -> None:
    count = Counter(placement({1: 1.0, 2: 1.0}).values())
    assert json.loads(invoke("rebalance", "1", "0", "--json").stdout) == {
        "weights": {"1": 0.0, "2": 1.0},
        "placed": {"1": 0, "2": 256},
        "moves": [{"from": 1, "to": 2, "partitions": count[1]}],
    }


def test_without_weights_rebalance_shows_the_shares(engine: MemoryEngine) -> None:
    lines = invoke("rebalance").stdout.splitlines()
    assert len(lines) == 3


def test_a_draining_node_gets_nothing_by_its_weight(engine: MemoryEngine) -> None:
    run(engine.direct(2, draining=True))
    done = run(cluster.rebalance(engine, {"2": 9.0}))
    assert (done.weights, done.placed, done.moves) == ({1: 1.0, 2: 9.0}, {1: 256, 2: 0}, ())


def test_if_no_node_can_have_partitions_nothing_moves(engine: MemoryEngine) -> None:
    done = run(cluster.rebalance(engine, {"1": 0.0, "2": 0.0}))
    assert done.moves == ()
    assert sum(done.placed.values()) == 256


@pytest.mark.parametrize("words", [["1"], ["1", "much"], ["1", "-1"], ["1", "inf"], ["1", "nan"]])
def test_a_wrong_weight_is_refused(engine: MemoryEngine, words: list[str]) -> None:
    invoke("rebalance", "--", *words, code=2)


def test_if_one_node_is_unknown_no_weight_is_set(engine: MemoryEngine) -> None:
    with pytest.raises(CallFailed):
        run(cluster.rebalance(engine, {"1": 5.0, "padua": 2.0}))
    assert run(engine.beat(0, ""))[0].weight == 1.0


# --- the database -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["nodes"], ["drain", "1"], ["undrain", "1"], ["rebalance"]])
def test_without_a_database_of_several_nodes_the_commands_refuse(words: list[str]) -> None:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "nodes share a PostgreSQL database" in result.output
