"""A PostgreSQL with a standby that has each commit before it is acknowledged, and a failover."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.examples.postgres import as_user, done, installed, wait_for
from tests.examples.running import PATIENCE, running

_SETTINGS: Final = ["-c", "listen_addresses=", "-c", "hot_standby=on", "-c", "wal_level=replica"]
_IN_STEP: Final = "SELECT 1 / count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
"""Fails until commits wait for the standby."""


class PostgresPair:
    """Two servers, each with its socket in its own directory. The second one is the standby of the first one."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder, self._programs = folder, programs
        self._processes: dict[str, subprocess.Popen[str]] = {}

    @property
    def conninfo(self) -> str:
        """How to connect to the one that has the database now."""
        return f"host={self._folder / 'first'},{self._folder / 'second'} user=test dbname=postgres"

    @property
    def uri(self) -> str:
        """The same as a URI."""
        return f"postgresql://test@/postgres?host={self._folder / 'first'},{self._folder / 'second'}"

    def start(self, stack: ExitStack) -> None:
        first, second = self._folder / "first", self._folder / "second"
        data = [f"{first}/data", f"{second}/data"]
        for each in (first, second):
            each.mkdir()
            if os.geteuid() == 0:
                shutil.chown(each, "postgres", "postgres")
        done([*as_user(), self._program("initdb"), "-D", data[0], "-U", "test", "-A", "trust", "--no-sync"])
        self._start(stack, "first")
        backup = ["pg_basebackup", "-h", str(first), "-U", "test", "-D", data[1], "-R", "-X", "stream", "-c", "fast"]
        done([*as_user(), self._program(backup[0]), *backup[1:], "--no-sync"])
        self._start(stack, "second")
        self._ask("first", "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        self._until(_IN_STEP)

    def _start(self, stack: ExitStack, name: str) -> None:
        folder = self._folder / name
        command = [*as_user(), self._program("postgres"), "-D", f"{folder}/data", "-k", str(folder), *_SETTINGS]
        process = stack.enter_context(running(command, stdout=subprocess.DEVNULL))
        self._processes[name] = process
        wait_for(process, self._programs, str(folder))

    def _program(self, name: str) -> str:
        return str(self._programs / name)

    def _ask(self, name: str, *queries: str) -> None:
        given = [part for query in queries for part in ("-c", query)]
        done([self._program("psql"), "-h", str(self._folder / name), "-U", "test", "-d", "postgres", "-q", *given])

    def _until(self, query: str) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with suppress(RuntimeError):
                return self._ask("first", query)
            time.sleep(0.1)
        raise RuntimeError(f"this has failed for {PATIENCE} seconds: {query}")

    def fail_over(self) -> None:
        """Kill the first server, as the loss of its machine would, and promote the standby."""
        self._processes["first"].send_signal(signal.SIGQUIT)  # its processes end at once, without writing anything
        self._processes["first"].wait()
        self._ask("second", "SELECT pg_promote()")


@contextmanager
def postgres_pair() -> Iterator[PostgresPair]:
    """Run both servers.

    :raises NotAvailable: where PostgreSQL is not installed, and cannot be.
    """
    programs = installed()
    with TemporaryDirectory(prefix="pg-", dir="/tmp") as name, ExitStack() as stack:
        Path(name).chmod(0o755)
        pair = PostgresPair(Path(name), programs)
        pair.start(stack)
        yield pair
