"""The folders of servers: what is read there, and how processes are started, started again and stopped."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve, fields

from interop.machine import NotAvailable
from interop.server import Accounts, BadServer, Server, read_server
from interop.servers import FOLDER, SERVERS
from tests.one_test import in_one_test


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_a_server_listens_on_loopback_only(server: Server) -> None:
    texts = [*map(server.text_of, server.templates), *server.command]

    assert any("127.0.0.1" in text for text in texts)
    assert not any("0.0.0.0" in text for text in texts)


def test_the_page_about_new_servers_describes_every_key() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")

    keys = [each.name for each in fields(Server) if each.name != "folder"] + [each.name for each in fields(Accounts)]

    assert [key for key in keys if f"`{key}`" not in page] == []


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (FOLDER / "README.md").read_text(encoding="utf-8"), re.DOTALL)

    server = read_server(described(tmp_path, example, "example.conf"))

    assert server.name == "example"
    assert server.accounts is not None
    assert server.accounts.always


SMALLEST: Final = "program = 'sh'\ncommand = 'sleep 9'\ntemplates = []\n"


def described(folder: Path, text: str, *templates: str) -> Path:
    """Write a server's folder."""
    (folder / "example").mkdir(exist_ok=True)
    (folder / "example" / "server.toml").write_text(text, encoding="utf-8")
    for template in templates:
        (folder / "example" / template).write_text("$c2s_port $component_port $directory $secret", encoding="utf-8")
    return folder / "example"


@in_one_test(
    ("text", "told"),
    [
        ("program = 'x'\ntemplates = []", "required field missing @ $.command"),
        (SMALLEST + "comand = 'x'", "extra fields found (comand)"),
        (SMALLEST + "prepare = 3", "a text, or a list of texts"),
        (SMALLEST + "packages = [3]", "a text, or a list of texts"),
        (SMALLEST.replace("[]", "'x.conf'"), "there is no template x.conf beside it"),
        (SMALLEST.replace("sleep 9", "x --port $s2s_port"), "s2s_port"),
        (SMALLEST + "[environment]\nX = 3", "a text"),
        (SMALLEST + "[live]\nportt = 3", "extra fields found (portt)"),
        (SMALLEST + "[accounts]\ncreate = 'x {user}'\nremove = 'x {local}'", "register_command"),
        (SMALLEST + "federation = 3", "'federation' is a table"),
        (SMALLEST + "live = 3\nfederation = {live = {}}", "live"),
        ("command =", "Invalid value"),
    ],
    ids=[
        *("missing", "unknown", "number", "numbers", "template", "placeholder", "environment", "live", "brace"),
        *("federation", "no options", "TOML"),
    ],
)
def test_a_mistake_in_a_servers_file_is_told_with_the_file(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadServer, match=rf"example/server\.toml: .*{re.escape(told)}"):
        read_server(described(tmp_path, text))


FORGIVES: Final = """
[[live.forgive]]
says = "it"
stanza = "<presence/>"
"""
FORGIVES_ELSEWHERE: Final = """
[[federation.live.forgive]]
says = "that"
stanza = "<presence/>"
"""


@in_one_test(("more", "forgiven"), [("", ["it"]), (FORGIVES_ELSEWHERE, ["that"])], ids=["the same", "its own"])
def test_between_servers_a_server_is_forgiven_the_same(tmp_path: Path, more: str, forgiven: list[str]) -> None:
    federation = "[federation.live]\ntls = 'when-offered'\n"

    server = read_server(described(tmp_path, f"{SMALLEST}{FORGIVES}{federation}{more}"))

    assert server.federation is not None
    assert server.live.keys() == {"forgive"}
    assert server.federation.live["tls"] == "when-offered"
    assert [each["says"] for each in server.federation.live["forgive"]] == forgiven


def test_a_folder_without_a_file_describes_no_server(tmp_path: Path) -> None:
    with pytest.raises(BadServer, match=r"server\.toml"):
        read_server(tmp_path)


