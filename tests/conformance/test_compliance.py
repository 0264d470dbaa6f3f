"""The compliance page: what it takes from the results of runs, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from interop.results import PAGE as PAGE_NAME
from interop.results import write_page, write_results
from tests.conformance.compliance import CORE, MADE, OTHER, STORIES, made_page, result, run_of, written
from tests.conformance.packaged import packaged
from tests.conformance.reports import EVIL
from xmpp_im_conformance import Driver, Embedded, Setup, World, run_vectors
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.format.evidence import Evidence
from xmpp_im_conformance.format.story import MarkKind
from xmpp_im_conformance.format.vectors import MalformedFile, Scenario, Vector
from xmpp_im_conformance.reports import data as results_data
from xmpp_im_conformance.reports.compliance import page as making
from xmpp_im_conformance.reports.compliance.building import data, failures_of, listed
from xmpp_im_conformance.reports.compliance.reading import NoResults, read
from xmpp_im_conformance.reports.found import found_in
from xmpp_im_conformance.reports.html.scenes import scene_of
from xmpp_im_conformance.running.outcome import Result
from xmpp_im_core.element import element
from xmpp_im_core.stanza import CLIENT

HAPPENED: Final = "step 3: nothing came\n(- expected)\nwhat happened:\n  step 1 of 3 (connect): juliet"


def built(tmp_path: Path, *runs: Mapping[str, Any], sizes: Mapping[str, int] | None = None) -> dict[str, Any]:
    tested = read(written(tmp_path, **{f"run{number}": run for number, run in enumerate(runs)}))
    sizes = sizes or {}
    return data(tested, [{"lines": [0] * sizes.get(id, 1)} for id in listed(tested)])


# --- reading ----------------------------------------------------------------------------------------------


def test_what_a_run_writes_is_read(tmp_path: Path) -> None:
    run = run_vectors(id="roster-get/*")
    file = tmp_path / "core.json"
    made = results_data.as_data(run.verdict, results_data.Tested("embedded", "the core", "xmpp_im_core 1"), MADE)
    file.write_text(json.dumps(made), encoding="utf-8")

    (only,) = read([file])

    assert (only.key, only.name) == ("core", "xmpp_im_core 1")
    assert [each.id for each in only.results.vectors] == [each.vector.id for each in run]
    assert [each.outcome for each in only.results.vectors] == [each.outcome for each in run]


def test_the_key_of_a_system_is_the_name_of_its_file(tmp_path: Path) -> None:
    files = written(tmp_path, prosody=run_of("Prosody 13", CORE))
    (tmp_path / "later").mkdir()
    files += written(tmp_path / "later", prosody=run_of("", OTHER))

    assert [(each.key, each.name) for each in read(files)] == [("prosody", "Prosody 13"), ("prosody-2", "a server")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not the results of a run: write them with `run --json`"),
        ('{"summary": {}, "vectors": []}', "not the results of a run"),
        ('{"results": 2, "system": {"driver": "x"}, "vectors": []}', "not the results of a run"),
        ('{"results": 1, "vectors": []}', "required field missing @ $.system"),
        ('{"results": 1, "system": {"driver": 3}, "vectors": []}', "driver"),
        ('{"results": 1, "system": {"driver": "x"}, "vectors": [{"id": "a"}]}', "outcome"),
        ('{"results": 1, "system": {"driver": "x"}, "vectors": [{"id": "a", "outcome": "great"}]}', "outcome"),
        ('{"results": 1, "system": {"driver": "x"}, "vectors": [{"id": 1, "outcome": "passed"}]}', "id"),
        ('{"results": 1, "system": {"driver": "x"}, "vectors": 7}', "vectors"),
    ],
)
def test_a_file_that_holds_no_results_is_named(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "broken.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(NoResults) as raised:
        read([file])
    done = CliRunner().invoke(main, ["page", str(tmp_path / "page.html"), str(file)])

    assert str(raised.value).startswith(f"{file}: ")
    assert told in str(raised.value)
    assert done.exit_code == 1
    assert "No page was written" in done.output
    assert not (tmp_path / "page.html").exists()


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(NoResults, match="not JSON"):
        read([tmp_path / "broken.json"])


# --- the data ---------------------------------------------------------------------------------------------


def test_each_vector_is_there_once_in_the_order_of_the_sections(tmp_path: Path) -> None:
    made = built(
        tmp_path,
        run_of("one", [result("b", sections=["10"]), result("a", sections=["9"])]),
        run_of("two", [result("c", sections=[], rfc=["XEP-0191 3.3", "XEP-0191 3.4"]), result("a", sections=["9"])]),
    )

    assert [(id, sections) for id, _, _, _, sections, _ in made["vectors"]] == [
        ("a", ["9"]),
        ("b", ["10"]),
        ("c", ["XEP-0191"]),
    ]
    assert [each["signs"] for each in made["systems"]] == ["pp-", "p-p"]


def test_each_outcome_has_its_sign_and_each_reason_is_there_once(tmp_path: Path) -> None:
    results = [
        result("a", "passed"),
        result("b", "failed", detail="no", step=2),
        *[result(id, "not_applicable", detail="no component") for id in ("c", "d")],
        result("e", "not_run", detail="gone"),
    ]

    (system,) = built(tmp_path, run_of("one", results))["systems"]

    assert system["signs"] == "pfnnr"
    assert system["reasons"] == [("no component", [2, 3]), ("gone", [4])]
    assert system["failures"] == {1: [2, "no", "", -1, -1]}


def test_a_failure_names_its_behaviour(tmp_path: Path) -> None:
    run = run_of("one", [result("a", "failed", detail="no", behaviour="b2"), result("b", "failed", detail="no")])
    run["behaviours"] = [{"id": "b1", "does": "one"}, {"id": "b2", "does": "two", "known": True}]

    (system,) = built(tmp_path, run)["systems"]

    assert system["behaviours"] == [["one", False], ["two", True]]
    assert [failure[3] for failure in system["failures"].values()] == [1, -1]


def test_the_conversation_is_that_of_the_smallest_failure_of_each_row(tmp_path: Path) -> None:
    results = [
        result("large", "failed", detail=HAPPENED, requirements=["6121-3.1.6-07"], sections=["3.1.6"]),
        result("small", "failed", detail=HAPPENED, requirements=["6121-3.1.6-07"], sections=["3.1.6"]),
        result("only", "failed", detail=HAPPENED, requirements=["6121-3.1.6-08"], sections=["3.1.6"]),
    ]

    made = built(tmp_path, run_of("one", results), sizes={"large": 9, "small": 3, "only": 9})

    ids = [vector[0] for vector in made["vectors"]]
    told = {
        ids[place]: (problem, happened)
        for place, (_, problem, happened, _, _) in made["systems"][0]["failures"].items()
    }
    assert told == {
        "large": ("step 3: nothing came\n(- expected)", ""),
        "small": ("step 3: nothing came\n(- expected)", "  step 1 of 3 (connect): juliet"),
        "only": ("step 3: nothing came\n(- expected)", "  step 1 of 3 (connect): juliet"),
    }


def test_a_long_problem_is_cut(tmp_path: Path) -> None:
    (system,) = built(tmp_path, run_of("one", [result("a", "failed", detail="no\n" * 5000)]))["systems"]

    assert len(system["failures"][0][1]) < 2100


# --- the page ---------------------------------------------------------------------------------------------


def test_the_page_is_self_contained_and_nothing_from_outside_is_markup(tmp_path: Path) -> None:
    text = made_page(tmp_path)

    assert "<h1>Conformance to RFC 6121</h1>" in text
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)
    assert "<img" not in text
    assert text.count("<script") == 3


def test_six_systems_with_all_vectors_make_a_page_of_a_few_megabytes(tmp_path: Path) -> None:
    vectors = [
        result(each.id, "failed" if number % 3 == 0 else "passed", detail=HAPPENED * 8, sections=list(each.sections))
        for number, each in enumerate(packaged())
    ]
    runs = {f"server{number}": run_of(f"Server {number}", vectors) for number in range(6)}

    text = making.page(read(written(tmp_path, **runs)), MADE, packaged())

    assert 1_000_000 < len(text.encode()) < 8_000_000


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package have a few vectors, which are read in no time."""

    def find(paths: Sequence[Path]) -> list[Vector | MalformedFile]:
        return [*STORIES.values()]

    monkeypatch.setattr(making, "find", find)


