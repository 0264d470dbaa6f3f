"""A real client, @xmpp/client from npm: over STARTTLS and over WebSocket; ``make client-test`` runs this."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from xmpp_im_host.pytest_plugin import RunningServer, running

pytestmark = pytest.mark.clients

NODE = Path(__file__).with_name("node")


@pytest.fixture
def server() -> Iterator[RunningServer]:
    if shutil.which("node") is None or not (NODE / "node_modules").is_dir():
        pytest.skip("Node.js or npm is not here")
    listen = {"tcp": ["127.0.0.1:0"], "websocket": ["127.0.0.1:0"]}
    with running({"romeo": "rosaline", "juliet": "balcony"}, plaintext=False, listen=listen) as server:
        yield server


def play(server: RunningServer, service: str, *arguments: str) -> dict[str, list[str]]:
    """Run both users; return what they say in the end."""
    done = subprocess.run(
        ["node", "two_users.js", service, *arguments],
        cwd=NODE,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": server.cafile},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


JIDS = ["romeo@localhost/node", "juliet@localhost/node"]


def test_two_users_over_starttls(server: RunningServer) -> None:
    assert play(server, f"xmpp://127.0.0.1:{server.port}", "breaks") == {"jids": JIDS}
    assert server.server.counters.resumed == 1


def test_two_users_over_websocket(server: RunningServer) -> None:
    port = server.server.address("websocket").port
    assert play(server, f"wss://localhost:{port}/xmpp-websocket", "breaks") == {"jids": JIDS}
    assert server.server.counters.resumed == 1
