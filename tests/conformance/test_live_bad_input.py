"""What a server may do in the middle of a run: the vector and the step are named, the others go on, and nothing leaks.

Each run has three vectors, and the server does it in the second one only.
"""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from attrs import define, field
from click.testing import CliRunner, Result

from tests.conformance.live import ACCOUNTS, driving, impatient, result
from tests.conformance.loopback import Connection, Loopback, listening
from tests.conformance.stage import BALCONY, JULIET, receive, scenario, send
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.drivers.live import stream
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_core.element import Element

PRESENCE: Final = (send("<presence/>"), receive(f"<presence from='{BALCONY}' to='{JULIET}'/>"))
SECRET: Final = "rosemary-and-thyme"
"""The secret of the component."""
MIB: Final = 1024 * 1024


@define
class Flood:
    """Writes pieces until the client has closed the connection."""

    piece: str
    begins: str = ""
    written: int = 0
    _tasks: set[asyncio.Task[None]] = field(factory=set)

    def __call__(self, connection: Connection, stanza: Element) -> str:
        self._tasks.add(asyncio.get_running_loop().create_task(self._write(connection)))
        return self.begins

    async def _write(self, connection: Connection) -> None:
        try:
            while not connection.writer.transport.is_closing():
                connection.write(self.piece)
                self.written += len(self.piece)
                await connection.writer.drain()
        except OSError:
            return


def says(text: str) -> Callable[[Connection, Element], str]:
    return lambda connection, stanza: text


def repeats_the_password(connection: Connection, stanza: Element) -> str:
    password = connection.server.passwords[connection.user]
    return f"<message><body>{password} {SECRET}</body></message><oops {password} {SECRET}>"


def ends_with_the_password(connection: Connection, stanza: Element) -> str:
    password = connection.server.passwords[connection.user]
    condition = "<internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    text = f"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{password} {SECRET}</text>"
    return f"<stream:error>{condition}{text}</stream:error></stream:stream>"


def closes(connection: Connection, stanza: Element) -> str:
    connection.writer.close()
    return ""


def hangs(connection: Connection, stanza: Element) -> str:
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as one that only writes
    return ""


Bad = Callable[[Connection, Element], str]


def run(folder: Path, bad: Bad, *options: str) -> tuple[Result, set[str]]:
    """Run three vectors by the command, with all reports; return how it ended, and the passwords of the accounts."""
    passwords: set[str] = set()
    over: list[Connection] = []

    def answer(connection: Connection, stanza: Element) -> str | None:
        passwords.update(connection.server.passwords.values())
        if stanza.get("id") == "bad":
            over.append(connection)
            return bad(connection, stanza)
        return "" if any(connection is each for each in over) else None  # nothing else is said there

    for name, steps in (("first", ()), ("second", (send("<message id='bad'/>"),)), ("third", ())):
        text = json.dumps({"accounts": ACCOUNTS, **scenario(*PRESENCE, *steps)})
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    words = ["run", "--driver", "live", "--details", *options]
    for kind in ("json", "junit", "html"):
        words += [f"--{kind}", str(folder / f"report.{kind}.txt")]
    with listening(Loopback(answer=answer, secret=SECRET)) as server:
        words += ["--port", str(server.port), "--component", f"remote.example:{server.component_port}:{SECRET}"]
        done = CliRunner(env={"COLUMNS": "300"}).invoke(main, [*words, *map(str, sorted(folder.glob("*.json")))])
    return done, passwords