@pytest.mark.usefixtures("few")
def test_the_command_writes_the_page_and_says_what_it_compares(tmp_path: Path) -> None:
    files = written(tmp_path, one=run_of("Server One", CORE), two=run_of("Server Two", OTHER))
    out = tmp_path / "page.html"

    done = CliRunner().invoke(main, ["page", str(out), *map(str, files)])

    assert done.exit_code == 0, done.output
    assert f"{out}: Server One, Server Two; " in done.output
    assert "Server Two" in out.read_text(encoding="utf-8")


@pytest.mark.usefixtures("few")
def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (file,) = written(tmp_path, one=run_of("Server One", []))

    done = CliRunner().invoke(main, ["page", str(tmp_path / "missing" / "page.html"), str(file)])

    assert done.exit_code == 1
    assert "No page was written" in done.output


def test_a_hostile_name_stays_text(tmp_path: Path) -> None:
    text = made_page(tmp_path, name=EVIL)

    assert "{{ 7 * 7 }}" in text
    assert "<img" not in text


def test_a_real_run_with_failures_is_shown(tmp_path: Path) -> None:
    run = run_vectors(id="message-full/*", driver=Mute())
    made = results_data.as_data(run.verdict, results_data.Tested("mute"), MADE)

    (system,) = built(tmp_path, made)["systems"]

    assert system["signs"].count("f") == len(run.failed) > 0
    assert all(failure[3] >= 0 for failure in system["failures"].values())


