"""What can grow: text that is small when it is read, and large in memory or when it is written.

A prefix is declared once and used many times. A parser puts the whole namespace in the place of each prefix, and the
writer declares it again for each element and each attribute. So a namespace has a limit, the names with a prefix in one
tag have one, and what a stanza takes when it is written has one. All three are checked before the memory is taken.

Expat puts the namespaces into a tag before it reports anything of it, and an error in a handler does not stop it before
the end of what it has been given. So a long tag is looked through before expat sees it.
"""

from __future__ import annotations

import re
from typing import Final

from xmpp_im_core.codec.errors import TooLarge
from xmpp_im_core.codec.limits import Limits
from xmpp_im_core.codec.stanza_writer import write_tree
from xmpp_im_core.element import Element

PREFIXED: Final = 4096
"""How many attributes of one tag may have a prefix. A tag that expat is given without a look at it has fewer."""

_SHORTEST: Final = 4  # bytes of an element: "<b/>"
_USUAL: Final = 128  # characters; a longer namespace is not looked through for those that are escaped
_MOST_ESCAPED: Final = 6  # bytes for one: '"' becomes "&quot;"

_ATTRIBUTE: Final = re.compile(rb"\s*([^\s=<>\"'/]+)\s*=\s*(\"[^\"<]*\"|'[^'<]*')")
_TAG_NAME: Final = re.compile(rb"<[^\s<>/\"'=]+")
_REFERENCE: Final = re.compile(rb"&[^&;]*;")
_PLAIN: Final = re.compile(r"[!#-%'-;=-~]*\Z")  # ASCII that is written as it is

# A tag has no "<" within, so where there is no such run there is no long tag.
_LONG_RUN: Final = re.compile(rb"<[^<]{1024}")
_MARKUP: Final = re.compile(
    rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|<[^\s<>/\"'=!?](?:[^\"'<>]+|\"[^\"<]*\"|'[^'<]*')*+>", re.DOTALL
)


def check_tag(tag: bytes, limits: Limits) -> None:
    """Refuse a tag that would grow in the parser: by a long namespace, or by very many names with a prefix.

    :param tag: the bytes from its "<" on; more may follow its ">".
    :raises TooLarge: as it says.
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
    """Refuse a document with a tag that :func:`check_tag` refuses.

    :raises TooLarge: as it says.
    """
    if _LONG_RUN.search(document):
        for markup in _MARKUP.finditer(document):
            check_tag(markup.group(), limits)


def check_namespace(namespace: str, limits: Limits) -> None:
    """Refuse a namespace that is too long.

    :raises TooLarge: as it says.
    """
    if len(namespace) > limits.namespace:
        raise TooLarge(f"a namespace of more than {limits.namespace} characters")


def growth_factor(namespace: str) -> int:
    """Return how many times as large something can become when it is written, if this is its longest namespace."""
    return _MOST_ESCAPED + 1 + _declared_size(namespace) // _SHORTEST


def _declared_size(namespace: str) -> int:
    """Return how many bytes a namespace takes at most where the writer declares it."""
    return len(namespace) if len(namespace) <= _USUAL and _PLAIN.match(namespace) else _MOST_ESCAPED * len(namespace)


def check_written(element: Element, content: str, limits: Limits) -> None:
    """Refuse a first-level element that is too large when it is written again.

    Most elements need no such check: :func:`growth_factor` shows that they stay within the limit even if all their tags
    are as short as possible and in the longest namespace.

    :param content: the content namespace of the stream.
    :raises TooLarge: as it says.
    """
    write_tree(_Written(limits.written_bytes), element, content)


class _Written(list[str]):
    """Counts what the writer appends, instead of keeping it."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._most = self._room = room

    def append(self, part: str) -> None:
        self._room -= len(part.encode())
        if self._room < 0:
            raise TooLarge(f"more than {self._most} bytes when it is written again")
