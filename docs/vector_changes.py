"""Compare the vectors with the recorded list, and with what ``conformance/CHANGES.md`` says of them.

``python -m docs.vector_changes`` prints what is not named there yet, as lines to be copied. With ``--record`` it closes
the changes: they get the next version, and ``conformance/digests.txt`` lists the vectors as they are now.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from xmpp_im_conformance.artefact.entries import Entry, entries
from xmpp_im_conformance.artefact.versions import UNRELEASED, version_of

CONFORMANCE: Final = Path(__file__).resolve().parent.parent / "conformance"
CHANGES: Final = CONFORMANCE / "CHANGES.md"
DIGESTS: Final = CONFORMANCE / "digests.txt"

ADDED, CORRECTED, WITHDRAWN = KINDS = ("Added", "Corrected", "Withdrawn")

WHY: Final = "WHY"
"""Stands for a reason that somebody has to write."""

_UNRELEASED: Final = re.compile(rf"^## {UNRELEASED}\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_KIND: Final = re.compile(r"^### (\w+)\n", re.MULTILINE)
_LINE: Final = re.compile(rf"^- (`[^`]+`(?:, `[^`]+`)*): (?!{WHY}$)\S", re.MULTILINE)
_ID: Final = re.compile(r"`([^`]+)`")


def changed(recorded: Mapping[str, str], now: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    """Return the ids that were added, corrected and withdrawn, by the digests of both lists."""
    both = recorded.keys() & now.keys()
    return {
        ADDED: frozenset(now.keys() - both),
        CORRECTED: frozenset([id for id in both if recorded[id] != now[id]]),
        WITHDRAWN: frozenset(recorded.keys() - both),
    }


def named(changes: str) -> Mapping[str, frozenset[str]]:
    """Return the ids that the page names as added, corrected and withdrawn since the recorded list.

    A line names one id or several, and the reason.
    """
    pending = _UNRELEASED.search(changes)
    _, *parts = _KIND.split("" if pending is None else pending[1])
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for kind, text in zip(parts[::2], parts[1::2], strict=True):
        for line in _LINE.findall(text):
            found.setdefault(kind, set()).update(_ID.findall(line))
    return {kind: frozenset(ids) for kind, ids in found.items()}


def problems(recorded: Mapping[str, str], now: Mapping[str, str], changes: str) -> Iterator[str]:
    """Yield what the page does not name, and what it names although the lists do not show it."""
    told = named(changes)
    for kind, ids in changed(recorded, now).items():
        yield from [f"{kind}, not named: {id}" for id in sorted(ids - told[kind])]
        yield from [f"{kind}, named but not so: {id}" for id in sorted(told[kind] - ids)]
    yield from [f"no kind of change: {kind}" for kind in told if kind not in KINDS]


def missing_lines(recorded: Mapping[str, str], listed: Iterable[Entry], changes: str) -> Iterator[str]:
    """Yield the lines that the page needs. The reason of a new vector is its title."""
    titles = {entry.id: entry.title for entry in listed}
    now = {entry.id: entry.digest for entry in listed}
    for kind, ids in changed(recorded, now).items():
        left = sorted(ids - named(changes)[kind])
        if left:
            yield f"### {kind}"
        yield from [f"- `{id}`: {titles[id] if kind == ADDED else WHY}" for id in left]


def read_digests(text: str) -> Mapping[str, str]:
    """Return the digests of a recorded list, by id."""
    return {id: digest for digest, _, id in [line.partition("  ") for line in text.splitlines()]}


def written_digests(now: Mapping[str, str]) -> str:
    """Return a list of digests as text."""
    return "".join([f"{digest}  {id}\n" for id, digest in sorted(now.items())])


def closed(changes: str) -> str:
    """Return the page with the changes, if there are any, under the heading of the next version."""
    version, _, pending = version_of(changes).partition("-")
    if not pending:
        return changes
    return changes.replace(f"## {UNRELEASED}\n", f"## {UNRELEASED}\n\n## {version}\n", 1)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m docs.vector_changes", description=__doc__)
    parser.add_argument("--record", action="store_true", help="give the changes the next version")
    record = parser.parse_args().record
    listed = list(entries(CONFORMANCE / "vectors"))
    now = {entry.id: entry.digest for entry in listed}
    recorded, changes = read_digests(DIGESTS.read_text(encoding="utf-8")), CHANGES.read_text(encoding="utf-8")
    found = list(problems(recorded, now, changes))
    print("\n".join([*missing_lines(recorded, listed, changes), *[each for each in found if "not named" not in each]]))
    if record and not found:
        DIGESTS.write_text(written_digests(now), encoding="utf-8")
        CHANGES.write_text(closed(changes), encoding="utf-8")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
