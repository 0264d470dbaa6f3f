"""Single steps of the reducer, in an account with a hundred contacts.

``extra_info`` compares each with one that is always there: a message to a user who is online.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.scenes import account, message, ratio, roster_removal, roster_set, subscribe, update
from xmpp_im_core.server import Account, Event, FanOut, reduce

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

STEPS = {
    "message to an online user": message(),
    "inbound subscribe": subscribe(),
    "roster set": roster_set(),
    "roster removal": roster_removal(),
    "broadcast to 100 subscribers": update(),
}


def warm(size: int) -> Account:
    """Return the account after a broadcast, as it is for nearly all of its life."""
    state = reduce(account(size), update()).state
    assert isinstance(state, Account)
    return state


@pytest.mark.parametrize("event", STEPS.values(), ids=list(STEPS))
def test_a_step(benchmark: BenchmarkFixture, event: Event) -> None:
    juliet = warm(100)
    times = ratio(lambda: reduce(juliet, event), lambda: reduce(juliet, STEPS["message to an online user"]))
    benchmark.extra_info["times a message"] = round(times, 1)

    step = benchmark(reduce, juliet, event)

    assert step.effects


def test_a_broadcast_is_one_effect_for_all_subscribers() -> None:
    fan_outs = [effect for effect in reduce(warm(100), update()).effects if isinstance(effect, FanOut)]

    assert [len(effect.recipients) for effect in fan_outs] == [100]
