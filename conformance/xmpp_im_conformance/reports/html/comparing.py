"""What was expected beside what came, line by line: what the placeholders allow is no difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from attrs import evolve, frozen

from xmpp_im_conformance.format.markup import pretty
from xmpp_im_conformance.format.matching import ANY, EXACT, FROM_CLIENT, free_attributes, is_error, is_wildcard
from xmpp_im_conformance.format.placeholders import BadPlaceholder, Bindings, match_value
from xmpp_im_conformance.running.evidence import AT_SERVER, Unmet
from xmpp_im_core.element import XML_LANG, Element
from xmpp_im_core.stanza import CLIENT, STANZAS

_MOST: Final = 12
"""The stanzas that are compared at one place; of a flood the rest is left out."""


@frozen
class Part:
    """A piece of a line, and whether it is what makes the difference."""

    text: str
    differs: bool = False


@frozen
class Row:
    """A line of what was expected, and the one of what came that corresponds; where there is none it is empty."""

    expected: tuple[Part, ...] = ()
    came: tuple[Part, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything in it does."""
        return any(part.differs for part in (*self.expected, *self.came))


def comparisons(unmet: Unmet, bindings: Bindings) -> list[tuple[Row, ...]]:
    """Compare each stanza that was expected with the one that came and is most like it; what is left stands alone."""
    left = [*unmet.came[:_MOST]]
    free = FROM_CLIENT.free if unmet.at == AT_SERVER else EXACT.free
    compared: list[tuple[Row, ...]] = []
    for expected in unmet.expected[:_MOST]:
        alike = [each for each in left if each.name == expected.name or is_wildcard(expected)] or left
        tried = [(rows_of(expected, each, bindings, free), each) for each in alike]
        rows, came = min(tried, key=lambda one: _distance(one[0]), default=((), None))
        if came is None:
            compared.append(tuple(_alone(expected, CLIENT, "", came=False)))
        else:
            left.remove(came)
            compared.append(rows)
    return [*compared, *[tuple(_alone(each, CLIENT, "", came=True)) for each in left]]


def rows_of(expected: Element, came: Element, bindings: Bindings, free: frozenset[str] = EXACT.free) -> tuple[Row, ...]:
    """Compare two stanzas.

    :param free: the attributes of the stanza itself that are free unless stated.
    """
    return tuple(_both(expected, came, CLIENT, CLIENT, bindings, "", free))


def _distance(rows: Sequence[Row]) -> tuple[int, int]:
    """How far two are from each other: what is stated and does not hold counts more than what comes on top."""
    return (
        sum([part.differs for row in rows for part in row.expected]),
        sum([part.differs for row in rows for part in row.came]),
    )


def _both(
    expected: Element,
    came: Element,
    outer: str,
    outer_came: str,
    bindings: Bindings,
    indent: str,
    free: frozenset[str],
) -> Iterator[Row]:
    ours = [*_opening(expected, outer, indent)]
    theirs = [*_opening(came, outer_came, indent)]
    if not is_wildcard(expected):
        wrong = _wrong_attributes(expected, came, bindings, free)
        ours, theirs = (_marked(side, wrong) for side in (ours, theirs))
    if not expected.elements and not came.elements:
        text_differs = not is_wildcard(expected) and not _matches(expected.text, came.text or None, bindings)
        yield Row(
            (*ours, *_ending(expected, text_differs)),
            (*theirs, *_ending(came, text_differs)),
        )
        return
    yield Row((*ours, _end_of_tag(expected)), (*theirs, _end_of_tag(came)))
    yield from _children(expected, came, bindings, f"{indent}  ")
    closing = [(Part(f"{indent}</{each.name}>"),) if each.children else () for each in (expected, came)]
    yield Row(*closing)


def _end_of_tag(each: Element) -> Part:
    return Part(">" if each.children else "/>")


