"""Each vector that was added, corrected or withdrawn since the recorded list is named, with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docs.vector_changes import CHANGES, DIGESTS, closed, missing_lines, named, problems, read_digests
from docs.vector_changes import written_digests as written
from tests.conformance.packaged import packaged
from tests.conformance.stage import scenario, send
from xmpp_im_conformance.artefact.entries import Entry, MalformedVector, entries
from xmpp_im_conformance.artefact.versions import version_of
from xmpp_im_conformance.format.data import VECTORS

PAGE = """# Changes

## Unreleased

### Added

- `a/new`, `a/newer`: two sides of a rule.

### Corrected

- `a/old`: the RFC allows silence.

## 1.3

### Withdrawn

- `a/gone`: it was the same as another one.
"""
RECORDED = {"a/old": "1", "a/same": "2", "a/row#x: y": "3"}
NOW = {"a/old": "9", "a/same": "2", "a/row#x: y": "3", "a/new": "4", "a/newer": "5"}


def entry(id: str, digest: str) -> Entry:
    return Entry(id, f"{id}.json", None, "scenario", "MUST", f"The title of {id}", digest)


def test_the_vectors_changed_only_as_the_page_says() -> None:
    """If this fails, ``python -m docs.vector_changes`` prints the lines that conformance/CHANGES.md needs."""
    now = {each.id: each.digest for each in entries(VECTORS, packaged())}
    recorded = read_digests(DIGESTS.read_text(encoding="utf-8"))

    assert list(problems(recorded, now, CHANGES.read_text(encoding="utf-8"))) == []


def test_what_is_named_is_no_problem() -> None:
    assert list(problems(RECORDED, NOW, PAGE)) == []


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({**NOW, "b": "1"}, ["Added, not named: b"]),
        ({**NOW, "a/same": "7"}, ["Corrected, not named: a/same"]),
        ({id: NOW[id] for id in NOW if id != "a/row#x: y"}, ["Withdrawn, not named: a/row#x: y"]),
        ({**NOW, "a/old": "1"}, ["Corrected, named but not so: a/old"]),
        ({id: NOW[id] for id in NOW if id != "a/new"}, ["Added, named but not so: a/new"]),
    ],
)
def test_what_is_not_named_or_not_so_is_a_problem(now: dict[str, str], told: list[str]) -> None:
    assert list(problems(RECORDED, now, PAGE)) == told


def test_a_line_needs_a_reason_and_a_known_kind() -> None:
    without = PAGE.replace("the RFC allows silence.", "WHY").replace("### Added", "### New")

    assert named(without)["Corrected"] == frozenset()
    assert "no kind of change: New" in list(problems(RECORDED, NOW, without))


def test_the_missing_lines_make_the_page_complete_once_the_reasons_are_written() -> None:
    listed = [entry(id, digest) for id, digest in NOW.items()]
    empty = "## Unreleased\n\n## 1.3\n"

    lines = list(missing_lines({**RECORDED, "a/gone": "0"}, listed, empty))

    assert lines == [
        "### Added",
        "- `a/new`: The title of a/new",
        "- `a/newer`: The title of a/newer",
        "### Corrected",
        "- `a/old`: WHY",
        "### Withdrawn",
        "- `a/gone`: WHY",
    ]
    page = empty.replace("\n\n", "\n\n" + "\n".join(lines).replace("WHY", "A sentence says so.") + "\n\n", 1)
    assert list(problems({**RECORDED, "a/gone": "0"}, NOW, page)) == []


def test_a_list_is_read_as_it_was_written() -> None:
    assert read_digests(written(NOW)) == NOW


def test_closing_gives_the_changes_the_next_version() -> None:
    assert version_of(PAGE) == "1.4-dev"
    assert version_of(closed(PAGE)) == "1.4"
    assert closed(closed(PAGE)) == closed(PAGE)
    assert list(problems(NOW, NOW, closed(PAGE))) == []


@pytest.mark.parametrize("page", ["## Unreleased\n", "## 2.0\n", "## Unreleased\n\n## 1\n", ""])
def test_a_page_without_a_version_of_this_format_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="no version of format 1"):
        version_of(page)


# --- digests ----------------------------------------------------------------------------------------------


def digest(folder: Path, **keys: object) -> str:
    data = {**scenario(send("<presence/>"), {"flush": ["juliet@capulet.example/balcony"]}), **keys}
    (folder / "a.json").write_text(json.dumps(data, indent=len(keys)), encoding="utf-8")
    (only,) = entries(folder)
    return only.digest


@pytest.mark.parametrize("key", ["title", "note", "source"])
def test_a_text_for_people_does_not_change_the_digest(tmp_path: Path, key: str) -> None:
    assert digest(tmp_path) == digest(tmp_path, **{key: "other words"})


@pytest.mark.parametrize(
    "change",
    [
        {"level": "MAY"},
        {"features": ["mam"]},
        {"requirements": ["6121-4.2.2-02"]},
        {"lenient": True},
        {"rfc": ["6121 4"]},
    ],
)
def test_what_a_vector_demands_changes_the_digest(tmp_path: Path, change: dict[str, object]) -> None:
    assert digest(tmp_path) != digest(tmp_path, **change)


def test_rows_are_listed_each_with_its_place_and_digest(tmp_path: Path) -> None:
    row = {"situation": "one", "target": "bare", "outcomes": ["delivered"]}
    table = {"title": "t", "rfc": ["6121 8.5.4"], "rows": [{**row, "type": type} for type in ("chat", "normal")]}
    folder = tmp_path / "tables"
    folder.mkdir()

    def listed() -> list[Entry]:
        (folder / "t.json").write_text(json.dumps(table), encoding="utf-8")
        return list(entries(tmp_path))

    before = listed()
    table["rows"][1]["level"] = "MAY"  # type: ignore[index]
    after = listed()

    assert [(each.id, each.file, each.row, each.kind) for each in before] == [
        ("tables/t#one, bare, chat", "tables/t.json", 0, "table"),
        ("tables/t#one, bare, normal", "tables/t.json", 1, "table"),
    ]
    assert [one.digest == other.digest for one, other in zip(before, after, strict=True)] == [True, False]


def test_a_malformed_vector_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")

    with pytest.raises(MalformedVector, match=r"bad\.json: neither a scenario"):
        list(entries(tmp_path))
