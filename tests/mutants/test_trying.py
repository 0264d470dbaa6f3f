"""Trying mutants: which vectors and tests are chosen, what a process's end means, and what is told of survivors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from tests.mutants.changes import Mutant
from tests.mutants.drawing import ROOT, all_mutants, drawn, in_modules
from tests.mutants.keeping import Results
from tests.mutants.report import table
from tests.mutants.selecting import Ran, Recording, Uses, bits_of, varied, words_of, words_of_test
from tests.mutants.survivors import read_survivors, unexpected
from tests.mutants.trying import Mark, Status, Trial, Trials, Tried


def mutant(what: str = "a => b", lines: tuple[int, int] = (3, 4), **keys: Any) -> Mutant:
    return Mutant("m", "f", what, 0, lines, keys.get("function", ("f", 1)), keys.get("names", frozenset()))


# --- drawing ----------------------------------------------------------------------------------------------


def test_the_same_seed_draws_the_same_mutants_and_another_one_others() -> None:
    mutants = [mutant(str(n)) for n in range(100)]

    assert drawn(mutants, 10, "x") == drawn(reversed(mutants), 10, "x")[::-1]
    assert drawn(mutants, 10, "x") != drawn(mutants, 10, "y")
    assert len(drawn(mutants, 10, "x")) == 10
    assert drawn(mutants, 1000, "x") == mutants


@pytest.mark.slow
def test_every_mutant_of_the_core_has_a_unique_id() -> None:
    ids = [each.id for each in all_mutants()]

    assert len(set(ids)) == len(ids)
    assert not any(id.startswith("testing") for id in ids)
    assert {each.module for each in in_modules(all_mutants(), ["server.a*"])} >= {
        "server.answers",
        "server.accounts.loading",
    }


# --- selecting --------------------------------------------------------------------------------------------


def ran(seconds: float, *lines: tuple[str, int]) -> Ran:
    return Ran(seconds, bits_of(lines))


RECORDED = Recording(
    {
        "slow": ran(2.0, ("m", 4)),
        "fast": ran(1.0, ("m", 4)),
        "broad": ran(1.0, ("m", 4), *[("n", n) for n in range(20)]),
        "elsewhere": ran(0.5, ("m", 9), ("n", 3)),
    }
)
UNKNOWN = ["broad", "elsewhere", "fast", "slow"]


def test_words_are_compared_without_case_and_plural() -> None:
    assert words_of("Roster.items_of a-item #2") == {"roster", "item"}


def test_neighbours_run_different_code() -> None:
    assert list(varied(RECORDED.ran)) == ["broad", "elsewhere", "fast", "slow"]
    assert list(varied({"x": ran(1.0), "y": ran(1.0)})) == ["x", "y"]


def test_what_runs_a_line_of_the_mutant_is_chosen_in_turn_by_name_by_nearness_and_by_what_else_it_runs() -> None:
    assert RECORDED.touching(mutant(), Uses()) == ["broad", "fast", "slow"]
    assert RECORDED.touching(mutant("slows => b"), Uses()) == ["slow", "fast", "broad"]
    assert RECORDED.touching(mutant(lines=(5, 8)), Uses()) == []
    assert RECORDED.cost(["fast", "slow"]) == 3.0
    assert set(RECORDED.within(1.0).ran) == {"fast", "broad", "elsewhere"}


def test_all_tests_are_chosen_for_a_function_that_only_an_import_runs() -> None:
    assert RECORDED.touching(mutant(lines=(5, 8)), Uses(), at_import=True) == UNKNOWN
    assert RECORDED.touching(mutant(lines=(9, 9)), Uses(), at_import=True) == ["elsewhere"]


def test_the_tests_of_a_value_are_those_of_its_direct_and_indirect_users() -> None:
    uses = Uses({"LIMITS": {("m", 9)}}, {"LIMIT": {"LIMITS"}}, {"LIMIT", "LIMITS"})

    assert RECORDED.touching(mutant(function=None, names=frozenset({"LIMIT"})), uses) == ["elsewhere"]


def test_a_test_that_names_a_value_itself_is_one_of_them() -> None:
    here = "tests/mutants/test_trying.py::test_x"
    recording = Recording({**RECORDED.ran, here: ran(1.0)})
    uses = Uses({"UNKNOWN": {("m", 9)}}, {"LIMIT": {"UNKNOWN"}}, {"LIMIT", "UNKNOWN"})

    assert set(recording.touching(mutant(function=None, names=frozenset({"LIMIT"})), uses)) == {here, "elsewhere"}


def test_a_test_that_finds_a_value_in_a_module_of_the_tests_is_one_of_them() -> None:
    assert "OUTBOUND_SUBSCRIBED" in words_of_test(
        "tests/rfc6121/test_appendix_a.py::test_the_table_has_what_the_rfc_prints"
    )


def test_what_a_function_makes_at_import_is_made_from_what_the_function_mentions() -> None:
    uses = Uses.in_core()

    assert {"_row", "MESSAGE_TABLE"} <= uses.made_from(["_SAYS"])


def test_all_tests_are_chosen_for_a_value_without_a_known_user() -> None:
    assert RECORDED.touching(mutant(function=None, names=frozenset({"X"})), Uses()) == UNKNOWN


@pytest.mark.slow
def test_functions_that_only_an_import_runs_are_known() -> None:
    code = (
        "from tests.mutants.drawing import all_mutants\n"
        "from tests.mutants.planting import Functions\n"
        "functions = Functions.imported()\n"
        "places = {m.place for m in all_mutants() if m.module == 'subscription' and functions.ran_at_import(m)}\n"
        "print(sorted(places))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout == "['Subscription.__init__', '_table']\n"


def test_uses_are_found_in_functions_and_in_what_is_made_outside_of_them() -> None:
    uses = Uses.in_core()

    assert any(module == "server.contact_presence" for module, _ in uses.of(["unavailable_from_all", "presence"]))
    assert "MESSAGE_TABLE" in uses.passed_on["Situation"]


# --- processes --------------------------------------------------------------------------------------------


class Scripted:
    """In the place of the core: each mutant says itself what becomes of it."""

    def __init__(self) -> None:
        self.functions = self

    def can_take(self, mutant: Mutant) -> bool:
        return True

    def ran_at_import(self, mutant: Mutant) -> bool:
        return False

    def run(self, trials: Sequence[Trial], marks: Sequence[Mark]) -> None:
        for trial, mark in zip(trials, marks, strict=True):
            assert trial.mutant is not None
            outcome = trial.mutant.what
            mark.at = len(trial.chosen) - 1
            if outcome == "loops":
                trial.limit()
                while True:
                    pass
            survives = outcome in ("survives", "dies by tests") and outcome != f"dies by {trial.by}"
            spoilt = outcome == "dies alone" and len(trials) > 1
            dead = Status.SPOILT if spoilt else Status.BROKEN if outcome == "breaks" else Status.KILLED
            mark.status = Status.SURVIVED if survives else dead
            if spoilt:
                break
        os._exit(0)


def trials(folder: Path, by: Sequence[str] = ("vectors", "tests")) -> Trials:
    recordings = {each: Recording({f"a {each}": ran(0, ("m", 3)), f"z {each}": ran(1, ("m", 3))}) for each in by}
    results = Results.read(recordings, folder / "results.jsonl")
    return Trials(Scripted(), by, results, Uses(), jobs=2)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_mutant_is_tried_on_the_vectors_and_on_the_tests_if_it_survives_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.mutants.trying._SECONDS", 0)
    mutants = [mutant(what) for what in ("survives", "dies", "dies by tests", "loops", "dies alone", "dies at last")]

    assert {(each.mutant.what, each.by) for each in trials(tmp_path).tried(mutants)} == {
        ("survives", ""),
        ("dies", "vectors"),
        ("dies by tests", "tests"),
        ("loops", "vectors"),
        ("dies alone", "vectors"),
        ("dies at last", "vectors"),
    }
    assert [each.by for each in trials(tmp_path, ["tests"]).tried([mutant("dies")])] == ["tests"]


@pytest.mark.slow
def test_a_mutant_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.mutants.trying._SECONDS", 0)

    assert [each.killed for each in trials(tmp_path, ["tests"]).tried([mutant("loops")])] == [True]


def test_a_process_that_cannot_try_is_no_killed_mutant(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="could not be tried"):
        list(trials(tmp_path).tried([mutant("breaks")]))


PLANTED = """
from tests.mutants.drawing import all_mutants
from tests.mutants.planting import Functions, import_changed
mutant = next(m for m in all_mutants() if m.id == "jid JID.is_bare: self.resource is None => self.resource is not None")
if {fresh}:
    import_changed(mutant)
