"""Many vectors, one after another or side by side: the verdicts are the same, and in the same order."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from click.testing import CliRunner

from tests.conformance.live import driving
from tests.conformance.loopback import Connection, Loopback, listening
from tests.conformance.stage import BALCONY, JULIET, receive, scenario, send
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.format.worlds import Driver, ServerFailed, Setup, World
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_conformance.running.side_by_side import run_all
from xmpp_im_core.element import Element

ACCOUNTS: Mapping[str, Any] = {JULIET: {}}
PRESENCE = (send("<presence/>"), receive(f"<presence from='{BALCONY}' to='{JULIET}'/>"))
ROMEO = "romeo@remote.example"


def write(folder: Path, *vectors: Sequence[Mapping[str, Any]]) -> list[Any]:
    for number, steps in enumerate(vectors):
        text = json.dumps(scenario(*steps, accounts=ACCOUNTS))
        (folder / f"vector{number:02}.json").write_text(text, encoding="utf-8")
    return list(find([folder]))


@define
class Together(Driver):
    """The core, whose scenarios begin only when so many have been asked for: they run at the same time."""

    name = "together"
    side_by_side = True
    barrier: threading.Barrier
    threads: set[int] = field(factory=set)

    def world(self, setup: Setup) -> World:
        self.barrier.wait(60)
        self.threads.add(threading.get_ident())
        return Embedded().world(setup)


def test_as_many_run_at_the_same_time_as_there_are_jobs(tmp_path: Path) -> None:
    vectors = write(tmp_path, *[PRESENCE] * 6)
    driver = Together(threading.Barrier(3))

    results = run_all(vectors, driver, jobs=3)

    assert len(driver.threads) == 3
    assert [each.vector for each in results] == vectors
    assert {each.outcome for each in results} == {Outcome.PASSED}


def test_a_driver_that_cannot_do_that_runs_one_at_a_time(tmp_path: Path) -> None:
    done: list[int] = []

    results = run_all(write(tmp_path, PRESENCE, PRESENCE), Embedded(), jobs=8, done=lambda: done.append(1))

    assert {each.outcome for each in results} == {Outcome.PASSED}
    assert len(done) == 2


def test_no_jobs_are_refused() -> None:
    with pytest.raises(ValueError, match="jobs: 0 is not at least 1"):
        run_all([], Embedded(), jobs=0)


@define
class Fragile(Driver):
    """A server that ends all scenarios when a second one begins before the first has ended."""

    name = "fragile"
    side_by_side = True
    barrier: threading.Barrier
    alone: bool = False

    def world(self, setup: Setup) -> World:
        if not self.alone:
            self.barrier.wait(60)
            self.alone = self.barrier.n_waiting == 0
            raise ServerFailed("the server has closed the connection")
        return Embedded().world(setup)


def test_a_vector_that_another_may_have_broken_is_run_again_alone(tmp_path: Path) -> None:
    vectors = write(tmp_path, PRESENCE, PRESENCE)

    results = run_all(vectors, Fragile(threading.Barrier(2)), jobs=2)

    assert [each.outcome for each in results] == [Outcome.PASSED] * 2


def test_a_vector_that_fails_alone_too_has_failed(tmp_path: Path) -> None:
    @define
    class Dead(Driver):
        name = "dead"
        side_by_side = True
        asked: list[int] = field(factory=list)

        def world(self, setup: Setup) -> World:
            self.asked.append(1)
            raise ServerFailed("the server has closed the connection")

    driver = Dead()
    results = run_all(write(tmp_path, PRESENCE, PRESENCE), driver, jobs=2)

    assert [each.outcome for each in results] == [Outcome.FAILED] * 2
    assert len(driver.asked) == 4


# --- on a server ------------------------------------------------------------------------------------------


def talk(name: str) -> list[Mapping[str, Any]]:
    """A conversation with a user of the other server, each with other words."""
    says = f"<message from='{ROMEO}' to='{BALCONY}' id='{name}'><body>{name}</body></message>"
    return [*PRESENCE, {"remote_send": says}, receive(says)]


def test_scenarios_side_by_side_do_not_see_each_others_stanzas(tmp_path: Path) -> None:
    """All have the same users at the same two servers, and one component stream."""
    vectors = write(tmp_path, *[talk(f"word{number}") for number in range(16)])
    server = Loopback()
    with driving(server, component=True) as driver:
        results = run_all(vectors, driver, jobs=8)

    assert [each.detail for each in results] == [""] * 16
    assert server.components == 1


def test_what_the_server_sends_to_the_other_server_reaches_its_scenario_alone(tmp_path: Path) -> None:
    def tells(connection: Connection, stanza: Element) -> str | None:
        if stanza.name != "message" or stanza.get("to") is None:
            return None
        connection.server.tell_component(
            f"<message from='{connection.bare}/balcony' to='{stanza.get('to')}' id='{stanza.get('id')}'/>"
        )
        return ""

    def steps(number: int) -> list[Mapping[str, Any]]:
        return [
            send(f"<message to='{ROMEO}' id='m{number}'/>"),
            {"remote_receive": f"<message from='{BALCONY}' to='{ROMEO}' id='m{number}'/>"},
        ]

    vectors = write(tmp_path, *[steps(number) for number in range(16)])
    with driving(Loopback(answer=tells), component=True) as driver:
        results = run_all(vectors, driver, jobs=8)

    assert [each.detail for each in results] == [""] * 16


def test_a_component_stream_that_one_scenario_ends_costs_the_others_nothing(tmp_path: Path) -> None:
    """RFC 6120 §4.9: the server ends the stream for a stanza that it cannot take. It is the stream of all."""

    def ends(element: Element) -> str | None:
        condition = "<unsupported-stanza-type xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
        return f"<stream:error>{condition}</stream:error></stream:stream>" if element.get("id") == "end" else None

    breaks = [{"remote_send": f"<message from='{ROMEO}' to='{BALCONY}' id='end'/>"}]
    vectors = write(tmp_path, *[breaks if number % 4 == 0 else talk(f"word{number}") for number in range(12)])
    with driving(Loopback(remote_answer=ends), component=True) as driver:
        side_by_side = run_all(vectors, driver, jobs=4)
    with driving(Loopback(remote_answer=ends), component=True) as driver:
        one_by_one = run_all(vectors, driver)

    assert [(each.outcome, each.detail) for each in side_by_side] == [(Outcome.PASSED, "")] * 12
    assert side_by_side == one_by_one


def test_failures_are_those_of_one_job_and_name_the_same_step(tmp_path: Path) -> None:
    def answer(connection: Connection, stanza: Element) -> str | None:
        if stanza.get("id") == "close":
            connection.writer.close()
            return ""
        return "<oops>" if stanza.get("id") == "garbage" else None

    ill = [[*PRESENCE, send(f"<message id='{id}'/>")] for id in ("close", "garbage")]
    vectors = write(tmp_path, PRESENCE, ill[0], PRESENCE, ill[1], PRESENCE, ill[0], PRESENCE, PRESENCE)
    with driving(Loopback(answer=answer)) as driver:
        side_by_side, one_by_one = run_all(vectors, driver, jobs=4), run_all(vectors, driver)

    assert [each.outcome.value for each in side_by_side].count("failed") == 3
    assert [each.outcome for each in side_by_side] == [each.outcome for each in one_by_one]
    for each, other in zip(side_by_side, one_by_one, strict=True):
        assert each.detail.partition(":")[0] == other.detail.partition(":")[0]


# --- the command ------------------------------------------------------------------------------------------


def test_the_command_runs_side_by_side(tmp_path: Path) -> None:
    write(tmp_path, *[PRESENCE] * 5, [send("<presence/>")])
    with listening(Loopback()) as server:
        words = ["run", "--driver", "live", "--port", str(server.port), "--jobs", "3", "-q", str(tmp_path)]
        done = CliRunner().invoke(main, words)

    assert done.exit_code == 1, done.output
    assert "5 passed, 1 failed" in done.output


def test_jobs_need_a_driver_that_can_do_that(tmp_path: Path) -> None:
    write(tmp_path, PRESENCE)

    done = CliRunner().invoke(main, ["run", "--jobs", "2", str(tmp_path)])

    assert done.exit_code == 2
    assert "--jobs: the driver 'embedded' runs one vector at a time" in done.output
