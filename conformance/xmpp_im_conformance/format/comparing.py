"""What was expected and what came, compared line by line, with each difference marked and explained.

The terminal, the page and the differ print these rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from attrs import frozen

from xmpp_im_conformance.format.markup import pretty, stated_attributes, written_name
from xmpp_im_conformance.format.matching import (
    ANY,
    EXACT,
    OPTIONAL,
    Manner,
    free_attributes,
    is_error,
    is_free_in_error,
    is_wildcard,
    match_stanza,
    may_have_more,
    with_default_type,
)
from xmpp_im_conformance.format.placeholders import BadPlaceholder, Bindings, match_value
from xmpp_im_core.element import XML_LANG, Element
from xmpp_im_core.stanza import CLIENT

_MOST: Final = 12
"""At most this many stanzas are compared at one place."""
_NAME: Final = "<"


@frozen
class Part:
    """A piece of a line."""

    text: str
    why: str = ""
    """Why it differs from the other side; empty if it does not."""

    @property
    def differs(self) -> bool:
        """Whether it differs from the other side."""
        return bool(self.why)


@frozen
class ComparedLine:
    """A line of what was expected, and the corresponding line of what came. A side without a counterpart is empty."""

    expected: tuple[Part, ...] = ()
    came: tuple[Part, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether any part of it differs."""
        return any(part.differs for part in (*self.expected, *self.came))

    def lines(self) -> Iterator[str]:
        """Yield it as text: one line if both sides are alike, otherwise a line for each side."""
        if self.came and not self.differs:
            yield f"  {_text(self.came)}"
            return
        if self.expected:
            yield f"- {_text(self.expected)}"
        if self.came:
            yield f"+ {_text(self.came)}"


def _text(parts: Iterable[Part]) -> str:
    return "".join([part.text for part in parts])


@frozen
class Comparison:
    """An expected stanza and one that came; or only one of them, if the other has no counterpart."""

    rows: tuple[ComparedLine, ...]

    @property
    def why(self) -> str:
        """The first difference, in a line."""
        whys = [part.why for row in self.rows for part in (*row.expected, *row.came) if part.differs]
        name = next((part.text for row in self.rows for part in row.came), "").removeprefix("<")
        return whys[0] if whys else f"the children of <{name}> differ in number or order"

    @property
    def distance(self) -> tuple[int, int]:
        """How much differs: stated parts that do not hold count more than additional ones."""
        return (
            sum([part.differs for row in self.rows for part in row.expected]),
            sum([part.differs for row in self.rows for part in row.came]),
        )

    @property
    def headings(self) -> Mapping[str, str]:
        """What stands above the rows where the sides stand next to each other, by side; one side may be empty."""
        if not any(row.expected for row in self.rows):
            return {"came": "came, and was not expected"}
        if not any(row.came for row in self.rows):
            return {"expected": "expected, and did not come"}
        return {"expected": "expected", "came": "came"}

    def __str__(self) -> str:
        return "\n".join([f"    {line}" for row in self.rows for line in row.lines()])


def compare_stanzas(expected: Element, came: Element, bindings: Bindings, manner: Manner = EXACT) -> Comparison:
    """Compare two stanzas."""
    more = manner.of_client and may_have_more(expected)
    came = with_default_type(expected, came, manner)
    return Comparison(tuple(_both(expected, came, CLIENT, CLIENT, bindings, "", manner.free, more=more)))


def pair_off(
    expected: Sequence[Element], came: Sequence[Element], bindings: Bindings, manner: Manner = EXACT
) -> list[Comparison]:
    """Compare each expected stanza with the most similar one that came. The rest stands alone."""
    left = [*came[:_MOST]]
    compared: list[Comparison] = []
    for each in expected[:_MOST]:
        alike = [other for other in left if other.name == each.name or is_wildcard(each)] or left
        tried = [(compare_stanzas(each, other, bindings, manner), other) for other in alike]
        best, other = min(tried, key=lambda one: one[0].distance, default=(None, None))
        if best is None or other is None:
            compared.append(Comparison(tuple(_alone(each, CLIENT, "", came=False, why="it did not come"))))
        else:
            left.remove(other)
            compared.append(best)
    return [*compared, *[Comparison(tuple(_alone(each, CLIENT, "", came=True, why="unexpected"))) for each in left]]


def is_among(expected: Element, stanzas: Iterable[Element], bindings: Bindings, manner: Manner = EXACT) -> bool:
    """Whether one of these stanzas is the expected one."""
    return any(next(match_stanza(expected, each, bindings, manner), None) is not None for each in stanzas)


# --- elements ---------------------------------------------------------------------------------------------


