"""The results as JSON: what the run was about, and for each vector what became of it and which behaviour it shows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conformance.stage import BALCONY, receive, scenario, send
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.format.data import requirements

GOOD = scenario(send("<presence/>"), receive("<presence from='{any}' to='{any}'/>"), rfc=["6121 4.2.2"])
WRONG = scenario(
    send("<presence/>"),
    {"silent": [BALCONY]},
    rfc=["6121 4.4"],
    requirements=["6121-4.4.2-01"],
    level="SHOULD",
    title="Nothing comes back",
)
LEFT = scenario(send("<presence/>"), rfc=["6121 4.4"])
ELSEWHERE = scenario(features=["mam"], rfc=["6121 11", "XEP-0313 2"])
MALFORMED = {**scenario(), "stepz": []}
VECTORS = {"good": GOOD, "wrong": WRONG, "left": LEFT, "elsewhere": ELSEWHERE, "malformed": MALFORMED}
BEHAVIOUR = "after-a-client-sends-available-presence-available-presence-comes-although-it-must-not"


@pytest.fixture
def found(tmp_path: Path) -> Any:
    folder, file = tmp_path / "mine", tmp_path / "results.json"
    folder.mkdir()
    for name, vector in VECTORS.items():
        (folder / f"{name}.json").write_text(json.dumps(vector), encoding="utf-8")
    CliRunner().invoke(main, ["run", str(folder), "--json", str(file)])
    return json.loads(file.read_text(encoding="utf-8"))


def vector(found: Any, id: str) -> Any:
    (only,) = [each for each in found["vectors"] if each["id"] == id]
    return only


def test_they_say_what_was_run_and_tested(found: Any) -> None:
    made = datetime.fromisoformat(found.pop("made"))

    assert made.tzinfo == UTC
    assert list(found) == ["results", "format", "runner", "system", "summary", "remarks", "behaviours", "vectors"]
    assert (found["results"], found["format"], found["runner"]) == (1, 1, version("xmpp-im-conformance"))
    core = f"xmpp_im_core {version('xmpp_im_core')}"
    assert found["system"] == {"driver": "embedded", "name": core, "about": core}


def test_they_count_outcomes_and_what_is_new(found: Any) -> None:
    assert found["summary"] == {
        "passed": 1,
        "failed": 3,
        "not_applicable": 1,
        "not_run": 0,
        "known": 0,
        "new": 3,
        "unexpectedly_passed": 0,
    }


def test_a_vector_has_what_it_is_about_and_what_became_of_it(found: Any) -> None:
    failed = vector(found, "wrong")

    assert failed.pop("file").endswith("/mine/wrong.json")
    assert failed.pop("detail").startswith(f"step 3 of 3 (silent): at {BALCONY} nothing was expected")
    (looked,) = failed.pop("found")["looked"]
    assert (looked["at"], looked["expected"]) == (BALCONY, [])
    assert [each.partition(" ")[0] for each in looked["came"]] == ["<presence"]
    assert failed == {
        "id": "wrong",
        "title": "Nothing comes back",
        "side": "server",
        "outcome": "failed",
        "level": "SHOULD",
        "requirements": ["6121-4.4.2-01"],
        "sections": ["4.4", "4.4.2"],
        "rfc": ["6121 4.4"],
        "features": [],
        "step": 3,
        "behaviour": BEHAVIOUR,
        "known": False,
    }


def test_one_that_has_not_failed_has_neither_step_nor_behaviour(found: Any) -> None:
    passed, other = vector(found, "good"), vector(found, "elsewhere")

    assert [(each["outcome"], each["step"], each["found"], each["behaviour"]) for each in (passed, other)] == [
        ("passed", None, None, None),
        ("not_applicable", None, None, None),
    ]
    assert (passed["detail"], other["detail"]) == ("", "the feature 'mam' is not supported")
    assert (other["rfc"], other["features"]) == (["6121 11", "XEP-0313 2"], ["mam"])


def test_what_fails_at_the_end_has_the_number_after_the_last_step(found: Any) -> None:
    assert vector(found, "left")["step"] == len(LEFT["steps"]) + 1


def test_a_malformed_one_has_no_level_unless_it_states_one(found: Any) -> None:
    malformed = vector(found, "malformed")

    assert (malformed["outcome"], malformed["level"], malformed["step"]) == ("failed", "MUST", None)
    assert malformed["detail"] == "malformed vector: unknown key 'stepz'"
    assert malformed["behaviour"] == "the-vector-is-malformed"


def test_a_behaviour_has_a_sentence_an_example_and_its_vectors(found: Any) -> None:
    differs, malformed = found["behaviours"]

    assert differs == {
        "id": BEHAVIOUR,
        "does": "after a client sends available presence: available presence comes, although it must not",
        "known": False,
        "unsteady": False,
        "kind": "against",
        "section": "6121 4.4.2",
        "requirement": "6121-4.4.2-01",
        "sentence": requirements()["6121-4.4.2-01"].summary,
        "note": "",
        "example": {
            "vector": "left",
            "expected": [],
            "came": [f'<presence from="{BALCONY}" to="juliet@capulet.example" xml:lang="en"/>'],
        },
        "vectors": ["left", "wrong"],
    }
    assert (malformed["does"], malformed["vectors"]) == ("the vector is malformed", ["malformed"])
