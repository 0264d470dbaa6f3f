"""The command ``xmpp-im-conformance differ``: its options, what it prints and writes, its exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conformance.loopback import Connection, Loopback, listening
from tests.conformance.test_differ_search import SUBSCRIBED
from tests.conformance.wrong_servers import Around, Shy, wrong
from xmpp_im_conformance import drivers
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.differ import searching
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.format.vectors import Vector
from xmpp_im_conformance.format.worlds import Driver, ServerFailed, Setup, World
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_conformance.running.run import run_vector
from xmpp_im_core.element import Element
from xmpp_im_core.server.subscriptions import approving
from xmpp_im_core.subscription import INBOUND_SUBSCRIBED, Subscription


def differ(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["differ", *arguments])


class Bouncing(Driver):
    """The core as it is without offline storage."""

    name = "bouncing"

    def world(self, setup: Setup) -> World:
        return Embedded().world(Setup(setup.accounts, frozenset({"no-offline"}), remote=setup.remote))


@pytest.fixture
def bouncing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "core_driver", lambda arrangement=None: Bouncing())


@pytest.fixture
def shy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "core_driver", lambda arrangement=None: wrong(Shy))


@pytest.fixture
def server() -> Iterator[Loopback]:
    with listening(Loopback()) as loopback:
        yield loopback


def test_where_nothing_differs_the_sum_says_so() -> None:
    done = differ("--driver", "embedded", "--examples", "30")

    assert done.exit_code == 0, done.output
    assert "agreed" in done.output
    assert "DIFFERENCE" not in done.output


@pytest.mark.usefixtures("bouncing")
def test_what_the_rfc_leaves_open_is_explained() -> None:
    done = differ("--driver", "embedded", "--examples", "20", "--acts", "messages")

    assert done.exit_code == 0, done.output
    assert "the server stores no messages for absent users (8.5.2.2.1)" in done.output


@pytest.mark.usefixtures("shy")
def test_what_differs_is_shown_with_the_acts_that_it_needs() -> None:
    done = differ("--driver", "embedded", "--examples", "10", "--acts", "subscriptions")

    assert done.exit_code == 1, done.output
    assert "DIFFERENCE 1" in done.output
    assert "/balcony connects" in done.output
    assert "- <presence" in done.output


@pytest.mark.usefixtures("shy")
def test_what_differs_is_written_as_a_vector(tmp_path: Path) -> None:
    out = tmp_path / "found"

    differ("--driver", "embedded", "--examples", "10", "--acts", "subscriptions", "--out", str(out), "--name", "Shy")

    files = sorted(out.iterdir())
    written = json.loads(files[0].read_text(encoding="utf-8"))
    assert written["level"] == "peer"
    assert written["source"] == "Found by comparing Shy with the core"
    assert "- <presence" in written["note"]
    vectors = [*find([out])]
    assert len(vectors) == len(files)
    assert all(isinstance(vector, Vector) for vector in vectors)
    assert {run_vector(vector, Embedded()).outcome for vector in vectors} == {Outcome.PASSED}
    assert {run_vector(vector, wrong(Shy)).outcome for vector in vectors} == {Outcome.FAILED}


def test_the_same_seed_draws_the_same_traces() -> None:
    one, again, other = [
        differ("--driver", "embedded", "--examples", "5", "--seed", seed).output for seed in ("7", "7", "8")
    ]

    assert one == again != other


@pytest.mark.parametrize("server", ["example.org", "example.org:xmpp", ":5222"])
def test_a_server_is_a_host_and_a_port(server: str) -> None:
    done = differ("--server", server)

    assert done.exit_code == 2
    assert f"--server is HOST:PORT, not {server!r}" in done.output


def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    done = differ("--server", "127.0.0.1:1")

    assert done.exit_code == 2
    assert "could not be tested any further: the client port 127.0.0.1:1 does not work: no connection" in done.output


@pytest.mark.slow
def test_a_server_that_hangs_is_said_to_hang_and_on_what(server: Loopback) -> None:
    def answer(connection: Connection, stanza: Element) -> str | None:
        return "" if stanza.name == "iq" and stanza.get("type") == "get" else None

    server.answer = answer

    done = differ("--server", f"127.0.0.1:{server.port}", "--timeout", "3")

    assert done.exit_code == 2
    assert "the server has not answered within 3 seconds" in done.output
    assert "connects" in done.output.partition("This was being done:")[2]


def test_a_server_that_sends_nonsense_is_reported_as_such(server: Loopback) -> None:
    server.script = (b"220 mail.example.org ESMTP\r\n",)

    done = differ("--server", f"127.0.0.1:{server.port}", "--timeout", "30")

    assert done.exit_code == 2
    assert "could not be tested any further" in done.output
    assert "Traceback" not in done.output


def test_a_crash_of_the_core_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {state: row for state, row in INBOUND_SUBSCRIBED.items() if state is not Subscription.FROM}
    monkeypatch.setattr(approving, "INBOUND_SUBSCRIBED", table)
    monkeypatch.setattr(searching, "drawn", lambda *arguments: SUBSCRIBED)

    done = differ("--driver", "embedded", "--examples", "1", "--acts", "subscriptions")

    assert done.exit_code == 1, done.output
    assert "CRASH 1 of xmpp_im_core" in done.output
    assert "KeyError in xmpp_im_core.server.subscriptions.approving.inbound_subscribed" in done.output
    assert "connects" in done.output.partition("CRASH 1")[2].partition("KeyError")[0]
    assert "Traceback" not in done.output


class Breaking(Around):
    """Nobody is told of a request, and after so many of them nothing works any more."""

    sent = 0

    def send(self, jid: str, xml: str) -> None:
        Breaking.sent += "subscribe" in xml
        if Breaking.sent > 20:
            raise ServerFailed("the server has closed the stream")
        self.inner.send(jid, xml)

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        return Shy(self.inner).arrived()


def test_what_was_found_before_the_server_failed_is_printed_and_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Breaking, "sent", 0)
    monkeypatch.setattr(drivers, "core_driver", lambda arrangement=None: wrong(Breaking))

    done = differ("--driver", "embedded", "--acts", "subscriptions", "--out", str(tmp_path / "found"))

    assert done.exit_code == 2, done.output
    assert "DIFFERENCE 1" in done.output
    assert "could not be tested any further: the server has closed the stream" in done.output
    assert [*(tmp_path / "found").iterdir()]


def test_without_a_component_nobody_plays_the_other_server(server: Loopback) -> None:
    done = differ("--server", f"127.0.0.1:{server.port}", "--examples", "1")

    assert "Nobody played the other server: name a --component or --federation for that." in done.output


def test_when_the_time_is_over_that_is_said() -> None:
    done = differ("--driver", "embedded", "--seconds", "0")

    assert done.exit_code == 2
    assert "The time was over before all traces were played." in done.output
