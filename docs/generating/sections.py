"""The sections of RFC 6121: the modules that implement them, their tests and vectors, and what is shown."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from docs.generating.markdown import table
from docs.generating.vectors import ROOT, VECTORS
from xmpp_im_conformance.format.data import requirements
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.format.vectors import MalformedFile, Side, Vector
from xmpp_im_conformance.reports.requirements import CHAPTER_TITLES
from xmpp_im_conformance.reports.sections import order

_PACKAGE: Final = ROOT / "xmpp_im_core"
_OTHER_DOCUMENT: Final = re.compile(r"(?:RFC (?!6121\b)\d+|XEP-\d+)(?:,? (?:and |to )?§[\w.]*\w)+")
_CITED: Final = re.compile(r"§((?:\d+|[A-E])(?:\.\d+)*)")
_MARK: Final = re.compile(r'@rfc6121\(\s*"([^"]+)"')
_NAMED: Final = re.compile(r'@requirement\("([^"]+)"\)')


# --- vectors and requirements --------------------------------------------------------------------------------


@cache
def vectors() -> tuple[Vector, ...]:
    """Return all vectors of the repository."""
    read = [
        vector
        for path in sorted(VECTORS.rglob("*.json"))
        for vector in read_file(path, path.relative_to(VECTORS).with_suffix("").as_posix())
    ]
    return tuple([vector for vector in read if not isinstance(vector, MalformedFile)])


@cache
def _shown() -> frozenset[str]:
    """Return the requirements that a vector or a named test shows."""
    named = {id for path in (ROOT / "tests").rglob("test_*.py") for id in _NAMED.findall(_text(path))}
    return frozenset(named.union(*[vector.requirements for vector in vectors()]))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _testable(belongs: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the testable requirements of each heading.

    :param belongs: the heading of each section.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for requirement in requirements().values():
        if requirement.testable:
            found[belongs[requirement.section]].append(requirement.id)
    return dict(found)


def _all_sections() -> list[str]:
    return sorted({requirement.section for requirement in requirements().values()}, key=order)


# --- README.md ----------------------------------------------------------------------------------------------


def tested() -> str:
    """Return the paragraph that says how much is tested: the numbers of requirements and of vectors."""
    testable = {requirement.id for requirement in requirements().values() if requirement.testable}
    shown = len(testable & _shown())
    all_of_them = f"All {shown}" if shown == len(testable) else f"{shown} of the {len(testable)}"
    sides = Counter([vector.side for vector in vectors()])
    return (
        f"**Tested.** {all_of_them} testable requirements of RFC 6121 are shown by a vector or by a test that names "
        "them.\n"
        f"The {len(vectors()):,} [vectors](conformance/README.md) ({sides[Side.SERVER]:,} for servers, "
        f"{sides[Side.CLIENT]} for clients) are plain JSON: they can be run against any\n"
        "implementation, live servers included."
    )


# --- the table of README.md ---------------------------------------------------------------------------------


def status() -> str:
    """Return the table of chapters: how many testable requirements are shown, and how many vectors there are."""
    chapter = {section: section.partition(".")[0] for section in _all_sections()}
    testable = _testable(chapter)
    server, client = [_by_chapter(side) for side in (Side.SERVER, Side.CLIENT)]
    rows = [
        (
            f"{number} {title}" if number.isdigit() else f"Appendix {number}: {title}",
            _stands(testable.get(number, [])),
            _requirements(testable.get(number, [])),
            str(server[number]),
            str(client[number]),
        )
        for number, title in CHAPTER_TITLES.items()
        if number in testable
    ]
    everything = [id for ids in testable.values() for id in ids]
    other = "Other documents (XEPs, RFC 6120)"
    rows.append((other, "", "", str(server[""]), str(client[""])))
    rows.append(("**All**", "", _requirements(everything), str(server.total()), str(client.total())))
    heads = ("RFC 6121", "Status", "Requirements shown", "Vectors: server", "client")
    return table(heads, rows, numbers=frozenset(heads[2:]))


def _by_chapter(side: Side) -> Counter[str]:
    """Count vectors by the first chapter that each names; "" for those that name no section of RFC 6121."""
    about = [vector.sections for vector in vectors() if vector.side is side]
    return Counter([named[0].partition(".")[0] if named else "" for named in about])


def _stands(ids: Iterable[str]) -> str:
    ids = set(ids)
    if ids <= _shown():
        return "done"
    return "partial" if ids & _shown() else "not yet"


def _requirements(ids: list[str]) -> str:
    return f"{len([id for id in ids if id in _shown()])} of {len(ids)}"


# --- the map of docs/rfc6121.md -----------------------------------------------------------------------------


def map_of_sections() -> str:
    """Return the map: section, modules that cite it, tests that quote it, folders of vectors that name it."""
    testable = _testable({section: section for section in _all_sections()})
    code, tests, folders = _citing_modules(), _quoting_tests(), _folders()
    rows = [
        (
            f"§{section}",
            _requirements(testable[section]),
            _links(code.get(section) or _obeying_modules().get(section, []), "xmpp_im_core/"),
            _links(tests.get(section, []), "tests/"),
            _links(folders.get(section, []), "conformance/vectors/"),
        )
        for section in _all_sections()
        if section in testable
    ]
    return table(("Section", "Shown", "Modules", "Tests", "Vectors"), rows)


def _links(paths: Iterable[str], folder: str) -> str:
    return ", ".join([f"[{path.removesuffix('.py')}](../{folder}{path})" for path in paths])


def _modules() -> list[Path]:
    """Return the modules that implement something: not rules, policies or tools for tests."""
    skipped = {"rules", "testing", "explain", "snapshot", "extensions"}
    found = [path for path in sorted(_PACKAGE.rglob("*.py")) if not skipped & set(path.parts)]
    return [path for path in found if path.name not in ("policy.py", "events.py", "state.py", "__init__.py")]


@cache
def _citing_modules() -> dict[str, list[str]]:
    """Return the modules that cite a section, by section."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in _modules():
        for section in sorted(set(_CITED.findall(_OTHER_DOCUMENT.sub("", _text(path))))):
            found[section].append(path.relative_to(_PACKAGE).as_posix())
    return dict(found)


