"""What a server does otherwise, and is read all the same: it is counted, and it hides nothing that a scenario names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conformance.live import driving, result
from tests.conformance.loopback import Connection, Loopback, listening
from tests.conformance.stage import BALCONY, JULIET, ROMEO, receive, scenario, send
from tests.one_test import in_one_test
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.drivers.live.remote import IN_OTHERS
from xmpp_im_conformance.drivers.live.tolerance import MAY_ADD
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import STANZAS

PRESENCE = [send("<presence/>"), receive(f"<presence from='{BALCONY}' to='{JULIET}'/>")]
PHOTO = "<x xmlns='vcard-temp:x:update'><photo/></x>"


# --- what a server adds -----------------------------------------------------------------------------------


def adding(what: str) -> Loopback:
    """Return a server that adds something to presence."""

    def answer(connection: Connection, stanza: Element) -> str | None:
        return f"<presence from='{connection.bare}/balcony'>{what}</presence>" if stanza.name == "presence" else None

    return Loopback(answer=answer)


def seen(folder: Path, server: Loopback, expected: str = "", **config: Any) -> tuple[Result, Mapping[str, int]]:
    """Run a scenario in which a client gets presence; return what became of it, and the remarks."""
    steps = [send("<presence/>"), receive(f"<presence from='{BALCONY}'>{expected}</presence>")]
    with driving(server, **config) as driver:
        return result(folder, driver, *steps), driver.remarks


@in_one_test("namespace", sorted(MAY_ADD))
def test_what_a_server_may_add_is_removed_and_counted(tmp_path: Path, namespace: str) -> None:
    found, remarks = seen(tmp_path, adding(f"<x xmlns='{namespace}'/><show>away</show>"), "<show>away</show>")

    assert found.outcome is Outcome.PASSED, found.detail
    assert remarks == {f"the server adds {namespace} to presence": 1}


def test_what_it_may_add_is_a_setting(tmp_path: Path) -> None:
    more, remarks = seen(tmp_path, adding("<x xmlns='urn:x'/>"), may_add=frozenset({"urn:x"}))
    less, _ = seen(tmp_path, adding(PHOTO), may_add=frozenset())

    assert more.outcome is Outcome.PASSED, more.detail
    assert remarks == {"the server adds urn:x to presence": 1}
    assert less.outcome is Outcome.FAILED


def test_other_additions_are_for_the_scenario_to_judge(tmp_path: Path) -> None:
    found, remarks = seen(tmp_path, adding("<x xmlns='urn:x'/>"))

    assert found.outcome is Outcome.FAILED
    assert remarks == {}


@in_one_test(("added", "expected", "outcome"), [(PHOTO, PHOTO, Outcome.PASSED), ("", PHOTO, Outcome.FAILED)])
def test_what_a_scenario_expects_is_not_removed(tmp_path: Path, added: str, expected: str, outcome: Outcome) -> None:
    found, remarks = seen(tmp_path, adding(added), expected)

    assert found.outcome is outcome, found.detail
    assert remarks == {}


def test_what_a_scenario_sends_is_not_removed(tmp_path: Path) -> None:
    """A server that adds the avatar's hash of another client would be wrong."""
    with driving(adding(PHOTO)) as driver:
        found = result(
            tmp_path,
            driver,
            send("<presence><x xmlns='vcard-temp:x:update'/></presence>"),
            receive(f"<presence from='{BALCONY}'/>"),
        )

    assert found.outcome is Outcome.FAILED


def test_the_code_of_an_error_is_read_and_counted(tmp_path: Path) -> None:
    def answer(connection: Connection, stanza: Element) -> str | None:
        condition = "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        error = f"<error code='503' type='cancel'>{condition}</error>"
        return f"<message type='error'>{error}</message>" if stanza.name == "message" else None

    condition = "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    expected = f"<message type='error'><error type='cancel'>{condition}</error></message>"
    with driving(Loopback(answer=answer)) as driver:
        found = result(tmp_path, driver, send("<message to='nurse@capulet.example'/>"), receive(expected))
        remarks = driver.remarks

    assert found.outcome is Outcome.PASSED, found.detail
    assert remarks == {"the server writes a code on <error> (XEP-0086)": 1}


