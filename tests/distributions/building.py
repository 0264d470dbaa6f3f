"""The distributions of this repository, built from its tree or from what was built of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Final
from zipfile import ZipFile

ROOT: Final = Path(__file__).resolve().parents[2]
CORE: Final = ROOT
CONFORMANCE: Final = ROOT / "conformance"
HOST: Final = ROOT / "xmpp_im_host"


def build(project: Path, to: Path, *targets: str) -> Path:
    """Build a project with the backend that its pyproject.toml names, without the network; return the one file."""
    to.mkdir(parents=True)
    words = [sys.executable, "-m", "hatchling", "build", "--directory", str(to)]
    for target in targets:
        words += ["--target", target]
    subprocess.run(words, cwd=project, check=True, capture_output=True)
    (built,) = to.iterdir()
    return built


def unpacked(sdist: Path, to: Path) -> Path:
    """Unpack a source distribution; return the project in it."""
    to.mkdir()
    subprocess.run(["tar", "-xzf", str(sdist), "-C", str(to)], check=True)
    (project,) = to.iterdir()
    return project


def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata(wheel: Path) -> Message:
    return Parser().parsestr(_info(wheel, "METADATA"))


def entry_points(wheel: Path) -> Sequence[str]:
    """Return the lines that state the commands."""
    if not any(name.endswith(".dist-info/entry_points.txt") for name in names(wheel)):
        return []
    return [line for line in _info(wheel, "entry_points.txt").splitlines() if "=" in line]


def _info(wheel: Path, file: str) -> str:
    (name,) = [name for name in names(wheel) if name.endswith(f".dist-info/{file}")]
    with ZipFile(wheel) as archive:
        return archive.read(name).decode()
