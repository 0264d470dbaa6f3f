"""The files that a run is written to on request: for programs, for CI systems, and for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from xmpp_im_conformance.reports.data import Tested, as_data
from xmpp_im_conformance.reports.junit import as_junit
from xmpp_im_conformance.verdict.judging import Verdict


def write_files(verdict: Verdict, tested: Tested, files: Mapping[str, Path | None]) -> None:
    """Write a run to the files that were asked for, by the names of the options.

    :raises OSError: if one cannot be written.
    """
    for name, file in files.items():
        if file is not None:
            file.write_bytes(_WRITE[name](verdict, tested))


def _json(verdict: Verdict, tested: Tested) -> bytes:
    text = json.dumps(as_data(verdict, tested, datetime.now(UTC)), indent=2, ensure_ascii=False)
    return _utf8(f"{text}\n")


def _html(verdict: Verdict, tested: Tested) -> bytes:
    # The templates' engine is loaded by those who want a page.
    from xmpp_im_conformance.reports.html.page import page

    made = datetime.now(UTC)
    return _utf8(page(verdict.results, tested.driver, made, tested.about, tested.remarks, verdict.known))


def _utf8(text: str) -> bytes:
    """Encode a text. A surrogate, which a vector's JSON may hold and UTF-8 cannot, is written as its escape."""
    return text.encode("utf-8", "backslashreplace")


_WRITE: Final[Mapping[str, Callable[[Verdict, Tested], bytes]]] = {
    "json": _json,
    "junit": lambda verdict, tested: as_junit(verdict),
    "html": _html,
}
