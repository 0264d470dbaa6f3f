"""An immutable, hashable map from ``str``, iterated in sorted order, with cheap updates.

It is a list of buckets, each a dict. An update copies the list and one bucket; each of them is about as large as the
square root of the number of items. Above 8,192 items that would take long. So each of the 64 buckets of a large map has
buckets itself (:class:`_Divided`), and an update copies the list, one list of inner buckets and one inner bucket: about
145 references for 100,000 items. No map changes a list or a dict once it has it. They are lists because a changed copy
of a tuple takes twice as long: it needs a list first.

Python's string hash assigns the keys to buckets. Each process seeds that hash with a secret (PYTHONHASHSEED), so other
entities, who choose many of the keys, cannot choose keys that share one bucket. The buckets and the seed have no
visible effect: iteration is sorted by key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, Generic, TypeAlias, TypeVar, overload

T = TypeVar("T")
V = TypeVar("V")

_GROW: Final = 8
"""Above ``_GROW * count * count`` items the number of buckets grows, below a 32nd of that it shrinks. The two bounds
are so far apart that no sequence of updates redistributes all items at each update."""
_GROW_LARGE: Final = 128
"""The same for a large map, whose ``count`` is the number of inner buckets in each bucket. After it has grown, an inner
bucket has half to twice as many items."""

_BUCKETS: Final = 64
"""The number of buckets of a large map. Any other map has at most half as many."""
_ABSENT: Final = object()
_OTHER_BITS: Final = 16
"""Keys in one bucket have the same lowest bits of the hash. So their inner bucket depends on the bits after these."""


class _Divided(Generic[V]):
    """A bucket of a large map. It has the methods of a dict that a map needs, and never changes."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[dict[str, V]]) -> None:
        self.parts = parts

    def having(self, key: str, value: V) -> _Divided[V]:
        parts = self.parts.copy()
        place = hash(key) >> _OTHER_BITS & (len(parts) - 1)
        part = parts[place] = parts[place].copy()
        part[key] = value
        return _Divided(parts)

    def without(self, key: str) -> _Divided[V]:
        parts = self.parts.copy()
        place = hash(key) >> _OTHER_BITS & (len(parts) - 1)
        part = parts[place] = parts[place].copy()
        del part[key]
        return _Divided(parts)

    def _part_of(self, key: str) -> dict[str, V]:
        parts = self.parts
        return parts[hash(key) >> _OTHER_BITS & (len(parts) - 1)]

    def __getitem__(self, key: str) -> V:
        return self._part_of(key)[key]

    def get(self, key: str, default: object = None) -> object:
        parts = self.parts  # as ``_part_of`` does, without its call
        return parts[hash(key) >> _OTHER_BITS & (len(parts) - 1)].get(key, default)

    def __contains__(self, key: str) -> bool:
        return key in self._part_of(key)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.parts)

    def values(self) -> Iterator[V]:
        return chain.from_iterable([part.values() for part in self.parts])

    def items(self) -> Iterator[tuple[str, V]]:
        return chain.from_iterable([part.items() for part in self.parts])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Divided):
            return NotImplemented
        same = len(self.parts) == len(other.parts)
        return self.parts == other.parts if same else dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]  # like a dict


Bucket: TypeAlias = dict[str, V] | _Divided[V]


class FrozenMap(Mapping[str, V], Generic[V]):
    """An immutable mapping. ``set`` and ``delete`` return a new map and leave this one unchanged."""

    __slots__ = ("_buckets", "_hash", "_size")

    _buckets: list[Bucket[V]]
    _size: int
    _hash: int | None

    def __init__(self, items: Mapping[str, V] | Iterable[tuple[str, V]] = ()) -> None:
        everything = dict(items)
        self._buckets = _spread(everything)
        self._size = len(everything)
        self._hash = None

    def set(self, key: str, value: V) -> FrozenMap[V]:
        """Return a map with this value under the key; this map if it has the same object there already."""
        buckets = self._buckets
        index = hash(key) & (len(buckets) - 1)
        bucket = buckets[index]
        old = bucket.get(key, _ABSENT)
        if old is value:
            return self
        size = self._size + 1 if old is _ABSENT else self._size
        if type(bucket) is dict:
            changed = bucket.copy()
            changed[key] = value
            return self._with(index, changed, size)
        return self._with(index, bucket.having(key, value), size)  # type: ignore[union-attr]  # no subclass of dict

    def updated(self, items: Mapping[str, V]) -> FrozenMap[V]:
        """Return a map with each of these values under its key, as if each was set."""
        if len(items) * len(items) > self._size:  # then as many updates copy about as much as the whole map
            everything = {key: value for bucket in self._buckets for key, value in bucket.items()}
            return FrozenMap(everything | dict(items))
        new = self
        for key, value in items.items():
            new = new.set(key, value)
        return new

    def delete(self, key: str) -> FrozenMap[V]:
        """Return a map without the key; this map if the key is absent."""
        buckets = self._buckets
        index = hash(key) & (len(buckets) - 1)
        bucket = buckets[index]
        if key not in bucket:
            return self
        if type(bucket) is dict:
            changed = bucket.copy()
            del changed[key]
            return self._with(index, changed, self._size - 1)
        return self._with(index, bucket.without(key), self._size - 1)  # type: ignore[union-attr]  # as above

    def _with(self, index: int, bucket: Bucket[V], size: int) -> FrozenMap[V]:
        buckets = self._buckets.copy()
        buckets[index] = bucket
        if size != self._size:
            count, grow = (len(buckets), _GROW) if isinstance(bucket, dict) else (len(bucket.parts), _GROW_LARGE)
            most = grow * count * count
            if size > most or size < most // 32:
                buckets = _spread({key: value for part in buckets for key, value in part.items()})
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


def _spread(items: Mapping[str, V]) -> list[Bucket[V]]:
    size = len(items)
    count = _bucket_count(size, _GROW)
    if count < _BUCKETS:
        return [*_divided(items, count, 0)]
    inner = _bucket_count(size, _GROW_LARGE)
    return [_Divided(_divided(bucket, inner, _OTHER_BITS)) for bucket in _divided(items, _BUCKETS, 0)]


def _bucket_count(size: int, grow: int) -> int:
    """Return the number of buckets for this many items: a power of two near the square root of the size."""
    count = 1
    while size > grow * count * count:
        count *= 2
    return count


def _divided(items: Mapping[str, V], count: int, shift: int) -> list[dict[str, V]]:
    buckets: list[dict[str, V]] = [{} for _ in range(count)]
    for key, value in items.items():
        buckets[hash(key) >> shift & (count - 1)][key] = value
    return buckets
