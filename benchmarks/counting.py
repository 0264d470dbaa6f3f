"""Counts processor instructions with callgrind: the same number on a busy machine and on an idle one.

A process under valgrind runs each operation many times between two calls of ``getppid``, before which callgrind writes
down its count. libc exports that function, so an interpreter without symbols will do. What the empty loop costs is
subtracted. The hash seed is fixed, the garbage collector is off, and each operation has run before it is counted.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

Operation = Callable[[], object]

_NOTHING: Final = "nothing"


class Counted(NamedTuple):
    """An operation, how often it runs before the count, and how often it is counted."""

    run: Operation
    times: int = 40
    warm_up: int = 20


def long(run: Operation) -> Counted:
    """Return a long operation to count. Its inner loops are warm after few runs."""
    return Counted(run, 8, 4)


class CannotCount(Exception):
    """Valgrind is not installed, or it cannot see the marks."""


def child(operations: Mapping[str, Counted]) -> None:
    """Run each operation between two marks, print how often each ran, and end the process."""
    chosen = {_NOTHING: Counted(lambda: None), **operations}
    gc.collect()
    gc.disable()
    for run, times, warm_up in chosen.values():
        for _ in range(warm_up):
            run()
        rounds = range(times)
        os.getppid()
        for _ in rounds:
            run()
        os.getppid()
    print(json.dumps({name: counted.times for name, counted in chosen.items()}), flush=True)
    os._exit(0)


def count(module: str, *arguments: str) -> dict[str, float]:
    """Return the instructions of one run of each operation.

    :param module: what calls ``child`` when it is run as a program.
    :raises CannotCount: without valgrind.
    :raises RuntimeError: if an operation fails.
    """
    if shutil.which("valgrind") is None:
        raise CannotCount("valgrind is not here (on Debian and Ubuntu, the package valgrind)")
    with tempfile.TemporaryDirectory() as where:
        out = Path(where) / "out"
        command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", "--dump-before=getppid"]
        # Valgrind needs the interpreter itself: then its virtual environment is not seen, and the paths are given.
        command += [os.path.realpath(sys.executable), "-m", module, *arguments]
        env = os.environ | {
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": os.pathsep.join([os.getcwd(), *filter(None, sys.path)]),
        }
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        if done.returncode or not done.stdout:
            raise RuntimeError(f"the operations failed:\n{done.stderr[-4000:]}")
        ran: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        parts = [Path(f"{out}.{2 * number + 2}") for number in range(len(ran))]
        if not parts[-1].exists():
            raise CannotCount("callgrind does not see the calls of getppid")
        # The first part is the start, the second the first loop, the third the next warm-up, and so on.
        totals = [_total(part) for part in parts]
    each = {name: total / times for (name, times), total in zip(ran.items(), totals, strict=True)}
    empty = each.pop(_NOTHING)
    return {name: value - empty for name, value in each.items()}


def _total(part: Path) -> int:
    found = re.search(r"^summary: (\d+)", part.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{part.name}: no summary")
    return int(found[1])
