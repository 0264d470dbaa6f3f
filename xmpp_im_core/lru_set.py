"""An immutable, hashable set of strings in the order of their last use.

It is a doubly linked list whose links are in a :class:`~xmpp_im_core.frozenmap.FrozenMap`: an update changes the entry
itself and its two neighbours only, at any size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import field

from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.record import record


@record
class _Link:
    older: str | None
    newer: str | None


@record(repr=False)
class LRUSet(Collection[str]):
    """Distinct strings, the least recently used first. Each method that changes it returns a new set."""

    _links: FrozenMap[_Link] = field(factory=FrozenMap, alias="_links")
    oldest: str | None = None
    """The least recently used string; None if the set is empty."""
    newest: str | None = None
    """The most recently used string; None if the set is empty."""

    def with_newest(self, text: str) -> LRUSet:
        """Return the set with this text as the newest, added or moved; the same set if it is the newest already."""
        if text == self.newest:
            return self
        others = self.without(text)
        links = others._links.set(text, _Link(others.newest, None))
        if others.newest is None:
            return LRUSet(links, text, text)
        links = links.set(others.newest, _Link(others._links[others.newest].older, text))
        return LRUSet(links, others.oldest, text)

    def without(self, text: str) -> LRUSet:
        """Return the set without this text; the same set if it does not contain the text."""
        link = self._links.get(text)
        if link is None:
            return self
        links = self._links.delete(text)
        if link.older is not None:
            links = links.set(link.older, _Link(links[link.older].older, link.newer))
        if link.newer is not None:
            links = links.set(link.newer, _Link(link.older, links[link.newer].newer))
        return LRUSet(
            links,
            link.newer if text == self.oldest else self.oldest,
            link.older if text == self.newest else self.newest,
        )

    def __contains__(self, text: object) -> bool:
        return text in self._links

    def __iter__(self) -> Iterator[str]:
        text = self.oldest
        while text is not None:
            yield text
            text = self._links[text].newer

    def __len__(self) -> int:
        return len(self._links)

    def __repr__(self) -> str:
        return f"lru_set({list(self)!r})"


def lru_set(texts: Iterable[str] = ()) -> LRUSet:
    """Return the set of these texts, given oldest first. The last occurrence of a repeated text decides its place."""
    collected = LRUSet()
    for text in texts:
        collected = collected.with_newest(text)
    return collected
