"""Known deviations on the command line: what is known does not fail a run, and everything else does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conformance.stage import BALCONY, receive, scenario, send
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.verdict.known import read_known

GOOD = scenario(send("<presence/>"), receive("<presence from='{any}' to='{any}'/>"), rfc=["6121 4.2.2"])
WRONG = scenario(send("<presence/>"), {"silent": [BALCONY]}, rfc=["6121 4.4"], title="Nothing comes back")
ELSEWHERE = scenario(features=["mam"], rfc=["6121 11"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, vector in {"good": GOOD, "wrong": WRONG, "elsewhere": ELSEWHERE}.items():
        (folder / f"{name}.json").write_text(json.dumps(vector), encoding="utf-8")
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known.toml"


def record(*ids: str, more: str = "") -> str:
    return f"[[deviation]]\ndoes = 'sends it back'\nvectors = {list(ids)}\n{more}\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["run", "--quiet", *map(str, arguments)])


def test_a_known_failure_is_counted_and_not_red(folder: Path, file: Path) -> None:
    file.write_text(record("wrong"), encoding="utf-8")

    done = run(folder, "--known", file)

    assert done.exit_code == 0, done.output
    assert "FAILED" not in done.output
    assert "1 known behaviour, shown by 1 vector" in done.output
    assert "1 passed, 1 failed (1 known), 1 not applicable" in done.output


def test_a_failure_that_is_not_known_is_red_and_named(folder: Path, file: Path) -> None:
    file.write_text("", encoding="utf-8")

    done = run(folder, "--known", file)

    assert done.exit_code == 1
    assert "FAILED wrong" in done.output
    assert "1 behaviour differs, shown by 1 vector" in done.output


def test_a_known_vector_that_passes_is_red_and_named(folder: Path, file: Path) -> None:
    file.write_text(record("wrong", "good"), encoding="utf-8")

    done = run(folder, "--known", file)

    assert done.exit_code == 1
    assert "PASSED good, which is known to fail: sends it back" in done.output
    assert "1 vector passed unexpectedly" in done.output
    assert "FAILED" not in done.output


def test_what_happens_in_some_runs_only_may_pass_and_fail(folder: Path, file: Path) -> None:
    file.write_text(record("wrong", "good", more="unsteady = true"), encoding="utf-8")

    assert run(folder, "--known", file).exit_code == 0


def test_a_known_vector_that_is_not_applicable_is_no_surprise(folder: Path, file: Path) -> None:
    file.write_text(record("wrong", "elsewhere"), encoding="utf-8")

    assert run(folder, "--known", file).exit_code == 0


def test_what_is_not_selected_does_not_pass_unexpectedly(folder: Path, file: Path) -> None:
    file.write_text(record("wrong", "good"), encoding="utf-8")

    assert run(folder, "--known", file, "--id", "wrong").exit_code == 0
    assert run(folder, "--known", file, "--section", "4.4").exit_code == 0


def test_what_lies_in_the_package_exists_although_other_files_are_run(folder: Path, file: Path) -> None:
    file.write_text(record("wrong", "deny/outbound-example", "tables/a.2.1#outbound subscribe: None"), encoding="utf-8")

    assert run(folder, "--known", file).exit_code == 0


def test_an_id_that_no_vector_has_is_an_error(folder: Path, file: Path) -> None:
    file.write_text(record("wrong", "rong", "tables/a.2.1#no such row", "deny#x"), encoding="utf-8")

    done = run(folder, "--known", file)

    assert done.exit_code == 2
    assert "there is no vector rong, tables/a.2.1#no such row, deny#x" in done.output
    assert "passed" not in done.output


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (record("wrong") + record("wrong"), "recorded twice: wrong"),
        (record("wrong", "wrong"), "recorded twice: wrong"),
        (record("wrong", more="seen = 1"), "record 1: unknown key 'seen'"),
        ("[[deviation", "Expected ']]'"),
        (None, "No such file or directory"),
    ],
    ids=["twice", "twice in one record", "unknown key", "not TOML", "not there"],
)
def test_a_file_that_is_not_one_is_an_error(folder: Path, file: Path, text: str | None, why: str) -> None:
    if text is not None:
        file.write_text(text, encoding="utf-8")

    done = run(folder, "--known", file)

    assert done.exit_code == 2
    assert why in done.output.replace("\n", " ")
    assert "passed" not in done.output


# --- writing the file -------------------------------------------------------------------------------------


def test_a_run_writes_a_file_with_which_the_next_is_green(folder: Path, file: Path) -> None:
    first = run(folder, "--write-known", file)
    second = run(folder, "--known", file)

    assert (first.exit_code, second.exit_code) == (1, 0)
    (written,) = read_known(file)
    assert written.vectors == ("wrong",)
    assert written.does == "after a client sends available presence: available presence comes, although it must not"
    assert (written.kind, written.section, written.unsteady) == ("against", "6121 4.4", False)


def test_what_was_written_by_hand_stays_and_what_passed_goes(folder: Path, file: Path) -> None:
    more = "kind = 'beyond'\nsection = '6121 9'\nsentence = 'a \"sentence\"'\nnote = '''two\nlines \u00e9 \\'''"
    file.write_text(record("good", "wrong", more=more) + record("deny/outbound-example"), encoding="utf-8")

    assert run(folder, "--write-known", file).exit_code == 1

    ours, elsewhere = read_known(file)
    assert ours.vectors == ("wrong",)
    assert (ours.does, ours.kind, ours.section) == ("sends it back", "beyond", "6121 9")
    assert (ours.sentence, ours.note) == ('a "sentence"', "two\nlines \u00e9 \\")
    assert elsewhere.vectors == ("deny/outbound-example",)


def test_a_record_goes_with_its_last_vector_and_an_unsteady_one_stays(folder: Path, file: Path) -> None:
    gone = record("good") + record("was/withdrawn")
    file.write_text(gone + record("elsewhere") + record("wrong", more="unsteady = true"), encoding="utf-8")
    assert run(folder, "--write-known", file).exit_code == 1
    assert [each.vectors for each in read_known(file)] == [("elsewhere",), ("wrong",)]

    (folder / "wrong.json").write_text(json.dumps(GOOD), encoding="utf-8")
    run(folder, "--write-known", file)
    assert [each.vectors for each in read_known(file)] == [("elsewhere",), ("wrong",)]


def test_a_new_file_begins_with_what_is_known(folder: Path, file: Path, tmp_path: Path) -> None:
    file.write_text(record("wrong"), encoding="utf-8")
    new = tmp_path / "new.toml"

    assert run(folder, "--known", file, "--write-known", new).exit_code == 0

    assert [each.does for each in read_known(new)] == ["sends it back"]


def test_another_file_is_not_overwritten(folder: Path, file: Path) -> None:
    file.write_text("mine = true", encoding="utf-8")

    done = run(folder, "--write-known", file)

    assert done.exit_code == 2
    assert file.read_text(encoding="utf-8") == "mine = true"
    assert "FAILED" not in done.output, "it is refused before anything runs"


def test_a_run_that_does_not_begin_leaves_no_file(folder: Path, file: Path) -> None:
    assert run(folder, "--write-known", file, "--driver", "stdio", "--command", "/nowhere/adapter").exit_code == 2

    assert not file.exists()


def test_a_file_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    done = run(folder, "--write-known", tmp_path / "nowhere" / "known.toml")

    assert done.exit_code == 2
    assert "No such file or directory" in done.output
    assert "FAILED" not in done.output


# --- levels -----------------------------------------------------------------------------------------------


def test_only_vectors_of_these_levels_are_run(folder: Path) -> None:
    for level in ("SHOULD", "MAY", "peer"):
        (folder / f"{level.lower()}.json").write_text(json.dumps({**GOOD, "level": level}), encoding="utf-8")

    assert "1 passed, 1 failed, 1 not applicable" in run(folder, "--level", "MUST").output
    assert "2 passed, 0 failed, 0 not applicable" in run(folder, "--level", "MAY", "--level", "peer").output
    assert run(folder, "--level", "must").exit_code == 2


def test_a_row_has_the_level_of_its_own_or_else_that_of_its_table(tmp_path: Path) -> None:
    row = {"situation": "one", "target": "bare", "type": "chat", "outcomes": ["delivered"], "rfc": ["6121 8.5.4"]}
    rows = [row, {**row, "target": "full-match", "level": "MAY"}]
    table = tmp_path / "table.json"
    table.write_text(json.dumps({"title": "a table", "level": "SHOULD", "rows": rows}), encoding="utf-8")

    assert run(table, "--level", "MUST").exit_code == 2
    assert "1 passed" in run(table, "--level", "SHOULD").output
    assert "1 passed" in run(table, "--level", "MAY").output


def test_a_malformed_vector_without_a_level_may_have_any(folder: Path) -> None:
    (folder / "malformed.json").write_text(json.dumps({**GOOD, "level": "must"}), encoding="utf-8")

    assert "FAILED malformed" in run(folder, "--level", "peer").output
