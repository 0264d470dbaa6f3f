"""The log, the metrics, the page of the operator, and the control socket."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xmpp_im_host.cluster.interfaces import PartitionFigures
from xmpp_im_host.counters import Counters
from xmpp_im_host.hosting.owned_engine import CommitCounts
from xmpp_im_host.log import LOGGER, failure, log
from xmpp_im_host.operations import control
from xmpp_im_host.operations.control import CallFailed, NotRunning
from xmpp_im_host.operations.http import OperatorPage
from xmpp_im_host.operations.log_format import set_up
from xmpp_im_host.operations.metrics import Levels, exposition
from xmpp_im_host.storage.records import PARTITIONS

# --- the log ------------------------------------------------------------------------------------------------


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    before = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate
    yield io.StringIO()
    LOGGER.handlers[:], LOGGER.level, LOGGER.propagate = before


def test_an_entry_is_one_line_of_words(stream: io.StringIO) -> None:
    set_up("text", "info", stream)
    log(logging.INFO, "session bound", account="juliet@capulet.example", resource="the balcony")
    log(logging.DEBUG, "nothing")

    assert stream.getvalue().split(" ", 1)[1] == (
        'info session bound account=juliet@capulet.example resource="the balcony"\n'
    )


@pytest.mark.parametrize("value", ["a\nerror false entry", 'a" account=nobody', "a\x1b[2J", "a=b", ""])
@pytest.mark.parametrize("format", ["text", "json"])
def test_a_value_cannot_add_an_entry_or_a_field(stream: io.StringIO, value: str, format: str) -> None:
    set_up(format, "info", stream)
    log(logging.INFO, "session bound", resource=value)
    (line,) = stream.getvalue().splitlines()

    written = json.loads(line)["resource"] if format == "json" else json.loads(line.partition("resource=")[2])
    assert written == value
    assert "\x1b" not in line


def test_json_has_the_traceback_in_the_entry(stream: io.StringIO) -> None:
    set_up("json", "info", stream)
    failure("something failed", ValueError("why"), address="192.0.2.1")
    entry = json.loads(stream.getvalue())

    assert (entry["level"], entry["event"], entry["address"]) == ("error", "something failed", "192.0.2.1")
    assert entry["traceback"].endswith("ValueError: why")


# --- metrics and health -------------------------------------------------------------------------------------

LEVELS = Levels(
    connections=3,
    sessions=2,
    detached=1,
    components=0,
    events=5,
    queued_bytes=700,
    largest_queue=600,
    accounts=4,
    idle=2,
    reads=0,
    commits_waiting=1,
)


def page(healthy: bool = True) -> OperatorPage:
    counters = Counters(connections=7, received=11)
    counters.refused["queue_bytes"] += 2
    counters.latency.add(0.0004)
    counters.latency.add(90)
    commits = CommitCounts(commits=9, batches=3)
    return OperatorPage(exposition(counters, commits, lambda: LEVELS), lambda: healthy)


def partitions_text(found: dict[int, PartitionFigures]) -> list[str]:
    """Return the lines about partitions, without comments."""
    text = exposition(Counters(), CommitCounts(), lambda: LEVELS, lambda: found)().decode()
    return [line for line in text.splitlines() if line.startswith("xmpp_partition")]


def test_each_partition_of_a_node_has_its_own_metrics() -> None:
    lines = partitions_text({200: PartitionFigures(3, 70, 80, 9, 1, 0.25), 7: PartitionFigures()})

    assert set(lines) >= {
        "xmpp_partitions 2.0",
        'xmpp_partition_accounts{partition="200"} 3.0',
        'xmpp_partition_entries_total{partition="200"} 70.0',
        'xmpp_partition_steps_total{partition="200"} 80.0',
        'xmpp_partition_commits_total{partition="200"} 9.0',
        'xmpp_partition_refused_total{partition="200"} 1.0',
        'xmpp_partition_lag_seconds{partition="200"} 0.25',
        'xmpp_partition_entries_total{partition="7"} 0.0',
    }


def test_the_number_of_series_is_bounded_and_follows_what_is_owned() -> None:
    assert len(partitions_text({each: PartitionFigures() for each in range(PARTITIONS)})) == 1 + 6 * PARTITIONS
    assert partitions_text({}) == ["xmpp_partitions 0.0"]


def test_a_server_that_owns_everything_has_no_metrics_of_partitions() -> None:
    assert "xmpp_partition" not in exposition(Counters(), CommitCounts(), lambda: LEVELS)().decode()


@pytest.mark.parametrize(
    "line",
    [
        "xmpp_sessions 2.0",
        "xmpp_queued_bytes 700.0",
        "xmpp_connections_total 7.0",
        "xmpp_received_total 11.0",
        'xmpp_limited_total{limit="queue_bytes"} 2.0',
        'xmpp_stanza_seconds_bucket{le="0.0001"} 0.0',
        'xmpp_stanza_seconds_bucket{le="0.0005"} 1.0',
        'xmpp_stanza_seconds_bucket{le="+Inf"} 2.0',
        "xmpp_stanza_seconds_count 2.0",
        "xmpp_database_commits_total 9.0",
        "xmpp_database_batches_total 3.0",
    ],
)
def test_the_metrics_are_those_of_the_server(line: str) -> None:
    answer = page().answer(b"GET /metrics HTTP/1.1").decode()

    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert line in answer.splitlines()


def test_health_is_that_of_the_server() -> None:
    assert page().answer(b"GET /health HTTP/1.1").endswith(b"\r\n\r\nok\n")
    assert page(healthy=False).answer(b"GET /health HTTP/1.1").startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [(b"GET / HTTP/1.1", b"404"), (b"POST /metrics HTTP/1.1", b"405"), (b"\xff\xfe", b"400"), (b"GET /health", b"400")],
)
def test_other_requests_get_the_status_of_http(request_line: bytes, status: bytes) -> None:
    assert page().answer(request_line).split(b" ")[1] == status


# --- the control socket -------------------------------------------------------------------------------------


async def answer(name: str, arguments: dict[str, Any]) -> Any:
    if name == "refused":
        raise CallFailed("there is no such account")
    if name == "broken":
        raise RuntimeError("a fault of the server")
    return [name, arguments]


def asked(path: Path, name: str, arguments: dict[str, Any]) -> Any:
    async def run() -> Any:
        async with await control.listen(path, answer):
            return await asyncio.to_thread(control.ask, path, name, arguments)

    return asyncio.run(run())


def test_a_call_is_answered(tmp_path: Path) -> None:
    assert asked(tmp_path / "control", "users", {"domain": "bücher.example"}) == ["users", {"domain": "bücher.example"}]


def test_a_refusal_is_told(tmp_path: Path) -> None:
    with pytest.raises(CallFailed, match="there is no such account"):
        asked(tmp_path / "control", "refused", {})


def test_a_call_that_breaks_is_answered_too(tmp_path: Path) -> None:
    with pytest.raises(CallFailed, match=r"^internal error$"):
        asked(tmp_path / "control", "broken", {})


def test_a_server_that_never_answers_does_not_keep_the_command(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "control"))
        silent.listen()
        with pytest.raises(CallFailed, match="did not answer within"):
            control.ask(tmp_path / "control", "users", {}, patience=0.01)


def test_an_old_socket_does_not_hinder(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "control"))

    assert asked(tmp_path / "control", "users", {}) == ["users", {}]


def test_a_path_may_be_longer_than_the_system_allows_for_a_socket(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 120)
    directory.mkdir()

    assert asked(directory / "control", "users", {}) == ["users", {}]


def test_only_the_owner_can_connect(tmp_path: Path) -> None:
    async def mode() -> int:
        async with await control.listen(tmp_path / "control", answer):
            return (tmp_path / "control").stat().st_mode & 0o777

    assert asyncio.run(mode()) == 0o600


def test_without_a_server_the_command_learns_it(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left"))

    for name in ("never", "left"):
        with pytest.raises(NotRunning):
            control.ask(tmp_path / name, "users", {})


@pytest.mark.parametrize("request_bytes", [b"nonsense", b"[]", b'{"call": "users"}', b"\xff"])
def test_a_malformed_request_ends_nothing(tmp_path: Path, request_bytes: bytes) -> None:
    async def run() -> tuple[Any, Any]:
        async with await control.listen(tmp_path / "control", answer):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "control")
            writer.write(len(request_bytes).to_bytes(8) + request_bytes)
            first = await reader.read()
            writer.close()
            return json.loads(first[8:]), await asyncio.to_thread(control.ask, tmp_path / "control", "users", {})

    assert asyncio.run(run()) == ({"error": "the request is malformed"}, ["users", {}])
