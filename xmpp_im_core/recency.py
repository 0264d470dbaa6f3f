"""An immutable set of texts in the order in which they last came up: hashable, with a flat cost of an update.

A list linked both ways, whose links stand in a :class:`~xmpp_im_core.frozenmap.FrozenMap`: to take a text
out of the middle touches its two neighbours and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import field, frozen

from xmpp_im_core.frozenmap import FrozenMap


@frozen
class _Link:
    older: str | None
    newer: str | None


@frozen(repr=False)
class Recency(Collection[str]):
    """Texts, each once, the one that came up longest ago first. What changes it returns another one."""

    _links: FrozenMap[_Link] = field(factory=FrozenMap, alias="_links")
    oldest: str | None = None
    """The one that came up longest ago; None where there is none."""
    newest: str | None = None

    def newly(self, text: str) -> Recency:
        """Return these with this text as the newest one, whether it was among them or not."""
        if text == self.newest:
            return self
        others = self.without(text)
        links = others._links.set(text, _Link(others.newest, None))
        if others.newest is None:
            return Recency(links, text, text)
        links = links.set(others.newest, _Link(others._links[others.newest].older, text))
        return Recency(links, others.oldest, text)

    def without(self, text: str) -> Recency:
        """Return these without this text; the same where it is not among them."""
        link = self._links.get(text)
        if link is None:
            return self
        links = self._links.delete(text)
        if link.older is not None:
            links = links.set(link.older, _Link(links[link.older].older, link.newer))
        if link.newer is not None:
            links = links.set(link.newer, _Link(link.older, links[link.newer].newer))
        return Recency(
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
        return f"recency({list(self)!r})"


def recency(texts: Iterable[str] = ()) -> Recency:
    """Return these texts, the oldest first; of one that is repeated the last time counts."""
    collected = Recency()
    for text in texts:
        collected = collected.newly(text)
    return collected