@cache
def _obeying_modules() -> dict[str, list[str]]:
    """Return the modules that use a rule which cites a requirement of a section, by section."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    cited = {path.stem: _cites(path) for path in (_PACKAGE / "rules").glob("*.py")}
    for path in _modules():
        used = {
            section
            for module, alias in _imported_rules(path).items()
            for name in _attributes(path, alias)
            for section in cited.get(module, {}).get(name, ())
        }
        for section in sorted(used):
            found[section].append(path.relative_to(_PACKAGE).as_posix())
    return dict(found)


def _cites(path: Path) -> dict[str, set[str]]:
    """Return the sections whose requirements each rule of a module cites, except those that it shares with others."""
    cites: dict[str, set[str]] = {}
    for node in ast.parse(_text(path)).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(node.value, ast.Call):
            texts = [arg.value for arg in node.value.args[3:] if isinstance(arg, ast.Constant)]
            ids = [id for text in texts if isinstance(text, str) for id in re.findall(r"([\dAB][\d.]*)-\d\d", text)]
            cites[node.target.id] = set(ids)
    return cites


def _imported_rules(path: Path) -> dict[str, str]:
    """Return the modules of rules that a module imports, each with its name there."""
    return {
        alias.name: alias.asname or alias.name
        for node in ast.parse(_text(path)).body
        if isinstance(node, ast.ImportFrom) and node.module == "xmpp_im_core.rules"
        for alias in node.names
    }


def _attributes(path: Path, name: str) -> set[str]:
    """Return the attributes that a module takes from a name."""
    return {
        node.attr
        for node in ast.walk(ast.parse(_text(path)))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }


def _quoting_tests() -> dict[str, list[str]]:
    """Return the tests that quote a section, by section."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    folder = ROOT / "tests"
    for path in sorted(folder.rglob("test_*.py")):
        for section in sorted(set(_MARK.findall(_text(path)))):
            found[section].append(path.relative_to(folder).as_posix())
    return dict(found)


def _folders(most: int = 4) -> dict[str, list[str]]:
    """Return the folders with the most vectors that name a section, by section."""
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for vector in vectors():
        folder = Path(vector.file).relative_to(VECTORS).parent.as_posix()
        for section in vector.sections:
            counted[section][folder] += 1
    return {section: [folder for folder, _ in _most(folders)[:most]] for section, folders in counted.items()}


def _most(folders: Counter[str]) -> list[tuple[str, int]]:
    return sorted(folders.items(), key=lambda entry: (-entry[1], entry[0]))
