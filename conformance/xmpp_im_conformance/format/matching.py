"""Matching an expected stanza against one that came: the rules of the format, and nothing else.

A match yields the bindings that it made. Several may be possible (children in any order, several stanzas
that fit), so matching is a search: each function yields every solution, and the first one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from attrs import evolve, frozen

from xmpp_im_conformance.format.placeholders import (
    BadPlaceholder,
    Bindings,
    check_placeholder,
    is_placeholder,
    match_value,
)
from xmpp_im_core.element import XML_LANG, Element
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.stanza import CLIENT, STANZAS

ANY: Final = "urn:scenario:any"
_KINDS: Final = ("message", "presence", "iq")
_ANYWHERE: Final = "anywhere"
OPTIONAL: Final = "optional"
_SAYS_NOTHING: Final = {"name": ("",), "approved": ("false", "0")}
"""What an attribute of a roster item says by not being there, too (RFC 6121, §2.4.1 and §2.1.2.1)."""

Node: TypeAlias = Element | str


@frozen
class Manner:
    """How an expectation is read."""

    part: bool = False
    """Attributes and children that it does not state are free (``absent``)."""
    free: frozenset[str] = frozenset({"id"})
    """The attributes of the stanza itself that are free unless stated."""
    of_client: bool = False
    """A client under test composed the stanza: its children have no order, and an answer may have further ones."""


EXACT: Final = Manner()
PART: Final = Manner(part=True)
FROM_CLIENT: Final = Manner(free=frozenset({"id", "from"}), of_client=True)
"""How the expectations of client cases are read: a client need not state who it is."""


def check_pattern(expected: Element) -> None:
    """Raise if an expectation holds a misspelt placeholder or mark.

    :raises BadPlaceholder: naming it.
    """
    for _, value in expected.attributes:
        check_placeholder(value)
    check_placeholder(expected.text)
    for child in expected.elements:
        if child.namespace == ANY and not is_wildcard(child):
            _check_loose(child)
        check_pattern(child)


def _check_loose(child: Element) -> None:
    if child.name not in (_ANYWHERE, OPTIONAL):
        raise BadPlaceholder(f"<{child.name} xmlns={ANY!r}/> is nothing of the format")
    if len(child.elements) != 1 or child.text.strip() or child.attributes or child.elements[0].namespace == ANY:
        raise BadPlaceholder(f"<{child.name} xmlns={ANY!r}/> holds one element of the stanza, and nothing else")


def match_stanza(expected: Element, actual: Element, bindings: Bindings, manner: Manner = EXACT) -> Iterator[Bindings]:
    """Yield the bindings of each way in which a stanza is the expected one."""
    if is_wildcard(expected):
        if actual.namespace != CLIENT or actual.name not in _KINDS:
            return
        open_ = manner.part or not expected.children
    else:
        if (expected.name, expected.namespace) != (actual.name, actual.namespace):
            return
        open_ = manner.part or (manner.of_client and may_have_more(expected))
    after = _attributes(expected, with_default_type(expected, actual, manner), bindings, manner.part, manner.free)
    if after is not None:
        yield from _content(expected, actual, after, open_, manner.part, any_order=manner.of_client)


def may_have_more(expected: Element) -> bool:
    """Whether an answer of a client may have children that are not stated.

    A result has one child or none (RFC 6120, §8.2.3), and an error may hold what it answers (§8.3.1).
    """
    return expected.get("type") == "error" or (expected.get("type") == "result" and not expected.children)


def with_default_type(expected: Element, actual: Element, manner: Manner) -> Element:
    """Return what came; where a client left out the type of a message, with the type that this means (§5.2.2)."""
    if not manner.of_client or actual.name != "message" or actual.get("type") or expected.get("type") != "normal":
        return actual
    return evolve(actual, attributes=(*actual.attributes, ("type", "normal")))


def match_all(
    expected: tuple[Element, ...], actual: tuple[Element, ...], bindings: Bindings, manner: Manner = EXACT
) -> Iterator[tuple[Bindings, frozenset[int]]]:
    """Yield each way in which every expectation finds a different stanza, in any order.

    :return: the bindings, with the positions of the stanzas that were matched.
    """
    if not expected:
        yield bindings, frozenset()
        return
    for index, stanza in enumerate(actual):
        for after in match_stanza(expected[0], stanza, bindings, manner):
            others = (*actual[:index], *actual[index + 1 :])
            for last, taken in match_all(expected[1:], others, after, manner):
                yield last, frozenset({index, *[each + (each >= index) for each in taken]})


def is_wildcard(child: Node) -> bool:
    """Whether this is the format's ``<x xmlns='urn:scenario:any'/>``."""
    return isinstance(child, Element) and child.namespace == ANY and child.name == "x"


