"""The hashed windows of each document that is quoted, by section."""

from __future__ import annotations

from base64 import b85decode, b85encode
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from tests.quotes.words import SIZE, windows_of_quote

FOLDER: Final = Path(__file__).with_name("windows")

Sections = Mapping[str, frozenset[bytes]]
"""The windows of each section; a document whose sections are not told apart has the one section ""."""


def names() -> list[str]:
    return sorted(each.stem for each in FOLDER.glob("*.txt"))


@cache
def sections(document: str) -> Sections:
    lines = (FOLDER / f"{document}.txt").read_text(encoding="ascii").splitlines()
    return {section: _unpacked(packed) for section, _, packed in (line.partition(" ") for line in lines)}


def written(found: Mapping[str, Iterable[bytes]]) -> str:
    """Return the text of the file: a line for each section."""
    return "".join(f"{section} {_packed(windows)}\n" for section, windows in found.items())


def stands(quote: str, document: str | None = None, section: str | None = None) -> bool:
    """Whether a quote stands in a document, in this section or in those below it; ``None``: in any of them."""
    if document is None:
        return any(stands(quote, each) for each in names())
    known = frozenset[bytes]().union(
        *(windows for each, windows in sections(document).items() if _within(each, section))
    )
    return known.issuperset(windows_of_quote(quote))


def _within(section: str, of: str | None) -> bool:
    return of is None or section in ("", of) or section.startswith(f"{of}.")


def _packed(windows: Iterable[bytes]) -> str:
    return b85encode(b"".join(sorted(set(windows)))).decode("ascii")


def _unpacked(packed: str) -> frozenset[bytes]:
    content = b85decode(packed)
    return frozenset(content[start : start + SIZE] for start in range(0, len(content), SIZE))
