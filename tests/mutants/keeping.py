"""What earlier runs found: kept next to the sources, and used again while it is likely to hold.

A vector or a test is the same while its file is, and the helpers that a test imports: their texts make its key. What
became of a mutant holds while its module is the same, and the key of what has killed it, or of what it has survived.
What other modules do to it is not looked at: to begin anew, remove the folder.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

from tests.mutants.drawing import ROOT, file_of
from tests.mutants.selecting import Ran, Recording

KEPT: Final = ROOT / ".cache" / "mutants"
_VECTORS: Final = ROOT / "conformance" / "vectors"
_DRIVER: Final = ROOT / "conformance" / "xmpp_im_conformance" / "drivers" / "embedded"
_IMPORTED: Final = re.compile(r"^(?:from|import) (tests[\w.]*)", re.MULTILINE)


# --- keys -------------------------------------------------------------------------------------------------


@cache
def digest(file: Path) -> str:
    """Return what stands for what a file says; comments, docstrings and line breaks of a program say nothing."""
    if not file.is_file():
        return "-"
    said = file.read_bytes() if file.suffix != ".py" else _without_docstrings(file.read_text(encoding="utf-8"))
    return sha256(said).hexdigest()[:16]


@cache
def layout(file: Path) -> str:
    """Return what stands for the text of a file as it is."""
    return sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else "-"


def _without_docstrings(program: str) -> bytes:
    tree = ast.parse(program)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [each for each in node.body if not _is_docstring(each)]
    return ast.dump(tree).encode()


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@cache
def key(id: str) -> str:
    """Return what stands for a vector or a test as it is now; a vector is what the driver checks with it, too."""
    files = [*sorted(_imported(_file(id))), *_driver(id)]
    return sha256(" ".join([id, *map(digest, files)]).encode()).hexdigest()[:12]


def _driver(id: str) -> list[Path]:
    """Return the modules of the driver that check what the core promises, and that of the arrangement of a vector."""
    if id.startswith("tests/"):
        return []
    arranged = [_DRIVER / "arrangements" / f"{id.rpartition('@')[2]}.py"] if "@" in id else []
    return [*_PROMISES, *arranged]


_PROMISES: Final = sorted((_DRIVER / "promises").glob("*.py"))


def _file(id: str) -> Path:
    """Return the file of a test, or of a vector."""
    if id.startswith("tests/"):
        return ROOT / id.partition("::")[0]
    path = id.partition("@")[0].partition("#")[0]
    below = "" if path.startswith(("tables/", "client/")) else "scenarios/"
    return _VECTORS / f"{below}{path}.json"


@cache
def _imported(file: Path) -> frozenset[Path]:
    """Return a file with those of tests that it imports, and those that these import."""
    left, seen = [file, *(each / "conftest.py" for each in file.parents if each.is_relative_to(ROOT))], set[Path]()
    while left:
        file = left.pop()
        if file.is_file() and file not in seen:
            seen.add(file)
            names = _IMPORTED.findall(file.read_text(encoding="utf-8"))
            left += [ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names]
    return frozenset(seen)


# --- what runs --------------------------------------------------------------------------------------------


@frozen
class Recorded:
    """What vectors and tests ran in earlier runs, in a file of JSON lines."""

    file: Path
    found: dict[str, Ran] = field(factory=dict)

    @classmethod
    def read(cls, modules: Collection[str], file: Path = KEPT / "recorded.jsonl") -> Recorded:
        """Read those that are what they were, and that run none of these modules or run them as they were.

        The others are dropped.
        """
        recorded = cls(file)
        kept = [each for each in _lines(file) if _holds(each, modules)]
        for each in kept:
            lines = {module: int(bits, 16) for module, (_, bits) in each["modules"].items()}
            recorded.found[each["id"]] = Ran(each["seconds"], lines)
        _write(file, kept)
        return recorded

    def add(self, ran: Mapping[str, Ran]) -> None:
        """Keep what some have run."""
        self.found.update(ran)
        _append(self.file, self._lines(ran))

    def of(self, ids: Iterable[str]) -> Recording:
        """Return what these have run; one that is not there has failed."""
        return Recording({id: self.found[id] for id in ids if id in self.found})

    @staticmethod
    def _lines(ran: Mapping[str, Ran]) -> Iterator[dict[str, Any]]:
        for id, each in ran.items():
            found = {module: (layout(file_of(module)), f"{bits:x}") for module, bits in each.lines.items()}
            yield {"id": id, "key": key(id), "seconds": round(each.seconds, 6), "modules": found}


def _holds(each: Mapping[str, Any], modules: Collection[str]) -> bool:
    same = all(layout(file_of(module)) == then for module, (then, _) in each["modules"].items() if module in modules)
    return same and bool(each["key"] == key(each["id"]))


# --- what became of mutants -------------------------------------------------------------------------------

AT_IMPORT: Final = "the import"
"""What has killed a mutant with which the core, or its tests, cannot be imported."""


@frozen
class Verdict:
    """What is known of a mutant before it is tried."""

    killed: bool | None
    """None: nobody knows yet."""
    chosen: tuple[str, ...] = ()
    """What is to be tried on it then, in this order."""


@define
class Results:
    """What became of mutants in earlier runs, in a file of JSON lines."""

    file: Path
    recordings: Mapping[str, Recording]
    """What the vectors and the tests run, as ``"vectors"`` and ``"tests"``."""
    _found: dict[tuple[str, str], dict[str, Any]] = field(factory=dict)
    _keys: dict[str, str] = field(factory=lambda: {AT_IMPORT: ""})
    _killers: dict[tuple[str, str], list[str]] = field(factory=dict)
    """By the place of a mutant and what is tried: what has killed its neighbours, the latest last."""

    @classmethod
    def read(cls, recordings: Mapping[str, Recording], file: Path = KEPT / "results.jsonl") -> Results:
        """Read them all."""
        results = cls(file, recordings)
        for each in _lines(file):
            results._found[each["mutant"], each["by"]] = each
        for recording in recordings.values():
            results._keys.update({id: key(id) for id in recording.ran})
        _write(file, results._found.values())
        return results

    def verdict(self, mutant: str, module: str, by: str, chosen: Sequence[str]) -> Verdict:
        """Say what is known of a mutant, and what to try on it: what has killed it, or its neighbours, first.

        :param chosen: those that run what it changes, nearest first.
        """
        known = self._found.get((mutant, by), {})
        same = known.get("source") == digest(file_of(module))
        killer = known.get("killer")
        if same and killer in self._keys and known["key"] == self._keys[killer]:
            return Verdict(True)
        survived = set(known.get("survived", ())) if same else set[str]()
        left = [each for each in chosen if self._keys[each] not in survived]
        if killer in self._keys and killer not in (*left, AT_IMPORT):
            left.append(killer)  # it may be none of the nearest
        if not left:
            return Verdict(False)
        first = [killer, *self._killers.get((_place(mutant), by), [])[::-1]]
        rank = {each: n for n, each in reversed(list(enumerate(first)))}
        return Verdict(None, tuple(sorted(left, key=lambda each: rank.get(each, len(first)))))

    def note(self, mutant: str, module: str, by: str, killer: str | None, chosen: Sequence[str]) -> None:
        """Keep what became of a mutant.

        :param killer: what has killed it; None: it has survived all that was chosen.
        """
        found: dict[str, Any] = {"mutant": mutant, "by": by, "source": digest(file_of(module))}
        if killer is None:
            found["survived"] = [self._keys[each] for each in chosen]
        else:
            found |= {"killer": killer, "key": self._keys[killer]}
            self._killers.setdefault((_place(mutant), by), []).append(killer)
        self._found[mutant, by] = found
        _append(self.file, [found])


def _place(mutant: str) -> str:
    return mutant.partition(": ")[0]


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield what the lines of a file say; one that was cut off says nothing."""
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.endswith("}"):
                yield json.loads(line)


def _write(file: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    _append(new, lines)
    new.replace(file)


def _append(file: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        stream.writelines(f"{json.dumps(line)}\n" for line in lines)