else:
    functions = Functions.imported()
    assert functions.can_take(mutant)
    functions.plant(mutant)
from xmpp_im_core.jid import parse_jid
print(parse_jid("a@x.example").is_bare)
"""


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [False, True])
def test_a_planted_mutant_is_what_runs(fresh: bool) -> None:
    command = [sys.executable, "-c", PLANTED.format(fresh=fresh)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout == "False\n"


# --- what is told -----------------------------------------------------------------------------------------


def test_what_is_not_as_listed_is_told() -> None:
    tried = [Tried(mutant("new")), Tried(mutant("old")), Tried(mutant("dead"), "tests")]
    known = {"m f: old": "equal", "m f: dead": "equal", "m f: gone": "equal"}

    assert list(unexpected(tried, known, [each.mutant.id for each in tried])) == [
        "survives, and is not known: m f: new",
        "is killed, though it is listed: m f: dead",
        "is listed, and there is no such mutant: m f: gone",
    ]
    assert list(unexpected(tried[1:2], {"m f: old": "equal"}, ["m f: old"])) == []


def test_each_listed_survivor_has_one_reason(tmp_path: Path) -> None:
    file = tmp_path / "survivors.toml"
    group = "[[survivors]]\nreason = {!r}\nmutants = ['m f: a', 'm f: b']\n"
    file.write_text(group.format("equal"), encoding="utf-8")
    assert read_survivors(file) == {"m f: a": "equal", "m f: b": "equal"}

    for text in (group.format(""), group.format("equal") + group.format("other"), "[[survivors]]\nreason = 'x'\n"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="survivors"):
            read_survivors(file)


def test_the_list_of_survivors_can_be_read() -> None:
    assert all(": " in id and " => " in id for id in read_survivors())


def test_the_table_has_a_row_for_each_module_and_for_all() -> None:
    tried = [
        Tried(Mutant(module, "f", str(n), n, (1, 1), None), {0: "vectors", 1: "tests", 2: "vectors"}.get(n, ""))
        for module in ("server.a", "client.b")
        for n in range(4)
    ]

    rows = [line.split() for line in table(tried, ("vectors", "tests"))]

    assert rows[0] == ["module", "mutants", "checks", "vectors", "vectors", "or", "tests"]
    assert rows[1] == ["client.b", "4", "0", "2", "50.0%", "3", "75.0%"]
    assert rows[2] == ["server.a", "4", "0", "2", "50.0%", "3", "75.0%"]
    assert rows[3] == ["server.*,", "subscription", "4", "0", "2", "50.0%", "3", "75.0%"]
    assert rows[4] == ["all", "8", "0", "4", "50.0%", "6", "75.0%"]
    assert table(tried, ("vectors",))[1].split() == ["client.b", "4", "0", "2", "50.0%"]


def test_the_share_of_the_vectors_is_that_of_the_mutants_in_no_check() -> None:
    check = evolve(mutant(), checks=True)
    tried = [Tried(check, "tests"), Tried(mutant("a"), "vectors"), Tried(mutant("b"), "tests"), Tried(mutant("c"))]

    assert table(tried, ("vectors", "tests"))[1].split() == ["m", "4", "1", "1", "33.3%", "3", "75.0%"]


def test_a_mutant_in_a_check_is_tried_on_the_tests_alone(tmp_path: Path) -> None:
    both = evolve(trials(tmp_path), by=("vectors", "tests"))
    vectors = evolve(trials(tmp_path), by=("vectors",))
    check = evolve(mutant(), checks=True)

    assert both._tried_on(check) == ["tests"]
    assert both._tried_on(mutant()) == ["vectors", "tests"]
    assert list(vectors.tried([check])) == []
