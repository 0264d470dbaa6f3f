"""How a step grows with the roster: it costs what it changes, not what the account holds.

``extra_info`` has the ratio to the same step in an account with ten contacts, measured in the same run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.bench_steps import warm
from benchmarks.scenes import account, ratio, roster_set, subscribe, update
from xmpp_im_core.policy import DEFAULT
from xmpp_im_core.server import Account, Event, FanOut, reduce

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

SIZES = (10, 100, 1_000, 10_000)
AT_MOST = 3.0
"""How many times as long a step may take among ten thousand contacts as among ten."""

EVENTS = {
    "roster set": roster_set(),
    "new item": roster_set("stranger@verona.example"),
    "inbound subscribe": subscribe(),
    "update broadcast": update(),
}


def times(juliet: Account, event: Event, *, than: Account) -> float:
    """How many times as long a step takes in one account as in another."""
    return ratio(lambda: reduce(juliet, event), lambda: reduce(than, event))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("event", EVENTS.values(), ids=list(EVENTS))
def test_growth(benchmark: BenchmarkFixture, event: Event, size: int) -> None:
    juliet = warm(size)
    grown = times(juliet, event, than=warm(SIZES[0]))
    benchmark.extra_info["times a roster of 10"] = round(grown, 2)

    benchmark(reduce, juliet, event)

    assert grown <= AT_MOST


def test_a_broadcast_with_somebody_blocked(benchmark: BenchmarkFixture) -> None:
    blocking = warm(10_000).blocking(("friend7@montague.example", "verona.example"))
    juliet = reduce(blocking, update()).state
    assert isinstance(juliet, Account)
    grown = times(juliet, update(), than=warm(10))
    benchmark.extra_info["times nobody blocked, a roster of 10"] = round(grown, 2)

    benchmark(reduce, juliet, update())

    assert grown <= AT_MOST


def test_the_first_broadcast_after_a_change(benchmark: BenchmarkFixture) -> None:
    """The recipients are put together anew, once: this one grows with the roster."""
    cold, hot = account(10_000), warm(10_000)
    grown = ratio(lambda: reduce(cold, update()), lambda: reduce(hot, update()), 3, 10)
    benchmark.extra_info["times the next broadcast"] = round(grown)

    step = benchmark(reduce, cold, update())

    assert isinstance(step.state, Account)
    assert step.state.roster.told is not None


def test_a_request_where_as_many_wait_as_may(benchmark: BenchmarkFixture) -> None:
    """The requests that wait are bounded by the policy, so that strangers cannot make this grow any further."""
    juliet = warm(10)
    for number in range(DEFAULT.pending_requests - 1):
        after = reduce(juliet, subscribe(number, number // 90)).state
        assert isinstance(after, Account)
        juliet = after
    request = subscribe(DEFAULT.pending_requests, 99)
    grown = times(juliet, request, than=warm(10))
    benchmark.extra_info["times one where none waits"] = round(grown, 1)

    step = benchmark(reduce, juliet, request)

    assert isinstance(step.state, Account)
    assert len(step.state.roster.pending) == DEFAULT.pending_requests


@pytest.mark.parametrize("size", SIZES)
def test_a_broadcast_builds_one_effect_however_many_it_reaches(size: int) -> None:
    effects = reduce(warm(size), update()).effects

    assert [len(effect.recipients) for effect in effects if isinstance(effect, FanOut)] == [size]
    assert len(effects) == len(reduce(warm(10), update()).effects)
