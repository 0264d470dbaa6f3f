"""What is recorded of servers in use: it names vectors that there are, and every surprise is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from interop.deviations import read_deviations, renew, unexpected
from interop.document import DOCUMENT, document
from interop.servers import SERVERS
from tests.conformance.packaged import packaged
from tests.one_test import in_one_test
from xmpp_im_conformance.format.data import requirements
from xmpp_im_conformance.format.steps.looks import FORGIVEN
from xmpp_im_conformance.format.vectors import MalformedFile
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.known import Deviation, read_known


def known(*vectors: str, unsteady: bool = False) -> Deviation:
    return Deviation(
        server="prosody", does="otherwise", section="6121 4.2.2", kind="against", vectors=vectors, unsteady=unsteady
    )


def results(**outcomes: Outcome) -> list[Result]:
    return [Result(MalformedFile(id=id, file="", why=""), outcome) for id, outcome in outcomes.items()]


@in_one_test(
    ("came", "recorded", "told"),
    [
        (results(a=Outcome.FAILED, b=Outcome.PASSED), [known("a")], []),
        (results(a=Outcome.FAILED), [], ["prosody fails a, which is not recorded"]),
        (results(a=Outcome.PASSED), [known("a")], ["prosody no longer fails a, which is recorded"]),
        (results(a=Outcome.NOT_APPLICABLE), [known("a")], ["prosody no longer fails a, which is recorded"]),
        (results(a=Outcome.PASSED), [known("a", unsteady=True)], []),
        (results(a=Outcome.FAILED), [known("a", unsteady=True)], []),
        ([], [known("a")], ["prosody: there is no vector a, which is recorded"]),
    ],
    ids=["as recorded", "not recorded", "passes", "not applicable", "unsteady passes", "unsteady fails", "unknown"],
)
def test_what_is_not_as_recorded_is_told(
    came: Sequence[Result], recorded: Sequence[Deviation], told: Sequence[str]
) -> None:
    assert unexpected("prosody", came, recorded) == told


def test_a_record_of_one_server_says_nothing_of_another() -> None:
    assert unexpected("ejabberd", results(a=Outcome.FAILED), [known("a")]) == [
        "ejabberd fails a, which is not recorded"
    ]


def test_a_vector_is_recorded_once_for_each_server(tmp_path: Path) -> None:
    record = "[[deviation]]\ndoes='x'\nkind='against'\nsection='6121 2'\nvectors=['a']\n"
    for server, times in (("prosody", 1), ("ejabberd", 1), ("jabberd2", 2)):
        (tmp_path / server).mkdir()
        (tmp_path / server / "deviations.toml").write_text(record * times, encoding="utf-8")

    with pytest.raises(ValueError, match=r"jabberd2/deviations\.toml: recorded twice: a"):
        read_deviations(tmp_path)
    (tmp_path / "jabberd2" / "deviations.toml").unlink()
    assert [each.server for each in read_deviations(tmp_path)] == ["ejabberd", "prosody"]


def test_what_is_recorded_concerns_vectors_and_servers_that_there_are() -> None:
    recorded = read_deviations()
    ids = {vector.id for vector in packaged()}

    assert {"prosody", "ejabberd"} <= {each.server for each in recorded} <= set(SERVERS)
    assert [id for each in recorded for id in each.vectors if id not in ids] == []


def test_a_deviation_from_a_sentence_quotes_it() -> None:
    assert [each.does for each in read_deviations() if each.kind == "against" and not each.sentence] == []


def test_a_sentence_is_that_of_the_document_and_no_summary() -> None:
    """A new record begins with the summary of the requirement, until somebody writes the sentence there."""
    summaries = {each.summary for each in requirements().values()} - {
        each.quote_anchor for each in requirements().values()
    }

    assert [each.does for each in read_deviations() if each.sentence in summaries] == []


def test_what_is_beyond_the_rfc_is_shown_by_vectors_that_say_so() -> None:
    levels = {vector.id: vector.level for vector in packaged() if not isinstance(vector, MalformedFile)}
    beyond = [id for each in read_deviations() if each.kind == "beyond" for id in each.vectors]

    assert [id for id in beyond if levels[id] not in ("MAY", "peer")] == []


def test_the_document_is_what_the_record_says() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(read_deviations())


def forgiven(id: str, says: str = "otherwise") -> Result:
    return Result(MalformedFile(id=id, file="", why=""), Outcome.PASSED, findings={f"{FORGIVEN}: {says}": 2})


def test_what_a_server_is_forgiven_is_recorded_as_what_it_fails() -> None:
    assert unexpected("prosody", [forgiven("a")], [known("a")]) == []
    assert unexpected("prosody", [forgiven("a")], []) == ["prosody fails a, which is not recorded"]
    other = Result(MalformedFile(id="a", file="", why=""), Outcome.PASSED, findings={"something else": 1})
    assert unexpected("prosody", [other], []) == []


def test_the_record_of_what_is_forgiven_has_the_vectors_that_show_nothing_else(tmp_path: Path) -> None:
    """A vector that fails later shows another behaviour: the forgiven one was not the reason."""
    server = evolve(SERVERS["prosody"], folder=tmp_path)
    shown, later = "cancel/outbound-example", "approve/outbound-example"
    record = f"[[deviation]]\ndoes = 'otherwise'\nkind = 'against'\nsection = '6121 2'\nvectors = ['{later}']\n"
    (tmp_path / "deviations.toml").write_text(record, encoding="utf-8")

    renew(server, [forgiven(shown), *results(**{later: Outcome.FAILED})])

    first, *others = read_known(tmp_path / "deviations.toml")
    assert (first.does, first.vectors) == ("otherwise", (shown,))
    assert [each.vectors for each in others] == [(later,)]


def test_a_vector_that_shows_several_forgiven_differences_stands_in_one_record(tmp_path: Path) -> None:
    server = evolve(SERVERS["prosody"], folder=tmp_path)
    stays, goes, new = "approve/outbound-example", "cancel/outbound-example", "deny/outbound-with-item"
    other = "subscribe/inbound-example"
    records = {"first": [other], "second": [stays], "third": [goes]}
    text = [f"[[deviation]]\ndoes = '{does}'\nvectors = {ids}\n" for does, ids in records.items()]
    (tmp_path / "deviations.toml").write_text("".join(text), encoding="utf-8")
    both = {f"{FORGIVEN}: first": 1, f"{FORGIVEN}: second": 1}

    renew(server, [evolve(forgiven(id), findings=both) for id in (stays, goes, new)])

    found = {each.does: each.vectors for each in read_known(tmp_path / "deviations.toml")}
    assert found == {"first": (goes, new, other), "second": (stays,)}
