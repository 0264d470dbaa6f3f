"""The version of the vectors. The first number is the version of the format, the second counts the changes."""

from __future__ import annotations

import re
from typing import Final

from xmpp_im_conformance.format.data import FORMAT

UNRELEASED: Final = "Unreleased"
"""The heading in ``CHANGES.md`` of the changes that do not belong to a version yet."""

_HEADING: Final = re.compile(r"^## (\S+)", re.MULTILINE)
_BULLET: Final = re.compile(r"^- ", re.MULTILINE)


def version_of(changes: str) -> str:
    """Return the version of the vectors that a list of changes describes.

    It is the newest version of the list; if there are changes after it, the next version, with ``-dev``.

    :raises ValueError: if the list has no version of this format.
    """
    _, *parts = _HEADING.split(changes)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    pending = sections.pop(UNRELEASED, "")
    newest = next(iter(sections), "")
    number = re.fullmatch(rf"{FORMAT}\.(\d+)", newest)
    if number is None:
        raise ValueError(f"the changes of the vectors have no version of format {FORMAT}: {newest!r}")
    return f"{FORMAT}.{int(number[1]) + 1}-dev" if _BULLET.search(pending) else newest
