"""The client libraries that the client vectors are run on: a folder for each.

A folder has a ``client.toml``, whose keys are the fields of :class:`Client`, and a ``deviations.toml`` as that of a
server, if there are deviations. The adapters are in ``conformance/adapters``.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final

import cattrs
from attrs import frozen

from xmpp_im_conformance.drivers.stdio.driver import StdioDriver
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.format.vectors import MalformedFile, Side, Vector
from xmpp_im_conformance.running.outcome import Result
from xmpp_im_conformance.running.run import run_vector

FOLDER: Final = Path(__file__).resolve().parent
DOCUMENT: Final = FOLDER.parents[1] / "docs" / "client-deviations.md"
_ROOT: Final = FOLDER.parents[1]
_READER: Final = cattrs.Converter(forbid_extra_keys=True)


@frozen
class Client:
    """A client library with its adapter."""

    name: str
    command: Sequence[str]
    """What starts the adapter, in the root of the repository; ``{python}`` is this interpreter."""
    probe: Sequence[str]
    """What exits with 0 if the library is there."""
    install: str
    """How to install it, in words."""

    def missing(self) -> str:
        """Return why the library is not there; empty if it is."""
        try:
            done = subprocess.run(_filled(self.probe), cwd=_ROOT, capture_output=True, text=True, check=False)
        except OSError as problem:
            return f"{self.name}: {problem.strerror}: {problem.filename}"
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return "" if done.returncode == 0 else f"{self.name}: {last}; to install it: {self.install}"

    def run(self, vectors: Sequence[Vector | MalformedFile]) -> list[Result]:
        """Run vectors on it."""
        # A slow machine gets the time that it needs.
        with closing(Program(_filled(self.command), timeout=60)) as program:
            driver = StdioDriver(program)
            return [run_vector(vector, driver) for vector in vectors]


def _filled(command: Sequence[str]) -> list[str]:
    words = [word.replace("{python}", sys.executable) for word in command]
    return [str(_ROOT / word) if (_ROOT / word).is_file() else word for word in words]


def _read(file: Path) -> Client:
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    return _READER.structure({"name": file.parent.name, **data}, Client)


@cache
def client_vectors() -> tuple[Vector | MalformedFile, ...]:
    """Return the client vectors of the package."""
    return tuple([vector for vector in find(()) if vector.side is Side.CLIENT])


CLIENTS: Final = {file.parent.name: _read(file) for file in sorted(FOLDER.glob("*/client.toml"))}
"""The libraries by name."""
