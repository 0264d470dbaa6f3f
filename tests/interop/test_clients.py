"""The client libraries behave as is recorded; ``make client-test`` runs this."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from interop.clients import CLIENTS, DOCUMENT, FOLDER, client_vectors
from interop.clients.page import of_a_run, page
from interop.deviations import read_deviations, unexpected
from tests.conformance.packaged import packaged
from xmpp_im_conformance.format.vectors import MalformedFile, Side
from xmpp_im_conformance.running.outcome import Outcome, Result


def results_of(name: str) -> Sequence[Result]:
    missing = CLIENTS[name].missing()
    if missing:
        pytest.skip(missing)
    return CLIENTS[name].run(client_vectors())


@pytest.mark.clients
@pytest.mark.parametrize("name", CLIENTS)
def test_a_library_differs_as_recorded_and_nowhere_else(name: str) -> None:
    results = results_of(name)

    assert unexpected(name, results, read_deviations(FOLDER)) == []
    assert [each for each in results if each.outcome is Outcome.PASSED]


def test_what_is_recorded_concerns_vectors_that_there_are() -> None:
    ids = {vector.id for vector in packaged() if vector.side is Side.CLIENT}

    assert [id for each in read_deviations(FOLDER) for id in each.vectors if id not in ids] == []


def test_a_deviation_from_a_sentence_quotes_it() -> None:
    recorded = [each for each in read_deviations(FOLDER) if each.kind == "against"]

    assert [each.does for each in recorded if not each.sentence and not each.section.startswith("XEP")] == []


def test_what_is_beyond_the_rfc_is_shown_by_vectors_that_say_so() -> None:
    levels = {vector.id: vector.level for vector in packaged() if not isinstance(vector, MalformedFile)}
    beyond = [each for each in read_deviations(FOLDER) if each.kind == "beyond"]

    assert {levels[id] for each in beyond for id in each.vectors} <= {"MAY", "peer"}


def test_the_page_has_what_is_recorded() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert text == page(read_deviations(FOLDER), of_a_run(text))


def test_each_adapter_is_short() -> None:
    folder = FOLDER.parents[1] / "conformance" / "adapters"
    adapters = [*folder.glob("with_*.py"), folder / "xmpp.js" / "main.js"]

    assert len(adapters) == len(CLIENTS)
    assert [file.name for file in adapters if len(file.read_text(encoding="utf-8").splitlines()) >= 150] == []
