"""The command: the server as a process, and the administration of its accounts while it runs and while it does not."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from tests.xmpp_im_host.raw_client import PATIENCE, RawClient
from xmpp_im_host.command import main
from xmpp_im_host.command.main import _collect_seldom, _loop_factory
from xmpp_im_host.configuration import Endpoint, Listen
from xmpp_im_host.log import LOGGER
from xmpp_im_host.pytest_plugin import RunningServer


@pytest.fixture(autouse=True)
def _same_log() -> Iterator[None]:
    """Undo what ``serve`` does to the log of this process."""
    before = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate
    yield
    LOGGER.handlers[:], LOGGER.level, LOGGER.propagate = before


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "host.toml"
    file.write_text(
        f'domains = ["localhost", "capulet.example"]\ndatabase = "{tmp_path}/server.sqlite"\nplaintext = true\n'
        'drain_seconds = 5\n[listen]\ntcp = ["127.0.0.1:0"]\ntls = ["127.0.0.1:0"]\nmetrics = ["127.0.0.1:0"]\n',
        encoding="utf-8",
    )
    return file


def run(config: Path, *words: str, given: str | None = None) -> Result:
    [*command, last] = words[:2]
    return CliRunner().invoke(main, [*command, last, "--config", str(config), *words[2:]], input=given)


def told(config: Path, *words: str, given: str | None = None) -> str:
    result = run(config, *words, given=given)
    assert result.exit_code == 0, result.output
    return result.output


class Process:
    """``xmpp-im-host serve``, with the addresses that its log names."""

    def __init__(self, config: Path) -> None:
        code = "from xmpp_im_host.command import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "serve", "--config", str(config)],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stderr is not None
        self.lines: list[str] = []
        self.cafile = f"{config.parent}/server.sqlite.pem"
        self.port = self._port("tcp")
        self.tls = self._port("tls") if "tls = " in config.read_text() else None
        self.metrics = self._port("metrics")

    def _port(self, listener: str) -> int:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(rf"listener={listener} address=\S*:(\d+)", line):
                return int(found[1])
        pytest.fail("".join(self.lines))

    def client(self, *, tls: bool = False) -> RawClient:
        at = SimpleNamespace(host="127.0.0.1", port=self.port, domain="localhost", cafile=self.cafile)
        return RawClient(cast(RunningServer, at), self.tls if tls else None, direct=tls)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        _, rest = self.process.communicate(timeout=PATIENCE)
        self.lines += rest.splitlines(keepends=True)
        return self.process.returncode


@contextmanager
def serving(config: Path) -> Iterator[Process]:
    process = Process(config)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.communicate()


# --- accounts -----------------------------------------------------------------------------------------------


def use(config: Path) -> None:
    """Go through the commands for accounts."""
    assert told(config, "user", "add", "Romeo@localhost", given="rosaline\n").endswith("added romeo@localhost\n")
    assert told(config, "user", "add", "nurse@capulet.example", given="angelica\n")
    assert told(config, "user", "list") == "nurse@capulet.example\nromeo@localhost\n"
    assert told(config, "user", "list", "capulet.example") == "nurse@capulet.example\n"
    assert json.loads(told(config, "inspect", "romeo@localhost"))["account"] == "romeo@localhost"

    for words, reason in (
        (("user", "add", "romeo@localhost"), "exists"),
        (("user", "add", "romeo@elsewhere.example"), "domains"),
        (("user", "add", "localhost"), "localhost"),
        (("user", "add", "a@b@c"), "a@b@c"),
        (("user", "password", "nobody@localhost"), "nobody@localhost"),
        (("user", "remove", "nobody@localhost", "--yes"), "nobody@localhost"),
        (("inspect", "nobody@localhost"), "nobody@localhost"),
    ):
        result = run(config, *words, given="secret\n")
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
        assert reason in result.output

    exported = json.loads(told(config, "roster", "export"))
    assert sorted(exported) == ["nurse@capulet.example", "romeo@localhost"]
    data = {"juliet@localhost": {"roster": [{"jid": "romeo@localhost", "subscription": "both", "groups": ["Verona"]}]}}
    assert told(config, "roster", "import", given=json.dumps(data)) == "imported juliet@localhost\n"
    again = json.loads(told(config, "roster", "export", "juliet@localhost"))
    assert again["juliet@localhost"]["roster"][0]["groups"] == ["Verona"]
    assert told(config, "user", "password", "juliet@localhost", given="balcony\n")
    assert told(config, "user", "remove", "nurse@capulet.example", "--yes")
    assert told(config, "user", "list") == "juliet@localhost\nromeo@localhost\n"


def test_the_commands_work_while_no_server_runs(config: Path) -> None:
    use(config)
    with serving(config) as server, server.client() as client:
        client.log_in("juliet", "balcony")
        (item,) = client.ask("<query xmlns='jabber:iq:roster'/>").elements[0].elements
        assert item.get("jid") == "romeo@localhost"


def test_the_commands_work_while_the_server_runs(config: Path) -> None:
    with serving(config) as server:
        use(config)
        with server.client() as client:
            client.log_in("juliet", "balcony")
            told(config, "user", "remove", "juliet@localhost", "--yes")
            assert client.next().name == "error"


def test_a_password_is_neither_shown_nor_logged(config: Path) -> None:
    with serving(config) as server:
        output = told(config, "user", "add", "romeo@localhost", given="rosaline\n")
        with server.client() as client:
            client.open()
            client.authenticate("romeo", "rosaline", "PLAIN")
            client.open()
            client.bind()
            client.write("<message to='romeo@localhost'><body>sweet sorrow</body></message>")
            client.settle()
        server.stop()

    assert "rosaline" not in output
    assert not [line for line in server.lines if "rosaline" in line or "sorrow" in line]


def test_a_password_comes_from_a_file(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("rosaline\nand more\n")
    told(config, "user", "add", "romeo@localhost", "--password-file", str(file))
    with serving(config) as server, server.client() as client:
        client.log_in("romeo", "rosaline")


def test_inspect_explains_the_last_events(config: Path) -> None:
    config.write_text(f"event_log = 10\n{config.read_text()}")
    told(config, "user", "add", "romeo@localhost", given="rosaline\n")
    with serving(config) as server, server.client() as client:
        client.log_in("romeo", "rosaline").write("<presence/>")
        client.settle()
        shown = json.loads(told(config, "inspect", "romeo@localhost"))

    assert [each.partition("#")[0] for each in shown["sessions"]] == ["balcony"]
    assert any("RFC 6121" in each for each in shown["events"])


def test_an_empty_password_is_refused(config: Path) -> None:
    assert run(config, "user", "add", "romeo@localhost", given="\n").exit_code == 1


def test_a_file_that_is_not_json_is_named(config: Path) -> None:
    result = run(config, "roster", "import", given="nothing")

    assert result.exit_code == 1
    assert "JSON" in result.output


@pytest.mark.parametrize("how", ["STARTTLS", "direct"])
def test_clients_log_in_over_tls(config: Path, how: str) -> None:
    told(config, "user", "add", "romeo@localhost", given="rosaline\n")
    with serving(config) as server:
        for _ in range(5):
            with server.client(tls=how == "direct") as client:
                client.log_in("romeo", "rosaline", tls=how == "STARTTLS").settle()


def test_a_server_looks_for_cycles_seldom_and_frees_them_all_the_same() -> None:
    """A stanza makes a few hundred objects, and cycles only where something fails."""

    class Cycle:
        def __init__(self) -> None:
            self.itself = self

    before, frozen, collections = gc.get_threshold(), gc.get_freeze_count(), _collections()
    try:
        _collect_seldom()
        assert gc.get_freeze_count() > frozen
        assert _collections() == collections + 1  # at the start, so that no garbage is frozen
        kept = [[n] for n in range(8_000)]
        assert _collections() == collections + 1
        gone = weakref.ref(Cycle())
        kept += [[n] for n in range(8_000)]
        assert _collections() > collections + 1
        assert gone() is None
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def _collections() -> int:
    return sum([generation["collections"] for generation in gc.get_stats()])


@pytest.mark.parametrize("name", ["tls", "websocket"])
def test_listeners_that_begin_with_tls_do_not_run_on_uvloop(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """There the loop would do the handshake, outside of the limits and with the certificate of the start."""
    uvloop = SimpleNamespace(new_event_loop=object())
    monkeypatch.setitem(sys.modules, "uvloop", uvloop)

    assert _loop_factory(Listen()) is uvloop.new_event_loop
    assert _loop_factory(Listen(**{name: (Endpoint("127.0.0.1", 0),)})) is None


def test_starttls_works_on_uvloop_too(config: Path) -> None:
    """Without a listener that begins with TLS, the command runs on uvloop if it is installed, as in CI."""
    config.write_text(config.read_text().replace('tls = ["127.0.0.1:0"]\n', ""))
    told(config, "user", "add", "romeo@localhost", given="rosaline\n")
    with serving(config) as server:
        assert server.tls is None
        with server.client() as client:
            client.log_in("romeo", "rosaline", tls=True).settle()


# --- the process --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_server(config: Path, how: signal.Signals) -> None:
    """What was sent arrives, then the stream ends with system-shutdown; the next process has what was stored."""
    told(config, "user", "add", "romeo@localhost", given="rosaline\n")
    told(config, "user", "add", "juliet@localhost", given="balcony\n")
    with serving(config) as server, server.client() as romeo, server.client() as juliet:
        romeo.log_in("romeo", "rosaline")
        juliet.log_in("juliet", "balcony")
        for number in range(50):
            juliet.write(f"<message to='romeo@localhost/balcony' type='chat' id='m{number}'><body>?</body></message>")
        juliet.settle()
        assert server.stop(how) == 0

        assert [romeo.stanza("message").get("id") for _ in range(50)] == [f"m{number}" for number in range(50)]
        assert romeo.error() == "system-shutdown"
        assert juliet.error() == "system-shutdown"
    assert not Path(f"{config.parent}/server.sqlite.control").exists()


def test_a_session_that_waits_for_its_client_is_stored_at_the_end(config: Path) -> None:
    told(config, "user", "add", "romeo@localhost", given="rosaline\n")
    with serving(config) as server:
        with server.client() as romeo:
            romeo.log_in("romeo", "rosaline").write("<presence/>")
            romeo.write("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
            romeo.until(lambda each: each.name == "enabled")
        with server.client() as other:
            other.log_in("romeo", "rosaline", "orchard")
            other.write("<message to='romeo@localhost/balcony' type='chat' id='m1'><body>?</body></message>")
            other.settle()
        assert server.stop() == 0
    with serving(config) as server, server.client() as romeo:
        romeo.log_in("romeo", "rosaline").write("<presence/>")
        assert romeo.stanza("message", id="m1").first("delay", "urn:xmpp:delay") is not None


def test_metrics_and_health_are_served(config: Path) -> None:
    told(config, "user", "add", "romeo@localhost", given="rosaline\n")
    with serving(config) as server, server.client() as client:
        client.log_in("romeo", "rosaline")
        client.settle()
        metrics = _page(f"http://127.0.0.1:{server.metrics}/metrics")

        assert "xmpp_sessions 1.0" in metrics.splitlines()
        assert "xmpp_logins_total 1.0" in metrics.splitlines()
        assert _page(f"http://127.0.0.1:{server.metrics}/health") == "ok\n"


def _page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return cast(bytes, answer.read()).decode()


def test_a_second_server_on_the_database_is_refused(config: Path) -> None:
    with serving(config):
        second = run(config, "serve")

    assert second.exit_code == 1
    error = second.output.splitlines()[-1]
    assert error.startswith("Error: ")
    assert "server.sqlite" in error


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[limits]\nsessions = 0\n", "limits.sessions"),
        ('[tls]\ncertificate = "nowhere.pem"\n', "tls.certificate"),
        ('[listen]\ntcp = ["0.0.0.0:5222"]\n', "listen.tcp"),
    ],
)
def test_a_start_that_fails_names_the_key(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "host.toml"
    file.write_text(f'database = "{tmp_path}/server.sqlite"\n{text}', encoding="utf-8")
    result = CliRunner().invoke(main, ["serve", "--config", str(file)])

    assert result.exit_code == 1
    assert key in result.output
    assert "Traceback" not in result.output


def test_the_files_of_the_server_are_private(config: Path) -> None:
    told(config, "user", "add", "romeo@localhost", given="rosaline\n")
    with serving(config):
        modes = {each.name: each.stat().st_mode & 0o077 for each in config.parent.iterdir() if each != config}

    assert modes
    assert set(modes.values()) == {0}


def test_every_flag_is_a_setting() -> None:
    words = ["serve", "--log-format", "xml"]
    result = CliRunner(env=dict(os.environ)).invoke(main, words)

    assert result.exit_code == 1
    assert result.output == "Error: log_format: one of text, json is needed\n"


def test_help_is_there_for_each_command() -> None:
    def visit(command: Any, words: list[str]) -> None:
        result = CliRunner().invoke(main, [*words, "--help"])
        assert result.exit_code == 0
        assert command.help
        for name, inner in getattr(command, "commands", {}).items():
            visit(inner, [*words, name])

    visit(main, [])
