"""The toy in Go fails the vectors that it is known to fail, and no others; ``make stdio-go-example`` runs this."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from xmpp_im_conformance.drivers.stdio.driver import StdioDriver
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.running.run import run_vector
from xmpp_im_conformance.verdict.known import read_known

FOLDER = Path(__file__).parent
PASSED, FAILED = Outcome.PASSED, Outcome.FAILED


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Result]]:
    binary = tmp_path_factory.mktemp("go") / "stdio-go"
    subprocess.run(["go", "build", "-o", str(binary), "."], cwd=FOLDER, check=True)
    with closing(Program([str(binary)], timeout=60)) as program:
        driver = StdioDriver(program)
        yield [run_vector(vector, driver) for vector in find([])]


def test_what_fails_is_known(results: list[Result]) -> None:
    known = {id for each in read_known(FOLDER / "known.toml") for id in each.vectors}

    assert {result.vector.id: result.detail for result in results if result.outcome is FAILED}.keys() == known


def test_each_part_of_the_toy_is_really_run(results: list[Result]) -> None:
    passed = Counter([result.vector.id.split("/")[0] for result in results if result.outcome is PASSED])

    assert passed.total() >= 900
    for folder in ("roster-set", "subscribe", "approve", "cancel", "unsubscribe", "initial-presence", "message-full"):
        assert passed[folder] >= 15, folder


def test_the_adapter_is_short() -> None:
    assert len((FOLDER / "main.go").read_text(encoding="utf-8").splitlines()) < 120


def test_only_the_standard_library_is_needed() -> None:
    assert "require" not in (FOLDER / "go.mod").read_text(encoding="utf-8")
