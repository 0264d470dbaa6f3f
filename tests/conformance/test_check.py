"""What authors are told of their vectors: the sentences, the conversation, and what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from tests.conformance.stage import BALCONY, receive, scenario, send
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.format.data import VECTORS

PAGE: Final = Path(__file__).parents[2] / "conformance" / "docs" / "write-a-vector.md"

PRESENCE: Final = "<presence/>"
ECHO: Final = receive("<presence from='{any}' to='{any}'/>")
GOOD: Final = scenario(
    send(PRESENCE), ECHO, title="A client hears of itself", rfc=["6121 4.2.2"], requirements=["6121-4.2.2-02"]
)


def check(folder: Path, **vectors: Mapping[str, Any]) -> Result:
    files = []
    for name, vector in vectors.items():
        files.append(folder / f"{name}.json")
        files[-1].write_text(json.dumps(vector), encoding="utf-8")
    return CliRunner().invoke(main, ["check", *map(str, files)])


def test_a_good_vector_shows_its_sentences_and_the_conversation(tmp_path: Path) -> None:
    done = check(tmp_path, good=GOOD)

    assert done.exit_code == 0, done.output
    lines = [line.strip() for line in done.output.splitlines()]
    assert lines[:3] == [str(tmp_path / "good.json"), "good: A client hears of itself", "MUST, 6121 4.2.2"]
    assert lines[3].startswith("6121-4.2.2-02 (MUST, ")
    assert re.fullmatch("RFC 6121, section 4.2.2: “.+”", lines[4])
    assert lines[5:] == [
        "At first: juliet@capulet.example has an empty roster",
        f"1. {BALCONY} connects.",
        f"2. {BALCONY} sends",
        PRESENCE,
        f'> {BALCONY} gets <presence from="{BALCONY}" to="juliet@capulet.example" xml:lang="en"/>',
        f"3. {BALCONY} gets",
        '<presence from="{any}" to="{any}"/>',
        "4. In the end nothing more has come.",
        "PASSED on xmpp_im_core",
        "",
    ]


def test_the_step_that_failed_is_marked_and_the_later_ones_are_counted(tmp_path: Path) -> None:
    done = check(tmp_path, wrong=scenario(send(PRESENCE), {"silent": [BALCONY]}, ECHO))

    assert done.exit_code == 1
    assert re.findall(r"^x.*", done.output, re.MULTILINE) == [f"x  3. Nothing more has come at {BALCONY}."]
    assert "2 more steps, not taken" in done.output
    assert "FAILED: step 3 of 4 (silent): at juliet@capulet.example/balcony nothing was expected" in done.output


def test_what_is_left_at_the_end_marks_the_end(tmp_path: Path) -> None:
    done = check(tmp_path, left=scenario(send(PRESENCE)))

    assert done.exit_code == 1
    assert re.findall(r"^x.*", done.output, re.MULTILINE) == ["x  3. In the end nothing more has come."]
    assert "more step" not in done.output


def test_a_vector_that_passes_for_another_reason_fails(tmp_path: Path) -> None:
    done = check(tmp_path, other={**GOOD, "requirements": ["6121-3.1.6-07"]})

    assert done.exit_code == 1
    assert "FAILED: everything came as expected, but no rule that fired cites 6121-3.1.6-07" in done.output
    assert re.findall(r"^x.*", done.output, re.MULTILINE) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stepz": []}, "MALFORMED: unknown key 'stepz'"),
        ({"requirements": ["6121-99-01"]}, "6121-99-01: there is no such requirement"),
        ({"requirements": ["6121-99-01"]}, "MALFORMED: unknown requirement 6121-99-01"),
        ({"steps": [send(PRESENCE)]}, f"MALFORMED: step 1 (send): {BALCONY} has not connected"),
    ],
)
def test_a_malformed_vector_says_what_is_wrong(tmp_path: Path, change: Mapping[str, Any], told: str) -> None:
    done = check(tmp_path, bad={**GOOD, **change})

    assert done.exit_code == 1
    assert told in done.output


def test_the_requirements_of_its_sections_are_offered_to_a_vector_without_any(tmp_path: Path) -> None:
    done = check(tmp_path, none=scenario(send(PRESENCE), ECHO, rfc=["6121 4.2.2", "XEP-0191 3.3"]))

    assert done.exit_code == 0
    assert re.findall("It names no requirement. (.*)", done.output)[0].startswith("Section 4.2.2 has 6121-4.2.2-01, ")


def test_one_that_the_core_cannot_do_is_not_applicable(tmp_path: Path) -> None:
    done = check(tmp_path, elsewhere=scenario(features=["mam"]))

    assert done.exit_code == 2
    assert "NOT APPLICABLE to xmpp_im_core: the feature 'mam' is not supported" in done.output


def test_all_files_are_checked_and_one_bad_one_is_enough(tmp_path: Path) -> None:
    done = check(tmp_path, a=GOOD, b={"title": "x"}, c=GOOD)

    assert done.exit_code == 1
    assert done.output.count("PASSED") == 2
    assert done.output.count("MALFORMED") == 1


def test_branches_are_told_apart(tmp_path: Path) -> None:
    branches = {"one_of": [[ECHO, {"silent": [BALCONY]}], [{"silent": [BALCONY]}]]}

    done = check(tmp_path, choice=scenario(send(PRESENCE), branches))

    assert done.exit_code == 0, done.output
    assert [line.strip() for line in done.output.splitlines() if re.search("either:|and:", line)] == [
        f"either: {BALCONY} gets",
        f"and: Nothing more has come at {BALCONY}.",
        f"either: Nothing more has come at {BALCONY}.",
    ]


def test_nothing_in_a_vector_can_steer_the_terminal(tmp_path: Path) -> None:
    done = check(tmp_path, sly=scenario(send("<presence><status>&#x9b;31m</status></presence>"), {"flush": [BALCONY]}))

    assert done.exit_code == 0, done.output
    assert "\x9b" not in done.output
    assert "\\u{009b}31m" in done.output


@pytest.mark.parametrize("place", ["tables/a.2.1.json", "client/roster-get"])
def test_rows_and_client_scenarios_are_told_too(place: str) -> None:
    done = CliRunner().invoke(main, ["check", str(VECTORS / place)])

    assert done.exit_code == 0, done.output
    assert "PASSED" in done.output


def test_the_vector_on_the_page_is_checked_as_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (vector,) = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    command, *shown = re.findall(r"^```console\n\$ (.*?)^```$", page, re.MULTILINE | re.DOTALL)[0].splitlines()
    monkeypatch.chdir(tmp_path)
    Path("unrequested-approval.json").write_text(vector, encoding="utf-8")

    done = CliRunner().invoke(main, command.split()[1:])

    assert done.output.splitlines() == [*shown, ""]