# --- what a server asks -----------------------------------------------------------------------------------


def asking(question: str, answers: list[Element], sender: str | None = "capulet.example") -> Loopback:
    """Return a server that asks a client something when that becomes available, and notes the answer."""

    def answer(connection: Connection, stanza: Element) -> str | None:
        if stanza.get("id") == "q1":
            answers.append(stanza)
            return ""
        if stanza.name != "presence":
            return None
        said = "" if sender is None else f" from='{sender.replace(JULIET, connection.bare)}'"
        to = f"{connection.bare}/{connection.resource}"
        asked = f"<iq type='get' id='q1'{said} to='{to}'>{question}</iq>"
        return f"<presence from='{to}' to='{connection.bare}'/>{asked}"

    return Loopback(answer=answer)


INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"


@in_one_test(
    ("question", "sender", "type", "payload"),
    [
        (INFO, "capulet.example", "result", "query"),
        (INFO, "pubsub.capulet.example", "result", "query"),
        (INFO, JULIET, "result", "query"),
        ("<query xmlns='http://jabber.org/protocol/disco#items'/>", "capulet.example", "result", "query"),
        ("<query xmlns='jabber:iq:version'/>", "capulet.example/x", "result", "query"),
        ("<ping xmlns='urn:xmpp:ping'/>", None, "result", None),
        ("<time xmlns='urn:xmpp:time'/>", "capulet.example", "error", "error"),
    ],
    ids=["info", "info of a service", "info of the account", "items", "version", "ping", "unknown"],
)
def test_a_question_of_the_server_is_answered_and_counted(
    tmp_path: Path, question: str, sender: str | None, type: str, payload: str | None
) -> None:
    answers: list[Element] = []
    with driving(asking(question, answers, sender)) as driver:
        found = result(tmp_path, driver, *PRESENCE)
        (remark,) = driver.remarks.items()

    assert found.outcome is Outcome.PASSED, found.detail
    assert [each.get("type") for each in answers[:1]] == [type]
    assert [each.name for each in answers[0].elements] == ([] if payload is None else [payload])
    assert remark[0].startswith("the server asks clients for ")


@in_one_test("sender", [f"{ROMEO}/orchard", "remote.example", "notcapulet.example", f"{JULIET}/other"])
def test_a_question_of_somebody_else_is_for_the_scenario(tmp_path: Path, sender: str) -> None:
    answers: list[Element] = []
    with driving(asking(INFO, answers, sender)) as driver:
        found = result(tmp_path, driver, *PRESENCE)
        remarks = driver.remarks

    assert found.outcome is Outcome.FAILED
    assert answers == []
    assert remarks == {}


# --- a component ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("namespace", ["jabber:client", "jabber:server"])
def test_a_component_reads_stanzas_in_other_namespaces_and_answers_the_server(tmp_path: Path, namespace: str) -> None:
    asks = f"<iq xmlns='{namespace}' type='get' from='sm' to='remote.example' id='q1'>{INFO}</iq>"
    server = Loopback(remote_asks=asks)
    with driving(server, component=True) as driver:
        found = result(tmp_path, driver, *PRESENCE, {"remote_send": f"<message from='{ROMEO}' to='{JULIET}'/>"})
        remarks = driver.remarks

    answer = server.from_component[0]
    assert (answer.get("id"), answer.get("type"), answer.get("to")) == ("q1", "result", "sm")
    assert "nothing was expected" in found.detail
    assert remarks == {
        IN_OTHERS: 1,
        "the server asks the component for http://jabber.org/protocol/disco#info, and is answered": 1,
    }


