"""Writing a file of known deviations from a run."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from attrs import evolve

from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.behaviours import behaviours_of
from xmpp_im_conformance.verdict.known import Deviation

_HEADING: Final = """\
# The known deviations of a system: a record for each behaviour, with the vectors that show it.
# `xmpp-im-conformance run --known FILE` counts them, and fails if anything else fails, or if one of them passes.
# `does`, `section`, `sentence`, `kind` and `note` may be written by hand: `--write-known` keeps them.
"""


def renewed(before: Iterable[Deviation], results: Sequence[Result], there: Collection[str]) -> tuple[Deviation, ...]:
    """Return what is known after a run.

    A record stays as it is, without the vectors that passed (unless it is unsteady), and without those that no longer
    exist. It goes if no vector is left. What was not run says nothing. New failures follow by behaviour.

    :param there: those of the recorded vectors that exist.
    """
    before = tuple(before)
    passed = {result.vector.id for result in results if result.outcome is Outcome.PASSED}
    kept = [_without(each, passed, there) for each in before]
    new = [each.deviation for each in behaviours_of(results, before) if not each.is_known]
    return (*[each for each in kept if each is not None], *new)


def _without(each: Deviation, passed: Collection[str], there: Collection[str]) -> Deviation | None:
    gone = frozenset() if each.unsteady else passed
    left = tuple([id for id in each.vectors if id in there and id not in gone])
    return evolve(each, vectors=left) if left else None


def as_toml(known: Iterable[Deviation]) -> str:
    """Return the text of a file that :func:`.known.read_known` reads."""
    return "\n".join([_HEADING, *["\n".join([*_record(each), ""]) for each in known]])


def _record(each: Deviation) -> Iterator[str]:
    yield "[[deviation]]"
    for name in ("server", "does", "kind", "section", "sentence", "note"):
        value = getattr(each, name)
        if value:
            yield f"{name} = {_text(value)}"
    if each.unsteady:
        yield "unsteady = true"
    yield "vectors = ["
    yield from [f"    {_text(id)}," for id in each.vectors]
    yield "]"


def _text(value: str) -> str:
    """Write a basic string. TOML knows the escapes of JSON for all but U+007F and lone surrogates."""
    legal = value.encode("utf-8", "replace").decode()
    return json.dumps(legal, ensure_ascii=False).replace("\x7f", "\\u007f")