# --- one element -------------------------------------------------------------------------------------------


def match_element(expected: Element, actual: Element, bindings: Bindings, part: bool) -> Iterator[Bindings]:
    """Yield the bindings of each way in which an element below a stanza is the expected one."""
    if (expected.name, expected.namespace) != (actual.name, actual.namespace):
        return
    after = _attributes(expected, actual, bindings, part, free_attributes(expected, actual))
    if after is not None:
        yield from _content(expected, actual, after, part, part)


def free_attributes(expected: Element, actual: Element) -> frozenset[str]:
    """Return the attributes that came with an element below a stanza and are free unless stated."""
    if is_error(expected):
        return frozenset({"by"})
    if (expected.name, expected.namespace) == ("item", ROSTER):
        return frozenset([name for name, value in actual.attributes if value in _SAYS_NOTHING.get(name, ())])
    return frozenset()


def _attributes(
    expected: Element, actual: Element, bindings: Bindings, part: bool, free: frozenset[str]
) -> Bindings | None:
    after: Bindings | None = bindings
    for name, pattern in expected.attributes:
        if after is not None:
            after = match_value(pattern, actual.get(name), after)
    stated = {name for name, _ in expected.attributes}
    for name, _ in actual.attributes:
        if name not in stated and name not in free and name != XML_LANG and not part:
            return None
    return after


def _content(
    expected: Element, actual: Element, bindings: Bindings, open_: bool, part: bool, *, any_order: bool = False
) -> Iterator[Bindings]:
    """Match what stands between the tags; ``open_``: what is not stated is free."""
    loose = [child for child in expected.elements if _is_loose(child)]
    if loose:
        stated = evolve(expected, children=tuple([node for node in _nodes(expected) if not _is_loose(node)]))
        for after, rest in _wherever(loose, actual, bindings, part):
            yield from _content(stated, rest, after, open_, part, any_order=any_order)
        return
    wildcard = any(is_wildcard(child) for child in expected.children)
    open_ = open_ or wildcard
    if not [child for child in expected.elements if not is_wildcard(child)]:
        yield from _text_alone(expected, actual, bindings, open_)
        return
    wanted = [node for node in _nodes(expected) if not is_wildcard(node)]
    came = _nodes(actual)
    if expected.namespace == ROSTER and expected.name in ("query", "item"):
        yield from _any_order(wanted, came, bindings, open_, part)
    elif is_error(expected):
        may_skip = _always if open_ else is_free_in_error
        yield from _in_order(wanted, came, bindings, may_skip, part, in_error=True)
    elif any_order:
        yield from _search(wanted, came, bindings, open_, part)
    else:
        yield from _in_order(wanted, came, bindings, _always if open_ else _never, part)


def _text_alone(expected: Element, actual: Element, bindings: Bindings, open_: bool) -> Iterator[Bindings]:
    """Match an element of which no child elements are expected."""
    may_skip = _always if open_ else is_free_in_error if is_error(expected) else _never
    if not all(may_skip(child) for child in actual.elements):
        return
    pattern = expected.text.strip() if expected.elements else expected.text
    text = actual.text.strip() if actual.elements else actual.text
    if pattern:
        after = match_value(pattern, text or None, bindings)
        if after is not None:
            yield after
    elif open_ or not text:
        yield bindings


# --- children ----------------------------------------------------------------------------------------------


def _nodes(parent: Element) -> list[Node]:
    """Return elements and text in order; between elements, whitespace alone does not count as text."""
    if not parent.elements:
        return list(parent.children)
    return [node for node in parent.children if isinstance(node, Element) or node.strip()]


