"""The command: exit status, JSON, filters, and what people read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.conformance.stage import BALCONY, receive, scenario, send
from xmpp_im_conformance.cli import NEEDED
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.cli.options import ACT_CHAPTERS
from xmpp_im_conformance.differ.kinds import ACTS_OF_CHAPTERS

GOOD = scenario(send("<presence/>"), receive("<presence from='{any}' to='{any}'/>"), rfc=["6121 4.2.2"])
WRONG = scenario(send("<presence/>"), {"silent": [BALCONY]}, rfc=["6121 4.4"])
ELSEWHERE = scenario(features=["mam"], rfc=["6121 11"])
MALFORMED = {**scenario(), "stepz": []}
CLIENT = {
    "title": "a client",
    "rfc": ["6121 2.1.3"],
    "account": "juliet@capulet.example",
    "steps": [
        {"client_does": {"action": "get_roster"}},
        {"expect_sent": "<iq type='get'><query xmlns='jabber:iq:roster'/></iq>"},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def put(folder: Path, **vectors: object) -> None:
    for name, vector in vectors.items():
        (folder / f"{name}.json").write_text(json.dumps(vector), encoding="utf-8")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


def data(folder: Path, *arguments: object) -> Any:
    file = folder.parent / "results.json"
    run(folder, "--json", file, *arguments)
    return json.loads(file.read_text(encoding="utf-8"))


def test_it_exits_with_0_where_none_failed(folder: Path) -> None:
    put(folder, good=GOOD, elsewhere=ELSEWHERE, client=CLIENT)

    done = run(folder)

    assert done.exit_code == 0, done.output
    assert "2 passed, 0 failed, 1 not applicable" in done.output
    assert "not applicable, 1: the feature 'mam' is not supported" in done.output


def test_it_exits_with_1_where_one_failed(folder: Path) -> None:
    put(folder, good=GOOD, wrong=WRONG)

    assert run(folder).exit_code == 1


def test_a_malformed_vector_has_failed_and_the_rest_goes_on(folder: Path) -> None:
    put(folder, a_malformed=MALFORMED, good=GOOD)

    done = run(folder)

    assert done.exit_code == 1
    assert "malformed vector: unknown key 'stepz'" in done.output
    assert str(folder / "a_malformed.json") in done.output
    assert "1 passed, 1 failed, 0 not applicable" in done.output


ROW = {"situation": "one", "target": "bare", "type": "chat", "outcomes": ["delivered"], "rfc": ["6121 8.5.4"]}


def test_a_malformed_file_is_told_in_a_screen(folder: Path) -> None:
    rows = [{**ROW, **{f"key{n}": 1 for n in range(6)}, "level": "must", "rfc": number} for number in range(100)]
    put(folder, table={"title": "a table", "rows": rows})

    lines = run(folder, "--quiet").output.splitlines()

    assert len(lines) < 24
    assert sum([-(-len(line) // 80) for line in lines]) < 32
    assert [line for line in lines if "unknown key" in line] == [
        "  rows 1-100: unknown key 'key0', 'key1', 'key2', 'key3', 'key4', 'key5'"
    ]
    assert [line for line in lines if "'must'" in line] == [
        "  rows 1-100, level: 'must' is not one of ['MUST', 'SHOULD', 'MAY', 'peer']"
    ]
    assert "  and 92 more" in lines


def test_what_is_wrong_with_many_rows_is_told_once(folder: Path) -> None:
    rows = [
        {**ROW, "requirements": ["6121-99-01"]},
        {**ROW, "target": "full-match"},
        {**ROW, "requirements": ["6121-99-01"]},
    ]
    put(folder, table={"title": "a table", "rows": rows})

    done = run(folder)

    assert "malformed vector: rows 1, 3: unknown requirement 6121-99-01" in done.output
    assert "1 passed, 1 failed, 0 not applicable" in done.output


def test_requirements_that_no_vector_of_the_run_cites_are_not_listed(folder: Path) -> None:
    put(folder, good=GOOD)
    assert "Testable requirements" not in run(folder).output

    put(folder, cites={**GOOD, "requirements": ["6121-4.2.2-02"]})
    table = run(folder).output.partition("Testable requirements")[2]
    assert [line.split()[1] for line in table.splitlines() if line.startswith("│")] == ["4", "all"]


def test_it_exits_with_2_where_there_is_nothing_to_run(folder: Path) -> None:
    assert run(folder).exit_code == 2
    assert run(folder / "nowhere").exit_code == 2
    put(folder, good=GOOD)
    assert run(folder, "--section", "5").exit_code == 2
    assert "there are no such vectors" in run(folder, "--id", "bad").output


def test_it_exits_with_2_where_nothing_was_applicable(folder: Path) -> None:
    put(folder, elsewhere=ELSEWHERE)

    assert run(folder).exit_code == 2


def test_a_section_selects_what_is_about_it_or_below_it(folder: Path) -> None:
    put(folder, good=GOOD, wrong=WRONG, elsewhere=ELSEWHERE)

    def ids(*arguments: str) -> list[str]:
        return [vector["id"] for vector in data(folder, *arguments)["vectors"]]

    assert ids("--section", "4") == ["good", "wrong"]
    assert ids("--section", "4.2") == ["good"]
    assert ids("--section", "4.2", "--section", "11") == ["elsewhere", "good"]
    assert ids("--id", "*o*") == ["good", "wrong"]
    assert ids("--id", "good", "--section", "4") == ["good"]


def test_files_and_folders_can_be_named_together(folder: Path) -> None:
    put(folder, good=GOOD)
    deep = folder / "deep"
    deep.mkdir()
    put(deep, wrong=WRONG)
    put(folder.parent, other=GOOD)

    found = CliRunner().invoke(main, ["run", str(folder), str(folder.parent / "other.json")])

    assert "2 passed, 1 failed, 0 not applicable" in found.output
    assert "FAILED deep/wrong" in found.output


def test_a_failure_can_be_read(folder: Path) -> None:
    put(folder, wrong=scenario(send("<presence/>"), receive("<presence to='nobody' from='{any}'/>")))

    text = run(folder).output

    assert "FAILED wrong" in text
    assert "attribute 'to' of <presence>: expected 'nobody', came 'juliet@capulet.example'" in text
    assert '- <presence from="{any}" to="nobody"/>' in text
    assert f'+ <presence from="{BALCONY}" to="juliet@capulet.example" xml:lang="en"/>' in text
    assert f"step 2 of 3 (send): {BALCONY} sends <presence/>" in text


def test_server_and_client_vectors_are_in_separate_tables(folder: Path) -> None:
    put(folder, good=GOOD, client=CLIENT)

    text = run(folder).output

    server, client = text.index("Server vectors by section"), text.index("Client vectors by section")
    assert "4.2.2" in text[server:client]
    assert "2.1.3" in text[client:]


def test_requirements_are_counted_and_the_uncovered_ones_listed(folder: Path) -> None:
    put(folder, good={**GOOD, "requirements": ["6121-4.4.2-01"]})

    text = run(folder, "--uncovered").output

    assert "6121-4.4.2-02" in text
    assert "6121-4.4.2-01  " not in text


def test_vectors_are_listed_with_what_they_are_about(folder: Path) -> None:
    put(folder, good={**GOOD, "title": "A presence", "level": "SHOULD"}, elsewhere=ELSEWHERE, malformed=MALFORMED)

    lines = CliRunner().invoke(main, ["list", str(folder)]).output.splitlines()

    assert lines == [
        f"elsewhere  MUST    11     {ELSEWHERE['title']}",
        "good       SHOULD  4.2.2  A presence",
        f"malformed  MUST    {MALFORMED['rfc'][0].split()[1]}      (malformed: {folder / 'malformed.json'})",
    ]


def test_the_list_is_of_those_that_are_selected(folder: Path) -> None:
    put(folder, good=GOOD, wrong={**WRONG, "level": "MAY"}, elsewhere=ELSEWHERE)

    def ids(*arguments: str) -> list[str]:
        done = CliRunner().invoke(main, ["list", str(folder), *arguments])
        return [line.split()[0] for line in done.output.splitlines()] if done.exit_code == 0 else []

    assert ids("--section", "4") == ["good", "wrong"]
    assert ids("--id", "*o*") == ["good", "wrong"]
    assert ids("--level", "MAY") == ["wrong"]
    assert ids("--level", "peer") == []


@pytest.mark.slow
def test_without_a_path_the_vectors_of_the_package_are_run() -> None:
    done = run("--id", "tables/a.2.1#*")

    assert done.exit_code == 0, done.output
    assert "9 passed, 0 failed" in done.output


@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("--help",), ("run", "--help"), ("list", "--help"), ("differ", "--help")],
    ids=lambda each: " ".join(each),
)
def test_help_and_version_import_nothing_but_the_arguments(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom xmpp_im_conformance.cli import main\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    imported = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "click" in imported
    assert imported.isdisjoint({*NEEDED, "attr", "asyncio"} - {"click"})


def test_the_chapters_that_can_be_named_are_those_there_are() -> None:
    assert set(ACT_CHAPTERS) == set(ACTS_OF_CHAPTERS)
