"""The vectors that cannot be played in an arrangement, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NOT_STORED: Final = "which messages an error may answer is not stored (XEP-0280 lets a server choose)"
_SAVED_TOO: Final = "the step that delivers the message also saves the account, so its event is remembered"

UNPLAYED: Final[Mapping[str, Mapping[str, str]]] = {
    "again/delivered-message-comes-twice": {"doubt": _SAVED_TOO},
    "carbons/error-copied": {"cold": _NOT_STORED, "late": _NOT_STORED, "moving": _NOT_STORED},
}
"""The reasons, by the id of the vector and by arrangement."""


def is_played(id: str, arrangement: str) -> bool:
    """Whether a vector is played in an arrangement."""
    return arrangement not in UNPLAYED.get(id, {})
