"""Reading a file of known deviations: what it may hold, and what it is told if it holds something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.one_test import in_one_test
from xmpp_im_conformance.verdict.known import BadKnownFile, Deviation, read_known

RECORD = "[[deviation]]\ndoes = 'x'\nvectors = ['a', 'b']\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known.toml"


def test_an_empty_file_records_nothing(file: Path) -> None:
    file.write_text("# nothing yet\n", encoding="utf-8")

    assert read_known(file) == ()


def test_a_record_needs_a_line_and_vectors_alone(file: Path) -> None:
    file.write_text(RECORD, encoding="utf-8")

    assert read_known(file) == (Deviation(does="x", vectors=("a", "b"), kind="against", unsteady=False),)


def test_a_record_may_say_more(file: Path) -> None:
    more = "kind = 'beyond'\nsection = '6121 2'\nsentence = 's'\nnote = 'n'\nunsteady = true\nserver = 'prosody'\n"
    file.write_text(RECORD + more, encoding="utf-8")

    (each,) = read_known(file)

    assert (each.kind, each.section, each.sentence, each.note) == ("beyond", "6121 2", "s", "n")
    assert (each.unsteady, each.server) == (True, "prosody")


def test_one_vector_may_be_recorded_for_each_server(file: Path) -> None:
    file.write_text(f"{RECORD}server = 'one'\n{RECORD}server = 'two'\n", encoding="utf-8")

    assert [each.server for each in read_known(file)] == ["one", "two"]


@in_one_test(
    ("text", "why"),
    [
        ("deviation", "Expected '=' after a key"),
        ("known = 1", "unknown key 'known': each record begins with [[deviation]]"),
        ("[deviation]\ndoes = 'x'", "each record begins with [[deviation]], not with [deviation]"),
        ("deviation = [1]", "each record begins with [[deviation]]"),
        (f"{RECORD}steady = true", "record 1: unknown key 'steady'"),
        (f"{RECORD}[[deviation]]\nnote = 'n'", "record 2: 'does' and 'vectors' must be given"),
        ("[[deviation]]\ndoes = ''\nvectors = ['a']", "record 1: 'does' is empty"),
        ("[[deviation]]\ndoes = 1\nvectors = ['a']", "record 1: 'does' is a text, not 1"),
        ("[[deviation]]\ndoes = 'x'\nvectors = []", "record 1: 'vectors' is a list of the ids of vectors"),
        ("[[deviation]]\ndoes = 'x'\nvectors = 'a'", "record 1: 'vectors' is a list of the ids of vectors"),
        ("[[deviation]]\ndoes = 'x'\nvectors = [1]", "record 1: 'vectors' is a list of the ids of vectors"),
        (f"{RECORD}kind = 'bug'", "record 1: 'kind' is one of against, beyond, configuration, not 'bug'"),
        (f"{RECORD}kind = []", "record 1: 'kind' is one of against, beyond, configuration, not []"),
        (f"{RECORD}unsteady = 'no'", "record 1: 'unsteady' is true or false, not 'no'"),
        (f"{RECORD}note = ['n']", "record 1: 'note' is a text, not ['n']"),
        ("[[deviation]]\ndoes = 'x'\nvectors = ['a', 'a']", "recorded twice: a"),
        (RECORD + RECORD, "recorded twice: a"),
        (f"{RECORD}server = 'one'\n{RECORD}server = 'one'", "recorded twice for one: a"),
    ],
)
def test_what_has_another_form_is_refused_with_the_file_and_the_record(file: Path, text: str, why: str) -> None:
    file.write_text(text, encoding="utf-8")

    with pytest.raises(BadKnownFile) as problem:
        read_known(file)

    assert str(problem.value).startswith(f"{file}: {why}")


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(BadKnownFile, match=r"known\.toml: No such file or directory"):
        read_known(file)
    file.write_bytes(b"\xff")
    with pytest.raises(BadKnownFile, match=r"known\.toml: 'utf-8' codec"):
        read_known(file)
