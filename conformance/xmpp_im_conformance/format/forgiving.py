"""Differences that are forgiven: a scenario goes on behind them, and each one that occurs is counted.

Without this, one basic deviation of a server hides all that the later steps of its scenarios would show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from attrs import frozen

from xmpp_im_conformance.format.comparing import is_among
from xmpp_im_conformance.format.matching import ANY, EXACT, PART, Manner, match_stanza
from xmpp_im_conformance.format.placeholders import Bindings
from xmpp_im_core.element import Element, element

_ADDRESSES: Final = ("from", "to")


@frozen(kw_only=True)
class Forgiven:
    """A difference that is forgiven. If it names neither an attribute nor a child, such a stanza may come in addition.

    :param says: the difference in words, for reports.
    :param stanza: the stanzas that it concerns: a part, as in the step `absent`.
    :param attribute: this attribute may differ. In an address (`from`, `to`) only the resource may.
    :param child: a child of this name and namespace may be there or missing, and differ.
    """

    says: str
    stanza: Element
    attribute: str = ""
    child: tuple[str, str] | None = None

    @property
    def is_additional(self) -> bool:
        """Whether it is a stanza that comes in addition."""
        return not self.attribute and self.child is None

    def concerns(self, stanza: Element) -> bool:
        """Whether it may occur in this stanza."""
        return is_among(self.stanza, [stanza], {}, PART)

    def without(self, stanza: Element, expected: Element) -> tuple[Element, Element] | None:
        """Return both stanzas without what may differ; None if this is no such difference."""
        if self.attribute in _ADDRESSES and _bare(stanza, self.attribute) != _bare(expected, self.attribute):
            return None
        return self._cut(stanza), self._cut(expected)

    def _cut(self, stanza: Element) -> Element:
        attributes = {name: value for name, value in stanza.attributes if name != self.attribute}
        children = [each for each in stanza.children if not (isinstance(each, Element) and self._is_child(each))]
        return element(stanza.name, stanza.namespace, attributes, children)

    def _is_child(self, each: Element) -> bool:
        wrapped = each.elements[0] if each.namespace == ANY and each.elements else each
        return (wrapped.name, wrapped.namespace) == self.child


def _bare(stanza: Element, attribute: str) -> str:
    return (stanza.get(attribute) or "").partition("/")[0]


@frozen
class Forgiving:
    """What was found only since differences were forgiven."""

    bindings: Bindings
    taken: frozenset[int]
    """The positions of the stanzas that were expected, and of the additional ones before the last of them."""
    findings: tuple[str, ...]
    """What was forgiven, once for each time."""


def forgiving_match(
    rules: Sequence[Forgiven],
    expected: tuple[Element, ...],
    untaken: Sequence[Element],
    bindings: Bindings,
    *,
    anywhere: bool,
    manner: Manner = EXACT,
) -> Forgiving | None:
    """Find the expected stanzas in spite of forgiven differences; None if they are not there."""
    additional = {index: rule for index, each in enumerate(untaken) if (rule := additional_rule(rules, each))}
    for skipped in ({}, additional):
        places = [index for index in range(len(untaken)) if index not in skipped]
        candidates = [(index, untaken[index]) for index in (places if anywhere else places[: len(expected)])]
        found = next(_all(rules, expected, candidates, bindings, manner), None)
        if found is not None:
            after, taken, says = found
            over = [index for index in skipped if not anywhere and index < max(taken)]
            return Forgiving(after, taken.union(over), (*says, *[skipped[index].says for index in over]))
    return None


def additional_rule(rules: Sequence[Forgiven], stanza: Element) -> Forgiven | None:
    """Return what forgives that a stanza comes in addition; None if nothing does."""
    return next((rule for rule in rules if rule.is_additional and rule.concerns(stanza)), None)


def _all(
    rules: Sequence[Forgiven],
    expected: tuple[Element, ...],
    candidates: Sequence[tuple[int, Element]],
    bindings: Bindings,
    manner: Manner,
) -> Iterator[tuple[Bindings, frozenset[int], tuple[str, ...]]]:
    if not expected:
        yield bindings, frozenset(), ()
        return
    for position, (index, stanza) in enumerate(candidates):
        others = [*candidates[:position], *candidates[position + 1 :]]
        for after, says in _one(rules, expected[0], stanza, bindings, manner):
            for last, taken, more in _all(rules, expected[1:], others, after, manner):
                yield last, taken | {index}, (*says, *more)


def _one(
    rules: Sequence[Forgiven], expected: Element, stanza: Element, bindings: Bindings, manner: Manner
) -> Iterator[tuple[Bindings, tuple[str, ...]]]:
    """Yield the ways in which a stanza is the expected one, with as few forgiven differences as possible first."""
    usable = [rule for rule in rules if not rule.is_additional and rule.concerns(stanza)]
    for number in range(len(usable) + 1):
        for chosen in combinations(usable, number):
            pair: tuple[Element, Element] | None = (stanza, expected)
            for rule in chosen:
                pair = None if pair is None else rule.without(*pair)
            if pair is not None:
                for after in match_stanza(pair[1], pair[0], bindings, manner):
                    yield after, tuple([rule.says for rule in chosen])
