"""What both parsers share: the limits, the refusals, and building a tree from a parser's events."""

from __future__ import annotations

import re
from sys import intern
from typing import Final
from xml.parsers.expat import errors

from attrs import frozen

from xmpp_im_core.codec.errors import (
    BadFormat,
    CodecError,
    NotWellFormed,
    RestrictedXML,
    TooDeep,
    UnsupportedEncoding,
)
from xmpp_im_core.element import Element

WHITESPACE: Final = " \t\r\n"
"""What XML takes for whitespace (Unicode has more)."""

NOT_IN_NAMESPACES: Final = re.compile(r"[\x00-\x20{}\x7f\ud800-\udfff\ufffe\uffff]")
"""What no URI or IRI holds. Programs that write names as ``{namespace}name`` can be misled by such a
namespace, and some parsers refuse it (CVE-2022-25236); so we neither read nor write it."""

_UNDEFINED_ENTITY: Final = errors.codes[errors.XML_ERROR_UNDEFINED_ENTITY]
_REMEMBERED: Final = 1024
_REMEMBERED_LENGTH: Final = 128


@frozen
class Limits:
    """How much one stanza, one other first-level element or one stream header may hold."""

    stanza_bytes: int = 262_144
    """RFC 6120 §13.12 asks for at least 10,000."""
    depth: int = 64
    """Levels of elements, the stanza being the first."""


DEFAULT_LIMITS: Final = Limits()


class Names(dict[str, tuple[str, str]]):
    """The names that a parser has met, as (namespace, local name): each is split and interned once.

    :param separator: what stands between the two in the parser's events.
    """

    def __init__(self, separator: str) -> None:
        super().__init__()
        self._separator = separator

    def __missing__(self, raw: str) -> tuple[str, str]:
        namespace, _, name = raw.rpartition(self._separator)
        if NOT_IN_NAMESPACES.search(namespace):
            raise NotWellFormed(f"the namespace {namespace!r} is no URI")
        split = intern(namespace), intern(name)
        if len(self) < _REMEMBERED and len(raw) <= _REMEMBERED_LENGTH:
            self[raw] = split
        return split


class AttributeNames(dict[str, str]):
    """The attribute names that a parser has met, plain or in Clark notation."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, raw: str) -> str:
        namespace, name = self._names[raw]
        written = intern(f"{{{namespace}}}{name}") if namespace else name
        if len(self) < _REMEMBERED and len(raw) <= _REMEMBERED_LENGTH:
            self[raw] = written
        return written


Frame = tuple[str, str, tuple[tuple[str, str], ...], list["Element | str"]]


class Tree:
    """Builds one element after another from the events of a parser.

    ``text`` is a handler as it stands: the pieces are joined when the next tag shows where the text ends.
    """

    __slots__ = ("_frames", "_pieces", "_room", "text")

    def __init__(self, depth: int) -> None:
        self._frames: list[Frame] = []
        self._pieces: list[str] = []
        self._room = depth
        self.text = self._pieces.append

    def start(self, name: str, namespace: str, attributes: list[tuple[str, str]]) -> None:
        """Open an element."""
        frames = self._frames
        if len(frames) >= self._room:
            raise TooDeep(f"more than {self._room} levels of elements")
        if self._pieces:
            frames[-1][3].append(self.take_text())
        attributes.sort()
        frames.append((name, namespace, tuple(attributes), []))

    def end(self) -> Frame:
        """Close the innermost element, and put it into the one around it; where there is none, hand it out."""
        frames = self._frames
        frame = name, namespace, attributes, children = frames.pop()
        if self._pieces:
            children.append(self.take_text())
        if frames:
            frames[-1][3].append(Element(name, namespace, attributes, tuple(children)))
        return frame

    def take_text(self) -> str:
        """Return the text since the last tag, and forget it."""
        pieces = self._pieces
        text = pieces[0] if len(pieces) == 1 else "".join(pieces)
        pieces.clear()
        return text


def check_first_bytes(data: bytes, offset: int = 0) -> None:
    """Refuse what cannot begin an XML document in UTF-8.

    Expat takes UTF-16 for what it is even when told UTF-8, and swallows a byte order mark, which is here "a
    zero width no-break space, not ... a byte order mark" (RFC 6120 §11.6): text before the root.

    :param data: bytes of the document from ``offset`` on, which is below 2; at least one of them.
    """
    if b"\0" in data[: 2 - offset] or (not offset and data[0] in b"\xfe\xff"):
        raise UnsupportedEncoding("the first bytes are not UTF-8")
    if not offset and data[0] not in b"< \t\r\n":
        raise NotWellFormed("the first character is neither '<' nor whitespace")


def xml_declaration(version: str, encoding: str | None, standalone: int) -> None:
    """Refuse an XML declaration of another version (RFC 6120 §11.8) or encoding (§11.6).

    A standalone document declaration may be ignored (§11.5), and is.
    """
    if encoding is not None and encoding.lower() != "utf-8":
        raise UnsupportedEncoding(f"the encoding {encoding!r} is declared")
    if version != "1.0":
        raise BadFormat(f"XML {version} is declared")


def doctype(*_: object) -> None:
    """Refuse a document type declaration, before anything in it is read."""
    raise RestrictedXML("a document type declaration")


def comment(_: str) -> None:
    """Refuse a comment."""
    raise RestrictedXML("a comment")


def processing_instruction(*_: str) -> None:
    """Refuse a processing instruction."""
    raise RestrictedXML("a processing instruction")


def syntax_error(message: str, code: int) -> CodecError:
    """Return the error that an error of expat stands for."""
    return (RestrictedXML if code == _UNDEFINED_ENTITY else NotWellFormed)(message)
