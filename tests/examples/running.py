"""Running a program for the length of a test."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PATIENCE = 30.0


@contextmanager
def example(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run an example, and end it if it has not ended by itself."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    with running(command, stdout=subprocess.PIPE) as process:
        yield process


@contextmanager
def running(
    command: list[str], stdout: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a command, and end it: no process outlives its test."""
    process = subprocess.Popen(command, stdout=stdout, env=env, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line that a program prints.

    :raises TimeoutError: where it prints none.
    """
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
    if not readable:
        raise TimeoutError(f"{process.args!r} says nothing")
    return process.stdout.readline()