def _node(expected: Node, actual: Node, bindings: Bindings, part: bool) -> Iterator[Bindings]:
    if isinstance(expected, Element) and isinstance(actual, Element):
        yield from match_element(expected, actual, bindings, part)
    elif isinstance(expected, str) and isinstance(actual, str):
        after = match_value(expected, actual, bindings)
        if after is not None:
            yield after


def _in_order(
    expected: list[Node],
    actual: list[Node],
    bindings: Bindings,
    may_skip: Callable[[Node], bool],
    part: bool,
    in_error: bool = False,
) -> Iterator[Bindings]:
    """Match children in order; those that may be skipped may stand anywhere between."""
    if not expected:
        if all(may_skip(node) for node in actual):
            yield bindings
        return
    if not actual:
        return
    first = expected[0]
    # Of the condition of an error, and of its text, only what is stated has to be there.
    loosely = part or (in_error and isinstance(first, Element) and first.namespace == STANZAS)
    for after in _node(first, actual[0], bindings, loosely):
        yield from _in_order(expected[1:], actual[1:], after, may_skip, part, in_error)
    if may_skip(actual[0]):
        yield from _in_order(expected, actual[1:], bindings, may_skip, part, in_error)


def _any_order(
    expected: list[Node], actual: list[Node], bindings: Bindings, open_: bool, part: bool
) -> Iterator[Bindings]:
    """Match roster items, or the groups of one, in any order.

    Those that say plainly who they are have one counterpart at most and are paired off first: the search
    that is left is short, however long the roster.
    """
    left = list(actual)
    searched: list[Node] = []
    for node in expected:
        if not _says_who(node):
            searched.append(node)
            continue
        for index, candidate in enumerate(left):
            after = next(_node(node, candidate, bindings, part), None)
            if after is not None:
                bindings = after
                del left[index]
                break
        else:
            return
    yield from _search(searched, left, bindings, open_, part)


def _search(
    expected: list[Node], actual: list[Node], bindings: Bindings, open_: bool, part: bool
) -> Iterator[Bindings]:
    if not expected:
        if open_ or not actual:
            yield bindings
        return
    for index, candidate in enumerate(actual):
        for after in _node(expected[0], candidate, bindings, part):
            yield from _search(expected[1:], [*actual[:index], *actual[index + 1 :]], after, open_, part)


def _says_who(node: Node) -> bool:
    if isinstance(node, str):
        return True
    name = node.get("jid") if node.name == "item" else node.text
    return name is not None and not is_placeholder(name)


def _is_loose(node: Node) -> bool:
    """Whether this is the format's ``<anywhere/>`` or ``<optional/>``, which hold a child without a fixed place."""
    return isinstance(node, Element) and node.namespace == ANY and not is_wildcard(node)


def _wherever(
    expected: list[Element], actual: Element, bindings: Bindings, part: bool
) -> Iterator[tuple[Bindings, Element]]:
    """Find a child for each of these, wherever it stands.

    :return: the bindings, with what is left of the element that came.
    """
    if not expected:
        yield bindings, actual
        return
    first, others = expected[0], expected[1:]
    nodes = _nodes(actual)
    for index, candidate in enumerate(nodes):
        for after in _node(first.elements[0], candidate, bindings, part):
            rest = evolve(actual, children=(*nodes[:index], *nodes[index + 1 :]))
            yield from _wherever(others, rest, after, part)
    if first.name == OPTIONAL:
        yield from _wherever(others, actual, bindings, part)


# --- errors ------------------------------------------------------------------------------------------------


def is_error(element: Element) -> bool:
    """Whether an element is the ``<error/>`` of a stanza."""
    return element.name == "error" and element.namespace == CLIENT


def is_free_in_error(node: Node) -> bool:
    """Whether a child of an error is free unless stated: its text, and application-specific conditions."""
    return isinstance(node, Element) and (node.namespace != STANZAS or node.name == "text")


def _always(node: Node) -> bool:
    return True


def _never(node: Node) -> bool:
    return False
