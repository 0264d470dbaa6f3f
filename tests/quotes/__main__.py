"""Make the hashes of documents: ``python -m tests.quotes rfc6121.txt xep-0280.xml``."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from typing import Final

from tests.quotes.documents import FOLDER, written
from tests.quotes.words import windows

_PAGE_BREAK: Final = re.compile(r"\n+[^\n]*\[Page \d+\]\n\f?(?:\n*RFC \d+ [^\n]*\n)?")
_HEADING: Final = re.compile(r"^(?:Appendix )?((?:\d+|[A-Z])(?:\.\d+)*)\.  ?\S", re.MULTILINE)
_MARKUP: Final = re.compile(r"<!(?:--.*?--|[^>]*)>|<[^>]+>", re.DOTALL)
# XEPs name stanza errors by entities that the XSF defines.
_ERRORS: Final = {"&badrequest;": "bad-request", "&unavailable;": "service-unavailable", "&notfound;": "item-not-found"}


def of_rfc(text: str) -> dict[str, str]:
    """Return the text of each section of an RFC. Only headings begin in the first column with a number."""
    text = _PAGE_BREAK.sub("\n", text)
    headings = list(_HEADING.finditer(text))
    ends = [each.start() for each in headings[1:]] + [len(text)]
    return {heading[1]: text[heading.start() : end] for heading, end in zip(headings, ends, strict=True)}


def of_xep(text: str) -> dict[str, str]:
    """Return the text of a XEP, whose sections are not told apart."""
    for entity, condition in _ERRORS.items():
        text = text.replace(entity, condition)
    return {"": html.unescape(_MARKUP.sub(" ", text))}


def main(paths: list[str]) -> None:
    for path in map(Path, paths):
        text = path.read_text(encoding="utf-8", errors="replace")
        parts = of_xep(text) if path.suffix == ".xml" else of_rfc(text)
        hashed = {section: list(windows(part)) for section, part in parts.items()}
        (FOLDER / f"{path.stem}.txt").write_text(written({name: each for name, each in hashed.items() if each}))


main(sys.argv[1:])