def _both(
    expected: Element,
    came: Element,
    outer: str,
    outer_came: str,
    bindings: Bindings,
    indent: str,
    free: frozenset[str],
    *,
    more: bool = False,
) -> Iterator[ComparedLine]:
    wrong = {} if is_wildcard(expected) else _wrong(expected, came, bindings, free)
    ours, theirs = _opening(expected, outer, indent, wrong), _opening(came, outer_came, indent, wrong)
    if not expected.elements and not came.elements:
        why = ""
        if not is_wildcard(expected) and not _matches(expected.text, came.text or None, bindings):
            why = f"text of <{came.name}>: expected {expected.text!r}, came {came.text!r}"
        yield ComparedLine((*ours, *_ending(expected, why)), (*theirs, *_ending(came, why)))
        return
    yield ComparedLine((*ours, _end_of_tag(expected)), (*theirs, _end_of_tag(came)))
    yield from _children(expected, came, bindings, f"{indent}  ", more)
    yield ComparedLine(*[(Part(f"{indent}</{each.name}>"),) if each.children else () for each in (expected, came)])


def _end_of_tag(each: Element) -> Part:
    return Part(">" if each.children else "/>")


def _opening(each: Element, outer: str, indent: str, wrong: Mapping[str, str]) -> Iterator[Part]:
    yield Part(f"{indent}<{each.name}", wrong.get(_NAME, ""))
    for name, value in stated_attributes(each, outer):
        yield from (Part(" "), Part(f"{name}={quoteattr(value)}", wrong.get(name, "")))


def _ending(each: Element, why: str) -> Iterator[Part]:
    if not each.children:
        yield Part("/>", why)
        return
    yield Part(">")
    yield Part(escape(each.text), why)
    yield Part(f"</{each.name}>")


def _wrong(expected: Element, came: Element, bindings: Bindings, free: frozenset[str]) -> dict[str, str]:
    """Return why parts of the two tags differ, by attribute as it is written; by ``_NAME`` for the name of the tag."""
    wrong: dict[str, str] = {}
    if (expected.name, expected.namespace) != (came.name, came.namespace):
        why = f"expected <{expected.name}>, came <{came.name}>"
        if expected.namespace != came.namespace:
            why = wrong["xmlns"] = f"{why} in the namespace {came.namespace!r}"
        if expected.name != came.name:
            wrong[_NAME] = why
    for name, pattern in expected.attributes:
        value = came.get(name)
        if not _matches(pattern, value, bindings):
            found = "none" if value is None else repr(value)
            wrong[written_name(name)] = f"attribute {name!r} of <{came.name}>: expected {pattern!r}, came {found}"
    for name, value in came.attributes:
        if expected.get(name) is None and name not in free and name != XML_LANG:
            wrong[written_name(name)] = f"attribute {name!r} of <{came.name}>: expected none, came {value!r}"
    return wrong


def _matches(pattern: str, value: str | None, bindings: Bindings) -> bool:
    if not pattern:
        return not value
    try:
        return match_value(pattern, value, bindings) is not None
    except BadPlaceholder:
        return False


# --- children ---------------------------------------------------------------------------------------------


def _children(expected: Element, came: Element, bindings: Bindings, indent: str, more: bool) -> Iterator[ComparedLine]:
    anything = more or any(is_wildcard(child) for child in expected.elements)
    left = [*came.elements]
    ours, theirs = expected.text.strip(), came.text.strip()
    if ours or theirs:
        differs = not _matches(ours, theirs or None, bindings) and not (anything and not ours)
        why = f"text of <{came.name}>: expected {ours!r}, came {theirs!r}" if differs else ""
        yield ComparedLine(*[(Part(f"{indent}{escape(text)}", why),) if text else () for text in (ours, theirs)])
    for child in expected.elements:
        if is_wildcard(child):
            yield ComparedLine((Part(f"{indent}… any other children"),), ())
            continue
        wanted = child.elements[0] if child.namespace == ANY and child.elements else child
        found = _counterpart(wanted, left, bindings)
        if found is not None:
            left.remove(found)
            free = free_attributes(wanted, found)
            yield from _both(wanted, found, expected.namespace, came.namespace, bindings, indent, free)
        else:
            optional = child.namespace == ANY and child.name == OPTIONAL
            why = "" if optional else f"<{wanted.name}> is missing in <{came.name}>"
            yield from _alone(wanted, expected.namespace, indent, came=False, why=why)
    for each in left:
        allowed = anything or (is_error(expected) and is_free_in_error(each))
        why = "" if allowed else f"<{each.name}> is not expected in <{came.name}>"
        yield from _alone(each, came.namespace, indent, came=True, why=why)


def _counterpart(wanted: Element, left: Sequence[Element], bindings: Bindings) -> Element | None:
    """Find the child that matches, or else one that should."""
    alike = [each for each in left if (each.name, each.namespace) == (wanted.name, wanted.namespace)]
    for each in alike:
        if not any(row.differs for row in _both(wanted, each, "", "", bindings, "", free_attributes(wanted, each))):
            return each
    same = [each for each in alike if wanted.get("jid") is None or each.get("jid") == wanted.get("jid")]
    return next(iter(same or alike), None)


def _alone(each: Element, outer: str, indent: str, *, came: bool, why: str) -> Iterator[ComparedLine]:
    """Show an element without a counterpart."""
    for line in pretty(each, outer, indent).splitlines():
        parts = (Part(line, why),)
        yield ComparedLine(came=parts) if came else ComparedLine(parts)
