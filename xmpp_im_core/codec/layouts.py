"""The layout of a tag: which attributes it has, in which order. Each layout is computed once for a parser.

Programs write the attributes of a kind of tag in the same order in every tag. So a parser does not look at the names in
each tag again: it remembers for a layout where the values of a stanza's header are, and in which order an element has
the attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias

from xmpp_im_core.codec.parser_common import AttributeNames, Names
from xmpp_im_core.element import XML_LANG
from xmpp_im_core.stanza import HEADER

_REMEMBERED: Final = 128
_REMEMBERED_ATTRIBUTES: Final = 8
_REMEMBERED_LENGTH: Final = 128  # characters of all names of a layout

Layout: TypeAlias = tuple[str, ...]
"""The names of a tag's attributes, in the notation of the parser's events, as they were written."""


class _Layouts(dict[Layout, tuple[Any, Any]]):
    """What is known of the layouts that a parser has met. It keeps only so many as a well-meaning peer uses."""

    def remember(self, layout: Layout, known: tuple[Any, Any]) -> None:
        """Keep what is known of a layout, if there is room."""
        if (
            len(self) < _REMEMBERED
            and len(layout) <= _REMEMBERED_ATTRIBUTES
            and sum(map(len, layout)) <= _REMEMBERED_LENGTH
        ):
            self[layout] = known


class ElementLayouts(_Layouts):
    """For each layout: the names in the form of an element, sorted; and what picks the values in the same order.

    The values are picked from names and values in turn. None: they are in this order already.

    :param names: the names that this parser has met.
    """

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = AttributeNames(names)

    def __missing__(self, layout: Layout) -> tuple[Layout, Callable[[Sequence[str]], Sequence[str]] | None]:
        names = [self._names[raw] for raw in layout]
        order = sorted(range(len(names)), key=names.__getitem__)
        in_order = order == list(range(len(names)))
        known = tuple([names[at] for at in order]), None if in_order else itemgetter(*[2 * at + 1 for at in order])
        self.remember(layout, known)
        return known


class HeaderLayouts(_Layouts):
    """For each layout of a stanza: what picks the values of its header, and whether it has other attributes.

    The values are picked from names and values in turn, followed by a None, which stands for an absent attribute.

    :param lang: the notation of xml:lang in the parser's events.
    """

    def __init__(self, lang: str) -> None:
        super().__init__()
        self._raw = [lang if name == XML_LANG else name for name in HEADER]

    def __missing__(self, layout: Layout) -> tuple[Callable[[Sequence[str | None]], tuple[str | None, ...]], bool]:
        at = [2 * layout.index(raw) + 1 if raw in layout else -1 for raw in self._raw]
        known = itemgetter(*at), bool({*layout}.difference(self._raw))
        self.remember(layout, known)
        return known