def test_what_comes_in_another_namespace_is_a_stanza_of_the_scenario(tmp_path: Path) -> None:
    says = f"<message xmlns='jabber:client' from='{BALCONY}' to='{ROMEO}'><body>hi</body></message>"
    with driving(Loopback(remote_asks=says), component=True) as driver:
        found = result(
            tmp_path,
            driver,
            *PRESENCE,
            {"remote_receive": f"<message from='{BALCONY}' to='{ROMEO}'><body>hi</body></message>"},
        )

    assert found.outcome is Outcome.PASSED, found.detail


# --- streams that break before they can be used -----------------------------------------------------------


def ending(condition: str, times: int, name: str) -> Loopback:
    """Return a server that answers the first requests of a kind by the end of the stream."""
    error = f"<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    left = [error] * times

    def negotiates(connection: Connection, element: Element) -> str | None:
        return left.pop() if left and element.elements and element.elements[0].name == name else None

    return Loopback(negotiates=negotiates)


AGAIN = "the server ends a new stream with internal-server-error, and is asked again"


@in_one_test("name", ["bind", "query"])
def test_a_stream_with_an_internal_error_is_tried_again_and_counted(tmp_path: Path, name: str) -> None:
    with driving(ending("internal-server-error", 2, name)) as driver:
        found = result(tmp_path, driver, *PRESENCE)
        remarks = driver.remarks

    assert found.outcome is Outcome.PASSED, found.detail
    assert remarks == {AGAIN: 2}


@in_one_test(("condition", "times"), [("internal-server-error", 1000), ("not-authorized", 2)])
def test_a_server_that_always_has_an_error_or_another_one_fails(tmp_path: Path, condition: str, times: int) -> None:
    """Another error is tolerated once: where the account was created, a server need not let its user log in."""
    with driving(ending(condition, times, "bind"), patience=0.1) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is not Outcome.PASSED
    assert condition in found.detail


def creating(*, ends: bool) -> Loopback:
    """Return a server that has the account that it is asked for; it may end the stream first."""

    def negotiates(connection: Connection, element: Element) -> str | None:
        query = element.first("query", "jabber:iq:register")
        user, password = [None if query is None else query.first(name) for name in ("username", "password")]
        if user is None or password is None:
            return None
        passwords = connection.server.passwords
        if ends and user.text not in passwords:
            passwords[user.text] = password.text
            condition = "<internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
            return f"<stream:error>{condition}</stream:error></stream:stream>"
        condition = f"<conflict xmlns='{STANZAS}'/>"
        return f"<iq id='{element.get('id')}' type='error'><error type='cancel'>{condition}</error></iq>"

    return Loopback(negotiates=negotiates)


def test_an_account_that_an_ended_stream_has_created_is_used(tmp_path: Path) -> None:
    with driving(creating(ends=True)) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.PASSED, found.detail


def test_an_account_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    with driving(creating(ends=False), patience=0.1) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is not Outcome.PASSED
    assert "conflict" in found.detail


# --- what is said of it -----------------------------------------------------------------------------------


def test_the_run_says_what_was_tolerated_and_how_often(tmp_path: Path) -> None:
    scene = scenario(send("<presence/>"), receive(f"<presence from='{BALCONY}'/>"), accounts={JULIET: {}})
    vectors = [tmp_path / f"{name}.json" for name in ("one", "two")]
    for file in vectors:
        file.write_text(json.dumps(scene), encoding="utf-8")
    remark = "the server adds vcard-temp:x:update to presence"
    written, page = tmp_path / "results.json", tmp_path / "page.html"
    with listening(adding(PHOTO)) as server:
        options = ["--driver", "live", "--port", f"{server.port}", "--json", f"{written}", "--html", f"{page}", "-q"]
        found = CliRunner().invoke(main, ["run", *map(str, vectors), *options])

    assert found.exit_code == 0, found.output
    assert f"note: {remark}: 2 times" in found.output
    assert json.loads(written.read_text(encoding="utf-8"))["remarks"] == [{"remark": remark, "times": 2}]
    assert f"<li>{remark}: 2 times</li>" in page.read_text(encoding="utf-8")
