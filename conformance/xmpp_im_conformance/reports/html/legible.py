"""Text from outside, as the page shows it: whatever it holds can be seen, and none of it moves what stands around."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 4000
_MOST: Final = 400
"""What no person reads to its end is cut: lines longer than the one, and text of more lines than the other."""

# Control characters except tab and line feed, what turns the direction of writing, and what UTF-8 cannot hold.
_UNSEEN: Final = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def legible(text: str) -> str:
    """Return a text in which nothing hides: what cannot be seen stands there by its number, and all has an end."""
    lines = _UNSEEN.sub(_numbered, text).split("\n")
    shown = [_cut(line) for line in lines[:_MOST]]
    if len(lines) > _MOST:
        shown.append(f"… {len(lines) - _MOST} more lines")
    return "\n".join(shown)


def _numbered(found: re.Match[str]) -> str:
    return f"\\u{{{ord(found[0]):04x}}}"


def _cut(line: str) -> str:
    more = len(line) - _LONGEST
    return line if more <= 0 else f"{line[:_LONGEST]} … {more} more characters"
