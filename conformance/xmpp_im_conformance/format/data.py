"""The files of the vectors, their schema and the requirements: in the installed package, or next to a checkout's."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final, Literal

import cattrs
from attrs import frozen

FORMAT: Final = 1
"""The version of the format of vectors."""

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_DATA: Final = _PACKAGE if (_PACKAGE / "vectors").is_dir() else _PACKAGE.parent

VECTORS: Final = _DATA / "vectors"
SCHEMA: Final = _DATA / "schema"
REQUIREMENTS: Final = _DATA / "requirements.json"
PAGE: Final = _DATA / "README.md"
"""The page that defines the format."""
STDIO_PROTOCOL: Final = _DATA / "docs" / "stdio-protocol.md"
CHANGES: Final = _DATA / "CHANGES.md"
"""What changed in the vectors."""
LICENSE: Final = _DATA / "LICENSE"


@frozen
class Requirement:
    """One normative statement of RFC 6121."""

    id: str
    section: str
    level: str
    """MUST, MUST NOT, SHOULD, SHOULD NOT, MAY; "plain" if there is no such word."""
    actor: str
    """Whom it binds: "client", "server" and so on."""
    summary: str
    scope: Literal["core", "codec", "client-ui", "host", "informative"]
    """Which part of an implementation it concerns."""
    testable: bool
    quote_anchor: str = ""
    """Words of the RFC by which the statement is found there."""


@cache
def requirements() -> dict[str, Requirement]:
    """Return all requirements by id, in the RFC's order."""
    listed = cattrs.structure(json.loads(REQUIREMENTS.read_text(encoding="utf-8")), list[Requirement])
    return {requirement.id: requirement for requirement in listed}
