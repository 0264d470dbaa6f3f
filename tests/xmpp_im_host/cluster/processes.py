"""Nodes as processes: the program as an operator runs it, and the signals that end or stop it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from attrs import define, field

from xmpp_im_host.configuration import Configuration, read_configuration
from xmpp_im_host.server import XMPPServer

PROGRAM: Final = str(Path(sys.executable).with_name("xmpp-im-host"))
DOMAIN: Final = "localhost"
PASSWORD: Final = "rosaline"
PATIENCE: Final = 90.0
"""Only a fault makes anybody wait for so long."""


def settings(engine: str, folder: str, name: str, port: int) -> dict[str, Any]:
    """Return the settings of a node. It is found dead soon, so that much happens in a minute."""
    return {
        "engine": engine,
        "database": f"{folder}/{name}.sqlite",  # its certificate and its secret are next to it
        "plaintext": True,
        "log_level": "warning",
        "resumption_seconds": 5,
        "drain_seconds": 5,
        "listen": {"tcp": [f"127.0.0.1:{port}"]},
        "limits": {"stanzas_per_second": 1_000_000, "stanzas_burst": 1_000_000, "logins_per_address": 1_000_000},
        "node": {"name": name, "beat_seconds": 0.3, "dead_seconds": 3.0},
    }


def _toml(table: Mapping[str, Any]) -> str:
    """Write settings: values first, then tables."""
    lines = []
    for key, value in sorted(table.items(), key=lambda item: isinstance(item[1], dict)):
        if isinstance(value, dict):
            lines += [f"[{key}]", _toml(value)]
        else:
            lines.append(f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}")
    return "\n".join(lines)


async def create_accounts(engine: str, folder: str, users: tuple[str, ...]) -> None:
    """Create accounts, as a node that leaves in order after it."""
    configuration: Configuration = read_configuration(settings(engine, folder, "first", free_port()))
    async with XMPPServer(configuration) as server:
        for user in users:
            await server.administration.create(f"{user}@{DOMAIN}", PASSWORD)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@define(eq=False)
class NodeProcess:
    """One node. It has the same name and port when it starts again."""

    name: str
    engine: str
    folder: str
    port: int = field(factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    stopped: bool = False
    more: Mapping[str, Any] = field(factory=dict)
    """Settings besides the usual ones."""

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None and not self.stopped

    def start(self) -> None:
        """Start it, without waiting until it listens."""
        file = Path(self.folder, f"{self.name}.toml")
        file.write_text(_toml({**settings(self.engine, self.folder, self.name, self.port), **self.more}))
        with Path(self.folder, f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--config", str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_until_it_listens(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not listen: {self.log()}")

    def log(self) -> str:
        """Return the end of what it has logged."""
        with suppress(FileNotFoundError):
            return Path(self.folder, f"{self.name}.log").read_text()[-3000:]
        return ""

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.join()

    def terminate(self) -> None:
        """Let it end in order."""
        self.send(signal.SIGTERM)

    def stop(self) -> None:
        self.stopped = True
        self.send(signal.SIGSTOP)

    def go_on(self) -> None:
        self.stopped = False
        self.send(signal.SIGCONT)

    def join(self) -> None:
        if self.process is not None:
            self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """End it, whatever it does."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
