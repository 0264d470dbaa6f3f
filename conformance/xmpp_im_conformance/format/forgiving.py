"""Differences that are forgiven: a scenario goes on behind them, and each one that occurs is counted.

Without this, one basic deviation of a server hides all that the later steps of its scenarios would show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from attrs import frozen

from xmpp_im_conformance.format.comparing import is_among
from xmpp_im_conformance.format.matching import ANY, EXACT, PART, Manner, check_pattern, match_stanza
from xmpp_im_conformance.format.placeholders import BadPlaceholder, Bindings
from xmpp_im_core.element import Element, element

_ADDRESSES: Final = ("from", "to")
_AT: Final = "at"
"""The name in ``{var:at}``."""


@frozen(kw_only=True)
class Forgiven:
    """A difference that is forgiven. If it says nothing else, such a stanza may come in addition.

    :param says: the difference in words, for reports.
    :param stanza: the stanzas that it concerns: a part, as in the step `absent`. `{var:at}` is the client that gets it.
    :param attribute: this attribute may differ. In an address (`from`, `to`) only the resource may.
    :param child: a child of this name and namespace may be there or missing, and differ.
    :param missing: the stanza may be missing where it is expected.
    :param before: the stanza may come before such a one that is expected first. It is expected nevertheless.
    :raises BadPlaceholder: if `stanza` or `before` has another placeholder that needs a bound name.
    """

    says: str
    stanza: Element
    attribute: str = ""
    child: tuple[str, str] | None = None
    missing: bool = False
    before: Element | None = None

    def __attrs_post_init__(self) -> None:
        patterns = [self.stanza] if self.before is None else [self.stanza, self.before]
        for pattern in patterns:
            check_pattern(pattern)
        for value in [value for pattern in patterns for value in _values(pattern)]:
            if value.startswith(("{var:", "{not:")) and value != "{var:at}":
                raise BadPlaceholder(f"{value}: nothing is bound here but 'at'")

    @property
    def alters(self) -> bool:
        """Whether it is a difference within a stanza."""
        return bool(self.attribute) or self.child is not None

    @property
    def is_additional(self) -> bool:
        """Whether it is a stanza that comes in addition."""
        return not (self.alters or self.missing or self.before is not None)

    def concerns(self, stanza: Element, at: str) -> bool:
        """Whether it may occur in this stanza, which comes or is expected there."""
        return is_among(self.stanza, [stanza], {_AT: at}, PART)

    def lets_pass(self, stanza: Element, expected: Sequence[Element], at: str) -> bool:
        """Whether this stanza may come there before those that are expected."""
        if not self.concerns(stanza, at):
            return False
        return self.is_additional or (
            self.before is not None and any(is_among(self.before, [each], {_AT: at}, PART) for each in expected)
        )

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
    address = (stanza.get(attribute) or "").removeprefix("{opt:").removesuffix("}")
    return address.partition("/")[0]


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
    at: str,
    *,
    anywhere: bool,
    manner: Manner = EXACT,
) -> Forgiving | None:
    """Find the expected stanzas in spite of forgiven differences; None if they are not there.

    As few of them as possible count as missing.
    """
    for wanted, missing in _with_missing(rules, expected, at):
        passing = {index: _passing(rules, each, wanted, at) for index, each in enumerate(untaken) if not anywhere}
        over = {index: rule for index, rule in passing.items() if rule is not None}
        stops = [index for index in range(len(untaken)) if index not in over]
        end = len(untaken) if anywhere or len(stops) <= len(wanted) else stops[len(wanted)]
        search = _Search(rules, at, manner)
        for after, taken, says in search.all(wanted, [*enumerate(untaken[:end])], bindings):
            passed = [] if anywhere else [index for index in range(max(taken, default=0)) if index not in taken]
            if all(index in over for index in passed):
                dropped = [index for index in passed if over[index].is_additional]
                return Forgiving(after, taken.union(dropped), (*says, *[over[each].says for each in passed], *missing))
    return None


def additional_rule(rules: Sequence[Forgiven], stanza: Element, at: str) -> Forgiven | None:
    """Return what forgives that a stanza comes in addition; None if nothing does."""
    return next((rule for rule in rules if rule.is_additional and rule.concerns(stanza, at)), None)


def _passing(rules: Sequence[Forgiven], stanza: Element, expected: Sequence[Element], at: str) -> Forgiven | None:
    """Return what forgives that a stanza comes before those that are expected; None if nothing does."""
    return next((rule for rule in rules if rule.lets_pass(stanza, expected, at)), None)


def _with_missing(
    rules: Sequence[Forgiven], expected: tuple[Element, ...], at: str
) -> Iterator[tuple[tuple[Element, ...], tuple[str, ...]]]:
    """Yield what remains of the expected stanzas without those that may be missing, and what forgives that."""
    found = [next((rule for rule in rules if rule.missing and rule.concerns(each, at)), None) for each in expected]
    may_miss = {
        index: rule
        for index, (rule, each) in enumerate(zip(found, expected, strict=True))
        if rule is not None and not _binds(each)  # the later steps need what it binds
    }
    for number in range(len(may_miss) + 1):
        for missing in combinations(may_miss, number):
            left = tuple([each for index, each in enumerate(expected) if index not in missing])
            yield left, tuple([may_miss[index].says for index in missing])


def _binds(expected: Element) -> bool:
    return any(value.startswith("{bind:") for value in _values(expected))


def _values(stanza: Element) -> Iterator[str]:
    yield stanza.text
    yield from [value for _, value in stanza.attributes]
    for child in stanza.elements:
        yield from _values(child)


@frozen
class _Search:
    """The ways in which expected stanzas are among those that have come."""

    rules: Sequence[Forgiven]
    at: str
    manner: Manner

    def all(
        self, expected: tuple[Element, ...], candidates: Sequence[tuple[int, Element]], bindings: Bindings
    ) -> Iterator[tuple[Bindings, frozenset[int], tuple[str, ...]]]:
        """Yield the bindings, the positions of the stanzas, and what was forgiven."""
        if not expected:
            yield bindings, frozenset(), ()
            return
        for position, (index, stanza) in enumerate(candidates):
            others = [*candidates[:position], *candidates[position + 1 :]]
            for after, says in self._one(expected[0], stanza, bindings):
                for last, taken, more in self.all(expected[1:], others, after):
                    yield last, taken | {index}, (*says, *more)

    def _one(
        self, expected: Element, stanza: Element, bindings: Bindings
    ) -> Iterator[tuple[Bindings, tuple[str, ...]]]:
        """Yield the ways in which a stanza is the expected one, with as few differences as possible first."""
        usable = [rule for rule in self.rules if rule.alters and rule.concerns(stanza, self.at)]
        for number in range(len(usable) + 1):
            for chosen in combinations(usable, number):
                pair: tuple[Element, Element] | None = (stanza, expected)
                for rule in chosen:
                    pair = None if pair is None else rule.without(*pair)
                if pair is not None:
                    for after in match_stanza(pair[1], pair[0], bindings, self.manner):
                        yield after, tuple([rule.says for rule in chosen])
