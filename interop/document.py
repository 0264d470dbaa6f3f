"""``docs/deviations.md`` and ``docs/client-deviations.md``: the recorded deviations of each system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from interop.servers import FOLDER
from xmpp_im_conformance.verdict.known import Deviation

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "deviations.md"
_INTRODUCTION: Final = FOLDER / "introduction.md"
_TITLES: Final = {
    "against": "Against the sentence",
    "beyond": "Beyond the RFC",
    "configuration": "Caused by how the server is reached",
}


def document(recorded: Iterable[Deviation], introduction: Path = _INTRODUCTION) -> str:
    """Return the whole page: the introduction, then a part for each system."""
    return "\n".join([introduction.read_text(encoding="utf-8").rstrip(), "", *_parts(tuple(recorded)), ""])


def _parts(recorded: tuple[Deviation, ...]) -> Iterator[str]:
    for server in dict.fromkeys([each.server for each in recorded]):
        yield f"## {server}\n"
        for kind, title in _TITLES.items():
            these = [each for each in recorded if (each.server, each.kind) == (server, kind)]
            if these:
                number = sum([len(each.vectors) for each in these])
                yield f"### {title} ({number} vectors)\n"
            for each in these:
                yield from _entry(each)


def _entry(each: Deviation) -> Iterator[str]:
    yield f"**{each.does}**\n"
    source = f"RFC {each.section}" if each.section[0].isdigit() else each.section
    yield f"> {each.sentence}\n>\n> {source}\n" if each.sentence else f"({source})\n"
    note = f"{each.note} It does not happen in every run." if each.unsteady else each.note
    if note.strip():
        yield f"{note.strip()}\n"
    yield f"Vectors: {', '.join([f'`{id}`' for id in each.vectors])}\n"
