"""The CPU time of other processes."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Mapping, Sequence
from tempfile import TemporaryDirectory


def race_processes(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, float]:
    """Return the CPU time of each command in microseconds: the shortest of several interleaved rounds.

    Python's modules are compiled before the first round, as an installation compiles them. Otherwise a library that
    was installed would be compared with sources that each process compiles again, which takes longer than the import.
    """
    took = dict.fromkeys(commands, float("inf"))
    with TemporaryDirectory() as compiled:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = compiled
        for command in commands.values():
            _busy(command, env)
        for _ in range(rounds):
            for name, command in commands.items():
                took[name] = min(took[name], _busy(command, env))
    return took


def _busy(command: Sequence[str], env: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6
