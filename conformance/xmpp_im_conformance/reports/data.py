"""The results of a run for programs: what ``--json`` writes. ``conformance/README.md`` describes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Final

from attrs import asdict, field, frozen

from xmpp_im_conformance.format.data import FORMAT
from xmpp_im_conformance.reports.found import found_in
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.behaviours import Behaviour
from xmpp_im_conformance.verdict.judging import Verdict

RESULTS: Final = 1
"""The version of this form. New keys do not change it."""


@frozen
class Tested:
    """What a run was about."""

    driver: str
    """The name of the driver."""
    about: str = ""
    """What was tested and where, as far as it is known."""
    software: str = ""
    """The name and version that it gives itself (XEP-0092 of a live server), as far as they are known."""
    remarks: Mapping[str, int] = field(factory=dict)
    """What it does otherwise, and was read all the same: what, and how often."""


def as_data(verdict: Verdict, tested: Tested, made: datetime) -> dict[str, object]:
    """Return a run as JSON-able data: what was run and tested, the sums, the behaviours, and each vector."""
    counts = verdict.counts
    return {
        "results": RESULTS,
        "format": FORMAT,
        "runner": version("xmpp-im-conformance"),
        "made": made.isoformat(timespec="seconds"),
        "system": {"driver": tested.driver, "name": tested.software, "about": tested.about},
        "summary": {
            **{outcome.value: counts[outcome] for outcome in Outcome},
            "known": len(verdict.known_failures),
            "new": len(verdict.new_failures),
            "unexpectedly_passed": len(verdict.unexpected_passes),
        },
        "remarks": [{"remark": remark, "times": times} for remark, times in sorted(tested.remarks.items())],
        "behaviours": [_behaviour(each) for each in verdict.behaviours],
        "vectors": [_vector(result, verdict) for result in verdict.results],
    }


def _behaviour(each: Behaviour) -> dict[str, object]:
    deviation, example = each.deviation, each.example
    return {
        "id": each.id,
        "does": deviation.does,
        "known": each.is_known,
        "unsteady": deviation.unsteady,
        "kind": deviation.kind,
        "section": deviation.section,
        "requirement": None if each.requirement is None else each.requirement.id,
        "sentence": deviation.sentence,
        "note": deviation.note,
        "example": {
            "vector": example.result.vector.id,
            "expected": list(example.expected),
            "came": list(example.came),
        },
        "vectors": [result.vector.id for result in each.failures],
    }


def _vector(result: Result, verdict: Verdict) -> dict[str, object]:
    vector, behaviour = result.vector, verdict.by_vector.get(result.vector.id)
    found = found_in(result.evidence)
    return {
        "id": vector.id,
        "file": vector.file,
        "title": vector.title,
        "side": vector.side.value,
        "outcome": result.outcome.value,
        "level": vector.level,
        "requirements": list(vector.requirements),
        "sections": list(vector.sections),
        "rfc": list(vector.rfc),
        "features": sorted(vector.features),
        "step": _step(result),
        "detail": result.detail,
        "found": None if found is None else asdict(found),
        "behaviour": None if behaviour is None else behaviour.id,
        "known": vector.id in verdict.recorded,
    }


def _step(result: Result) -> int | None:
    """Return the number of the step that failed, as people count; one more than there are for the end."""
    step = None if result.evidence is None else result.evidence.step
    return None if step is None else step + 1
