"""The result of a run of the benchmarks, as JSON: its lines, each with its goal, and the circumstances."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from attrs import asdict, field, frozen

FLOOR: Final = "floor"
E: Final = "E"
SMALLEST: Final = "smallest"
FASTEST_PEER: Final = "fastest peer"
BYTES: Final = "bytes"
TIME: Final = "time"

_PACKAGES: Final = ("attrs", "slixmpp", "nbxmpp", "aioxmpp")


@frozen
class Line:
    """One line of the table: the measured figure, its yardstick, and the goal."""

    group: str
    name: str
    took: float
    """Microseconds, or bytes."""
    yardstick: str
    """The unit of ``figure``: one of the constants above."""
    figure: float
    """The measured value as a multiple of the yardstick."""
    goal: float | None = None
    """The maximum of ``figure``; None if the line has no goal."""
    others: Mapping[str, float] = field(factory=dict)
    """Other figures in the same unit: those of peers, or of sizes between the smallest and the largest."""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None if there is no goal."""
        return None if self.goal is None else self.figure <= self.goal


@frozen
class Figures:
    """All lines of a run, and the circumstances on which they depend."""

    lines: tuple[Line, ...]
    made: str
    """The date."""
    python: str
    machine: str
    rounds: int
    e: float
    """Microseconds of CPU time that one E took."""
    versions: Mapping[str, str]
    absent: Mapping[str, str]
    """The peers that could not be imported, each with the reason."""


def figures(lines: Sequence[Line], rounds: int, e: float, absent: Mapping[str, str]) -> Figures:
    """Return the lines with the circumstances of this process."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return Figures(tuple(lines), datetime.now(UTC).date().isoformat(), python, machine(), rounds, e, versions, absent)


def machine() -> str:
    """Return the name of the processor, or its architecture if the name is unknown."""
    name = platform.processor() or platform.machine()
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
    elif sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        name = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or name
    return name


def write(kept: Figures, path: Path) -> None:
    """Write a run to a file."""

    def rounded(value: Any) -> Any:
        return float(f"{value:.4g}") if isinstance(value, float) else value

    def cleaned(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: cleaned(each) for key, each in value.items()}
        return [cleaned(each) for each in value] if isinstance(value, list | tuple) else rounded(value)

    path.write_text(json.dumps(cleaned(asdict(kept)), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> Figures:
    """Read what ``write`` wrote."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Figures(**{**kept, "lines": tuple([Line(**line) for line in kept["lines"]])})
