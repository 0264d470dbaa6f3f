"""Servers that are broken, or mean ill: the live driver says what they did and in which step, and the rest goes on."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from tests.conformance.live import ACCOUNTS, driving, impatient, result
from tests.conformance.loopback import SASL, Connection, Loopback, listening
from tests.conformance.stage import BALCONY, JULIET, receive, scenario, send
from tests.one_test import in_one_test
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.drivers.live import BadConfig, LiveConfig
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_core.element import Element

PRESENCE: Final = (send("<presence/>"), receive(f"<presence from='{BALCONY}' to='{JULIET}'/>"))
HEADER: Final = (
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>"
)
LARGE: Final = 300_000  # bytes: more than the runner takes for one stanza


def error(condition: str) -> str:
    return f"<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"


# --- before anybody has logged in -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("<stream:stream xmlns:stream='urn:example:streams'>", "the stream is in the namespace 'urn:example:streams'"),
        (HEADER.replace("jabber:client", "jabber:server"), "the default namespace of the stream is 'jabber:server'"),
        (HEADER + error("host-unknown"), "the server has closed the stream: host-unknown"),
        (HEADER + "</stream:stream>", "the server has closed the stream"),
        (HEADER + "<message/>", "expected stream features, came <message>"),
        (HEADER + "<features xmlns='urn:example:other'/>", "expected stream features, came <features>"),
        (HEADER + "<stream:features>" + "<x xmlns='urn:x'/>" * (LARGE // 16), "more than 262144 bytes"),
        (HEADER + "<stream:features>" + "<x>" * 100, "the server has sent what is not XMPP (more than 64 levels"),
        (HEADER[:-1] + " x='" + "x" * LARGE, "more than 262144 bytes"),
        (HEADER + " " * LARGE, "the server has not answered within 1 seconds"),
        ("<!DOCTYPE x [<!ENTITY a 'aaaaaaaa'>]>" + HEADER, "the server has sent what is not XMPP"),
        ("\x16\x03\x03\x00\x02\x02\x28", "the server has sent what is not XMPP"),
    ],
    ids=[
        "stream namespace",
        "content namespace",
        "error instead of features",
        "end instead of features",
        "stanza instead of features",
        "features of another namespace",
        "features without end",
        "features without bottom",
        "a header without end",
        "whitespace without end",
        "entities",
        "TLS at once",
    ],
)
def test_a_server_that_opens_no_stream_has_failed(tmp_path: Path, said: str, why: str) -> None:
    with driving(Loopback(script=(said.encode(),)), timeout=1 if "1 seconds" in why else 30) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.NOT_RUN
    assert found.detail.startswith("the client port 127.0.0.1:"), found.detail
    assert why in found.detail
    assert len(found.detail) < 1000


@pytest.mark.parametrize(
    ("at", "said", "why"),
    [
        ("auth", "", "the server has closed the connection"),
        ("response", "", "the server has closed the connection"),
        ("auth", error("policy-violation"), "the server has closed the stream: policy-violation"),
        ("auth", f"<abort xmlns='{SASL}'/>", "the server does not authenticate the user: <abort>"),
        ("auth", "<message/>", "the server does not authenticate the user: <message>"),
        (
            "auth",
            f"<failure xmlns='{SASL}'><account-disabled/><text>No.</text></failure>",
            "the server does not authenticate the user: <failure> account-disabled",
        ),
        ("iq", "", "the server has closed the connection"),
        ("iq", "<message/>", "expected the answer to a request, came <message>"),
        ("iq", "<iq type='result' id='other'/>", "expected the answer to a request, came <iq>"),
        ("iq", "<iq type='result' id='bind'/>", "the server does not say which JID it has bound"),
        (
            "iq",
            "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>@/</jid></bind></iq>",
            "the server does not say which JID it has bound",
        ),
    ],
)
def test_a_server_that_breaks_off_a_login_has_failed(tmp_path: Path, at: str, said: str, why: str) -> None:
    def breaks_off(connection: Connection, element: Element) -> str | None:
        if element.name != at or (element.name == "iq" and element.elements[0].name != "bind"):
            return None
        connection.write(said)
        connection.writer.close()
        return ""

    server = Loopback(mechanisms=("SCRAM-SHA-256",), negotiates=breaks_off)
    with driving(server) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert (found.outcome, found.detail) == (Outcome.NOT_RUN, f"login does not work: {why}")


BOUND: Final = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@capulet.example/4db06f06</jid></bind>"
CONFLICT: Final = "<error type='modify'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (f"<iq type='result' id='bind'>{BOUND}</iq>", "the server binds another resource than 'balcony'"),
        (f"<iq type='error' id='bind'>{CONFLICT}</iq>", "the server does not bind the resource 'balcony': conflict"),
    ],
    ids=["another", "none"],
)
def test_a_server_that_does_not_bind_the_resource_is_said_not_to(tmp_path: Path, answer: str, why: str) -> None:
    def binds_otherwise(connection: Connection, stanza: Element) -> str | None:
        bind = stanza.first("bind", "urn:ietf:params:xml:ns:xmpp-bind")
        resource = None if bind is None else bind.elements[0].text
        return answer if resource == "balcony" else None

    with driving(Loopback(negotiates=binds_otherwise)) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert (found.outcome, found.detail) == (Outcome.NOT_APPLICABLE, why)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (error("not-authorized"), "the server has closed the stream: not-authorized"),
        ("</stream:stream>", "the server has closed the stream"),
        ("<iq type='error'/>", "<iq>"),
    ],
)
def test_a_server_that_refuses_the_component_has_failed(tmp_path: Path, said: str, why: str) -> None:
    server = Loopback(remote_answer=lambda element: said)
    with driving(server, component=True) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert (found.outcome, found.detail) == (
        Outcome.NOT_RUN,
        f"the component port does not work: the server does not accept the component remote.example: {why}",
    )


def test_a_component_that_does_not_know_the_secret_is_refused(tmp_path: Path) -> None:
    with driving(Loopback(secret="thorn"), component=True) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.NOT_RUN
    assert "the server does not accept the component remote.example" in found.detail


# --- in a step --------------------------------------------------------------------------------------------


BODY: Final = "x" * LARGE


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (f"<message><body>{BODY}</body></message>", "the server has sent what is not XMPP (more than 262144 bytes)"),
        (f"<message><body>{BODY}", "the server has sent what is not XMPP (more than 262144 bytes)"),
        ("<message>&a;</message>", "the server has sent what is not XMPP"),
        ("<message from='\x00'/>", "the server has sent what is not XMPP"),
    ],
    ids=["enormous", "enormous without end", "entity", "no character"],
)
def test_a_server_that_sends_what_nobody_can_read_has_failed_in_that_step(tmp_path: Path, said: str, why: str) -> None:
    def answer(connection: Connection, stanza: Element) -> str | None:
        return said if stanza.name == "message" else None

    with driving(Loopback(answer=answer)) as driver:
        failed = result(tmp_path, driver, *PRESENCE, send("<message/>"))
        next_one = result(tmp_path, driver, *PRESENCE)

    assert failed.outcome is Outcome.FAILED
    assert failed.detail.startswith(f"step 4 of 4 (send): {why}"), failed.detail[:500]
    assert len(failed.detail) < 2000
    assert next_one.outcome is Outcome.PASSED, next_one.detail


def test_a_server_that_never_stops_talking_has_failed_in_that_step(tmp_path: Path) -> None:
    talking: set[str] = set()

    def answer(connection: Connection, stanza: Element) -> str | None:
        if stanza.name == "message":
            talking.add(connection.user)
        if connection.user in talking and connection.resource == "balcony" and stanza.name == "iq":
            return f"<message/><iq id='{stanza.get('id')}' type='result'/>"
        return None

    with driving(Loopback(answer=answer)) as driver:
        failed = result(tmp_path, driver, *PRESENCE, send("<message/>"))
        next_one = result(tmp_path, driver, *PRESENCE)

    assert failed.detail.startswith("step 4 of 4 (send): the server has not come to rest after 200 round trips")
    assert next_one.outcome is Outcome.PASSED, next_one.detail


def test_a_server_that_does_not_end_a_stream_that_the_client_has_ended_has_failed_in_that_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch, "disconnect")

    with driving(Loopback(closes=False)) as driver:
        failed = result(tmp_path, driver, {"disconnect": {"jid": BALCONY, "how": "clean"}})

    assert failed.outcome is Outcome.FAILED
    assert failed.detail.startswith("step 2 of 2 (disconnect): the server has not answered within 0.25 seconds")


# --- commands ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_command_that_hangs_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    life = tmp_path / "life"
    os.mkfifo(life)
    reading = os.open(life, os.O_RDONLY | os.O_NONBLOCK)
    command = f"sh -c '(echo begun; sleep 600) > {life} & wait'"
    with driving(Loopback(), timeout=5, register_command=command) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.detail == "registration does not work: the server has not answered within 5 seconds"
    with open(reading, "rb", buffering=0) as pipe:
        assert set(pipe.read(12).splitlines()) == {b"begun"}  # the command was tried twice
        assert select.select([pipe], [], [], 30)[0] == [pipe]
        assert pipe.read(1) == b""  # nobody is left who could write


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    with driving(Loopback(), register_command="no-such-command {local}") as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.NOT_RUN
    assert found.detail.startswith("registration does not work: no-such-command […]: ")


@in_one_test("command", ["adduser {user}", "adduser {}", "adduser {local.name}", "adduser 'juliet", " "])
def test_a_command_that_cannot_be_filled_in_is_an_error_before_anything_runs(command: str) -> None:
    with pytest.raises(BadConfig):
        LiveConfig(register_command=command)
    with pytest.raises(BadConfig):
        LiveConfig(unregister_command=command)


# --- a whole run ------------------------------------------------------------------------------------------


def run(folder: Path, server: Loopback, vectors: Mapping[str, Mapping[str, Any]]) -> Result:
    for name, vector in vectors.items():
        (folder / f"{name}.json").write_text(json.dumps({"accounts": ACCOUNTS, **vector}), encoding="utf-8")
    options = ["--driver", "live", "--port", str(server.port), "--timeout", "30", "--quiet"]
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["run", *options, str(folder)])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "the server has not answered within 0.25 seconds"),
        ("", f"the stream of {BALCONY} is at its end: the server has closed the connection"),
        ("<oops>", "the server has sent what is not XMPP"),
    ],
    ids=["hangs", "closes", "garbage"],
)
def test_a_failure_names_file_and_step_and_the_rest_goes_on_and_the_exit_status_says_so(
    tmp_path: Path, said: str | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is None:
        impatient(monkeypatch, "send", but_for="<presence/>")

    def answer(connection: Connection, stanza: Element) -> str | None:
        if stanza.name != "message":
            return None
        if said == "":
            connection.writer.close()
        elif said is None:
            connection.writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as one that only writes
        return said or ""

    well, ill = scenario(*PRESENCE), scenario(*PRESENCE, send("<message/>"))
    with listening(Loopback(answer=answer)) as server:
        done = run(tmp_path, server, {"first": well, "second": ill, "third": well})

    assert done.exit_code == 1
    assert f"{tmp_path / 'second.json'}" in done.output
    assert f"step 4 of 4 (send): {why}" in done.output
    assert "2 passed, 1 failed" in done.output, done.output


def test_a_run_without_failures_exits_with_0(tmp_path: Path) -> None:
    with listening(Loopback()) as server:
        done = run(tmp_path, server, {"first": scenario(*PRESENCE)})

    assert done.exit_code == 0, done.output
