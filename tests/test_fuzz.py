"""The fuzzer works, and finds what is wrong: a run of its own is ``make fuzz``."""

from __future__ import annotations

from random import Random

import pytest

from fuzz import chance, inputs
from fuzz.__main__ import mutated
from fuzz.findings import Findings


@pytest.mark.parametrize("name", chance.TARGETS)
def test_a_thousand_steps_of_each_target_raise_nothing(name: str) -> None:
    findings = chance.run(name, 1, lambda steps: steps >= 1000)

    assert (findings.steps, findings.exceptions) == (1000, [])


@pytest.mark.parametrize("name", inputs.TARGETS)
def test_a_thousand_inputs_of_each_reader_raise_nothing_but_its_own_errors(name: str) -> None:
    findings = mutated(name, 1, lambda steps: steps >= 1000)

    assert (findings.steps, findings.exceptions) == (1000, [])


@pytest.mark.parametrize("name", inputs.TARGETS)
def test_the_first_inputs_reach_what_is_behind_the_first_check(name: str) -> None:
    for data in inputs.seeds(name):
        inputs.TARGETS[name](data)
    assert len(inputs.seeds(name)) > 10


def test_what_raises_is_kept_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        def __init__(self, random: Random) -> None:
            self.count = 0

        def step(self) -> None:
            self.count += 1
            if self.count == 400:
                raise KeyError("fault")

    monkeypatch.setattr(chance, "TARGETS", {"wrong": Wrong})

    findings = chance.run("wrong", 7, lambda steps: steps >= 1000)

    assert isinstance(findings, Findings)
    assert len(findings.exceptions) == 2
    assert "KeyError: 'fault'" in findings.exceptions[0]
    assert "wrong, seed 7, step 399 of its run" in findings.exceptions[0]
