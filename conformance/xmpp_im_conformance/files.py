"""The files that a run is written to, where that is asked for: for programs, for CI systems, and for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from attrs import frozen

from xmpp_im_conformance.junit import as_junit
from xmpp_im_conformance.outcome import Result
from xmpp_im_conformance.report import as_data

_F = TypeVar("_F", bound=Callable[..., Any])

_FILE: Final = click.Path(dir_okay=False, writable=True, path_type=Path)
_OPTIONS: Final = (
    click.option("--json", type=_FILE, metavar="FILE", help="Write the results here, for programs."),
    click.option("--junit", type=_FILE, metavar="FILE", help="Write them as JUnit XML, for CI systems."),
    click.option("--html", type=_FILE, metavar="FILE", help="Write them as a page for people, with diagrams."),
)


def file_options(command: _F) -> _F:
    """Give a command the options that name the files."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@frozen
class Tested:
    """What a run was about."""

    driver: str
    """The name of the driver."""
    about: str = ""
    """What was tested and where, as far as it is known."""


def write_files(results: Sequence[Result], tested: Tested, files: Mapping[str, Path | None]) -> None:
    """Write the results to the files that were asked for, by the names of the options.

    :raises OSError: where one cannot be written.
    """
    for name, file in files.items():
        if file is not None:
            file.write_bytes(_WRITE[name](results, tested))


def _json(results: Sequence[Result], tested: Tested) -> bytes:
    text = json.dumps(as_data(results), indent=2, ensure_ascii=False)
    return _utf8(f"{text}\n")


def _html(results: Sequence[Result], tested: Tested) -> bytes:
    # The templates' engine is loaded by those who want a page.
    from xmpp_im_conformance.html.page import page

    return _utf8(page(results, tested.driver, datetime.now(UTC), tested.about))


def _utf8(text: str) -> bytes:
    """Encode a text. A surrogate, which a vector's JSON may hold and UTF-8 cannot, is written as its escape."""
    return text.encode("utf-8", "backslashreplace")


_WRITE: Final[Mapping[str, Callable[[Sequence[Result], Tested], bytes]]] = {
    "json": _json,
    "junit": lambda results, tested: as_junit(results),
    "html": _html,
}
