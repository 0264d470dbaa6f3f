"""The results of a run by section of RFC 6121."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from xmpp_im_conformance.format.vectors import Identified, Side
from xmpp_im_conformance.running.outcome import Outcome, Result


def by_section(results: Iterable[Result], side: Side) -> dict[str, Counter[Outcome]]:
    """Count outcomes by the section of RFC 6121 that a vector is about first, in the RFC's order."""
    counts: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
    for result in results:
        if result.vector.side is side:
            counts[heading(result.vector)][result.outcome] += 1
    return dict(sorted(counts.items(), key=lambda entry: order(entry[0])))


def heading(vector: Identified) -> str:
    """Return the section of RFC 6121 that a vector is about first; if it names none, the other document."""
    for section in vector.sections:
        return section
    for entry in vector.rfc:
        document = entry.partition(" ")[0]
        return f"RFC {document}" if document.isdigit() else document
    return "unknown"


def order(section: str) -> tuple[tuple[int, int, str], ...]:
    """Return what sorts sections as the RFC has them: numbers by value, before letters."""
    parts = re.split(r"[.\s]+", section)
    return tuple([(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts])
