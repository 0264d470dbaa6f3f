"""The vectors' files, as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
CONFORMANCE: Final = ROOT / "conformance"
VECTORS: Final = CONFORMANCE / "vectors"
SCENARIOS: Final = VECTORS / "scenarios"


def load(path: Path) -> Mapping[str, Any]:
    """Return the content of a vector's file; the tests of the runner check it against the schema."""
    data: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data
