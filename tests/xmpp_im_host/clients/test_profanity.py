"""A real client in a terminal, Profanity from Debian, under tmux; ``make client-test`` runs this."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import pytest

from interop.servers import NotAvailable, install
from tests.xmpp_im_host.raw_client import PATIENCE, RawClient
from xmpp_im_host.pytest_plugin import RunningServer, running

pytestmark = pytest.mark.clients


class Terminal:
    """A program in a terminal of tmux, with another home directory."""

    def __init__(self, directory: str, command: str) -> None:
        self.environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        self.socket = f"{directory}/tmux"
        folders = {"HOME": directory, "XDG_CONFIG_HOME": f"{directory}/config", "XDG_DATA_HOME": f"{directory}/data"}
        variables = [word for name, value in folders.items() for word in ("-e", f"{name}={value}")]
        self.tmux("new-session", "-d", "-x", "120", "-y", "50", *variables, command)

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", self.socket, "-f", "/dev/null", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout

    def type(self, line: str) -> None:
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def until(self, *wanted: str) -> str:
        """Return the screen when it shows all of this."""
        end = time.monotonic() + PATIENCE
        while not all(text in (screen := self.tmux("capture-pane", "-p")) for text in wanted):
            assert time.monotonic() < end, f"{wanted} did not come:\n{screen}"
            time.sleep(0.05)
        return screen

    def close(self) -> None:
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def profanity() -> Iterator[Terminal]:
    try:
        for program in ("tmux", "profanity"):
            if shutil.which(program) is None:
                install(program)
    except NotAvailable as reason:
        pytest.skip(str(reason))
    with TemporaryDirectory(prefix="profanity-") as directory:
        terminal = Terminal(directory, "profanity")
        try:
            terminal.until("Type '/help'", "[offline]")
            yield terminal
        finally:
            terminal.close()


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with running({"romeo": "rosaline", "juliet": "balcony"}, plaintext=False) as server:
        yield server


@contextmanager
def juliet_online(server: RunningServer) -> Iterator[RawClient]:
    with RawClient(server) as juliet:
        juliet.log_in("juliet", "balcony", tls=True)
        juliet.ask("<query xmlns='jabber:iq:roster'/>")
        juliet.write("<presence/>")
        juliet.settle()
        yield juliet


def log_in(profanity: Terminal, server: RunningServer) -> None:
    profanity.type(f"/connect romeo@localhost server 127.0.0.1 port {server.port} tls trust")
    profanity.until("Enter password")
    profanity.type("rosaline")
    profanity.until("[TLS]", "logged in successfully", "[online]")


def test_it_logs_in_over_tls_and_chats(profanity: Terminal, server: RunningServer) -> None:
    with juliet_online(server) as juliet:
        log_in(profanity, server)
        profanity.type("/msg juliet@localhost But soft")
        message = juliet.stanza("message", type="chat")
        assert [child.text for child in message.elements if child.name == "body"] == ["But soft"]
        assert str(message.get("from")).startswith("romeo@localhost/profanity")

        juliet.write(f"<message to='{message.get('from')}' type='chat'><body>Ay me</body></message>")
        profanity.until("me: But soft", "juliet@localhost/balcony: Ay me")


def test_it_subscribes_and_sees_presence(profanity: Terminal, server: RunningServer) -> None:
    with juliet_online(server) as juliet:
        log_in(profanity, server)
        profanity.type("/sub request juliet@localhost")
        juliet.stanza("presence", type="subscribe", from_="romeo@localhost")
        juliet.write("<presence to='romeo@localhost' type='subscribed'/>")
        profanity.until("Subscription received from juliet@localhost", "juliet@localhost (balcony) is online")
        juliet.write("<presence to='romeo@localhost' type='subscribe'/>")
        profanity.until("Received authorization request from juliet@localhost")
        profanity.type("/sub allow juliet@localhost")
        juliet.stanza("presence", type="subscribed", from_="romeo@localhost")
        profanity.type("/quit")
        romeo = juliet.until(lambda each: each.name == "presence" and each.get("type") == "unavailable")
        assert str(romeo.get("from")).startswith("romeo@localhost/profanity")
