"""The nodes of a run: each is a process of ``xmpp-im-host serve``."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from attrs import define

from benchmarks.cluster.usage import resident, seconds_of
from benchmarks.cluster.users import DOMAIN

_PATIENCE: Final = 60.0
_CONFIGURATION: Final = """
domains = ["{domain}"]
database = "{file}"
plaintext = true
drain_seconds = 1
log_level = "warning"

[listen]
tcp = ["127.0.0.1:{port}"]
metrics = ["127.0.0.1:{metrics}"]

[limits]
idle_seconds = 86400
logins_per_address = 100000
stanzas_per_second = 1000000
stanzas_burst = 1000000
bytes_per_second = 1073741824
bytes_burst = 1073741824

[node]
name = "{name}"
"""


@define
class Node:
    """One process."""

    name: str
    port: int
    metrics_port: int
    process: subprocess.Popen[bytes]

    @property
    def seconds(self) -> float:
        """Return its processor time so far."""
        return seconds_of(self.process.pid)

    @property
    def resident(self) -> int:
        """Return its memory in bytes."""
        return resident(self.process.pid)

    def metrics(self) -> Counter[str]:
        """Return its counters and gauges by name; those of all partitions are summed up."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=_PATIENCE) as answer:
            text = answer.read().decode()
        found: Counter[str] = Counter()
        for name, labels, value in re.findall(r"^(\w+)(\{.*\})? (\S+)$", text, re.MULTILINE):
            if "le=" not in labels:
                found[name] += float(value)  # type: ignore[assignment]  # a counter of floats
        return found

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    """Return a port that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(number: int, engine: str, directory: Path) -> Iterator[Sequence[Node]]:
    """Start nodes; yield them when they own all partitions together."""
    with ExitStack() as stack:
        nodes = [_started(f"node{each}", engine, directory, stack) for each in range(number)]
        until = time.monotonic() + _PATIENCE
        while not _settled(nodes):
            if time.monotonic() > until or any(node.process.poll() is not None for node in nodes):
                raise RuntimeError("the nodes have not started")
            time.sleep(0.2)
        yield nodes


def _started(name: str, engine: str, directory: Path, stack: ExitStack) -> Node:
    port, metrics = free_port(), free_port()
    file = directory / f"{name}.toml"
    text = _CONFIGURATION.format(
        domain=DOMAIN, file=directory / f"{name}.sqlite", port=port, metrics=metrics, name=name
    )
    file.write_text(text)
    command = [str(Path(sys.executable).with_name("xmpp-im-host")), "serve", "--config", str(file), "--engine", engine]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    node = Node(name, port, metrics, process)
    stack.callback(_stop, node)
    return node


def _stop(node: Node) -> None:
    node.process.terminate()
    try:
        node.process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        node.kill()


def _settled(nodes: Sequence[Node]) -> bool:
    """Whether each node owns something, and all partitions have an owner."""
    try:
        owned = [node.metrics()["xmpp_partitions"] for node in nodes]
    except OSError:
        return False
    return all(owned) and sum(owned) == 256
