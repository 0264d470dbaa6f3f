"""The versions of XMPP that streams have (RFC 6120 §4.7.5)."""

from __future__ import annotations

import re
from typing import Final

_VERSION: Final = re.compile(r"0*([0-9]{1,9})\.0*([0-9]{1,9})\Z")


def response_version(version: str | None) -> str | None:
    """Return the version for the response header: the lower one of the given one and 1.0.

    A header without a version means 0.9, and its response has none. What is no version is answered like that.
    """
    match = _VERSION.match(version or "")
    if match is None:
        return None
    major, minor = int(match[1]), int(match[2])
    return "1.0" if major >= 1 else f"{major}.{minor}"