LISTENER: Final = """
import os, socket, sys
sockets = [socket.create_server(("127.0.0.1", int(port))) for port in sys.argv[2:]]
with open(sys.argv[1], "a") as file:
    print(os.getpid(), os.environ["ROSE"], file=file)
while True:
    for each in sockets:
        each.settimeout(0.1)
        try:
            each.accept()
        except TimeoutError:
            pass
"""


@pytest.fixture
def listener(tmp_path: Path) -> Server:
    """Return a server of two processes that only listen; each notes that it has started."""
    command = f"{shlex.quote(sys.executable)} $directory/listen.py $directory/data/pids"
    text = f"""
        program = "sh"
        templates = ["listen.py"]
        command = ["{command} $c2s_port", "{command} $component_port"]
        prepare = "echo ready > $directory/data/prepared"
        environment = {{ ROSE = "$secret" }}
    """
    folder = described(tmp_path, text)
    (folder / "listen.py").write_text(LISTENER, encoding="utf-8")
    return read_server(folder)


def pids(server_file: str | None) -> list[int]:
    """Return the processes that have started so far."""
    assert server_file is not None
    noted = Path(server_file).parent / "data" / "pids"
    return [int(line.split()[0]) for line in noted.read_text(encoding="utf-8").splitlines()]


def is_there(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def connected(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_all_processes_run_until_the_end_and_none_after_it(listener: Server) -> None:
    with listener.started() as running:
        config = running.config
        assert config.component is not None
        assert config.cafile is not None
        directory = Path(config.cafile).parent
        noted = (directory / "data" / "pids").read_text(encoding="utf-8")
        assert (directory / "data" / "prepared").read_text(encoding="utf-8") == "ready\n"
        assert connected(config.port)
        assert connected(config.component.port)
        assert [line.split()[1] for line in noted.splitlines()] == [config.component.secret] * 2
        started = pids(config.cafile)

    assert running.ends == []
    assert not directory.exists()
    assert [pid for pid in started if is_there(pid)] == []


def test_a_process_that_ends_is_started_again_and_noted(listener: Server) -> None:
    with listener.started() as running:
        before = pids(running.config.cafile)
        os.kill(before[0], signal.SIGKILL)
        until = time.monotonic() + 60
        while len(pids(running.config.cafile)) == len(before) and time.monotonic() < until:
            time.sleep(0.05)
        after = pids(running.config.cafile)

    assert len(after) == len(before) + 1
    assert running.ends == [f"{Path(sys.executable).name} has ended with the signal SIGKILL"]


def start(server: Server, stack: ExitStack) -> None:
    """Install and start a server."""
    server.installed()
    stack.enter_context(server.started())


@in_one_test(
    ("change", "told"),
    [
        ({"prepare": ("echo no room; exit 3",)}, "exit status 3\nno room"),
        ({"command": ("sh -c 'echo no rose; exit 1'",)}, "has not started:\nno rose"),
        ({"program": "xmpp-no-such-program"}, "there is no program xmpp-no-such-program"),
    ],
    ids=["prepare", "command", "program"],
)
def test_a_server_that_does_not_start_says_why(listener: Server, change: dict[str, Any], told: str) -> None:
    server = evolve(listener, **change)

    with ExitStack() as stack, pytest.raises(NotAvailable, match=re.escape(told)):
        start(server, stack)


def test_accounts_are_made_by_commands_where_that_is_asked_for(listener: Server) -> None:
    by_command = evolve(listener, accounts=Accounts(create="make {local} $secret", remove="remove {local}"))

    with by_command.running() as in_band:
        assert in_band.register_command is None
    with by_command.running(by_command=True) as config:
        assert config.component is not None
        assert config.register_command == f"make {{local}} {config.component.secret}"
        assert config.unregister_command == "remove {local}"
    with evolve(by_command, accounts=Accounts(create="make {local}", remove="no", always=True)).running() as config:
        assert config.register_command == "make {local}"


def test_a_server_without_a_component_port_has_no_component(listener: Server) -> None:
    with evolve(listener, ports=("c2s",), command=listener.command[:1]).running() as config:
        assert config.component is None