BAD: Final[list[tuple[Bad, str]]] = [
    (hangs, "the server has not answered within 0.25 seconds"),
    (closes, f"the stream of {BALCONY} is at its end: the server has closed the connection"),
    (says("\x00\x01\x02 garbage"), "the server has sent what is not XMPP"),
    (says("<message><body>never ends"), "the server has not answered within 0.25 seconds"),
    (says("<message></presence>"), "the server has sent what is not XMPP"),
    (says("</stream:stream>"), "the server has closed the stream"),
    (says("<message>" + "<a>" * 100), "the server has sent what is not XMPP (more than 64 levels"),
    (says(f"<message a='{'x' * 300_000}'/>"), "the server has sent what is not XMPP (more than 262144 bytes)"),
    (says("<message>&lol;</message>"), "the server has sent what is not XMPP"),
    (says("<message/>" * 10_001), "the server has sent more than 10,000 stanzas in one step"),
    (says("<r xmlns='urn:xmpp:sm:3'/>" * 101), "the server has sent more than 100 elements that are no stanzas"),
    (Flood("<message/>" * 1000), "the server has sent more than 10,000 stanzas in one step"),
    (Flood(f"<message><body>{'x' * 100_000}</body></message>"), "the server has sent more than 16,777,216 bytes"),
    (Flood(" " * 100_000), "the server has sent more than 16,777,216 bytes"),
    (Flood("x" * 100_000, "<message>"), "the server has sent what is not XMPP (more than 262144 bytes)"),
    (repeats_the_password, "the server has sent what is not XMPP"),
    (ends_with_the_password, "the server has closed the stream: internal-server-error"),
]


