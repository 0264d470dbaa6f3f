"""The files that a run is written to on request: for programs, for CI systems, and for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attrs import frozen

from xmpp_im_conformance.reports.junit import as_junit
from xmpp_im_conformance.reports.terminal import as_data
from xmpp_im_conformance.running.outcome import Result


@frozen
class Tested:
    """What a run was about."""

    driver: str
    """The name of the driver."""
    about: str = ""
    """What was tested and where, as far as it is known."""


def write_files(results: Sequence[Result], tested: Tested, files: Mapping[str, Path | None]) -> None:
    """Write the results to the files that were asked for, by the names of the options.

    :raises OSError: if one cannot be written.
    """
    for name, file in files.items():
        if file is not None:
            file.write_bytes(_WRITE[name](results, tested))


def _json(results: Sequence[Result], tested: Tested) -> bytes:
    text = json.dumps(as_data(results), indent=2, ensure_ascii=False)
    return _utf8(f"{text}\n")


def _html(results: Sequence[Result], tested: Tested) -> bytes:
    # The templates' engine is loaded by those who want a page.
    from xmpp_im_conformance.reports.html.page import page

    return _utf8(page(results, tested.driver, datetime.now(UTC), tested.about))


def _utf8(text: str) -> bytes:
    """Encode a text. A surrogate, which a vector's JSON may hold and UTF-8 cannot, is written as its escape."""
    return text.encode("utf-8", "backslashreplace")


_WRITE: Final[Mapping[str, Callable[[Sequence[Result], Tested], bytes]]] = {
    "json": _json,
    "junit": lambda results, tested: as_junit(results),
    "html": _html,
}
