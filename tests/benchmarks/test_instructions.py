"""The guard of the instruction counts: what fails, what is only said, and that builds do not matter."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from benchmarks import counting, instructions
from benchmarks.instructions import CALIBRATION, compare, kept_in, main, operations, report, write

KEPT = {CALIBRATION: 1000.0, "server: chat in": 500.0, "codec: read a message": 2000.0}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(KEPT, tmp_path / "kept.json")
    return tmp_path / "kept.json"


def test_the_same_counts_pass(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KEPT, file) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "none of 2 steps needs 10% more than is kept"


@pytest.mark.parametrize(("value", "status"), [(549, 0), (551, 1)])
def test_a_step_that_needs_a_tenth_more_fails_and_is_named(
    file: Path, value: float, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(KEPT | {"server: chat in": value}, file) == status

    last = capsys.readouterr().out.splitlines()[-1]
    assert ("server: chat in (1.10 times)" in last) is bool(status)
    assert "codec" not in last


def test_a_build_that_needs_more_for_everything_passes(file: Path) -> None:
    assert report({name: 1.3 * value for name, value in KEPT.items()}, file) == 0


def test_a_build_that_needs_less_for_everything_hides_nothing(file: Path) -> None:
    less = {name: 0.8 * value for name, value in KEPT.items()}

    assert report(less | {"server: chat in": 500.0}, file) == 1
    assert compare(less, KEPT) == pytest.approx({"server: chat in": 1, "codec: read a message": 1})


def test_a_step_without_a_count_is_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KEPT | {"server: new": 9000.0}, file) == 0
    assert "nothing is kept for: server: new" in capsys.readouterr().out


def test_counts_that_are_too_high_are_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KEPT | {"server: chat in": 250.0}, file) == 0
    assert "renew the counts" in capsys.readouterr().out


def test_an_interpreter_without_counts_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KEPT, tmp_path / "cpython-9.9.json") == 0
    assert "nothing is kept for this version of Python" in capsys.readouterr().out.splitlines()[-1]


def test_without_valgrind_the_command_says_so_and_does_not_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["instructions"])

    assert main() == 0
    assert capsys.readouterr().out.startswith("instructions are not counted: valgrind is not here")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not here")
def test_operations_that_fail_are_no_reason_to_count_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("raise LookupError('no such step')\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(RuntimeError, match="no such step"):
        counting.count("broken")


def test_counts_are_kept_for_all_steps_in_the_first_interpreter() -> None:
    kept = instructions.KEPT / "cpython-3.11.json"

    assert set(instructions.read(kept)) == set(operations())
    assert kept_in().parent == kept.parent


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not here")
def test_more_work_gives_a_higher_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "counted.py"
    module.write_text(
        "from collections import deque\n"
        "from itertools import repeat\n"
        "from benchmarks.counting import Counted, child\n"
        "runs = {str(size): Counted(lambda size=size: deque(repeat(None, size), 0)) for size in (100, 1_000, 2_000)}\n"
        "child(runs)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    found = counting.count("counted")

    each = (found["1000"] - found["100"]) / 900
    assert each > 1
    assert (found["2000"] - found["1000"]) / 1000 == pytest.approx(each, rel=0.02)
