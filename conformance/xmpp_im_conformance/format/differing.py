"""Saying what keeps a stanza from being the expected one: a line, and then both, compared."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from xmpp_im_conformance.format.markup import pretty
from xmpp_im_conformance.format.matching import ANY, EXACT, Manner, free_attributes, is_wildcard, match_element
from xmpp_im_conformance.format.placeholders import Bindings, match_value
from xmpp_im_core.element import XML_LANG, Element


def difference(expected: Element, came: Element, bindings: Bindings, manner: Manner = EXACT) -> str:
    """Describe, for people, how a stanza differs from the expected one."""
    lines = difflib.ndiff(pretty(expected).splitlines(), pretty(came).splitlines())
    compared = "\n".join([f"    {line}" for line in lines if not line.startswith("?")])
    return f"{why_not(expected, came, bindings, manner)}\n(- expected, + came)\n{compared}"


def why_not(expected: Element, actual: Element, bindings: Bindings, manner: Manner = EXACT) -> str:
    """Say in a line what keeps a stanza from being the expected one: the first difference that is found."""
    if not is_wildcard(expected) and (expected.name, expected.namespace) != (actual.name, actual.namespace):
        return f"expected <{expected.name}>, came <{actual.name}>" + (
            "" if expected.namespace == actual.namespace else f" in the namespace {actual.namespace!r}"
        )
    return _why_attributes(expected, actual, bindings, manner.part, manner.free) or _why_content(
        expected, actual, bindings, manner.part
    )


def _why_attributes(expected: Element, actual: Element, bindings: Bindings, part: bool, free: Iterable[str]) -> str:
    for name, pattern in expected.attributes:
        value = actual.get(name)
        if match_value(pattern, value, bindings) is None:
            came = "none" if value is None else repr(value)
            return f"attribute {name!r} of <{actual.name}>: expected {pattern!r}, came {came}"
    for name, value in actual.attributes:
        if expected.get(name) is None and name not in free and name != XML_LANG and not part:
            return f"attribute {name!r} of <{actual.name}>: expected none, came {value!r}"
    return ""


def _why_content(expected: Element, actual: Element, bindings: Bindings, part: bool) -> str:
    wanted = [child for child in expected.elements if child.namespace != ANY]
    if not wanted and not actual.elements:
        return f"text of <{actual.name}>: expected {expected.text!r}, came {actual.text!r}"
    for child in wanted:
        alike = [each for each in actual.elements if (each.name, each.namespace) == (child.name, child.namespace)]
        if not alike:
            return f"<{child.name}> is missing in <{actual.name}>"
        if not any(next(match_element(child, each, bindings, part), None) is not None for each in alike):
            free = free_attributes(child, alike[0])
            return _why_attributes(child, alike[0], bindings, part, free) or _why_content(
                child, alike[0], bindings, part
            )
    return f"the children of <{actual.name}> differ in number or order"