@pytest.mark.parametrize(
    ("bad", "why"),
    BAD,
    ids=[
        "hangs",
        "closes",
        "garbage",
        "unfinished",
        "crossed tags",
        "ends the stream",
        "too deep",
        "huge",
        "entity",
        "many stanzas",
        "many other elements",
        "endless stanzas",
        "endless large stanzas",
        "endless whitespace",
        "endless stanza",
        "repeats the password",
        "ends with the password",
    ],
)
def test_the_vector_and_the_step_are_named_the_others_go_on_and_nothing_leaks(
    tmp_path: Path, bad: Bad, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "0.25 seconds" in why:
        impatient(monkeypatch, "send", but_for="<presence/>")

    done, passwords = run(tmp_path, bad, "--timeout", "30")

    assert done.exit_code == 1, done.output
    assert f"step 4 of 4 (send): {why}" in done.output or (why in done.output and "step 4 of 4 (send): " in done.output)
    assert "2 passed, 1 failed, 0 not applicable" in done.output, done.output
    data = json.loads((tmp_path / "report.json.txt").read_text(encoding="utf-8"))
    assert [(each["id"], each["outcome"]) for each in data["vectors"]] == [
        ("first", "passed"),
        ("second", "failed"),
        ("third", "passed"),
    ]
    reports = [(tmp_path / f"report.{kind}.txt").read_text(encoding="utf-8") for kind in ("json", "junit", "html")]
    for text in [done.output, *reports]:
        assert len(text) < MIB
        for secret in [*passwords, SECRET]:
            assert secret not in text


@pytest.mark.parametrize("jobs", [1, 3])
def test_side_by_side_the_same_vector_is_named(tmp_path: Path, jobs: int) -> None:
    done, _ = run(tmp_path, closes, "--jobs", str(jobs))

    assert done.exit_code == 1
    assert "2 passed, 1 failed, 0 not applicable" in done.output, done.output
    assert f"step 4 of 4 (send): the stream of {BALCONY} is at its end" in done.output


@pytest.mark.parametrize(
    "flood",
    [
        Flood("<message/>" * 1000),
        Flood(f"<message><body>{'x' * 100_000}</body></message>"),
        Flood(" " * 100_000),
        Flood("x" * 100_000, "<message>"),
    ],
    ids=["stanzas", "large stanzas", "whitespace", "one stanza"],
)
def test_of_a_flood_no_more_is_read_than_is_allowed(
    tmp_path: Path, flood: Flood, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server can write is what the driver has read, and what the two systems keep in between."""
    monkeypatch.setattr(stream, "MOST_BYTES", MIB)
    answer: Bad = lambda connection, stanza: flood(connection, stanza) if stanza.get("id") == "bad" else None  # type: ignore[assignment, return-value]  # noqa: E731
    with driving(Loopback(answer=answer)) as driver:
        found = result(tmp_path, driver, *PRESENCE, send("<message id='bad'/>"))
        after = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.FAILED
    assert after.outcome is Outcome.PASSED
    assert flood.written < 32 * MIB


def test_of_what_a_command_floods_only_the_end_is_kept(tmp_path: Path) -> None:
    number = 16 * MIB
    command = f"sh -c 'head -c {number} /dev/zero | tr \\\\0 x; echo the end; exit 3'"
    tracemalloc.start()
    try:
        with driving(Loopback(), register_command=command) as driver:
            found = result(tmp_path, driver, *PRESENCE)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found.outcome is Outcome.NOT_RUN
    assert "xxx" in found.detail[-40:]
    assert most < number // 4


# --- a server that lies about its features ----------------------------------------------------------------


def test_a_feature_that_is_offered_and_does_not_work_fails_the_vectors_that_need_it(tmp_path: Path) -> None:
    """The tiny server offers roster versions (RFC 6121 §2.6.1), and its answers have none."""
    asks = send("<iq id='r1' type='get'><query xmlns='jabber:iq:roster' ver=''/></iq>")
    has = receive("<iq id='r1' type='result'><query xmlns='jabber:iq:roster' ver='{any}'/></iq>")
    with driving(Loopback()) as driver:
        lied = result(tmp_path, driver, asks, has, features=["rosterver"])
        after = result(tmp_path, driver, *PRESENCE)

    assert lied.outcome is Outcome.FAILED
    assert lied.detail.startswith("step 3 of 3 (receive): "), lied.detail
    assert after.outcome is Outcome.PASSED


def test_stream_management_that_is_offered_and_does_not_work_is_said_to(tmp_path: Path) -> None:
    server = Loopback(
        offers="<sm xmlns='urn:xmpp:sm:3'/>",
        negotiates=lambda connection, element: "<failed xmlns='urn:xmpp:sm:3'/>" if element.name == "enable" else None,
    )
    with driving(server) as driver:
        lied = result(tmp_path, driver, {"detach": BALCONY})
        after = result(tmp_path, driver, *PRESENCE)

    assert (lied.outcome, lied.detail) == (Outcome.NOT_APPLICABLE, "the server lets nobody resume a session")
    assert after.outcome is Outcome.PASSED


def test_a_server_that_does_not_answer_what_it_has_is_tested_all_the_same(tmp_path: Path) -> None:
    """A server that keeps silent about service discovery (XEP-0030) offers what its stream features say."""

    def silent(connection: Connection, stanza: Element) -> str | None:
        asked = stanza.elements[0].namespace if stanza.name == "iq" and stanza.elements else ""
        return "" if asked.startswith("http://jabber.org/protocol/disco") or asked == "jabber:iq:version" else None

    with driving(Loopback(answer=silent), timeout=1) as driver:
        found = result(tmp_path, driver, *PRESENCE, features=["rosterver"])
        needs = result(tmp_path, driver, *PRESENCE, features=["carbons"])

    assert found.outcome is Outcome.PASSED, found.detail
    assert (needs.outcome, needs.detail) == (Outcome.NOT_APPLICABLE, "the server does not offer 'carbons'")


def test_a_server_that_answers_no_request_at_all_is_named_before_anything_is_run(tmp_path: Path) -> None:
    """RFC 6120 §8.2.3: an entity that gets an IQ of type 'get' or 'set' must answer it."""
    with driving(Loopback(answer=lambda connection, stanza: ""), timeout=1) as driver:
        found = result(tmp_path, driver, *PRESENCE)

    assert found.outcome is Outcome.NOT_RUN
    assert found.detail == "a session does not work: the server has not answered within 1 seconds"


def test_a_server_that_changes_the_resource_in_the_middle_of_a_run_costs_those_vectors_alone(tmp_path: Path) -> None:
    """RFC 6120 §7.7.2.1: a server may bind another resource than the client asked for."""
    changes: list[bool] = []

    def binds(connection: Connection, stanza: Element) -> str | None:
        bind = stanza.first("bind", "urn:ietf:params:xml:ns:xmpp-bind")
        if bind is None or not changes or bind.elements[0].text != "balcony":
            return None
        jid = f"<jid>{connection.bare}/4db06f06</jid>"
        return f"<iq type='result' id='{stanza.get('id')}'><bind xmlns='{bind.namespace}'>{jid}</bind></iq>"

    with driving(Loopback(negotiates=binds)) as driver:
        first = result(tmp_path, driver, *PRESENCE)
        changes.append(True)
        second = result(tmp_path, driver, *PRESENCE)
        changes.clear()
        third = result(tmp_path, driver, *PRESENCE)

    assert (first.outcome, third.outcome) == (Outcome.PASSED, Outcome.PASSED)
    assert second.outcome is Outcome.NOT_APPLICABLE
    assert second.detail == "the server binds another resource than 'balcony'"
