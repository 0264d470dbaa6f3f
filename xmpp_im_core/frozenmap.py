"""An immutable, hashable map from ``str``, iterated in sorted order, with cheap updates.

It has two levels: a tuple of buckets, each a dict. An update copies the tuple and one bucket; each of them is about as
large as the square root of the number of items. Python's string hash assigns the keys to buckets. Each process seeds
that hash with a secret (PYTHONHASHSEED), so other entities, who choose many of the keys, cannot choose keys that share
one bucket. The buckets and the seed have no visible effect: iteration is sorted by key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Generic, TypeVar, overload

T = TypeVar("T")
V = TypeVar("V")

_GROW: Final = 8
"""Above ``_GROW * count * count`` items the number of buckets grows, below ``count * count / 4`` it shrinks. The two
bounds are so far apart that no sequence of updates redistributes all items at each update."""


class FrozenMap(Mapping[str, V], Generic[V]):
    """An immutable mapping. ``set`` and ``delete`` return a new map and leave this one unchanged."""

    __slots__ = ("_buckets", "_hash", "_size")

    _buckets: tuple[dict[str, V], ...]
    _size: int
    _hash: int | None

    def __init__(self, items: Mapping[str, V] | Iterable[tuple[str, V]] = ()) -> None:
        everything = dict(items)
        self._buckets = _spread(everything, _bucket_count(len(everything)))
        self._size = len(everything)
        self._hash = None

    def set(self, key: str, value: V) -> FrozenMap[V]:
        """Return a map with this value under the key; this map if it has the same object there already."""
        buckets = self._buckets
        index = hash(key) & (len(buckets) - 1)
        bucket = buckets[index]
        size = self._size
        if key not in bucket:
            size += 1
        elif bucket[key] is value:
            return self
        changed = bucket.copy()
        changed[key] = value
        return self._with(index, changed, size)

    def delete(self, key: str) -> FrozenMap[V]:
        """Return a map without the key; this map if the key is absent."""
        buckets = self._buckets
        index = hash(key) & (len(buckets) - 1)
        if key not in buckets[index]:
            return self
        changed = buckets[index].copy()
        del changed[key]
        return self._with(index, changed, self._size - 1)

    def _with(self, index: int, bucket: dict[str, V], size: int) -> FrozenMap[V]:
        buckets = (*self._buckets[:index], bucket, *self._buckets[index + 1 :])
        count = len(buckets)
        if size > _GROW * count * count or size < count * count // 4:
            buckets = _spread({key: value for part in buckets for key, value in part.items()}, _bucket_count(size))
        new: FrozenMap[V] = FrozenMap.__new__(FrozenMap)
        new._buckets = buckets
        new._size = size
        new._hash = None
        return new

    def __getitem__(self, key: str) -> V:
        buckets = self._buckets
        return buckets[hash(key) & (len(buckets) - 1)][key]

    @overload
    def get(self, key: str) -> V | None: ...
    @overload
    def get(self, key: str, default: V | T) -> V | T: ...
    def get(self, key: str, default: object = None) -> object:
        """Return the value under the key, or the default."""
        buckets = self._buckets  # the method of Mapping would raise and catch a KeyError
        return buckets[hash(key) & (len(buckets) - 1)].get(key, default)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        buckets = self._buckets
        return key in buckets[hash(key) & (len(buckets) - 1)]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted([key for bucket in self._buckets for key in bucket]))

    def __len__(self) -> int:
        return self._size

    def in_order(self) -> list[V]:
        """Return the values, sorted by key."""
        everything = {key: value for bucket in self._buckets for key, value in bucket.items()}
        return [everything[key] for key in sorted(everything)]

    def unordered(self) -> Iterator[V]:
        """Yield the values in an arbitrary order, which differs between processes: for counting and filtering only."""
        for bucket in self._buckets:
            yield from bucket.values()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, FrozenMap):
            return NotImplemented
        if self._size != other._size:
            return False
        if len(self._buckets) == len(other._buckets):
            return self._buckets == other._buckets
        return dict(self) == dict(other)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(item for bucket in self._buckets for item in bucket.items()))
        return self._hash

    def __repr__(self) -> str:
        return f"FrozenMap({dict(self)!r})"

    def __reduce__(self) -> tuple[type[FrozenMap[V]], tuple[dict[str, V]]]:
        return FrozenMap, (dict(self),)


def _bucket_count(size: int) -> int:
    """Return the number of buckets for this many items: a power of two near the square root of the size."""
    count = 1
    while size > _GROW * count * count:
        count *= 2
    return count


def _spread(items: Mapping[str, V], count: int) -> tuple[dict[str, V], ...]:
    buckets: tuple[dict[str, V], ...] = tuple([{} for _ in range(count)])
    for key, value in items.items():
        buckets[hash(key) & (count - 1)][key] = value
    return buckets
