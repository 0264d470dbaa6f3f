"""What earlier runs found is used again, as long as what it depends on is as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutants import keeping
from tests.mutants.keeping import AT_IMPORT, Recorded, Results, Verdict, key
from tests.mutants.selecting import Ran, Recording

A, B = "tests/test_a.py::test_it", "tests/test_b.py::test_it"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of two modules and two files of tests, the first of which imports a helper."""
    monkeypatch.setattr(keeping, "ROOT", tmp_path)
    monkeypatch.setattr(keeping, "file_of", lambda module: tmp_path / f"{module}.py")
    for name in ("m", "n", "tests/test_a", "tests/test_b", "tests/helper"):
        write(tmp_path, f"{name}.py", "from tests.helper import x\n" if name.endswith("_a") else "")
    yield tmp_path
    forget()


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")
    forget()


def forget() -> None:
    keeping.digest.cache_clear()
    keeping.layout.cache_clear()
    keeping.key.cache_clear()
    keeping._imported.cache_clear()


RECORDED = {A: Ran(1.0, {"m": 0b110}), B: Ran(2.0, {"m": 0b10, "n": 0b100})}


def recorded(root: Path) -> Recorded:
    return Recorded.read(["m", "n"], root / "kept" / "recorded.jsonl")


def results(root: Path) -> Results:
    return Results.read({"tests": Recording(RECORDED)}, root / "kept" / "results.jsonl")


# --- what runs --------------------------------------------------------------------------------------------


def test_what_was_recorded_is_read_again(root: Path) -> None:
    recorded(root).add(RECORDED)

    assert recorded(root).found == RECORDED
    assert recorded(root).of([B, "other"]).ran == {B: RECORDED[B]}


@pytest.mark.parametrize(
    ("changed", "left"),
    [("n.py", {A}), ("m.py", set()), ("tests/test_b.py", {A}), ("tests/helper.py", {B}), ("tests/conftest.py", set())],
)
def test_results_that_depend_on_a_changed_file_are_recorded_again(root: Path, changed: str, left: set[str]) -> None:
    recorded(root).add(RECORDED)

    write(root, changed, "x = 1\n")

    assert set(recorded(root).found) == left


def test_what_runs_in_other_modules_makes_no_difference(root: Path) -> None:
    recorded(root).add(RECORDED)

    write(root, "n.py", "x = 1\n")

    assert Recorded.read(["m"], root / "kept" / "recorded.jsonl").found == RECORDED


def test_a_line_that_was_cut_off_is_left_out(root: Path) -> None:
    recorded(root).add(RECORDED)
    with recorded(root).file.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": "x"})[:-1])

    assert recorded(root).found == RECORDED


def test_the_key_of_a_vector_is_that_of_its_file() -> None:
    assert key("iq/x") != key("iq/y")
    assert keeping._file("tables/a.2.1#outbound subscribe: None").is_file()


# --- what became of mutants -------------------------------------------------------------------------------


def test_nothing_is_known_about_a_new_mutant(root: Path) -> None:
    assert results(root).verdict("m f: a", "m", "tests", [A, B]) == Verdict(None, (A, B))


def test_a_killed_mutant_stays_killed_while_its_killer_and_its_module_stay(root: Path) -> None:
    results(root).note("m f: a", "m", "tests", B, ())
    results(root).note("m f: b", "m", "tests", AT_IMPORT, ())

    assert results(root).verdict("m f: a", "m", "tests", [A, B]) == Verdict(True)
    assert results(root).verdict("m f: b", "m", "tests", [A, B]) == Verdict(True)

    write(root, "tests/test_b.py", "x = 1\n")
    assert results(root).verdict("m f: a", "m", "tests", [A, B]) == Verdict(None, (B, A))
    assert results(root).verdict("m f: a", "m", "tests", [A]) == Verdict(None, (B, A)), "it is tried though it is far"
    assert results(root).verdict("m f: b", "m", "tests", [A, B]) == Verdict(True)

    write(root, "m.py", "x = 1\n")
    assert results(root).verdict("m f: b", "m", "tests", [A, B]) == Verdict(None, (A, B))


def test_a_comment_changes_nothing_but_the_lines(root: Path) -> None:
    recorded(root).add(RECORDED)
    results(root).note("m f: a", "m", "tests", None, [A, B])

    write(root, "m.py", '"""It says nothing."""\n# nothing\n')
    write(root, "tests/test_b.py", "# nothing\n")

    assert results(root).verdict("m f: a", "m", "tests", [A, B]) == Verdict(False)
    assert recorded(root).found == {}


def test_a_survivor_is_tried_on_new_or_changed_tests(root: Path) -> None:
    results(root).note("m f: a", "m", "tests", None, [A, B])

    assert results(root).verdict("m f: a", "m", "tests", [A, B]) == Verdict(False)

    write(root, "tests/test_b.py", "x = 1\n")
    assert results(root).verdict("m f: a", "m", "tests", [A, B]) == Verdict(None, (B,))

    write(root, "m.py", "x = 1\n")
    assert results(root).verdict("m f: a", "m", "tests", [A, B]) == Verdict(None, (A, B))


def test_what_has_killed_a_neighbour_is_tried_first(root: Path) -> None:
    kept = results(root)
    kept.note("m f: a", "m", "tests", B, ())

    assert kept.verdict("m f: b", "m", "tests", [A, B]) == Verdict(None, (B, A))
    assert kept.verdict("m g: b", "m", "tests", [A, B]) == Verdict(None, (A, B))


def test_a_vector_is_another_one_if_its_arrangement_changes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_DRIVER", root)
    write(root, "arrangements/cold.py", "x = 1\n")
    before = [key(id) for id in ("again/vector#1", "again/vector#1@cold", A)]

    write(root, "arrangements/cold.py", "x = 2\n")

    usual, cold, test = [key(id) for id in ("again/vector#1", "again/vector#1@cold", A)]
    assert (usual, test) == (before[0], before[2])
    assert cold != before[1]


def test_a_vector_is_another_one_if_what_the_driver_checks_changes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_PROMISES", [root / "promises.py"])
    write(root, "promises.py", "x = 1\n")
    before = [key(id) for id in ("again/vector#1", "again/vector#1@cold", A)]

    write(root, "promises.py", "x = 2\n")

    usual, cold, test = [key(id) for id in ("again/vector#1", "again/vector#1@cold", A)]
    assert test == before[2]
    assert usual != before[0]
    assert cold != before[1]
