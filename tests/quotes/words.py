"""The words of a text, as far as a quote must agree with what it quotes: letters and digits, without case."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final

SPAN: Final = 4
"""How many words a window has. A quote of fewer words is a term rather than a sentence, and is not checked."""
SIZE: Final = 3
"""How many bytes of a window's hash are kept. A changed word changes up to four windows."""

_LEFT_OUT = re.compile(r"\.\.\.|…|\[[^\]]*\]")


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def windows(text: str) -> Iterator[bytes]:
    """Return the hash of each run of four words."""
    found = words(text)
    for start in range(len(found) - SPAN + 1):
        run = " ".join(found[start : start + SPAN])
        yield hashlib.blake2b(run.encode(), digest_size=SIZE).digest()


def windows_of_quote(quote: str) -> Iterator[bytes]:
    """Return the hashes of a quote, which leaves words out where it has an ellipsis or brackets."""
    for part in _LEFT_OUT.split(quote):
        yield from windows(part)
