"""All vectors on the embedded driver, from their files to the page about them, on one core."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from xmpp_im_conformance.drivers import core_drivers
from xmpp_im_conformance.format.finding import find
from xmpp_im_conformance.reports.html.page import page
from xmpp_im_conformance.reports.junit import as_junit
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.running.run import run

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from xmpp_im_conformance.format.vectors import Malformed, Vector

MADE = datetime(2026, 1, 1, tzinfo=UTC)


def found() -> list[Vector | Malformed]:
    return list(find([]))


def ran(vectors: list[Vector | Malformed]) -> list[Result]:
    drivers = core_drivers()
    return [run(vector, drivers.server, drivers.client) for vector in vectors]


@pytest.fixture(scope="module")
def vectors() -> list[Vector | Malformed]:
    return found()


@pytest.fixture(scope="module")
def results(vectors: list[Vector | Malformed]) -> list[Result]:
    return ran(vectors)


def test_reading_and_checking_all_vectors(benchmark: BenchmarkFixture) -> None:
    assert len(benchmark.pedantic(found, rounds=3)) >= 1700


def test_running_all_vectors(benchmark: BenchmarkFixture, vectors: list[Vector | Malformed]) -> None:
    results = benchmark.pedantic(ran, (vectors,), rounds=3, warmup_rounds=1)

    assert Counter([result.outcome for result in results]) == {Outcome.PASSED: len(vectors)}
    slowest = max(results, key=lambda result: result.seconds)
    benchmark.extra_info["vectors"] = len(vectors)
    benchmark.extra_info[f"ms in the slowest, {slowest.vector.id}"] = round(slowest.seconds * 1000, 1)


def test_writing_the_page(benchmark: BenchmarkFixture, results: list[Result]) -> None:
    text = benchmark.pedantic(page, (results, "embedded", MADE), rounds=3, warmup_rounds=1)

    assert text.count("data-id=") >= len(results)
    benchmark.extra_info["megabytes"] = round(len(text.encode()) / 1e6, 1)


def test_writing_junit(benchmark: BenchmarkFixture, results: list[Result]) -> None:
    assert benchmark.pedantic(as_junit, (results,), rounds=3, warmup_rounds=1)
