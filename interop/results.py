"""The results of a run as files, and the compliance page of all that are in a folder: servers and client libraries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from xmpp_im_conformance.format.vectors import MalformedFile, Vector
from xmpp_im_conformance.reports.compliance.page import page
from xmpp_im_conformance.reports.compliance.reading import read
from xmpp_im_conformance.reports.data import Tested, as_data
from xmpp_im_conformance.running.outcome import Result
from xmpp_im_conformance.verdict.judging import Verdict
from xmpp_im_conformance.verdict.known import Deviation

PAGE = "compliance.html"


def write_results(
    folder: Path, name: str, results: Sequence[Result], known: Sequence[Deviation], about: Tested
) -> None:
    """Write what became of the vectors on one system, in place of what the folder has of it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = as_data(Verdict(results, known), about, datetime.now(UTC))
    (folder / f"{name}.json").write_text(json.dumps(made), encoding="utf-8")


def write_page(folder: Path, vectors: Sequence[Vector | MalformedFile] | None = None) -> Path:
    """Write the page of all results in a folder; return the file."""
    tested = read(sorted(folder.glob("*.json")))
    file = folder / PAGE
    file.write_text(page(tested, datetime.now(UTC), vectors), encoding="utf-8")
    return file
