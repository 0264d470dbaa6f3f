"""Which node owns which partition."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_host.cluster.placement import moves, placement
from xmpp_im_host.storage.records import PARTITIONS

ROOT = Path(__file__).parents[3]
NUMBERS = st.integers(1, 1 << 31)
WEIGHTS = st.floats(0, 100, allow_subnormal=False)
NODES = st.dictionaries(NUMBERS, WEIGHTS, max_size=8)


@given(NODES)
def test_each_partition_has_one_node_with_a_weight_or_none_has(weights: dict[int, float]) -> None:
    placed = placement(weights)
    able = {number for number, weight in weights.items() if weight > 0}
    assert set(placed) == (set(range(PARTITIONS)) if able else set())
    assert set(placed.values()) <= able


@given(NODES, st.data())
def test_a_node_that_leaves_moves_only_its_own_partitions(weights: dict[int, float], data: st.DataObject) -> None:
    left = dict(weights)
    if weights:
        del left[data.draw(st.sampled_from(sorted(weights)))]
    before, after = placement(weights), placement(left)
    for partition, number in after.items():
        if before[partition] in left:
            assert number == before[partition]


@given(NODES, NUMBERS, WEIGHTS)
def test_a_node_that_comes_takes_partitions_and_moves_no_others(
    weights: dict[int, float], number: int, weight: float
) -> None:
    others = {each: weights[each] for each in weights if each != number}
    before, after = placement(others), placement({**others, number: weight})
    assert {to for _, to in moves(before, after).values()} <= {number}


@given(NODES, st.data())
def test_a_node_with_more_weight_loses_no_partition(weights: dict[int, float], data: st.DataObject) -> None:
    if not weights:
        return
    number = data.draw(st.sampled_from(sorted(weights)))
    more = {**weights, number: weights[number] * 2}
    before, after = placement(weights), placement(more)
    assert {each for each in before if before[each] == number} <= {each for each in after if after[each] == number}


@given(NODES)
def test_the_order_of_the_list_does_not_matter(weights: dict[int, float]) -> None:
    assert placement(weights) == placement(dict(reversed(weights.items())))


@given(st.dictionaries(NUMBERS, st.floats(0.5, 8), min_size=1, max_size=8))
def test_only_the_proportion_of_the_weights_matters(weights: dict[int, float]) -> None:
    doubled = {number: 2 * weight for number, weight in weights.items()}
    assert placement(weights) == placement(doubled)


def test_the_shares_follow_the_weights() -> None:
    """Over many partitions; a real cluster has 256, so its shares differ by some of them."""
    many = 40_000
    held = Counter(placement({1: 1.0, 2: 2.0, 3: 5.0, 4: 0.0}, range(many)).values())
    assert held[1] == pytest.approx(many / 8, rel=0.05)
    assert held[2] == pytest.approx(many / 4, rel=0.05)
    assert held[3] == pytest.approx(many * 5 / 8, rel=0.05)
    assert held[4] == 0


def test_three_equal_nodes_have_about_a_third_each() -> None:
    held = Counter(placement({1: 1.0, 2: 1.0, 3: 1.0}).values())
    assert all(60 <= count <= 111 for count in held.values()), held


FINGERPRINT = "88bb55dc13358bf8"


def fingerprint() -> str:
    """Return a hash of one placement. A release must not change it: nodes of two releases run side by side."""
    placed = placement({1: 1.0, 2: 0.5, 7: 3.0, 1 << 31: 1.0})
    return sha256(repr(sorted(placed.items())).encode()).hexdigest()[:16]


def test_every_release_places_alike() -> None:
    assert fingerprint() == FINGERPRINT


def test_every_process_places_alike() -> None:
    code = "from tests.xmpp_im_host.cluster.test_placement import fingerprint; print(fingerprint())"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in ("1", "2")
    ]
    assert {run.stdout.strip() for run in runs} == {FINGERPRINT}


def test_moves_name_where_a_partition_was_and_where_it_goes() -> None:
    assert moves({0: 1, 1: 1, 2: 2}, {0: 1, 1: 3, 2: 1}) == {1: (1, 3), 2: (2, 1)}
    assert moves({}, {0: 1}) == {0: (None, 1)}
    assert moves({0: 1}, {}) == {}
