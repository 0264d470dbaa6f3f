"""Running vectors from a program: what is chosen, what the result says, and when it raises."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import xmpp_im_conformance
from tests.conformance.stage import BALCONY, Scripted, ScriptedWorld, receive, scenario, send
from tests.one_test import in_one_test
from xmpp_im_conformance import Driver, Outcome, Result, ServerFailed, VectorsFailed, find_vectors, run_vectors
from xmpp_im_conformance.verdict.known import Deviation

GOOD = scenario(send("<presence/>"), receive("<presence from='{any}' to='{any}'/>"), rfc=["6121 4.2.2"])
WRONG = scenario(send("<presence/>"), {"silent": [BALCONY]}, rfc=["6121 4.4"], level="SHOULD", title="Wrong")
ELSEWHERE = scenario(features=["mam"], rfc=["6121 11"])

KNOWN = Deviation(does="says too much", vectors=("wrong",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, vector in {"good": GOOD, "wrong": WRONG, "elsewhere": ELSEWHERE}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(vector), encoding="utf-8")
    return tmp_path


def ids(results: Any) -> list[str]:
    return [each.vector.id for each in results]


# --- what is chosen ---------------------------------------------------------------------------------------


@in_one_test(
    ("choices", "expected"),
    [
        ({}, ["elsewhere", "good", "wrong"]),
        ({"section": "4"}, ["good", "wrong"]),
        ({"section": ("4.2", "11")}, ["elsewhere", "good"]),
        ({"id": "*o*"}, ["good", "wrong"]),
        ({"id": ["good", "elsewhere"]}, ["elsewhere", "good"]),
        ({"level": "SHOULD"}, ["wrong"]),
        ({"section": "4", "level": ["MUST", "MAY"]}, ["good"]),
    ],
)
def test_vectors_are_chosen_by_one_value_or_several(folder: Path, choices: Any, expected: list[str]) -> None:
    assert [vector.id for vector in find_vectors(folder, **choices)] == expected
    assert ids(run_vectors(str(folder), **choices)) == expected


def test_without_paths_the_vectors_are_those_of_the_package() -> None:
    result = run_vectors(id="roster-get/example")

    assert ids(result.passed) == ["roster-get/example"]


@in_one_test(
    ("choices", "told"),
    [
        ({"id": "no/such"}, "there are no such vectors"),
        ({"level": "must"}, "level: one of MUST, SHOULD, MAY, peer, not 'must'"),
        ({"level": ["MUST", ""]}, "level: one of MUST, SHOULD, MAY, peer, not ''"),
        ({"known": "no-such-file.toml"}, "no-such-file.toml: No such file"),
    ],
)
def test_what_chooses_nothing_is_refused(folder: Path, choices: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        run_vectors(folder, **choices)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no file or folder .*missing"):
        find_vectors(tmp_path / "missing")


# --- what the result says ---------------------------------------------------------------------------------


def test_the_result_has_each_vector_once_by_its_outcome(folder: Path) -> None:
    result = run_vectors(folder)

    assert [each.outcome for each in result] == [Outcome.NOT_APPLICABLE, Outcome.PASSED, Outcome.FAILED]
    assert (ids(result.passed), ids(result.failed), ids(result.not_applicable)) == (["good"], ["wrong"], ["elsewhere"])
    assert (ids(result.new_failures), ids(result.unexpected_passes), ids(result.not_run)) == (["wrong"], [], [])
    assert len(result) == 3
    assert [each.is_known for each in result.behaviours] == [False]


def test_a_failure_is_told_and_raised_when_it_is_asked_for(folder: Path) -> None:
    result = run_vectors(folder)

    assert not result.is_good
    with pytest.raises(VectorsFailed) as raised:
        result.raise_for_failures()
    assert str(raised.value).startswith("wrong: Wrong\nstep 3 of 3 (silent): ")
    assert "elsewhere" not in str(raised.value)


def test_many_failures_are_told_in_part(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.json").write_text(json.dumps(WRONG), encoding="utf-8")

    with pytest.raises(VectorsFailed) as raised:
        run_vectors(tmp_path).raise_for_failures()

    assert str(raised.value).count("Wrong") == 20
    assert str(raised.value).endswith("\n\nand 10 more failed")


def test_a_known_failure_is_good_and_a_known_one_that_passes_is_not(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text('[[deviation]]\ndoes = "says too much"\nvectors = ["wrong"]\n', encoding="utf-8")

    for known in (file, str(file), [KNOWN]):
        result = run_vectors(folder, known=known)
        assert result.is_good
        assert ids(result.failed) == ["wrong"]
        assert ids(result.new_failures) == []
        result.raise_for_failures()

    passing = run_vectors(folder, id="good", known=[Deviation(does="says nothing", vectors=("good",))])
    assert ids(passing.unexpected_passes) == ["good"]
    with pytest.raises(VectorsFailed, match=r"^passed, although recorded as failing: good$"):
        passing.raise_for_failures()


def test_a_run_in_which_nothing_was_applicable_is_not_good(folder: Path) -> None:
    result = run_vectors(folder, id="elsewhere")

    with pytest.raises(VectorsFailed, match=r"^none of 1 vectors was applicable: the feature 'mam' is not supported$"):
        result.raise_for_failures()


# --- the driver -------------------------------------------------------------------------------------------


def test_the_driver_that_is_given_runs_all_and_stays_open(folder: Path) -> None:
    class Watched(Scripted):
        def close(self) -> None:
            raise AssertionError("whose driver it is closes it")

    seen: list[Result] = []
    world = ScriptedWorld({"<presence/>": [(BALCONY, "<presence from='a@b/c' to='d@e'/>")]})

    result = run_vectors(folder, id="*o*", driver=Watched(world), watch=seen.append)

    assert ids(result.passed) == ["good"]
    assert seen == list(result)
    assert ("send", BALCONY, "<presence/>") in world.asked


def test_a_system_that_cannot_be_reached_raises_before_the_first_vector(folder: Path) -> None:
    class Gone(Driver):
        name = "gone"

        def preflight(self) -> None:
            raise ServerFailed("connection refused")

    with pytest.raises(ServerFailed, match="connection refused"):
        run_vectors(folder, driver=Gone())


# --- the package ------------------------------------------------------------------------------------------


def test_the_package_alone_imports_no_module_of_it() -> None:
    code = (
        "import sys, xmpp_im_conformance; dir(xmpp_im_conformance);"
        "print([each for each in sys.modules if each.startswith(('xmpp_im', 'attr', 'jsonschema'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['xmpp_im_conformance']"


@in_one_test("name", xmpp_im_conformance.__all__)
def test_a_name_of_the_package_is_the_object_of_its_module(name: str) -> None:
    home = importlib.import_module(f"xmpp_im_conformance.{xmpp_im_conformance._MODULES[name]}")

    assert getattr(xmpp_im_conformance, name) is getattr(home, name)
    assert name in dir(xmpp_im_conformance)


def test_all_and_the_modules_name_the_same() -> None:
    assert sorted(xmpp_im_conformance.__all__) == sorted(xmpp_im_conformance._MODULES)


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'run_vector'"):
        xmpp_im_conformance.run_vector  # noqa: B018
