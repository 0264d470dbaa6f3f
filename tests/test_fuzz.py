"""The fuzzer works and finds faults; ``make fuzz`` runs it for longer."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from fuzz import byte_targets, event_targets, mutation
from fuzz.figures import Figures, Stopped
from fuzz.findings import Findings

ROOT = Path(__file__).parents[1]


def ran(run: Callable[[str, int, Callable[[int], bool], Findings], None], name: str, seed: int = 1) -> Findings:
    findings = Findings()
    run(name, seed, lambda steps: steps >= 1000, findings)
    return findings


@pytest.mark.parametrize("name", event_targets.TARGETS)
def test_a_thousand_steps_of_each_target_raise_nothing(name: str) -> None:
    findings = ran(event_targets.run, name)

    assert (findings.steps, findings.exceptions) == (1000, [])


@pytest.mark.parametrize("name", byte_targets.TARGETS)
def test_a_thousand_inputs_of_each_reader_raise_nothing_but_its_own_errors(name: str) -> None:
    findings = ran(mutation.run, name)

    assert (findings.steps, findings.exceptions) == (1000, [])


@pytest.mark.parametrize("name", byte_targets.TARGETS)
def test_the_first_inputs_reach_what_is_behind_the_first_check(name: str) -> None:
    for data in byte_targets.seeds(name):
        byte_targets.TARGETS[name](data)
    assert len(byte_targets.seeds(name)) > 10


def test_what_raises_is_kept_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        def __init__(self, random: Random) -> None:
            self.count = 0

        def step(self) -> None:
            self.count += 1
            if self.count == 400:
                raise KeyError("fault")

    monkeypatch.setattr(event_targets, "TARGETS", {"wrong": Wrong})

    findings = ran(event_targets.run, "wrong", 7)

    assert len(findings.exceptions) == 2
    assert "KeyError: 'fault'" in findings.exceptions[0]
    assert "wrong, seed 7, step 399 of its run" in findings.exceptions[0]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "fuzz", *arguments]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the timer of the fuzzer needs POSIX")
@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_a_run_that_is_interrupted_prints_its_figures_too(number: signal.Signals) -> None:
    arguments = command("--only", "reduce,serve", "--seconds", "86400", "--every", "0.05")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        steps = 0
        try:
            for line in process.stdout:
                progress = re.fullmatch(r"reduce: \d+ s, ([\d,]+) steps, 0 exceptions\n", line)
                assert progress is not None, line
                steps = int(progress[1].replace(",", ""))
                if steps:
                    break
            process.send_signal(number)
            rest = process.stdout.read()
        finally:
            process.kill()

    rows = re.findall(r"│ (\w+) +│ events at random │ ([\d,]+) +│ \d+ +│ 0 +│", rest)
    assert [name for name, _ in rows] == ["reduce"], "serve was not begun"
    assert int(rows[0][1].replace(",", "")) >= steps > 0
    assert process.returncode == 128 + number


def test_a_run_that_ends_by_itself_prints_a_row_for_each_target() -> None:
    arguments = command("--only", "reduce,client", "--steps", "1000")
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, check=False)

    assert re.findall(r"│ (\w+) +│ events at random │ ([\d,]+) ", done.stdout) == [
        ("reduce", "1,000"),
        ("client", "1,000"),
    ]
    assert done.returncode == 0


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the signal handlers back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_a_step_that_never_ends_can_be_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Endless:
        def __init__(self, random: Random) -> None:
            """Any seed will do."""

        def step(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            while True:
                pass

    monkeypatch.setattr(event_targets, "TARGETS", {"endless": Endless})
    figures = Figures()

    with pytest.raises(Stopped), figures.watched(60), figures.target("endless", "events at random") as findings:
        event_targets.run("endless", 1, lambda steps: False, findings)
    figures.print_all()

    assert "│ endless │ events at random │ 1 " in capsys.readouterr().out