class Mute(Driver):
    """The core, whose users' messages are lost."""

    name = "mute"

    def world(self, setup: Setup) -> World:
        world = Embedded().world(setup)
        send = world.send
        world.send = lambda jid, xml: None if xml.startswith("<message") else send(jid, xml)  # type: ignore[method-assign]
        return world


def scenario_of(result: Result) -> Scenario:
    assert isinstance(result.vector, Vector)
    return result.vector.scenario


def test_a_failure_is_drawn_with_what_came_in_the_step(tmp_path: Path) -> None:
    """The page is made from files alone, and draws what the report of the run draws."""
    run = run_vectors(id="message-full/*", driver=Mute())
    vectors = [result.vector for result in run]
    in_a_step = [each for each in run.failed if each.evidence is not None and each.evidence.step is not None]
    at_once = {each.vector.id: scene_of(scenario_of(each), each.evidence) for each in in_a_step}
    write_results(tmp_path, "mute", run.results, (), results_data.Tested("mute"))

    (tested,) = read([tmp_path / "mute.json"])
    failures = failures_of([tested], vectors)
    drawn = {id: scene_of(scenario_of(each), each.evidence) for (_, id), each in failures.items()}
    assert drawn == at_once
    kinds = {mark.kind for scene in drawn.values() for line in scene.lines for mark in line.marks}
    assert MarkKind.MISSING in kinds
    assert PAGE_NAME in str(write_page(tmp_path, vectors))
    stories = json.loads(
        re.findall(r'id="book"[^>]*>(.*?)</script>', (tmp_path / PAGE_NAME).read_text(encoding="utf-8"), re.DOTALL)[0]
    )["stories"]
    assert len(stories) == len(run.results) + len(in_a_step)


@pytest.mark.parametrize(
    "found",
    [
        {"looked": [{"at": "juliet@capulet.example/balcony", "expected": ["<presence"]}]},
        {"untaken": {"remote.example": ["<a/><b/>"]}},
    ],
)
def test_what_came_and_is_no_xml_is_not_drawn(tmp_path: Path, found: Mapping[str, Any]) -> None:
    run = run_of("one", [result("deny/outbound-example", "failed", step=2, found=found)])

    assert failures_of(read(written(tmp_path, one=run)), STORIES.values()) == {}


@pytest.mark.parametrize("step", [0, 99, None])
def test_a_step_that_the_vector_does_not_have_is_not_drawn(tmp_path: Path, step: int | None) -> None:
    run = run_of("one", [result("deny/outbound-example", "failed", step=step, found={})])

    assert failures_of(read(written(tmp_path, one=run)), STORIES.values()) == {}


def test_what_is_too_much_is_not_kept() -> None:
    def evidence(length: int) -> Evidence:
        return Evidence("", step=1, untaken={"remote.example": (element("message", CLIENT, {"id": "i" * length}),)})

    assert found_in(evidence(10)) is not None
    assert found_in(evidence(20_000)) is None
    assert found_in(None) is None
    assert found_in(Evidence("before the first step")) is None
