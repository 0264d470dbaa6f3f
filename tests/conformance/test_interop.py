"""What is recorded of servers in use: it names vectors that there are, and every surprise is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template

import pytest

from interop.deviations import read_deviations, unexpected
from interop.document import DOCUMENT, document
from interop.servers import SERVERS, Server
from tests.conformance.packaged import packaged
from tests.one_test import in_one_test
from xmpp_im_conformance.format.vectors import MalformedFile
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.known import Deviation

ROOT = Path(__file__).resolve().parents[2]


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
    record = "[[deviation]]\nserver='prosody'\ndoes='x'\nkind='against'\nsection='6121 2'\nvectors=['a']\n"
    file = tmp_path / "deviations.toml"
    file.write_text(record * 2, encoding="utf-8")

    with pytest.raises(ValueError, match="recorded twice for prosody: a"):
        read_deviations(file)


def test_what_is_recorded_concerns_vectors_and_servers_that_there_are() -> None:
    recorded = read_deviations()
    ids = {vector.id for vector in packaged()}

    assert {"prosody", "ejabberd"} <= {each.server for each in recorded} <= set(SERVERS)
    assert [id for each in recorded for id in each.vectors if id not in ids] == []


def test_a_deviation_from_a_sentence_quotes_it() -> None:
    assert [each.does for each in read_deviations() if each.kind == "against" and not each.sentence] == []


def test_what_is_beyond_the_rfc_is_shown_by_vectors_that_say_so() -> None:
    levels = {vector.id: vector.level for vector in packaged() if not isinstance(vector, MalformedFile)}
    beyond = [id for each in read_deviations() if each.kind == "beyond" for id in each.vectors]

    assert [id for id in beyond if levels[id] not in ("MAY", "peer")] == []


def test_the_document_is_what_the_record_says() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(read_deviations())


@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
def test_a_configuration_is_on_loopback_only_and_wants_nothing_else_filled_in(server: Server) -> None:
    text = (ROOT / "interop" / "configurations" / server.configuration).read_text(encoding="utf-8")

    filled = Template(text).substitute(directory="/tmp/x", c2s_port=1, component_port=2, secret="s")

    assert "127.0.0.1" in filled
    assert "0.0.0.0" not in filled
