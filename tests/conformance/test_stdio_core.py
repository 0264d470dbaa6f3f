"""The core over the protocol: what it does there is what it does embedded, so nothing is lost on the way."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from tests.conformance.packaged import packaged
from tests.conformance.programs import ALL_OPS
from tests.conformance.stage import BALCONY, scenario, send
from xmpp_im_conformance.drivers.embedded import Embedded
from xmpp_im_conformance.drivers.stdio.driver import StdioDriver
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.format.schema import problems
from xmpp_im_conformance.format.vectors import MalformedFile, Vector
from xmpp_im_conformance.format.worlds import NotApplicable, ServerFailed
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_conformance.running.run import run_vector

Vectors = list[Vector | MalformedFile]


@define
class Watched(Program):
    """A program whose talk is kept."""

    talk: list[tuple[dict[str, Any], Any]] = field(factory=list)

    def ask(self, op: str, kind: str, **arguments: object) -> Any:
        answer = super().ask(op, kind, **arguments)
        request = {"id": answer["id"], "op": op, **arguments}
        self.talk.append((json.loads(json.dumps(request)), answer))
        return answer


def core() -> Watched:
    return Watched([sys.executable, "-m", "xmpp_im_conformance.cli.stdio"], timeout=60)


def some(vectors: Iterable[Vector | MalformedFile], one_in: int) -> Iterator[Vector | MalformedFile]:
    """A part of the vectors: one in so many, and of each kind of step the first that has it."""
    seen: set[str] = set()
    for number, vector in enumerate(vectors):
        keys = {step.key for step in vector.scenario.steps} if isinstance(vector, Vector) else set()
        if number % one_in == 0 or keys - seen:
            yield vector
        seen |= keys


def first(talk: Iterable[tuple[dict[str, Any], Any]], many: int) -> Iterator[tuple[dict[str, Any], Any]]:
    """So many of the requests of each op, and their answers."""
    seen: Counter[str] = Counter()
    for request, answer in talk:
        seen[request["op"]] += 1
        if seen[request["op"]] <= many:
            yield request, answer


def outcomes(vectors: Iterable[Vector | MalformedFile], program: Program) -> list[tuple[str, Outcome]]:
    driver = StdioDriver(program)
    return [(vector.id, run_vector(vector, driver).outcome) for vector in vectors]


@pytest.mark.parametrize("one_in", [80, pytest.param(6, marks=pytest.mark.slow)])
def test_the_core_does_over_the_protocol_what_it_does_embedded(one_in: int) -> None:
    vectors = list(some(packaged(), one_in))
    embedded = [(vector.id, run_vector(vector, Embedded()).outcome) for vector in vectors]
    with closing(core()) as program:
        over_stdio = outcomes(vectors, program)

    assert len(vectors) > 1700 / one_in
    assert over_stdio == embedded
    assert {request["op"] for request, _ in program.talk} == ALL_OPS
    for request, answer in first(program.talk, 10):
        assert problems("stdio", request, "/$defs/request") == []
        assert problems("stdio", answer, "/$defs/answer") == []


def test_what_fails_embedded_fails_over_the_protocol_with_the_same_words(tmp_path: Path) -> None:
    wrong = scenario(send("<presence/>"), send("<message><body>hi</body></message>"))
    unknown = scenario(features=["mam"])
    uncited = {**scenario(), "requirements": ["6121-3.1.6-07"]}
    vectors: Vectors = []
    for number, vector in enumerate((wrong, unknown, uncited)):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(vector), encoding="utf-8")
        vectors += read_file(file, str(number))

    with closing(core()) as program:
        found = [run_vector(vector, StdioDriver(program)) for vector in vectors]

    assert found == [run_vector(vector, Embedded()) for vector in vectors]
    assert [each.outcome for each in found] == [Outcome.FAILED, Outcome.NOT_APPLICABLE, Outcome.FAILED]


def test_what_the_core_cannot_do_or_fails_to_do_does_not_end_it() -> None:
    with closing(core()) as program:
        program.ready()
        with pytest.raises(NotApplicable, match=r"^there is no op 'dance' here$"):
            program.ask("dance", "server_acted")
        with pytest.raises(NotApplicable, match=r"^there is no op 'connect' here$"):
            program.ask("connect", "server_acted", jid=BALCONY)
        program.ask("begin", "server_acted", accounts={}, features=[], time=None)
        with pytest.raises(ServerFailed, match=r"^the program failed to do 'connect': the implementation raised\n"):
            program.ask("connect", "server_acted", jid="@")
        with pytest.raises(NotApplicable, match=r"^there is no op 'client_ver' here$"):
            program.ask("client_ver", "client_ver")

        assert program.ask("connect", "server_acted", jid=BALCONY) == {
            "id": 7,
            "deliver": [],
            "remote": [],
            "closed": [[BALCONY, "not-authorized"]],
        }
