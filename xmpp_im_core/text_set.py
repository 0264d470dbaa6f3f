"""An immutable, hashable set of strings, iterated in sorted order, with cheap updates.

To add a string to a sorted tuple, or to take one out, copies the tuple. The keys of a
:class:`~xmpp_im_core.frozenmap.FrozenMap` are a set of which an update copies only a small part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import field

from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.record import record


@record(repr=False)
class TextSet(Collection[str]):
    """Distinct strings. Each method that changes it returns a new set, or the same set if nothing changes."""

    _texts: FrozenMap[None] = field(factory=FrozenMap, alias="_texts")

    def having(self, text: str) -> TextSet:
        """Return the set with this string."""
        return self if text in self._texts else TextSet(self._texts.set(text, None))

    def without(self, text: str) -> TextSet:
        """Return the set without this string."""
        return TextSet(self._texts.delete(text)) if text in self._texts else self

    def __contains__(self, text: object) -> bool:
        return text in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"text_set({list(self)!r})"


def text_set(texts: Iterable[str] = ()) -> TextSet:
    """Return the set of these strings."""
    return TextSet(FrozenMap(dict.fromkeys(texts)))
