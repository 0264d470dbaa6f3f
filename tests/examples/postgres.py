"""A PostgreSQL of a test: a cluster in a directory that nobody else has, on a socket in that directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from interop.servers import NotAvailable, install
from tests.examples.running import PATIENCE, running


def installed() -> Path:
    """Return the directory of PostgreSQL's programs.

    :raises NotAvailable: where it is not installed, and cannot be.
    """
    if not _programs():
        install("postgresql")
    found = _programs()
    if not found:
        raise NotAvailable("postgresql is not installed")
    return found[-1]


def _programs() -> list[Path]:
    """Return where initdb is: Debian keeps it out of the PATH, next to those of other versions."""
    known = shutil.which("initdb")
    beside = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return [*([Path(known).parent] if known else []), *[each for each in beside if (each / "initdb").exists()]]


@contextmanager
def postgres() -> Iterator[str]:
    """Run PostgreSQL; yield how to connect to it.

    :raises NotAvailable: where it is not installed, and cannot be.
    """
    programs = installed()
    with TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        data = Path(name, "data")
        if os.geteuid() == 0:
            shutil.chown(name, "postgres", "postgres")
        done([*as_user(), str(programs / "initdb"), "-D", str(data), "-U", "test", "-A", "trust", "--no-sync"])
        options = ["-D", str(data), "-k", name, "-c", "listen_addresses="]
        with running([*as_user(), str(programs / "postgres"), *options], stdout=subprocess.DEVNULL) as process:
            wait_for(process, programs, name)
            yield f"host={name} user=test dbname=postgres"


def as_user() -> list[str]:
    """Return what changes the user: PostgreSQL refuses to run as root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


def done(command: list[str]) -> None:
    """Run a command to its end."""
    finished = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        timeout=PATIENCE,
    )
    if finished.returncode != 0:
        raise RuntimeError(f"{command}: {finished.stdout}")


def wait_for(process: subprocess.Popen[str], programs: Path, directory: str) -> None:
    """Wait until a server answers on the socket in a directory."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with suppress(subprocess.SubprocessError):
            subprocess.run(
                [str(programs / "pg_isready"), "-q", "-h", directory],
                check=True,
                stdin=subprocess.DEVNULL,
                timeout=PATIENCE,
            )
            return
        time.sleep(0.05)
    raise RuntimeError("PostgreSQL has not started")
