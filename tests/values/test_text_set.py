"""A set of strings: as a frozenset behaves, sorted, and updated at the same cost at any size."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from tests.client.counting import Looked, looks
from xmpp_im_core.text_set import TextSet, text_set

TEXTS = st.lists(st.sampled_from("abcdef"))


@given(texts=TEXTS, text=st.sampled_from("abcdef"))
def test_it_is_changed_as_a_frozenset_is(texts: list[str], text: str) -> None:
    given_ = text_set(texts)

    assert list(given_) == sorted(set(texts))
    assert list(given_.having(text)) == sorted({*texts, text})
    assert list(given_.without(text)) == sorted({*texts} - {text})
    assert (text in given_) is (text in texts)
    assert len(given_) == len(set(texts))


@given(texts=TEXTS, more=TEXTS)
def test_its_value_is_its_strings(texts: list[str], more: list[str]) -> None:
    one, other = text_set(texts), TextSet()
    for text in more:
        other = other.having(text)

    assert (one == other) is (set(texts) == set(more))
    assert one != other or hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one  # bytes of this test
    assert repr(one) == f"text_set({sorted(set(texts))!r})"


def test_a_change_that_changes_nothing_returns_the_same_set() -> None:
    given_ = text_set("ab")

    assert given_.having("a") is given_
    assert given_.without("c") is given_
    assert 1 not in given_  # type: ignore[comparison-overlap]  # that is the point


def test_an_update_costs_the_same_at_any_size() -> None:
    """A sorted tuple would compare about all strings, and a frozenset would hash all."""
    many = text_set([Looked(number) for number in range(3_000)])

    assert looks(lambda: many.having("new")) <= 3
    assert looks(lambda: many.without("7")) <= 3
    assert looks(lambda: tuple(many)) > 3_000
