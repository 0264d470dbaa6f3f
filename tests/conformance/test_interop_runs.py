"""A run on several servers: they share the vectors, and what became of them and was tolerated is put together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import define, evolve

from interop import runs
from interop.deviations import renew
from interop.runs import run_all, run_live
from interop.server import Running
from interop.servers import PROSODY
from tests.conformance.loopback import Connection, Loopback, listening
from tests.conformance.stage import BALCONY, JULIET, receive, scenario, send
from xmpp_im_conformance.drivers.live import LiveConfig
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.format.vectors import MalformedFile, Vector
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.known import read_known
from xmpp_im_core.element import Element

SELF = "vcard-temp:x:update"


def answer(connection: Connection, stanza: Element) -> str | None:
    photo = f"<x xmlns='{SELF}'/>"
    return f"<presence from='{connection.bare}/balcony'>{photo}</presence>" if stanza.name == "presence" else None


@define
class Several:
    """A server of which several instances run."""

    name: str = "several"
    instances: int = 3
    started_so_far: int = 0

    def installed(self) -> None:
        pass

    @contextmanager
    def started(self) -> Iterator[Running]:
        self.started_so_far += 1
        with listening(Loopback(answer=answer)) as server:
            yield Running(LiveConfig(port=server.port), [f"part {self.started_so_far} has ended"])


def vectors(folder: Path, number: int) -> list[Vector | MalformedFile]:
    """Write and read vectors that pass, but for every third."""
    found: list[Vector | MalformedFile] = []
    for each in range(number):
        file = folder / f"{each}.json"
        kind = "" if each % 3 else " type='probe'"
        expected = f"<presence from='{BALCONY}'{kind}/>"
        steps = [send("<presence/>"), receive(expected)]
        file.write_text(json.dumps(scenario(*steps, accounts={JULIET: {}})), encoding="utf-8")
        found += read_file(file, f"{each}")
    return found


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> Several:
    server = Several()
    monkeypatch.setattr(runs, "SERVERS", {"several": server})
    return server


def test_several_instances_share_the_vectors_and_their_results_stay_in_order(tmp_path: Path, several: Several) -> None:
    asked = vectors(tmp_path, 7)

    run = run_all(asked, ["several"])["several"]

    assert several.started_so_far == 3
    assert [result.vector.id for result in run.results] == [vector.id for vector in asked]
    wrong = Outcome.FAILED
    assert [result.outcome is wrong for result in run.results] == [True, False, False, True, False, False, True]
    assert run.remarks == {f"the server adds {SELF} to presence": 7}
    assert sorted(run.ends) == ["part 1 has ended", "part 2 has ended", "part 3 has ended"]


def test_a_server_that_starts_slowly_is_waited_for(tmp_path: Path) -> None:
    error = "<stream:error><host-gone xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    left = [error] * 3
    server = Loopback(answer=answer, negotiates=lambda connection, element: left.pop() if left else None)
    with listening(server):
        results = run_live(vectors(tmp_path, 2)[1:], LiveConfig(port=server.port))

    assert left == []
    assert [result.outcome for result in results] == [Outcome.PASSED]


def test_the_core_runs_once_and_has_no_remarks(tmp_path: Path, several: Several) -> None:
    run = run_all(vectors(tmp_path, 2), ["several"])["core"]

    assert len(run.results) == 2
    assert (run.remarks, run.ends) == ({}, ())


def test_the_file_of_a_server_is_renewed_and_goes_when_nothing_is_left(tmp_path: Path) -> None:
    failed, passed = [
        [Result(vector, outcome, "why") for vector in vectors(tmp_path, 2)]
        for outcome in (Outcome.FAILED, Outcome.PASSED)
    ]
    server, file = evolve(PROSODY, folder=tmp_path), tmp_path / "deviations.toml"

    renew(server, failed)
    assert {id for each in read_known(file) for id in each.vectors} == {"0", "1"}
    renew(server, passed)
    assert not file.exists()
    renew(server, passed)
    assert not file.exists()
