"""Failures by behaviour: what two failures must share to be one, and what is said of a behaviour."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner
from click.testing import Result as Done

from tests.conformance.stage import BALCONY, CHAMBER, JULIET, ScriptedWorld, receive, result, scenario, send
from tests.one_test import in_one_test
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.vectors import MalformedFile, Scenario, Vector
from xmpp_im_conformance.format.worlds import Setup
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.behaviours import behaviours_of
from xmpp_im_conformance.verdict.judging import Verdict
from xmpp_im_conformance.verdict.known import Deviation
from xmpp_im_conformance.verdict.shapes import kind_of, shape_of

PRESENCE: Final = "<presence id='p'/>"
SUBSCRIBE: Final = "<presence to='romeo@montague.example' type='subscribe'/>"
REMOVE: Final = (
    "<iq id='r' type='set'><query xmlns='jabber:iq:roster'>"
    "<item jid='romeo@montague.example' subscription='remove'/></query></iq>"
)
UNAVAILABLE: Final = f"<presence from='{CHAMBER}' to='{BALCONY}' type='unavailable'/>"
AVAILABLE: Final = f"<presence from='{CHAMBER}' to='{BALCONY}'/>"


def shape(tmp_path: Path, *steps: dict[str, Any], comes: str = "", items: tuple[RosterItem, ...] = ()) -> str:
    """Return the shape of the failure if this comes at each stanza that the client sends."""
    script = {xml: [(BALCONY, comes)] for xml in (PRESENCE, SUBSCRIBE, REMOVE) if comes}
    found = result(tmp_path, scenario(*steps, rfc=["6121 4"]), ScriptedWorld(script, items))
    assert found.outcome is Outcome.FAILED
    return str(shape_of(found))


def test_what_is_missing_after_what_happened(tmp_path: Path) -> None:
    expected = receive(UNAVAILABLE)

    assert shape(tmp_path, send(SUBSCRIBE), expected) == (
        "after a client sends presence of type 'subscribe': presence of type 'unavailable' does not come"
    )
    assert shape(tmp_path, send(REMOVE), expected) == (
        "after a client sends a roster set that removes an item: presence of type 'unavailable' does not come"
    )


def test_what_came_in_its_place_does_not_matter(tmp_path: Path) -> None:
    nothing = shape(tmp_path, send(PRESENCE), receive(UNAVAILABLE))

    assert shape(tmp_path, send(PRESENCE), receive(UNAVAILABLE), comes=AVAILABLE) == nothing
    assert shape(tmp_path, send(PRESENCE), receive(UNAVAILABLE), comes="<message/>") == nothing


def test_what_came_in_addition(tmp_path: Path) -> None:
    says = "after a client sends available presence: presence of type 'unavailable' comes, although it must not"

    assert shape(tmp_path, send(PRESENCE), {"silent": [BALCONY]}, comes=UNAVAILABLE) == says
    assert shape(tmp_path, send(PRESENCE), {"absent": {"at": BALCONY, "xml": UNAVAILABLE}}, comes=UNAVAILABLE) == says
    assert shape(tmp_path, send(PRESENCE), comes=UNAVAILABLE) == says, "at the end"


def test_what_comes_in_another_order(tmp_path: Path) -> None:
    script = {PRESENCE: [(BALCONY, "<message/>"), (BALCONY, UNAVAILABLE), (BALCONY, AVAILABLE)]}
    step = {"receive": {"at": BALCONY, "any_order": [UNAVAILABLE, AVAILABLE]}}
    found = result(tmp_path, scenario(send(PRESENCE), step), ScriptedWorld(script))

    assert str(shape_of(found)) == "after a client sends available presence: available presence comes in another order"


def test_what_is_different_within_a_stanza(tmp_path: Path) -> None:
    other = f"<presence from='{CHAMBER}' to='{JULIET}' type='unavailable'/>"

    assert shape(tmp_path, send(PRESENCE), receive(other), comes=UNAVAILABLE) == (
        "after a client sends available presence: attribute 'to' of <presence> differs"
    )


def test_what_is_different_within_a_child_is_alike_after_all_that_may_happen(tmp_path: Path) -> None:
    push = "<iq id='1' type='set'><query xmlns='jabber:iq:roster'><item jid='a@b' approved='{}'/></query></iq>"

    for sent in (PRESENCE, SUBSCRIBE):
        found = shape(tmp_path, send(sent), receive(push.format("true")), comes=push.format("no"))
        assert found == "attribute 'approved' of <item> differs"


def test_another_roster(tmp_path: Path) -> None:
    step = {"roster": {"of": JULIET, "items": [{"jid": "romeo@montague.example"}]}}
    there = (RosterItem(jid="romeo@montague.example", subscription="to"),)

    assert shape(tmp_path, send(SUBSCRIBE), step, items=there) == (
        "after a client sends presence of type 'subscribe': the roster is another"
    )


def test_addresses_ids_and_times_have_no_part_in_it() -> None:
    def failed(detail: str) -> str:
        nothing = Scenario(Setup({}), ())
        return str(shape_of(Result(Vector(id="a", file="", scenario=nothing), Outcome.FAILED, detail)))

    one = failed("step 2 of 7 (send): the stream of juliet-1x2@capulet.example/balcony is at its end after 5.1 s")
    two = failed("step 5 of 6 (remote_send): the stream of romeo-3@montague.example/foo is at its end after 4.9 s")

    assert one == two
    assert len(failed("x" * 10_000)) < 200
    assert failed("\u2028") == "it fails"


def test_an_exception_is_told_by_its_last_line(tmp_path: Path) -> None:
    class Broken(ScriptedWorld):
        def send(self, jid: str, xml: str) -> None:
            raise LookupError("no rows for juliet@capulet.example")

    found = result(tmp_path, scenario(send(PRESENCE)), Broken({}))

    assert str(shape_of(found)) == (
        "after a client sends available presence: the implementation raised LookupError: no rows for …"
    )


@in_one_test(
    ("stanza", "words"),
    [
        ("<message type='chat'/>", "a message"),
        ("<message type='error'><error><gone xmlns='{}'/></error></message>", "a message error gone"),
        ("<iq type='error'><error><text xmlns='{}'/><forbidden xmlns='{}'/></error></iq>", "an iq error forbidden"),
        ("<presence type='error'/>", "a presence error"),
        ("<presence/>", "available presence"),
        ("<presence type='{opt}'/>", "available presence"),
        ("<presence type='probe'/>", "presence of type 'probe'"),
        ("<presence type='invisible'/>", "presence of an undefined type"),
        ("<iq type='result'/>", "an iq result"),
        ("<iq type='get'><query xmlns='jabber:iq:roster'/></iq>", "a roster get"),
        ("<iq type='set'><block xmlns='urn:xmpp:blocking'/></iq>", "a block list set"),
        ("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>", "an iq request"),
        ("<iq type='get'/>", "an iq request"),
        ("<x xmlns='urn:scenario:any' type='result'/>", "a stanza"),
    ],
)
def test_kinds_of_stanzas(stanza: str, words: str) -> None:
    assert kind_of(read_xml(stanza.replace("{}", "urn:ietf:params:xml:ns:xmpp-stanzas"))) == words


# --- behaviours -------------------------------------------------------------------------------------------


def failure(tmp_path: Path, sent: str, **about: Any) -> Result:
    vector = scenario(send(sent), receive(UNAVAILABLE), **{"rfc": ["6121 4"], **about})
    return result(tmp_path, vector, ScriptedWorld({}))


def test_failures_of_one_shape_are_one_behaviour(tmp_path: Path) -> None:
    found = [failure(tmp_path, PRESENCE, rfc=[f"6121 {section}"]) for section in ("4", "3")]

    (only,) = behaviours_of(found, ())

    assert only.failures == tuple(found)


def test_what_differs_alike_after_different_events_is_one_behaviour_of_one_section(tmp_path: Path) -> None:
    alike = [failure(tmp_path, sent, requirements=["6121-4.2.2-02"]) for sent in (PRESENCE, SUBSCRIBE)]
    elsewhere = failure(tmp_path, REMOVE, requirements=["6121-2.5.2-01"])

    first, second = behaviours_of([*alike, elsewhere], ())

    assert first.deviation.does == (
        "after a client sends available presence or a client sends presence of type 'subscribe':"
        " presence of type 'unavailable' does not come"
    )
    assert (len(first.failures), len(second.failures)) == (2, 1)


def test_a_behaviour_cites_the_sentence_that_most_of_its_vectors_cite(tmp_path: Path) -> None:
    cited = (["6121-4.2.2-01"], ["6121-4.2.2-02", "6121-4.2.2-01"], ["6121-4.2.2-02"], ["6121-4.2.2-02"])

    (only,) = behaviours_of([failure(tmp_path, PRESENCE, requirements=ids) for ids in cited], ())

    assert only.requirement is not None
    assert (only.requirement.id, only.deviation.section) == ("6121-4.2.2-02", "6121 4.2.2")
    assert only.sentence == only.requirement.summary


@pytest.mark.parametrize(
    ("levels", "kind"),
    [(("peer", "MAY"), "beyond"), (("MAY", "SHOULD"), "against"), (("MUST",), "against")],
    ids=str,
)
def test_it_is_beyond_the_rfc_if_all_its_vectors_are(tmp_path: Path, levels: tuple[str, ...], kind: str) -> None:
    (only,) = behaviours_of([failure(tmp_path, PRESENCE, level=level) for level in levels], ())

    assert only.deviation.kind == kind


def test_known_failures_have_the_behaviour_of_the_file_and_come_last(tmp_path: Path) -> None:
    found = [failure(tmp_path, PRESENCE), failure(tmp_path, SUBSCRIBE, rfc=["6121 3"])]
    known = Deviation(does="is silent", vectors=("a",))
    named = [
        Result(MalformedFile(id=id, file="", why=""), Outcome.FAILED, "malformed vector: no") for id in ("a", "b", "c")
    ]

    behaviours = behaviours_of([*named, *found], (known,))

    assert [(each.is_known, len(each.failures)) for each in behaviours] == [
        (False, 2),
        (False, 1),
        (False, 1),
        (True, 1),
    ]
    assert behaviours[-1].deviation is known


def test_ids_of_behaviours_differ_and_are_never_empty() -> None:
    known = [Deviation(does=does, vectors=(id,)) for does, id in (("a b", "1"), ("A-b!", "2"), ("é", "3"))]
    found = [Result(MalformedFile(id=id, file="", why=""), Outcome.FAILED, "no") for id in "123"]

    assert sorted([each.id for each in behaviours_of(found, known)]) == ["a-b", "a-b-2", "behaviour"]


def test_what_was_not_run_is_neither_known_nor_passed() -> None:
    gone = Result(MalformedFile(id="a", file="", why=""), Outcome.NOT_RUN, "the client port is gone")
    verdict = Verdict([gone], [Deviation(does="x", vectors=("a",))])

    assert (verdict.unexpected_passes, verdict.known_failures, verdict.exit_status) == ((), (), 1)


# --- on the terminal --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(9):
        wrong = scenario(
            send("<presence/>"),
            {"silent": [BALCONY]},
            title=f"vector {number}",
            requirements=["6121-4.2.2-02"] if number % 2 else ["6121-4.4.2-01"],
            rfc=["6121 4"],
        )
        (tmp_path / f"v{number}.json").write_text(json.dumps(wrong), encoding="utf-8")
    return tmp_path


def run(*arguments: object) -> Done:
    return CliRunner().invoke(main, ["run", "--quiet", *map(str, arguments)])


def test_many_failures_are_told_by_behaviour_in_a_few_lines(folder: Path) -> None:
    lines = run(folder).output.splitlines()

    does = "after a client sends available presence: available presence comes, although it must not"
    title, sentence, example, expected, came, vectors, *sums = lines
    assert title == f"1. {does}"
    assert sentence.startswith("   RFC 6121 4.4.2 (MUST, 6121-4.4.2-01): ")
    assert example == "   for example v0: vector 0"
    assert expected == "   - nothing"
    assert came == f'   + <presence from="{BALCONY}" to="juliet@capulet.example" xml:lang="en"/>'
    assert vectors == "   9 vectors: v0, v1, v2, v3 and 5 more"
    assert sums == ["1 behaviour differs, shown by 9 vectors", "0 passed, 9 failed, 0 not applicable"]


def test_details_tell_everything_about_each(folder: Path) -> None:
    text = run(folder, "--details").output

    assert text.count("what happened:") == 9
    assert run(folder).output.count("what happened:") == 0
    assert run(folder, "--id", "v[0-2]").output.count("what happened:") == 3


def test_a_run_in_which_nothing_was_applicable_says_why_even_if_quiet(tmp_path: Path) -> None:
    elsewhere = {**scenario(features=["mam"], rfc=["6121 11"])}
    (tmp_path / "a.json").write_text(json.dumps(elsewhere), encoding="utf-8")

    done = run(tmp_path)

    assert done.exit_code == 2
    assert "not applicable, 1: the feature 'mam' is not supported" in done.output

    (tmp_path / "b.json").write_text(json.dumps(scenario(rfc=["6121 11"])), encoding="utf-8")
    assert "the feature 'mam'" not in run(tmp_path).output


def test_what_cannot_be_reached_is_told_once(folder: Path) -> None:
    done = run(folder, "--driver", "stdio", "--command", "/nowhere/adapter")

    assert done.exit_code == 2
    assert done.output.startswith("Nothing was run: ")
    assert len(done.output.splitlines()) == 1


def test_a_server_that_is_not_there_fails_no_vector(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    done = run(folder, "--driver", "live", "--port", port)

    assert done.exit_code == 2
    assert "FAILED" not in done.output
    assert len(done.output.splitlines()) <= 2
