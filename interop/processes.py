"""The processes of a server: started in order, started again when one ends, and stopped together."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from attrs import define, field

from interop.machine import PATH, NotAvailable

_STARTING: Final = 60.0
_STOPPING: Final = 10.0
_PAUSE: Final = 0.2
_MOST_RESTARTS: Final = 200
"""A process that ends as often is broken, and is not started any more."""


@define(eq=False)
class Processes:
    """The processes of one server. Once the server has started, each process that ends is started again.

    :param commands: a line for the shell for each process.
    """

    commands: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    ends: list[str] = field(factory=list)
    """One line for each process that has ended before it was stopped: which, and how."""
    _running: list[subprocess.Popen[bytes]] = field(factory=list)
    _watching: threading.Thread | None = None
    _stopping: threading.Event = field(factory=threading.Event)

    def prepare(self, commands: Sequence[str]) -> None:
        """Run commands to their end, one after the other.

        :raises NotAvailable: if one fails.
        """
        for command in commands:
            process = self._started(command)
            try:
                status = process.wait(_STARTING)
            except subprocess.TimeoutExpired:
                raise NotAvailable(f"{command}: it does not end") from None
            finally:
                _stop(process)
            if status:
                raise NotAvailable(f"{command}: {_in_words(status)}\n{self._said}")

    def start(self, ports: Sequence[int]) -> None:
        """Start the processes, and wait until one of them listens on each of these ports.

        :raises NotAvailable: if a process ends, or nobody listens within a minute.
        """
        self._running = [self._started(f"exec {command.strip()}") for command in self.commands]
        for port in ports:
            self._wait_for(port)
        self._watching = threading.Thread(target=self._watch, name="processes", daemon=True)
        self._watching.start()

    def stop(self) -> None:
        """Stop the processes and all that they have started, the last one first."""
        self._stopping.set()
        if self._watching is not None:
            self._watching.join()
        for process in reversed(self._running):
            _stop(process)

    def _started(self, command: str) -> subprocess.Popen[bytes]:
        with self._output.open("ab") as output:
            return subprocess.Popen(
                ["/bin/sh", "-c", command],
                cwd=self.directory,
                env={**os.environ, **self.environment, "PATH": PATH},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_for(self, port: int) -> None:
        until = time.monotonic() + _STARTING
        while time.monotonic() < until and all(process.poll() is None for process in self._running):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.1)
        raise NotAvailable(f"the server has not started:\n{self._said}")

    def _watch(self) -> None:
        while not self._stopping.wait(_PAUSE):
            for number, process in enumerate(self._running):
                status = process.poll()
                if status is not None and len(self.ends) < _MOST_RESTARTS:
                    self.ends.append(f"{_program(self.commands[number])} has ended with {_in_words(status)}")
                    self._running[number] = self._started(f"exec {self.commands[number].strip()}")

    @property
    def _said(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")[-2000:]

    @property
    def _output(self) -> Path:
        return self.directory / "output.txt"


def _program(command: str) -> str:
    return Path(shlex.split(command)[0]).name


def _in_words(status: int) -> str:
    return f"the exit status {status}" if status >= 0 else f"the signal {signal.Signals(-status).name}"


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and all processes that it has started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOPPING)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
