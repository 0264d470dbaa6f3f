"""The time of other processes: what is counted, and that compiling is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.processes import race_processes


def test_modules_are_compiled_before_the_first_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed library is compiled. To compile ours in each process would double the time of importing it."""
    (tmp_path / "imported.py").write_text("")
    log = tmp_path / "log"
    code = f"import imported, os; print(os.path.exists(imported.__cached__), file=open({str(log)!r}, 'a'))"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    took = race_processes({"import": [sys.executable, "-c", code]}, 2)

    assert log.read_text().split() == ["True", "True", "True"]
    assert [*took] == ["import"]
    assert 0 < took["import"] < float("inf")
    assert not list(tmp_path.rglob("*.pyc"))
