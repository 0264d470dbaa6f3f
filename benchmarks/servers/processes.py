"""What the processes of a server use, as the kernel counts it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from attrs import define


@define
class Processes:
    """The processes of a server: those whose command names its directory."""

    directory: Path

    def _ids(self) -> Iterator[Path]:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.fsencode(self.directory) in (process / "cmdline").read_bytes():
                    yield process
            except OSError:
                continue

    def seconds(self) -> float:
        """Return the processor time of all threads so far."""
        spent = 0
        for process in self._ids():
            for thread in process.glob("task/*/schedstat"):
                spent += int(thread.read_text().split()[0])
        return spent / 1e9

    def resident(self) -> int:
        """Return the resident memory in bytes."""
        pages = sum(int((process / "statm").read_text().split()[1]) for process in self._ids())
        return pages * os.sysconf("SC_PAGE_SIZE")
