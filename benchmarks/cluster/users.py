"""The accounts of a run."""

from __future__ import annotations

from typing import Final

DOMAIN: Final = "capulet.example"
PASSWORD: Final = "rosaline"


def account(number: int) -> str:
    """Return the JID of an account."""
    return f"user{number}@{DOMAIN}"
