"""What the documentation says of the repository is so: links lead somewhere, names exist, generated parts are fresh."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from docs.generate import PARTS, Part, stale, with_part
from docs.generating import fields, sections
from docs.generating.vectors import VECTORS
from tests.conformance.packaged import vectors_in
from tests.one_test import in_one_test
from xmpp_im_conformance.format.data import requirements
from xmpp_im_conformance.format.vectors import Vector
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.policy import Policy

ROOT: Final = Path(__file__).resolve().parent.parent
SKIPPED: Final = {".cache", ".git", "__pycache__", "build", "dist", "node_modules"}

FENCED: Final = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE: Final = re.compile(r"(`+)(.+?)\1", re.DOTALL)
LINK: Final = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
NAME: Final = re.compile(r"`(xmpp_im_c(?:ore|onformance)(?:\.\w+)+)(?:\(\))?`")


def files(*patterns: str) -> list[Path]:
    """Return the files of the repository, as paths below its root."""
    return [path for path in everything() if any(path.match(pattern) for pattern in patterns)]


@cache
def everything() -> list[Path]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not skipped(name)]
        found += [Path(folder, name).relative_to(ROOT) for name in names if not skipped(name)]
    return sorted(found)


def skipped(part: str) -> bool:
    """Whether a folder of this name holds what the repository does not: environments, caches, builds."""
    return part in SKIPPED or part.startswith((".venv", ".hypothesis")) or part.endswith((".egg-info", "_cache"))


PAGES: Final = files("*.md")


def prose(page: Path) -> str:
    """Return the text of a page without its blocks of code."""
    return FENCED.sub("", (ROOT / page).read_text(encoding="utf-8"))


# --- what code on a page imports ------------------------------------------------------------------------------

IMPORT: Final = re.compile(r"^(?:>>> |\.\.\. )?from (xmpp_im_core[\w.]*) import ([\w, ]+)$", re.MULTILINE)


def public_names(module: ModuleType) -> set[str] | None:
    """Return the names that a module offers, its modules included; None if it does not list them."""
    if not hasattr(module, "__all__"):
        return None
    return {*module.__all__, *[found.name for found in pkgutil.iter_modules(getattr(module, "__path__", []))]}


@in_one_test("page", [*PAGES, *files("examples/*.py")], ids=str)
def test_what_is_imported_for_readers_is_public(page: Path) -> None:
    for module, names in IMPORT.findall((ROOT / page).read_text(encoding="utf-8")):
        public = public_names(importlib.import_module(module))
        imported = [name.partition(" as ")[0].strip() for name in names.split(",")]
        assert not module.startswith("xmpp_im_core.server."), "the package has all of it"
        assert public is None or set(imported) <= public


def code(page: str) -> list[str]:
    """Return the blocks of Python code of a page."""
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_a_server_is_about_25_lines_and_fewer_than_10_names() -> None:
    server = code("docs/embedding.md")[0]
    names = [
        name for names in re.findall(r"^from \S+ import (.+)$", server, re.MULTILINE) for name in names.split(", ")
    ]

    assert len(server.splitlines()) <= 25
    assert len(names) < 10


def test_the_storage_on_the_page_is_that_of_the_example() -> None:
    example = (ROOT / "examples" / "storage_sqlite.py").read_text(encoding="utf-8")
    storage = code("docs/embedding.md")[1]
    shown = [part for part in re.split(r"\n(?=\S)", storage) if not part.startswith(("import ", "from "))]

    assert [part for part in shown if part.strip() not in example] == []
    assert "class SQLiteStorage:" in storage


# --- links ----------------------------------------------------------------------------------------------------


def links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links to files of the repository and to its own headings."""
    for target in LINK.findall(CODE.sub("``", prose(page))):
        if not re.match(r"[a-z][a-z0-9+.-]*:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    seen: Counter[str] = Counter()
    made = set()
    for heading in HEADING.findall(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        made.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return made


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    return [target for target in links(page) if not leads_somewhere(page, target)]


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    there = (ROOT / page.parent / path).resolve() if path else ROOT / page
    if not there.exists() or not there.is_relative_to(ROOT):
        return False
    return not anchor or (there.suffix == ".md" and anchor in anchors(there.relative_to(ROOT)))


@in_one_test("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_the_index_lists_every_page() -> None:
    pages = {page.relative_to("docs").as_posix() for page in PAGES if page.parts[0] == "docs"}

    assert pages - set(links(Path("docs/README.md"))) == {"README.md"}


def test_there_are_links_to_follow() -> None:
    assert sum(len(list(links(page))) for page in PAGES) > 100


@in_one_test("target", ["docs/no-such-page.md", "docs/choices.md#no-such-heading", "#nowhere", "../.."])
def test_a_broken_link_is_found(target: str) -> None:
    assert not leads_somewhere(Path("README.md"), target)


# --- names ----------------------------------------------------------------------------------------------------


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


@in_one_test("page", PAGES, ids=str)
def test_every_module_and_function_that_is_named_exists(page: Path) -> None:
    assert [name for name in NAME.findall(prose(page)) if not exists(name)] == []


def test_a_name_that_does_not_exist_is_found() -> None:
    assert exists("xmpp_im_core.server.reduce")
    assert not exists("xmpp_im_core.server.no_such_function")
    assert not exists("xmpp_im_core.no_such_module.reduce")


# --- the glossary ---------------------------------------------------------------------------------------------

GLOSSARY: Final = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TERMS: Final = [
    re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| `(.+?)` \|$", table, re.MULTILINE)
    for table in re.split(r"^## ", GLOSSARY, flags=re.MULTILINE)[1:]
]
ROWS: Final = [row for rows in TERMS for row in rows]


def test_every_line_of_the_glossary_is_read() -> None:
    lines = [line for line in GLOSSARY.splitlines() if line.startswith("|")]

    assert len(ROWS) == len(lines) - 2 * len(TERMS) > 80


@in_one_test(("term", "name"), [(term, name) for term, _, _, name in ROWS])
def test_the_class_or_module_of_a_term_exists(term: str, name: str) -> None:
    assert exists(name), f"{term}: {name}"


@in_one_test(("term", "where"), [(term, where) for term, _, where, _ in ROWS])
def test_the_section_of_a_term_is_a_section_of_a_named_document(term: str, where: str) -> None:
    known = {f"{requirement.section}." for requirement in requirements().values()}
    rest = re.sub(r"(RFC 6120|RFC 7622|XEP-\d{4})(,? §\d+(\.\d+)*)*", "", where)

    for section in re.findall(r"§([\dA-B.]+)", rest):
        assert any(each.startswith(f"{section}.") for each in known), f"{term}: §{section}"
    assert where == "project" or "§" in where or where.startswith("XEP-"), term


def test_the_glossary_explains_each_term_once_and_in_order() -> None:
    terms = [term for term, _, _, _ in ROWS]

    assert len(terms) == len({term.lower() for term in terms})
    for rows in TERMS:
        names = [term.lower() for term, _, _, _ in rows]
        assert names == sorted(names)
    assert all(meaning.endswith(".") and meaning[0].isupper() for _, meaning, _, _ in ROWS)


# --- choices --------------------------------------------------------------------------------------------------

CHOICES: Final = ROOT / "docs" / "choices.md"


def chapters() -> dict[str, str]:
    """Return the two chapters about fields, by their first words."""
    text = CHOICES.read_text(encoding="utf-8")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return {part.splitlines()[0]: part for part in parts if part.startswith("Choices of a ")}


@pytest.mark.parametrize(
    ("chapter", "policy", "prefix"),
    [("Choices of a service", Policy, ""), ("Choices of a client", ClientPolicy, "Client: ")],
)
def test_every_field_has_its_text_and_no_other_is_named(chapter: str, policy: type, prefix: str) -> None:
    headings = re.findall(rf"^#### {prefix}`(\w+)`$", chapters()[chapter], re.MULTILINE)

    assert headings == fields.names(policy)


@pytest.mark.parametrize("policy", [Policy, ClientPolicy])
def test_the_table_of_choices_has_the_defaults_of_the_code(policy: type) -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\(#[\w-]+\) \| `([^`]+)` \|", CHOICES.read_text(encoding="utf-8"), re.MULTILINE)
    every = [(name, fields.default(each, name)) for each in (Policy, ClientPolicy) for name in fields.names(each)]

    assert rows == every


# --- what is generated ------------------------------------------------------------------------------------------


def test_no_generated_part_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    read = tuple([each for each in vectors_in(VECTORS) if isinstance(each, Vector)])
    monkeypatch.setattr(sections, "vectors", lambda: read)

    assert stale() == [], "python -m docs.generate makes them anew"


@in_one_test("part", PARTS, ids=lambda part: f"{part.page}: {part.name}")
def test_no_generated_part_is_empty(part: Part) -> None:
    text = (ROOT / part.page).read_text(encoding="utf-8")

    assert with_part(text, part.name, "") != text


def test_a_changed_part_is_noticed() -> None:
    page = "above\n<!-- x:begin -->\n\nold\n\n<!-- x:end -->\nbelow\n"

    assert with_part(page, "x", "old") == page
    assert with_part(page, "x", "new") == page.replace("old", "new")
    with pytest.raises(ValueError, match="has 0 parts named 'y'"):
        with_part(page, "y", "new")


# --- what has no place in the repository --------------------------------------------------------------------------

TEXTS: Final = [
    path
    for path in files("*.py", "*.md", "*.toml", "*.json", "*.yml", "*.lua", "*.cfg", "Makefile", "run", ".gitignore")
    if path.name != Path(__file__).name  # which names what it looks for
]
OUT_OF_PLACE: Final = {
    "a path of one machine": re.compile(r"(?<![\w.:/}])/(?:home|root|work|Users|mnt)/\w"),
    "the address of a package registry": re.compile(r"(?:pypi|pythonhosted|npmjs|crates)\.(?:org|com|io)\b"),
    "something unfinished": re.compile(r"\b(?:TODO|FIXME|XXX|lorem ipsum)\b"),
    "a note of who is to blame": re.compile(r"^(?:Co-authored-by|Signed-off-by):", re.MULTILINE | re.IGNORECASE),
}


def test_nothing_is_out_of_place() -> None:
    found = []
    for path in TEXTS:
        text = (ROOT / path).read_text(encoding="utf-8")
        for what, pattern in OUT_OF_PLACE.items():
            found += [f"{path}: {what}: {match[0]}" for match in pattern.finditer(text)]

    assert found == []


@in_one_test(
    ("what", "text"),
    [
        ("a path of one machine", "see /home/juliet/notes"),
        ("the address of a package registry", "https://pypi.org/simple"),
        ("something unfinished", "# TODO: write this"),
        ("a note of who is to blame", "Signed-off-by: nobody"),
    ],
)
def test_what_is_out_of_place_is_found(what: str, text: str) -> None:
    assert OUT_OF_PLACE[what].search(text)
