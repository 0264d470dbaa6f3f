"""Record what expat reports of a first-level element; build its tree when it is asked for.

Most messages only pass through a server, which reads their header and writes them again. It takes as long to build the
tree of such a message as to do all the rest. So the handlers of expat only append to a list: for an opening tag its
namespace, name and attributes, for text a string, for a closing tag None. They refuse what has to be refused. The list
is in the same canonical form as an element: attributes are sorted, text is joined, prefixes are replaced. So the tree
and the written text both follow from it, and the text is what the writer would write for the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from xmpp_im_core.codec.errors import TooDeep
from xmpp_im_core.codec.escaping import escape_text
from xmpp_im_core.codec.namespaces import rescope_all
from xmpp_im_core.codec.parser_common import AttributeNames, Names
from xmpp_im_core.codec.stanza_writer import same_in_both, tag, write_attributes
from xmpp_im_core.element import ELEMENT_SIZE, TEXT_SIZE, XML, Element, attributes_size, size, text_size
from xmpp_im_core.stanza import CLIENT

Start: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]
"""An opening tag: the namespace, the local name and the attributes."""
Record: TypeAlias = Start | str | None

_CLIENT_SIZE: Final = text_size(CLIENT)


class Recorder:
    """Has the handlers of expat for tags and text. Set ``ordered_attributes`` on the parser.

    :param names: the names that this expat has met.
    :param depth: how many levels of elements are allowed; a first-level element is the first.
    :param outside: called with an opening tag on the level of the stream.
    :param ended: called at the end of a first-level element.
    :param closed: called at the end of the stream.
    """

    __slots__ = (
        "_attributes",
        "_closed",
        "_depth",
        "_ended",
        "_names",
        "level",
        "outside",
        "pieces",
        "records",
        "top",
    )

    def __init__(
        self,
        names: Names,
        depth: int,
        outside: Callable[[str, list[str]], None],
        ended: Callable[[], None],
        closed: Callable[[], None],
    ) -> None:
        self._names = names
        self._attributes = AttributeNames(names)
        self._depth = depth
        self.outside = outside
        self._ended = ended
        self._closed = closed
        self.level = 0
        """How many elements are open; the stream does not count."""
        self.records: list[Record] = []
        """The content of the first-level element, so far."""
        self.top: list[Start] = []
        """Its children, each without attributes."""
        self.pieces: list[str] = []
        """The text since the last tag, in pieces. The handler for text is its ``append``."""

    def start(self, raw: str, attributes: list[str]) -> None:
        """Handle an opening tag."""
        level = self.level
        if not level:
            self.outside(raw, attributes)
            return
        if level >= self._depth:
            raise TooDeep(f"more than {self._depth} levels of elements")
        records = self.records
        if self.pieces:
            records.append(self.take_text())
        start: Start = self._names[raw]
        if level == 1:
            self.top.append(start)
        if attributes:
            names = self._attributes
            pairs = zip(attributes[::2], attributes[1::2], strict=True)
            start = start[0], start[1], tuple(sorted([(names[raw], value) for raw, value in pairs]))
        records.append(start)
        self.level = level + 1

    def end(self, _: str) -> None:
        """Handle a closing tag."""
        level = self.level = self.level - 1
        if level > 0:
            if self.pieces:
                self.records.append(self.take_text())
            self.records.append(None)
        elif level == 0:
            if self.pieces:
                self.records.append(self.take_text())
            self._ended()
        else:
            self._closed()

    def named(self, attributes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Return attributes in the form of an element, sorted by name."""
        names = self._attributes
        return tuple(sorted([(names[raw], value) for raw, value in attributes.items()]))

    def take_text(self) -> str:
        """Remove and return the text since the last tag."""
        pieces = self.pieces
        if len(pieces) == 1:
            return pieces.pop()
        text = "".join(pieces)
        pieces.clear()
        return text


class Recorded:
    """The recorded content of a first-level element: an :class:`~xmpp_im_core.payload_cache.Unread`."""

    __slots__ = ("_content", "_top", "records")

    def __init__(self, records: list[Record], top: list[Start], content: str) -> None:
        self.records = records
        self._top = top
        self._content = content

    def children(self) -> tuple[Element | str, ...]:
        """Build the children, in ``jabber:client``."""
        return rescope_all(build(self.records), self._content, CLIENT)

    def has(self, name: str, namespace: str) -> bool:
        """Whether there is a child element with this name and this namespace, by the rule of ``rescope``."""
        content = self._content
        if content != CLIENT:
            namespace = content if namespace == CLIENT else CLIENT if namespace == content else namespace
        return (namespace, name, ()) in self._top

    def size(self) -> int:
        """Return the size of the children, without building them if possible."""
        if text_size(self._content) != _CLIENT_SIZE:
            return sum([size(child) for child in self.children()])
        total = 0
        for record in self.records:
            if isinstance(record, str):
                total += TEXT_SIZE + text_size(record)
            elif record is not None:
                namespace, name, attributes = record
                total += ELEMENT_SIZE + text_size(name) + text_size(namespace) + attributes_size(attributes)
        return total

    def text(self) -> bytes | None:
        """Return the text that the writer writes for the children in ``jabber:client``.

        None: it is not the same as in the content namespace of the stream.
        """
        written = _write(self.records, self._content)
        return written if self._content == CLIENT or same_in_both(written, CLIENT) else None


def build(records: Iterable[Record]) -> tuple[Element | str, ...]:
    """Build the elements and texts that were recorded."""
    children: list[Element | str] = []
    around: list[tuple[Start, list[Element | str]]] = []
    for record in records:
        if record is None:
            (namespace, name, attributes), outer = around.pop()
            outer.append(Element(name, namespace, attributes, tuple(children)))
            children = outer
        elif isinstance(record, str):
            children.append(record)
        else:
            around.append((record, children))
            children = []
    return tuple(children)


def _write(records: Iterable[Record], scope: str) -> bytes:
    """Write what was recorded, as ``write_tree`` writes the elements.

    :param scope: the default namespace around it.
    """
    parts: list[str] = []
    around: list[tuple[str, str]] = []  # the closing tag of each open element, and the default namespace around it
    in_tag = False  # whether the last opening tag still needs its end
    for record in records:
        if record is None:
            closing, scope = around.pop()
            parts.append("/>" if in_tag else closing)
            in_tag = False
            continue
        if in_tag:
            parts.append(">")
            in_tag = False
        if isinstance(record, str):
            parts.append(escape_text(record))
            continue
        namespace, name, attributes = record
        opening, closing = tag(name, namespace, namespace != scope)
        parts.append(opening)
        if attributes:
            write_attributes(parts, attributes)
        around.append((closing, scope))
        if namespace != XML:
            scope = namespace
        in_tag = True
    return "".join(parts).encode()
