"""The common part of both parsers: building a tree from a parser's events, and refusing what XMPP forbids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias
from xml.parsers.expat import errors

from xmpp_im_core.codec.amplification import growth_factor
from xmpp_im_core.codec.errors import (
    BadFormat,
    CodecError,
    NotWellFormed,
    RestrictedXML,
    TooDeep,
    UnsupportedEncoding,
)
from xmpp_im_core.codec.xml_names import NOT_IN_NAMESPACES
from xmpp_im_core.element import Element

WHITESPACE: Final = " \t\r\n"
"""The whitespace of XML; Unicode has more."""

_UNDEFINED_ENTITY: Final = errors.codes[errors.XML_ERROR_UNDEFINED_ENTITY]
_REMEMBERED: Final = 1024
_REMEMBERED_LENGTH: Final = 128


@lru_cache(maxsize=4096)
def _shared(name: str) -> str:
    """Return the same object for equal strings. ``sys.intern`` never frees a string since Python 3.12."""
    return name


Start: TypeAlias = tuple[str, str, Sequence[str], Sequence[str]]
"""An opening tag: the namespace, the local name, and the names and the values of the attributes, sorted by name."""


class Names(dict[str, "Start"]):
    """The names that a parser has met, by the parser's own notation, as opening tags without attributes.

    Each name is split once, and its strings are shared with other parsers.

    :param split: splits a name in the notation of the parser's events.
    :param strange: whether namespaces may have characters that no URI contains.
    """

    def __init__(self, split: Callable[[str], tuple[str, str]], *, strange: bool = False) -> None:
        super().__init__()
        self._split = split
        self._strange = strange
        self.growth = growth_factor("")
        """By which factor an element with these names can grow when it is written."""

    def __missing__(self, raw: str) -> Start:
        namespace, name = self._split(raw)
        if not self._strange and NOT_IN_NAMESPACES.search(namespace):
            raise NotWellFormed(f"the namespace {namespace!r} is not a URI")
        self.growth = max(self.growth, growth_factor(namespace))
        if len(raw) > _REMEMBERED_LENGTH:
            return namespace, name, (), ()
        names = _shared(namespace), _shared(name), (), ()
        if len(self) < _REMEMBERED:
            self[raw] = names
        return names


class AttributeNames(dict[str, str]):
    """The attribute names that a parser has met, by the parser's own notation: plain, or in Clark notation."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, raw: str) -> str:
        namespace, name, *_ = self._names[raw]
        written = f"{{{namespace}}}{name}" if namespace else name
        if len(raw) > _REMEMBERED_LENGTH:
            return written
        written = _shared(written)
        if len(self) < _REMEMBERED:
            self[raw] = written
        return written


Frame: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...], list[Element | str]]
"""An unfinished element: its name, namespace, attributes, and the children so far."""


class Tree:
    """Builds an element from the events of a parser. Its ``start``, ``end`` and ``text`` are the parser's handlers.

    :param depth: how many levels of elements are allowed.
    :param done: called with the outermost element at its end.
    """

    __slots__ = ("_attributes", "_depth", "_done", "_frames", "_names", "_pieces", "text")

    def __init__(self, names: Names, depth: int, done: Callable[[Element], None]) -> None:
        self._names = names
        self._attributes = AttributeNames(names)
        self._depth = depth
        self._done = done
        self._frames: list[Frame] = []
        self._pieces: list[str] = []
        self.text = self._pieces.append  # joined at the next tag, where the text ends

    def start(self, raw: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        frames = self._frames
        if len(frames) >= self._depth:
            raise TooDeep(f"more than {self._depth} levels of elements")
        if self._pieces:
            frames[-1][3].append(self.take_text())
        namespace, name, *_ = self._names[raw]
        frames.append((name, namespace, self.attributes(attributes) if attributes else (), []))

    def attributes(self, attributes: dict[str, str]) -> tuple[tuple[str, str], ...]:
        """Return attributes in the form of :attr:`Element.attributes`."""
        names = self._attributes
        return tuple(sorted([(names[raw], value) for raw, value in attributes.items()]))

    def end(self, _: str) -> None:
        """Close the innermost element, and put it into the one around it."""
        frames = self._frames
        name, namespace, attributes, children = frames.pop()
        if self._pieces:
            children.append(self.take_text())
        element = Element(name, namespace, attributes, tuple(children))
        if frames:
            frames[-1][3].append(element)
        else:
            self._done(element)

    def take_text(self) -> str:
        """Remove and return the text since the last tag."""
        pieces = self._pieces
        text = pieces[0] if len(pieces) == 1 else "".join(pieces)
        pieces.clear()
        return text


def check_first_bytes(data: bytes, offset: int = 0) -> None:
    """Refuse bytes that cannot begin an XML document in UTF-8.

    Expat reads UTF-16 even when told that the encoding is UTF-8. It also ignores a byte order mark, which in XMPP is "a
    zero width no-break space, not ... a byte order mark" (RFC 6120 §11.6), so it is text before the root.

    :param data: at least one byte of the document, from ``offset`` on.
    :param offset: 0 or 1.
    """
    if b"\0" in data[: 2 - offset] or (not offset and data[0] in b"\xfe\xff"):
        raise UnsupportedEncoding("the first bytes are not UTF-8")
    if not offset and data[0] not in b"< \t\r\n":
        raise NotWellFormed("the first character is neither '<' nor whitespace")


def xml_declaration(version: str, encoding: str | None, standalone: int) -> None:
    """Refuse an XML declaration with another version than 1.0 (RFC 6120 §11.8) or another encoding than UTF-8 (§11.6).

    A standalone document declaration is ignored, as §11.5 allows.
    """
    if encoding is not None and encoding.lower() != "utf-8":
        raise UnsupportedEncoding(f"the encoding {encoding!r} is declared")
    if version != "1.0":
        raise BadFormat(f"XML {version} is declared")


def doctype(*_: object) -> None:
    """Refuse a document type declaration before its content is read."""
    raise RestrictedXML("a document type declaration")


def comment(_: str) -> None:
    """Refuse a comment."""
    raise RestrictedXML("a comment")


def processing_instruction(*_: str) -> None:
    """Refuse a processing instruction."""
    raise RestrictedXML("a processing instruction")


def syntax_error(message: str, code: int) -> CodecError:
    """Convert an error of expat."""
    return (RestrictedXML if code == _UNDEFINED_ENTITY else NotWellFormed)(message)
