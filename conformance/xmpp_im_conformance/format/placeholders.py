"""The values in braces: what stands in an expectation instead of text, and in a sent stanza for text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias
from xml.sax.saxutils import escape

Bindings: TypeAlias = Mapping[str, str]
"""What ``{bind:NAME}`` has remembered, by name."""

_PLACEHOLDER: Final = re.compile(r"\{([a-z]+)(?::([^{}]*))?\}\Z", re.DOTALL)
_SENT: Final = re.compile(r"(?<=['\">])\{var:([^{}<>'\"]+)\}(?=['\"<])")


class BadPlaceholder(ValueError):
    """The braces hold nothing that the format knows, or a name that was never bound."""


def check_placeholder(pattern: str) -> None:
    """Raise if a value is a misspelt placeholder.

    :raises BadPlaceholder: for an unknown word, and for a missing or superfluous name.
    """
    match = _PLACEHOLDER.match(pattern)
    if match is None:
        return
    word, argument = match.groups()
    if word == "any" and argument is None:
        return
    if word == "opt" or (word in ("bind", "var", "not") and argument):
        return
    raise BadPlaceholder(f"{pattern} is not a placeholder of the format")


def match_value(pattern: str, value: str | None, bindings: Bindings) -> Bindings | None:
    """Match an attribute value, or the text of an element.

    :param value: None if the attribute is absent, or the element has no text.
    :return: the bindings afterwards, or None if it does not match.
    :raises BadPlaceholder: if ``{var:}`` or ``{not:}`` names what was never bound.
    """
    match = _PLACEHOLDER.match(pattern)
    if match is None:
        return bindings if value == pattern else None
    word, argument = match.groups()
    if word == "bind":
        return {**bindings, argument: value} if value else None
    if word == "any":
        matches = value is not None
    elif word == "opt":
        matches = argument is None or value is None or value == argument
    elif word == "var":
        matches = value == bound_value(argument, bindings)
    else:
        matches = value is not None and value != bound_value(argument, bindings)
    return bindings if matches else None


def is_placeholder(pattern: str) -> bool:
    """Whether a value is a placeholder rather than the text itself."""
    return _PLACEHOLDER.match(pattern) is not None


def fill_in(xml: str, bindings: Bindings) -> str:
    """Replace each ``{var:NAME}`` that is a whole attribute value or text of a stanza to be sent.

    :raises BadPlaceholder: if a name was never bound.
    """
    return _SENT.sub(lambda match: escape(bound_value(match[1], bindings), {"'": "&apos;", '"': "&quot;"}), xml)


def bound_value(name: str, bindings: Bindings) -> str:
    """Return what was remembered under a name.

    :raises BadPlaceholder: if nothing was.
    """
    try:
        return bindings[name]
    except KeyError:
        raise BadPlaceholder(f"nothing was bound to {name!r}") from None
