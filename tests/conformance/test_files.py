"""The files that the command writes a run to, and how quiet it can be."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conformance.stage import BALCONY, scenario, send
from xmpp_im_conformance.cli.commands import main

GOOD = scenario(send("<presence/>"), {"flush": [BALCONY]}, title="all is well")
WRONG = scenario(send("<presence/>"), title="something is left")
ELSEWHERE = scenario(features=["mam"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, vector in {"good": GOOD, "wrong": WRONG, "elsewhere": ELSEWHERE}.items():
        (folder / f"{name}.json").write_text(json.dumps(vector), encoding="utf-8")
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


def test_one_run_is_written_to_all_files_that_are_asked_for(folder: Path, tmp_path: Path) -> None:
    page, junit, data = tmp_path / "report.html", tmp_path / "junit.xml", tmp_path / "results.json"

    done = run(folder, "--html", page, "--junit", junit, "--json", data)

    assert done.exit_code == 1, done.output
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "something is left" in page.read_text(encoding="utf-8")
    assert ET.parse(junit).getroot().get("tests") == "3"
    assert json.loads(data.read_text(encoding="utf-8"))["summary"] == {
        "passed": 1,
        "failed": 1,
        "not_applicable": 1,
        "not_run": 0,
        "known": 0,
        "new": 1,
        "unexpectedly_passed": 0,
    }


def test_the_cases_of_junit_say_how_long_they_took(folder: Path, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"

    run(folder, "--junit", junit)

    times = {case.get("name"): float(case.get("time", "")) for case in ET.parse(junit).iter("testcase")}
    assert times["good"] > 0


@pytest.mark.parametrize("option", ["--html", "--junit", "--json"])
def test_surrogates_of_a_vector_keep_no_file_from_being_written(tmp_path: Path, option: str) -> None:
    # JSON may hold half of a surrogate pair, and UTF-8 may not.
    vector = tmp_path / "strange.json"
    vector.write_text(json.dumps({**WRONG, "title": "\ud800", "\udfff": 1}), encoding="utf-8")
    file = tmp_path / "report"

    run("--quiet", vector, option, file)

    assert "malformed vector" in file.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_is_refused_before_anything_runs(folder: Path) -> None:
    done = run(folder, "--html", folder)

    assert done.exit_code == 2
    assert "is a directory" in done.output


def test_quiet_leaves_the_failures_and_the_sum(folder: Path) -> None:
    done = run(folder, "--quiet")

    lines = done.output.splitlines()
    assert lines[0].startswith("FAILED wrong")
    assert lines[-1] == "1 passed, 1 failed, 1 not applicable"
    assert "section" not in done.output
    assert "not applicable, 1" not in done.output
    assert run(folder, "--quiet", "--id", "good").output == "1 passed, 0 failed, 0 not applicable\n"


def test_no_progress_is_shown_where_nobody_looks(folder: Path) -> None:
    assert "Running" not in run(folder).output
