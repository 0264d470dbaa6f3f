"""Refuse amplification: XML that is small when it is read, and large in memory or when it is written again.

A prefix is declared once and used many times. The parser replaces each prefix by the whole namespace, and the writer
declares the namespace again for each element and each attribute. So there are three limits: on the length of a
namespace, on the number of attributes with a prefix in one tag, and on the size of a stanza when it is written. All
three are checked before the memory is used.

Expat expands the namespaces of a tag before it reports the tag, and an error in a handler stops expat only at the end
of the bytes that it was given. So a long tag is searched before expat sees it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from xmpp_im_core.codec.errors import TooLarge, Unwritable
from xmpp_im_core.codec.limits import Limits
from xmpp_im_core.codec.stanza_writer import write_tree
from xmpp_im_core.element import Element

PREFIXED: Final = 4096
"""How many attributes of one tag may have a prefix. A tag too short to be searched cannot have so many."""

_SHORTEST: Final = 4  # bytes of the shortest element: "<b/>"
_USUAL: Final = 128  # characters; in a longer namespace every character counts as escaped
_MOST_ESCAPED: Final = 6  # bytes of the longest escaped character: '"' becomes "&quot;"

_ATTRIBUTE: Final = re.compile(rb"\s*([^\s=<>\"'/]+)\s*=\s*(\"[^\"<]*\"|'[^'<]*')")
_TAG_NAME: Final = re.compile(rb"<[^\s<>/\"'=]+")
_REFERENCE: Final = re.compile(rb"&[^&;]*;")
_PLAIN: Final = re.compile(r"[!#-%'-;=-~]*\Z")  # ASCII that is written without escapes

# A tag contains no "<" after its first character, so without such a run there is no long tag.
_LONG_RUN: Final = re.compile(rb"<[^<]{1024}")
_MARKUP: Final = re.compile(
    rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|<[^\s<>/\"'=!?](?:[^\"'<>]+|\"[^\"<]*\"|'[^'<]*')*+>", re.DOTALL
)


def check_tag(tag: bytes, limits: Limits) -> None:
    """Refuse a tag that would grow in the parser.

    :param tag: the bytes from the tag's "<"; other bytes may follow its ">".
    :raises TooLarge: if the tag declares a namespace longer than ``limits.namespace``, or more than :data:`PREFIXED`
        of its attributes have a prefix.
    """
    name = _TAG_NAME.match(tag)
    found = _ATTRIBUTE.match(tag, name.end()) if name else None
    prefixed = 0
    while found:
        attribute, value = found.groups()
        if attribute == b"xmlns" or attribute.startswith(b"xmlns:"):
            if len(value) - 2 > limits.namespace:
                check_namespace(_REFERENCE.sub(b"x", value[1:-1]).decode(), limits)
        elif b":" in attribute:
            prefixed += 1
        found = _ATTRIBUTE.match(tag, found.end())
    if prefixed > PREFIXED:
        raise TooLarge(f"more than {PREFIXED} attributes with a prefix in one tag")


def check_tags(document: bytes, limits: Limits) -> None:
    """Refuse a document that contains a tag that :func:`check_tag` refuses.

    :raises TooLarge: as :func:`check_tag` does.
    """
    if _LONG_RUN.search(document):
        for markup in _MARKUP.finditer(document):
            check_tag(markup.group(), limits)


def check_namespace(namespace: str, limits: Limits) -> None:
    """Refuse a namespace that is too long.

    :raises TooLarge: if it has more than ``limits.namespace`` characters.
    """
    if len(namespace) > limits.namespace:
        raise TooLarge(f"a namespace of more than {limits.namespace} characters")


def growth_factor(namespace: str) -> int:
    """Return by which factor an element can grow when it is written, if this is the longest namespace in it."""
    return _MOST_ESCAPED + 1 + _declared_size(namespace) // _SHORTEST


def _declared_size(namespace: str) -> int:
    """Return an upper bound of the bytes that the writer needs to declare a namespace."""
    return len(namespace) if len(namespace) <= _USUAL and _PLAIN.match(namespace) else _MOST_ESCAPED * len(namespace)


def check_written(element: Element, content: str, limits: Limits) -> None:
    """Refuse a first-level element that would be too large when it is written again.

    Most elements need no such check: :func:`growth_factor` shows that they stay within the limit even if all their tags
    are as short as possible and in the longest namespace.

    :param content: the content namespace of the stream.
    :raises TooLarge: if it would have more than ``limits.written_bytes`` bytes.
    """
    # The writer refuses the strange namespaces that a parser may allow. What cannot be written grows nowhere.
    with suppress(Unwritable):
        write_tree(_Written(limits.written_bytes), element, content)


class _Written(list[str]):
    """Counts the bytes that the writer appends, instead of keeping them."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._most = self._room = room

    def append(self, part: str) -> None:
        self._room -= len(part.encode())
        if self._room < 0:
            raise TooLarge(f"more than {self._most} bytes when it is written again")
