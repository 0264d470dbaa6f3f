"""LRUSet, an immutable set in the order of last use. Its model is a list: a repeated text is removed first."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmpp_im_core.lru_set import LRUSet, lru_set

TEXTS = st.sampled_from(["", "a", "é", "\ud800", *map(str, range(20))])
OPERATIONS = st.lists(st.tuples(st.sampled_from(["with_newest", "without"]), TEXTS), max_size=80)


@given(OPERATIONS)
def test_it_does_what_a_list_does(operations: list[tuple[str, str]]) -> None:
    model: list[str] = []
    order = LRUSet()

    for operation, text in operations:
        model = [each for each in model if each != text]
        if operation == "with_newest":
            model.append(text)
            order = order.with_newest(text)
        else:
            order = order.without(text)

        assert list(order) == model
        assert len(order) == len(model)
        assert (text in order) == (text in model)
        assert (order.oldest, order.newest) == ((model[0], model[-1]) if model else (None, None))


@given(st.lists(TEXTS), TEXTS)
def test_an_update_leaves_the_old_order_as_it_was(texts: list[str], text: str) -> None:
    before = lru_set(texts)
    listed = list(before)

    before.with_newest(text)
    before.without(text)

    assert list(before) == listed


@given(st.lists(TEXTS, unique=True), st.permutations(range(8)))
def test_equality_and_hash_know_the_order_and_nothing_else(texts: list[str], detours: list[int]) -> None:
    straight, other = lru_set(texts), LRUSet()
    for number in detours:
        other = other.with_newest(f"detour {number}")
    for text in texts:
        other = other.with_newest(text)
    for number in range(8):
        other = other.without(f"detour {number}")

    assert other == straight
    assert hash(other) == hash(straight)
    assert (lru_set(reversed(texts)) == straight) is (len(texts) < 2)


def test_what_changes_nothing_is_the_same() -> None:
    order = lru_set(["a", "b"])

    assert order.with_newest("b") is order
    assert order.without("c") is order


def test_it_is_a_value_like_any_other() -> None:
    order = lru_set(["b", "a"])

    assert repr(order) == "lru_set(['b', 'a'])"
    assert eval(repr(order)) == order  # what it shows is how to make it
    assert pickle.loads(pickle.dumps(order)) == order
    assert copy.deepcopy(order) == order
    with pytest.raises(AttributeError):
        order.oldest = "a"  # type: ignore[misc]  # wrong on purpose
