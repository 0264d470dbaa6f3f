"""The example in JavaScript passes the vectors that it claims, and these are many; ``make stdio-example`` runs this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from xmpp_im_conformance.drivers.stdio.driver import StdioDriver
from xmpp_im_conformance.drivers.stdio.program import Program
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.running.run import run_vector

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED


@pytest.fixture(scope="module")
def results() -> Iterator[list[Result]]:
    main = Path(__file__).with_name("main.js")
    with closing(Program(["node", str(main)])) as program:
        driver = StdioDriver(program)
        yield [run_vector(vector, driver) for vector in find([])]


def test_no_vector_fails(results: list[Result]) -> None:
    assert [(result.vector.id, result.detail) for result in results if result.outcome is FAILED] == []


def test_rosters_subscriptions_and_presence_are_really_run(results: list[Result]) -> None:
    passed = Counter([result.vector.id.split("/")[0] for result in results if result.outcome is PASSED])

    assert passed.total() >= 780
    for folder in ("roster-set", "roster-remove", "subscribe", "approve", "deny", "cancel", "unsubscribe"):
        assert passed[folder] >= 15, folder


def test_every_row_of_the_tables_of_appendix_a_passes(results: list[Result]) -> None:
    rows = {result.vector.id: result.outcome for result in results if result.vector.id.startswith("tables/a.")}
    # Pre-approval is the only part of those tables that the example does not implement.
    without = {f"tables/a.2.3#outbound subscribed: {state}" for state in ("None", "None + Pending Out", "To")}

    assert len(rows) == 72
    assert {row for row, outcome in rows.items() if outcome is not PASSED} == without
