"""When two differences are taken for the same: so that each is told once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from attrs import frozen

from xmpp_im_core.codec import parse_element
from xmpp_im_core.element import Element
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.stanza import STANZAS
from xmpp_im_core.testing import USERS, Act, Difference

Differences: TypeAlias = tuple[Difference, ...]
Shape: TypeAlias = tuple[str, ...]

_SHOWN: Final = ("subscription", "ask", "approved", "name")


@frozen
class Likeness:
    """What is left of differences without names."""

    act: type[Act] | None
    """The act that shows them. None where only items differ, which are looked at in the end: then it is any act."""
    received: frozenset[Shape]
    """What was received too much (+) or too little (-)."""
    items: frozenset[Shape]
    """What of roster items is otherwise, be it in a push or in a roster; and which items rosters lack or add."""

    @classmethod
    def of(cls, differences: Differences) -> Likeness:
        """Return that of one trace's differences: those of the first act that shows any, and of rosters in the end."""
        received: set[Shape] = set()
        items: set[Shape] = set()
        for each in differences:
            changed, rest = _shapes(each)
            items |= changed if each.where not in USERS else changed | rest
            received |= rest if each.where not in USERS else frozenset()
        return cls(type(differences[0].act) if received else None, frozenset(received), frozenset(items))

    def includes(self, other: Likeness) -> bool:
        """Whether what the other shows is shown here too, perhaps among other things."""
        if other.received:
            return other.act is self.act and other.received <= self.received
        return other.items <= self.items

    def resembles(self, other: Likeness) -> bool:
        """Whether both may show the same, each perhaps among other things."""
        at_once = self.act is other.act and not self.received.isdisjoint(other.received)
        return at_once or not self.items.isdisjoint(other.items)


def is_known(likeness: Likeness, known: Sequence[Likeness]) -> bool:
    """Whether one that is known explains this."""
    return any(likeness.includes(each) for each in known)


def _shapes(difference: Difference) -> tuple[frozenset[Shape], frozenset[Shape]]:
    """Return how items that both sides show differ, and what only one side shows."""
    if sorted(difference.model) == sorted(difference.system):
        return frozenset(), frozenset({("order", *[parse_element(xml).name for xml in difference.model])})
    ours, theirs = ([parse_element(xml) for xml in side] for side in (difference.model, difference.system))
    our_items, their_items = _items(ours), _items(theirs)
    both = our_items.keys() & their_items.keys()
    changed = {change for jid in both for change in _changes(our_items[jid], their_items[jid])}
    rest = {("-", *shape) for shape in _unpaired(ours, both)} | {("+", *shape) for shape in _unpaired(theirs, both)}
    return frozenset(changed), frozenset(rest)


def _items(elements: Sequence[Element]) -> Mapping[str, Element]:
    return {item.get("jid") or "": item for each in elements for item in _items_of(each)}


def _items_of(each: Element) -> Sequence[Element]:
    query = each.first("query", ROSTER)
    return (each,) if each.name == "item" else () if query is None else query.elements


def _changes(ours: Element, theirs: Element) -> Iterator[Shape]:
    for name in _SHOWN:
        if ours.get(name) != theirs.get(name):
            yield (name, str(ours.get(name)), str(theirs.get(name)))
    if ours.elements != theirs.elements:
        yield ("groups",)


def _unpaired(elements: Sequence[Element], both: Collection[str]) -> Iterator[Shape]:
    for each in elements:
        items = _items_of(each)
        for item in items:
            if item.get("jid") not in both:
                yield (each.name, *[f"{name}={item.get(name)}" for name in _SHOWN[:3] if item.get(name) is not None])
        if not items:
            error = each.first("error")
            conditions = [] if error is None else [child.name for child in error.elements if child.namespace == STANZAS]
            place = "full" if "/" in (each.get("from") or "") else "bare"
            yield (each.name, each.get("type") or "", place, *conditions)
