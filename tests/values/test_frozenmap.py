"""The immutable map: an ordinary dict is its model."""

from __future__ import annotations

import copy
import pickle
import sys
import tracemalloc
from collections.abc import Iterable
from functools import partial
from itertools import count, islice
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.counting import calls
from tests.one_test import in_one_test
from xmpp_im_core.frozenmap import FrozenMap, _Divided, _spread

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


@in_one_test("size", [0, 5, 200, 8_190, 10_000])
@in_one_test("more", [0, 1, 3, 20, 300])
def test_many_values_are_set_as_if_one_by_one(size: int, more: int) -> None:
    before, added = FrozenMap(named(range(size))), {key(number): -number for number in range(3, 3 + more)}

    updated = before.updated(added)

    assert dict(updated) == {**named(range(size)), **added}
    assert len(updated) == len(dict(updated))
    assert dict(before) == named(range(size))
    assert calls(partial(before.updated, added), FrozenMap.set) == (0 if more * more > size else more)


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


@in_one_test("size, references", [(100, 60), (1_000, 120), (8_192, 320), (8_193, 120), (10_000, 120), (100_000, 165)])
def test_an_update_copies_a_small_part_of_a_map(size: int, references: int) -> None:
    before = FrozenMap(named(range(size)))

    for update in (lambda key: before.set(key, -1), before.delete):
        copied = [parts_made(before, update(key(number))) for number in range(100)]
        assert sum(copied) / len(copied) < references


@in_one_test("size", [1_000, 100_000])
def test_an_update_makes_nothing_that_it_does_not_keep(size: int) -> None:
    """A tuple could not be copied with a change without a list, which takes as long as the tuple."""
    before, name = FrozenMap(named(range(size))), key(7)

    assert memory_not_kept(before, name) < 200


def memory_not_kept(before: FrozenMap[int], name: str) -> int:
    """Return how many bytes an update allocates at most at a time and does not keep."""
    hash(name)
    tracer = sys.gettrace()
    sys.settrace(None)  # a tracer, as that of coverage, takes memory too
    tracemalloc.start()
    try:
        after = before.set(name, -1)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        sys.settrace(tracer)
    assert after[name] == -1
    return most - kept


def test_an_update_of_a_large_map_searches_it_once() -> None:
    large = FrozenMap(named(range(10_000)))
    searches = (_Divided.get, _Divided.__contains__, _Divided.__getitem__)

    assert [calls(partial(large.set, key(number), -1), *searches) for number in (7, 10_007)] == [1, 1]


def parts_made(before: FrozenMap[int], after: FrozenMap[int]) -> int:
    """Return how many references the lists and dicts have that the new map does not share with the old one."""
    made = len(after._buckets)
    for old, new in zip(before._buckets, after._buckets, strict=True):
        if isinstance(old, _Divided) and isinstance(new, _Divided) and old is not new:
            made += len(new.parts)
            made += sum(len(part) for was, part in zip(old.parts, new.parts, strict=True) if part is not was)
        elif old is not new:
            assert isinstance(new, dict)
            made += len(new)
    return made


def key(number: int) -> str:
    return f"user{number}@example.com"


def named(numbers: Iterable[int]) -> dict[str, int]:
    return {key(number): number for number in numbers}


def test_a_map_that_grows_large_and_small_again_is_the_same_map() -> None:
    """It passes the size at which its buckets get buckets, in both directions."""
    frozen: FrozenMap[int] = FrozenMap(named(range(8_190)))
    for number in range(8_190, 8_200):
        frozen = frozen.set(key(number), number)
    everything = named(range(8_200))
    assert isinstance(frozen._buckets[0], _Divided)
    assert (len(frozen), dict(frozen)) == (8_200, everything)
    assert frozen == FrozenMap(everything)
    assert hash(frozen) == hash(FrozenMap(everything))
    assert frozen.in_order() == [everything[each] for each in sorted(everything)]
    assert sorted(frozen.unordered()) == sorted(everything.values())
    assert (key(8_199) in frozen, frozen[key(8_199)], frozen.get(key(8_199))) == (True, 8_199, 8_199)
    assert ("x" in frozen, frozen.get("x"), frozen.get("x", 5)) == (False, None, 5)
    assert frozen.set(key(3), everything[key(3)]) is frozen
    assert frozen.delete("x") is frozen
    with pytest.raises(KeyError):
        frozen["x"]

    for number in range(1_000, 8_200):
        frozen = frozen.delete(key(number))

    assert not isinstance(frozen._buckets[0], _Divided)
    assert frozen == FrozenMap(named(range(1_000)))


def test_large_maps_are_equal_whatever_their_buckets() -> None:
    grown: FrozenMap[int] = FrozenMap(named(range(40_000)))
    for number in range(20_000, 40_000):
        grown = grown.delete(key(number))
    at_once = FrozenMap(named(range(20_000)))

    assert isinstance(grown._buckets[0], _Divided)
    assert isinstance(at_once._buckets[0], _Divided)
    assert len(grown._buckets[0].parts) != len(at_once._buckets[0].parts)
    assert at_once._buckets[0] != {}
    assert grown == at_once
    assert grown.set(key(5), -1) != at_once
    assert at_once.set(key(5), -1) != at_once
    assert at_once.set(key(5), -1).set(key(5), 5) == at_once


@in_one_test("start", [7, 31, 120, 8_191, 8_192, 8_200, 32_767])
def test_updates_around_a_bound_do_not_redistribute_all_items_each_time(start: int) -> None:
    def update() -> None:
        frozen = FrozenMap(named(range(start)))
        for _ in range(20):
            for number in range(start, start + 5):
                frozen = frozen.set(key(number), number)
            for number in range(start, start + 5):
                frozen = frozen.delete(key(number))

    assert calls(update, _spread) <= 2  # for the first map, and when it grows


def test_keys_that_were_chosen_to_collide_are_spread_as_others_are() -> None:
    """RFC 6120 §13.12: no peer may make the work for one event grow by what it sends. The checksum is no secret."""
    candidates = (f"user{n}@example.com" for n in count())
    chosen = list(islice((key for key in candidates if crc32(key.encode()) & 15 == 0), 2_000))
    spread = FrozenMap(dict.fromkeys(chosen, 1))

    sizes = [len(bucket) for bucket in spread._buckets if isinstance(bucket, dict)]
    average = len(chosen) / len(sizes)
    assert len(sizes) >= 16
    assert max(sizes) < 2 * average
    assert list(spread) == sorted(chosen)


def test_it_can_be_copied_pickled_and_shown() -> None:
    frozen = FrozenMap({"b": 2, "a": 1})

    assert pickle.loads(pickle.dumps(frozen)) == frozen
    assert copy.deepcopy(frozen) == frozen
    assert repr(frozen) == "FrozenMap({'a': 1, 'b': 2})"


@in_one_test("key", [1, None, b"1", ["1"]])
def test_a_key_has_to_be_a_string(key: object) -> None:
    assert key not in FrozenMap({"1": 1})
