"""The immutable map: an ordinary dict is its model."""

from __future__ import annotations

import copy
import pickle
from itertools import count, islice
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.one_test import in_one_test
from xmpp_im_core.frozenmap import FrozenMap

KEYS = st.sampled_from(["", "a", "é", "\ud800", *map(str, range(40))])
OPERATIONS = st.lists(st.tuples(st.sampled_from(["set", "delete"]), KEYS, st.integers(0, 3)), max_size=120)


@given(st.dictionaries(KEYS, st.integers()), OPERATIONS)
def test_it_does_what_a_dict_does(start: dict[str, int], operations: list[tuple[str, str, int]]) -> None:
    model, frozen = dict(start), FrozenMap(start)

    for operation, key, value in operations:
        if operation == "set":
            model[key] = value
            frozen = frozen.set(key, value)
        else:
            model.pop(key, None)
            frozen = frozen.delete(key)

        assert dict(frozen) == model
        assert len(frozen) == len(model)
        assert (key in frozen) == (key in model)
        assert frozen.get(key) == model.get(key)
    assert list(frozen) == sorted(model)
    assert sorted(frozen.unordered()) == sorted(model.values())


@given(st.dictionaries(KEYS, st.integers()), KEYS, st.integers())
def test_an_update_leaves_the_old_map_as_it_was(start: dict[str, int], key: str, value: int) -> None:
    before = FrozenMap(start)
    hash(before)

    before.set(key, value)
    before.delete(key)

    assert dict(before) == start
    assert before == FrozenMap(start)
    assert hash(before) == hash(FrozenMap(start))


@given(st.lists(st.tuples(KEYS, st.integers()), unique_by=lambda item: item[0]), st.data())
def test_equality_hash_and_order_do_not_know_how_a_map_came_to_be(
    items: list[tuple[str, int]], data: st.DataObject
) -> None:
    at_once = FrozenMap(items)
    one_by_one: FrozenMap[int] = FrozenMap({str(n): n for n in range(100, 200)})
    for key, value in data.draw(st.permutations(items)):
        one_by_one = one_by_one.set(key, value)
    for n in range(100, 200):
        one_by_one = one_by_one.delete(str(n))

    assert at_once == one_by_one
    assert hash(at_once) == hash(one_by_one)
    assert list(at_once.items()) == list(one_by_one.items())


def test_maps_that_differ_are_not_equal() -> None:
    assert FrozenMap({"a": 1}) != FrozenMap({"a": 2})
    assert FrozenMap({"a": 1}) != FrozenMap({"b": 1})
    assert FrozenMap({"a": 1}) != FrozenMap({"a": 1, "b": 1})
    assert FrozenMap({"a": 1}) != {"a": 1}


def test_nothing_changed_gives_the_same_map() -> None:
    juliet = ("juliet",)
    roster = FrozenMap({"juliet@example.com": juliet})

    assert roster.set("juliet@example.com", juliet) is roster
    assert roster.delete("nurse@example.com") is roster


def test_a_key_that_is_absent() -> None:
    empty: FrozenMap[int] = FrozenMap()

    assert "a" not in empty
    with pytest.raises(KeyError):
        empty["a"]


def test_an_update_of_a_large_map_copies_one_small_part_of_it() -> None:
    before = FrozenMap({f"user{n}@example.com": n for n in range(10_000)})

    after = before.set("user5000@example.com", -1)

    copied = [new for old, new in zip(before._buckets, after._buckets, strict=True) if old is not new]
    assert [len(bucket) < 10_000 / 10 for bucket in copied] == [True]
    assert len(after._buckets) < 10_000 / 10


def test_keys_that_were_chosen_to_collide_are_spread_as_others_are() -> None:
    """RFC 6120 §13.12: no peer may make the work for one event grow by what it sends. The checksum is no secret."""
    candidates = (f"user{n}@example.com" for n in count())
    chosen = list(islice((key for key in candidates if crc32(key.encode()) & 15 == 0), 2_000))
    spread = FrozenMap(dict.fromkeys(chosen, 1))

    average = len(chosen) / len(spread._buckets)
    assert len(spread._buckets) >= 16
    assert max(len(bucket) for bucket in spread._buckets) < 2 * average
    assert list(spread) == sorted(chosen)


def test_it_can_be_copied_pickled_and_shown() -> None:
    frozen = FrozenMap({"b": 2, "a": 1})

    assert pickle.loads(pickle.dumps(frozen)) == frozen
    assert copy.deepcopy(frozen) == frozen
    assert repr(frozen) == "FrozenMap({'a': 1, 'b': 2})"


@in_one_test("key", [1, None, b"1", ["1"]])
def test_a_key_has_to_be_a_string(key: object) -> None:
    assert key not in FrozenMap({"1": 1})