def _opening(each: Element, outer: str, indent: str) -> Iterator[Part]:
    yield Part(f"{indent}<{each.name}")
    if each.namespace != outer:
        yield from (Part(" "), Part(f"xmlns={quoteattr(each.namespace)}"))
    for name, value in each.attributes:
        yield from (Part(" "), Part(f"{'xml:lang' if name == XML_LANG else name}={quoteattr(value)}"))


def _ending(each: Element, differs: bool) -> Iterator[Part]:
    if not each.children:
        yield Part("/>", differs)
        return
    yield Part(">")
    yield Part(escape(each.text), differs)
    yield Part(f"</{each.name}>")


def _wrong_attributes(expected: Element, came: Element, bindings: Bindings, free: frozenset[str]) -> frozenset[str]:
    """Return the starts of the parts that differ: attributes, the namespace, the name."""
    stated = dict(expected.attributes)
    wrong = {name for name, pattern in stated.items() if not _matches(pattern, came.get(name), bindings)}
    wrong |= {name for name, _ in came.attributes if name not in stated and name not in free and name != XML_LANG}
    starts = {f"{'xml:lang' if name == XML_LANG else name}=" for name in wrong}
    if expected.name != came.name:
        starts.add("<")
    if expected.namespace != came.namespace:
        starts.add("xmlns=")
    return frozenset(starts)


def _marked(parts: Sequence[Part], wrong: frozenset[str]) -> list[Part]:
    return [evolve(part, differs=_start(part.text) in wrong) for part in parts]


def _start(text: str) -> str:
    return "<" if text.lstrip().startswith("<") else f"{text.partition('=')[0]}="


def _matches(pattern: str, value: str | None, bindings: Bindings) -> bool:
    if not pattern:
        return not value
    try:
        return match_value(pattern, value, bindings) is not None
    except BadPlaceholder:
        return False


def _children(expected: Element, came: Element, bindings: Bindings, indent: str) -> Iterator[Row]:
    anything = any(is_wildcard(child) for child in expected.elements)
    left = [*came.elements]
    ours, theirs = expected.text.strip(), came.text.strip()
    if ours or theirs:
        differs = not _matches(ours, theirs or None, bindings) and not (anything and not ours)
        yield Row(*[(Part(f"{indent}{escape(text)}", differs),) if text else () for text in (ours, theirs)])
    for child in expected.elements:
        if is_wildcard(child):
            yield Row((Part(f"{indent}… whatever else"),), ())
            continue
        wanted = child.elements[0] if child.namespace == ANY and child.elements else child
        found = _counterpart(wanted, left, bindings)
        if found is not None:
            left.remove(found)
            free = free_attributes(wanted, found)
            yield from _both(wanted, found, expected.namespace, came.namespace, bindings, indent, free)
        else:
            required = not (child.namespace == ANY and child.name == "optional")
            yield from _alone(wanted, expected.namespace, indent, came=False, differs=required)
    for each in left:
        allowed = anything or (is_error(expected) and (each.namespace != STANZAS or each.name == "text"))
        yield from _alone(each, came.namespace, indent, came=True, differs=not allowed)


def _counterpart(wanted: Element, left: Sequence[Element], bindings: Bindings) -> Element | None:
    """Find the child that it is, or else one that it should be."""
    alike = [each for each in left if (each.name, each.namespace) == (wanted.name, wanted.namespace)]
    for each in alike:
        if not any(row.differs for row in _both(wanted, each, "", "", bindings, "", free_attributes(wanted, each))):
            return each
    same = [each for each in alike if wanted.get("jid") is None or each.get("jid") == wanted.get("jid")]
    return next(iter(same or alike), None)


def _alone(each: Element, outer: str, indent: str, *, came: bool, differs: bool = True) -> Iterator[Row]:
    """Show an element without a counterpart."""
    for line in pretty(each, outer, indent).splitlines():
        parts = (Part(line, differs),)
        yield Row(came=parts) if came else Row(parts)
