"""The processor time and the memory of processes, as the kernel counts them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def _fields(process: Path) -> list[str]:
    """Return the fields after the name of the program, which may have spaces: the first is the state."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def seconds_of(pid: int, *, children: bool = False) -> float:
    """Return the processor time of a process so far.

    :param children: also that of its children: of those that run, and of those that have ended.
    """
    own = _fields(Path("/proc", str(pid)))
    spent = sum(map(int, own[11:15] if children else own[11:13]))
    if children:
        spent += sum([_spent_by_child(each, pid) for each in Path("/proc").glob("[0-9]*")])
    return spent / _TICKS


def _spent_by_child(process: Path, parent: int) -> int:
    try:
        found = _fields(process)
    except OSError:  # it has ended meanwhile
        return 0
    return sum(map(int, found[11:13])) if found[1] == str(parent) else 0


def resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    return int(Path("/proc", str(pid), "statm").read_text().split()[1]) * _PAGE
