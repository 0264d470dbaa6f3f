"""Streams that the server ends: for what was sent on them, which is an answer, or without cause, which is a failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.conformance.live import driving, result
from tests.conformance.loopback import Connection, Loopback
from tests.conformance.stage import BALCONY, CHAMBER, JULIET, closed, receive, send
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_core.element import Element

TIMES: Final = 20
"""Often enough that an error which is lost now and then is missed."""

ROMEO: Final = "romeo@remote.example/orchard"
HELLO: Final = f"<message from='{ROMEO}' to='{BALCONY}'><body>Wherefore?</body></message>"
FOREIGN: Final = HELLO.replace("<message", "<message xmlns='urn:example:other'")
SILENT: Final = ({"silent": [BALCONY]}, {"remote_silent": True})


def remote(xml: str) -> dict[str, Any]:
    return {"remote_send": xml}


def error(condition: str) -> str:
    return f"<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"


def ends_for_what_is_foreign(element: Element) -> str | None:
    return error("unsupported-stanza-type") if element.namespace == "urn:example:other" else None


def ends_for_messages(last: str) -> Loopback:
    """A server that ends the stream of a client who sends a message, and reads nothing more of it."""

    def answer(connection: Connection, stanza: Element) -> str | None:
        if stanza.name != "message":
            return None
        connection.write(last)
        connection.writer.transport.abort()
        return ""

    return Loopback(answer=answer)


# --- the other server's stream ----------------------------------------------------------------------------


def test_a_server_that_ends_the_other_servers_stream_for_a_stanza_has_delivered_nothing(tmp_path: Path) -> None:
    server = Loopback(remote_answer=ends_for_what_is_foreign)
    with driving(server, component=True) as driver:
        found = [result(tmp_path, driver, remote(FOREIGN), *SILENT) for _ in range(TIMES)]

    assert [(each.outcome, each.detail) for each in found] == [(Outcome.PASSED, "")] * TIMES
    assert server.components == 1 + TIMES


def test_what_the_server_has_delivered_all_the_same_is_seen(tmp_path: Path) -> None:
    def delivers_and_ends(element: Element) -> str | None:
        if element.namespace == "urn:example:other":
            server.deliver(Element("message", "jabber:client", element.attributes, element.children))
        return ends_for_what_is_foreign(element)

    server = Loopback(remote_answer=delivers_and_ends)
    with driving(server, component=True) as driver:
        found = result(tmp_path, driver, remote(FOREIGN), *SILENT)

    assert found.outcome is Outcome.FAILED
    assert found.detail.startswith(f"step 3 of 4 (silent): at {BALCONY} nothing was expected, but there came")


def test_the_other_server_goes_on_by_another_stream(tmp_path: Path) -> None:
    server = Loopback(remote_answer=ends_for_what_is_foreign)
    with driving(server, component=True) as driver:
        found = result(tmp_path, driver, remote(FOREIGN), *SILENT, remote(HELLO), receive(HELLO))

    assert found.outcome is Outcome.PASSED, found.detail


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ("</stream:stream>", "the server has closed the stream"),
        (error("reset"), "the server has closed the stream: reset"),
        ("", "the "),  # how it was closed, the system says
    ],
    ids=["closes", "another error", "breaks"],
)
def test_a_server_that_ends_the_other_servers_stream_without_cause_has_failed_in_that_step(
    tmp_path: Path, last: str, why: str
) -> None:
    server = Loopback(remote_answer=lambda element: last if element.name == "message" else None)
    with driving(server, component=True) as driver:
        failed = result(tmp_path, driver, remote(HELLO), *SILENT)
        server.remote_answer = lambda element: None
        next_one = result(tmp_path, driver, remote(HELLO), receive(HELLO))

    assert failed.outcome is Outcome.FAILED
    assert failed.detail.startswith(f"step 2 of 4 (remote_send): the component's stream is at its end: {why}")
    assert next_one.outcome is Outcome.PASSED, next_one.detail


# --- a client's stream ------------------------------------------------------------------------------------


def test_a_server_that_ends_a_clients_stream_for_a_stanza_has_answered(tmp_path: Path) -> None:
    with driving(ends_for_messages(error("policy-violation"))) as driver:
        found = [result(tmp_path, driver, send("<message/>"), {"silent": [BALCONY]}) for _ in range(TIMES)]

    assert [(each.outcome, each.detail) for each in found] == [(Outcome.PASSED, "")] * TIMES


def test_nothing_can_be_sent_on_a_stream_that_the_server_has_ended(tmp_path: Path) -> None:
    with driving(ends_for_messages(error("policy-violation"))) as driver:
        found = result(tmp_path, driver, send("<message/>"), send("<presence/>"))

    assert found.outcome is Outcome.FAILED
    assert found.detail.startswith(
        f"step 3 of 3 (send): {BALCONY} can no longer send anything: the server has closed the stream: policy-violation"
    )


def test_a_client_that_connects_again_can_send_again(tmp_path: Path) -> None:
    presence = receive(f"<presence from='{BALCONY}' to='juliet@capulet.example'/>")
    with driving(ends_for_messages(error("policy-violation"))) as driver:
        found = result(tmp_path, driver, send("<message/>"), {"connect": BALCONY}, send("<presence/>"), presence)

    assert found.outcome is Outcome.PASSED, found.detail


def test_what_came_before_the_error_is_not_lost(tmp_path: Path) -> None:
    said = "<message from='capulet.example'><body>No.</body></message>"
    with driving(ends_for_messages(said + error("policy-violation"))) as driver:
        found = [result(tmp_path, driver, send("<message/>"), receive(said)) for _ in range(TIMES)]

    assert [(each.outcome, each.detail) for each in found] == [(Outcome.PASSED, "")] * TIMES


# --- streams that a scenario expects to end ---------------------------------------------------------------


def ends_the_other(condition: str, what: str) -> Loopback:
    """A server that ends the stream of a balcony when another client of the user sends such a stanza."""

    def answer(connection: Connection, stanza: Element) -> str | None:
        found = stanza.name == what or any(each.namespace == what for each in stanza.elements)
        for jid, other in server.bound.items():
            if found and jid.endswith("/balcony") and other is not connection:
                other.write(error(condition))
                other.writer.close()
        return None

    server = Loopback(answer=answer)
    return server


def test_an_expected_end_of_another_clients_stream_is_no_failure(tmp_path: Path) -> None:
    steps = ({"connect": CHAMBER}, send("<message/>", CHAMBER), closed("reset"))
    with driving(ends_the_other("reset", "message")) as driver:
        found = [result(tmp_path, driver, *steps) for _ in range(TIMES)]

    assert [(each.outcome, each.detail) for each in found] == [(Outcome.PASSED, "")] * TIMES


def test_an_end_that_is_not_expected_is_a_failure_still(tmp_path: Path) -> None:
    with driving(ends_the_other("reset", "message")) as driver:
        found = result(tmp_path, driver, {"connect": CHAMBER}, send("<message/>", CHAMBER))

    assert found.outcome is Outcome.FAILED
    assert "is at its end: the server has closed the stream: reset" in found.detail


def test_the_end_of_a_replaced_session_is_seen(tmp_path: Path) -> None:
    def bound(connection: Connection, stanza: Element) -> str | None:
        for jid, old in server.bound.items():
            if stanza.name == "iq" and jid.endswith("/balcony"):
                old.write(error("conflict"))
                old.writer.close()
        return None

    server = Loopback(negotiates=bound)
    with driving(server) as driver:
        found = result(tmp_path, driver, {"replace": BALCONY}, closed("conflict"))

    assert found.outcome is Outcome.PASSED, found.detail


def test_the_ends_of_a_removed_accounts_sessions_are_seen(tmp_path: Path) -> None:
    with driving(ends_the_other("not-authorized", "jabber:iq:register")) as driver:
        found = result(tmp_path, driver, {"account_removed": JULIET}, closed("not-authorized"))

    assert found.outcome is Outcome.PASSED, found.detail


def test_the_stream_error_that_answers_a_stanza_is_seen(tmp_path: Path) -> None:
    with driving(ends_for_messages(error("policy-violation"))) as driver:
        found = result(tmp_path, driver, send("<message/>"), closed("policy-violation"))

    assert found.outcome is Outcome.PASSED, found.detail
