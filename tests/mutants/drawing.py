"""All mutants of the core, and a sample of them that the commit draws."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.mutants.changes import Mutant, mutants_of

ROOT: Final = Path(__file__).resolve().parents[2]
CORE: Final = ROOT / "xmpp_im_core"
_LEFT_OUT: Final = "testing"


def file_of(module: str) -> Path:
    """Return the file of a module that is named from the core's package on."""
    return CORE.joinpath(*module.split(".")).with_suffix(".py")


def source_of(module: str) -> str:
    """Return the text of a module."""
    return file_of(module).read_text(encoding="utf-8")


def modules() -> list[str]:
    """Return the names of the core's modules, without those that serve tests."""
    names = (".".join(path.relative_to(CORE).with_suffix("").parts) for path in CORE.rglob("*.py"))
    return sorted(name for name in names if not name.startswith(_LEFT_OUT))


def all_mutants() -> list[Mutant]:
    """Return every mutant of the core."""
    return [mutant for module in modules() for mutant in mutants_of(module, source_of(module))]


def commit() -> str:
    """Return the hash of the commit that is checked out."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    return found.stdout.strip()


def drawn(mutants: Iterable[Mutant], size: int, seed: str) -> list[Mutant]:
    """Return a sample of the mutants, in their order; the same seed draws the same ones."""
    mutants = list(mutants)
    chosen = sorted(mutants, key=lambda mutant: sha256(f"{seed} {mutant.id}".encode()).digest())[:size]
    ids = {mutant.id for mutant in chosen}
    return [mutant for mutant in mutants if mutant.id in ids]


def in_modules(mutants: Iterable[Mutant], patterns: Sequence[str]) -> list[Mutant]:
    """Return the mutants of the modules that match one of the patterns; without patterns, all."""
    return [each for each in mutants if not patterns or any(fnmatchcase(each.module, p) for p in patterns)]
