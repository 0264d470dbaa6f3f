"""Results of runs, as `run --json` writes them, for the tests of the compliance page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.conformance.reports import EVIL
from xmpp_im_conformance.format.data import VECTORS
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.reports.compliance.page import page
from xmpp_im_conformance.reports.compliance.reading import read

MADE: Final = datetime(2026, 1, 2, tzinfo=UTC)

FAILED: Final = "step 3 of 4 (receive): nothing more came\n(- expected, + came)\n    - <presence/>"
HAPPENED: Final = "step 1 of 4 (connect): juliet connects"


def result(id: str, outcome: str = "passed", **keys: Any) -> dict[str, Any]:
    usual = {"title": f"The title of {id}", "level": "MUST", "sections": ["2.1.3"], "side": "server"}
    return {"id": id, "outcome": outcome, **usual, **keys}


def run_of(name: str, vectors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    system = {"driver": "live", "name": name, "about": "a server"}
    return {"results": 1, "system": system, "made": MADE.isoformat(), "vectors": list(vectors), "behaviours": []}


def written(folder: Path, **runs: Mapping[str, Any]) -> list[Path]:
    files = []
    for name, run in runs.items():
        files.append(folder / f"{name}.json")
        files[-1].write_text(json.dumps(run), encoding="utf-8")
    return files


STORIES: Final = {
    vector.id: vector
    for name in (
        "client/roster-get/cached-version",
        "scenarios/roster-get/example",
        "scenarios/deny/outbound-example",
        "scenarios/deny/by-interested-resource",
    )
    for vector in find([VECTORS / f"{name}.json"])
}
"""Vectors of the package, which have stories."""


def _vector(id: str, outcome: str, **keys: Any) -> dict[str, Any]:
    vector = STORIES[id]
    return result(
        id,
        outcome,
        title=vector.title,
        level=vector.level,
        side=vector.side.value,
        requirements=list(vector.requirements),
        sections=list(vector.sections),
        rfc=list(vector.rfc),
        **keys,
    )


FOUND: Final = {
    "looked": [
        {
            "at": "juliet@capulet.example/balcony",
            "expected": ["<iq type='set' id='i1'/>"],
            "came": ["<message type='chat'><body>O Romeo</body></message>"],
        }
    ],
    "untaken": {"remote.example": ["<presence type='probe'/>"]},
}
"""What came in the step that failed: another stanza than expected, and one more elsewhere."""
BROKEN: Final = {"detail": f"{FAILED}\nwhat happened:\n  {HAPPENED}", "step": 3, "behaviour": "b", "found": FOUND}

CORE: Final = [
    _vector("roster-get/example", "passed"),
    _vector("deny/outbound-example", "passed"),
    _vector("deny/by-interested-resource", "passed"),
    _vector("client/roster-get/cached-version", "passed"),
    result("mine/peer", "passed", level="peer", sections=["3.2.2"], title=EVIL),
]
OTHER: Final = [
    _vector("roster-get/example", "passed"),
    _vector("deny/outbound-example", "failed", **BROKEN),
    _vector("deny/by-interested-resource", "failed", **BROKEN),
    result("mine/peer", "failed", level="peer", sections=["3.2.2"], title=EVIL, detail=EVIL),
    result("mine/elsewhere", "not_applicable", sections=[], rfc=["XEP-0191 3.3"], detail="no component"),
]


def made_page(folder: Path, name: str = "Server Two") -> str:
    other = {**run_of(name, OTHER), "behaviours": [{"id": "b", "does": f"says nothing {EVIL}", "known": True}]}
    return page(read(written(folder, core=run_of("The core", CORE), two=other)), MADE, STORIES.values())
