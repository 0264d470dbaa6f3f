"""Reading what ``run --json`` has written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

from attrs import frozen
from cattrs import BaseValidationError, Converter, transform_error

from xmpp_im_conformance.reports.data import RESULTS
from xmpp_im_conformance.reports.found import Found
from xmpp_im_conformance.running.outcome import Outcome


class NoResults(Exception):
    """A file does not hold the results of a run; the message names the file and says why."""


@frozen
class VectorResult:
    """What became of a vector."""

    id: str
    outcome: Outcome
    title: str = ""
    side: Literal["server", "client"] = "server"
    level: str = ""
    requirements: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    rfc: tuple[str, ...] = ()
    step: int | None = None
    """The number of the step that failed, from 1."""
    detail: str = ""
    found: Found | None = None
    """What was found in that step."""
    behaviour: str | None = None
    known: bool = False


@frozen
class SystemData:
    """What a file says of the system that was tested."""

    driver: str
    name: str = ""
    about: str = ""


@frozen
class BehaviourData:
    """What a file says of a behaviour."""

    id: str
    does: str
    known: bool = False


@frozen
class Results:
    """The results of a run."""

    system: SystemData
    vectors: tuple[VectorResult, ...]
    behaviours: tuple[BehaviourData, ...] = ()
    made: str = ""


@frozen
class Tested:
    """A system, as the page shows it."""

    key: str
    """Its name in the links of the page: that of the file."""
    results: Results

    @property
    def name(self) -> str:
        """What people call it."""
        system = self.results.system
        return system.name or system.about or self.key


_CONVERTER: Final = Converter(detailed_validation=True)


def _exactly(value: Any, kind: Any) -> Any:
    """Refuse a value of another type: a number is no text."""
    if type(value) is not kind:
        raise ValueError(f"not of type {kind.__name__}")
    return value


for _kind in (str, int, bool):
    _CONVERTER.register_structure_hook(_kind, _exactly)


def read(files: Iterable[Path]) -> tuple[Tested, ...]:
    """Read the results of several systems.

    :raises NoResults: if a file does not hold results.
    """
    taken: Counter[str] = Counter()
    tested: list[Tested] = []
    for file in files:
        taken[file.stem] += 1
        key = file.stem if taken[file.stem] == 1 else f"{file.stem}-{taken[file.stem]}"
        tested.append(Tested(key, _read(file)))
    return tuple(tested)


def _read(file: Path) -> Results:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise NoResults(f"{file}: {problem.strerror}") from problem
    except (ValueError, RecursionError) as problem:
        raise NoResults(f"{file}: not JSON: {problem}") from problem
    if not isinstance(data, dict) or data.get("results") != RESULTS:
        raise NoResults(f"{file}: not the results of a run: write them with `run --json`")
    try:
        return _CONVERTER.structure(data, Results)
    except BaseValidationError as problem:
        raise NoResults(f"{file}: {transform_error(problem)[0]}") from problem
