"""The measurement of whole servers: its client, its configurations, and the table of its results."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.servers.acts import befriend, broadcast, chat, get_rosters, put_items
from benchmarks.servers.client import DOMAIN, Client
from benchmarks.servers.configurations import MEASURED, configuration
from benchmarks.servers.results import Results, circumstances, heads, read, rows, write, written
from interop.servers import SERVERS
from tests.one_test import in_one_test
from xmpp_im_host.pytest_plugin import RunningServer

RESULTS = Results(
    "2026-11-30",
    "a machine",
    1.25,
    {"xmpp-im-host": "1.0", "prosody": "0.12"},
    {"chat": {"xmpp-im-host": 123.456, "prosody": 1234.56}, "memory, in KiB": {"prosody": 35.67}},
)


@pytest.mark.xmpp_server(domains=[DOMAIN], registration=True)
def test_clients_do_what_is_measured(xmpp_server: RunningServer) -> None:
    for user in ("juliet", "romeo"):
        Client(xmpp_server.port, user).register()
    juliet, romeo = [Client(xmpp_server.port, user).log_in() for user in ("juliet", "romeo")]
    befriend(juliet, romeo)
    broadcast(juliet, [romeo], 3)
    chat(romeo, juliet, 10, 5)
    put_items(romeo, range(3))
    get_rosters(romeo, 2)
    assert len(xmpp_server.server.network.sessions) == 2
    for client in (juliet, romeo):
        client.close()


@in_one_test("name", MEASURED)
def test_each_server_has_the_configuration_that_is_changed(name: str) -> None:
    server = SERVERS[name]
    assert configuration(server) != server.text_of(server.templates[0])


@in_one_test(
    ("name", "value", "text"),
    [("chat", 12.345, "12.3 µs"), ("chat", 123_456.0, "123 ms"), ("memory, in KiB", 35.67, "35.7")],
)
def test_a_figure_is_written_with_its_unit(name: str, value: float, text: str) -> None:
    assert written(name, value) == text


def test_the_table_leaves_out_what_was_not_measured() -> None:
    assert heads(RESULTS)[1:] == ("xmpp-im-host", "prosody")
    assert rows(RESULTS) == [("chat", "123 µs", "1.23 ms"), ("memory, in KiB", "", "35.7")]
    assert circumstances(RESULTS) == (
        "a machine, 2026-11-30, with a load of 1.2 from other work; xmpp-im-host 1.0, prosody 0.12."
    )


def test_a_run_keeps_what_else_the_file_has(tmp_path: Path) -> None:
    write(RESULTS, tmp_path / "servers.json")
    earlier = read(tmp_path / "servers.json")
    later = Results("2026-12-01", "a machine", 0.0, {"prosody": "0.13"}, {"chat": {"prosody": 1.0}})

    both = later.with_earlier(earlier)

    assert both.found == {"memory, in KiB": {"prosody": 35.67}, "chat": {"xmpp-im-host": 123.5, "prosody": 1.0}}
    assert both.versions == {"xmpp-im-host": "1.0", "prosody": "0.13"}
    assert (both.made, both.load) == ("2026-12-01", 1.2)
