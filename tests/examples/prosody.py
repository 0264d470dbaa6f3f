"""A Prosody of a test's own: on loopback, on a port and under a directory that nobody else has."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from interop.servers import PROSODY, certify
from tests.examples.running import PATIENCE, running

DOMAIN = "montague.example"

# The bot insists on TLS; the other side of the play is a plain socket (peer.py), which has none.
CONFIGURATION = """
run_as_root = true
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
certificates = "{directory}"
plugin_paths = {{}}
log = {{ info = "{directory}/prosody.log" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{}}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
storage = "internal"
modules_enabled = {{ "roster"; "saslauth"; "tls" }}
modules_disabled = {{ "s2s"; "bosh"; "http" }}
network_settings = {{ nagle = false }}
VirtualHost "{domain}"
    ssl = {{ certificate = "{directory}/server.pem"; key = "{directory}/server.pem" }}
"""


class Running(NamedTuple):
    port: int
    authority: Path


@contextmanager
def prosody(directory: Path, passwords: Mapping[str, str]) -> Iterator[Running]:
    """Run Prosody, with these accounts.

    :raises NotAvailable: where it is not installed, and cannot be.
    """
    PROSODY.installed()
    (directory / "data").mkdir()
    authority = certify([DOMAIN], directory / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = directory / "prosody.cfg.lua"
    configuration.write_text(CONFIGURATION.format(directory=directory, port=port, domain=DOMAIN))
    for name, password in passwords.items():
        _run(["prosodyctl", "--root", "--config", str(configuration), "register", name, DOMAIN, password])
    with running(["prosody", "-F", "--config", str(configuration)]) as process:
        _wait_for(port, process, directory / "prosody.log")
        yield Running(port, authority)


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stdout}")


def _wait_for(port: int, process: subprocess.Popen[str], log: Path) -> None:
    """Wait until the server listens, which it tells nobody: somebody has to try."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Prosody has not started:\n{log.read_text() if log.exists() else ''}")
