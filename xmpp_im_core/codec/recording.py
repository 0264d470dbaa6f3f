"""Record what expat reports of a first-level element; build its tree when it is asked for.

Most messages only pass through a server, which reads their header and writes them again. It takes as long to build the
tree of such a message as to do all the rest. So the handlers of expat only append to a list: for an opening tag its
namespace, name and attributes, for text a string, for a closing tag None. They refuse what has to be refused. The list
is in the same canonical form as an element: attributes are sorted, text is joined, prefixes are replaced. So the tree
and the written text both follow from it, and the text is what the writer would write for the tree.

To write a payload that was recorded is to join texts, most of which are ready: an opening tag is recorded together with
what the writer has made of its name (:class:`Tags`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import repeat
from operator import itemgetter
from typing import Final, TypeAlias

from xmpp_im_core.codec.errors import TooDeep, Unwritable
from xmpp_im_core.codec.escaping import escape_text
from xmpp_im_core.codec.layouts import ElementLayouts
from xmpp_im_core.codec.namespaces import rescope_all
from xmpp_im_core.codec.parser_common import Names
from xmpp_im_core.codec.stanza_writer import same_in_both, tag, write_attributes
from xmpp_im_core.element import ELEMENT_SIZE, TEXT_SIZE, XML, Element, attributes_size, size, text_size
from xmpp_im_core.stanza import CLIENT

Name: TypeAlias = tuple[str, str]
"""A namespace and a local name."""
Tag: TypeAlias = tuple[str, str]
"""The written beginning of an opening tag, and the written closing tag (see ``stanza_writer.tag``)."""
Start: TypeAlias = tuple[Name, Tag | None, Tag | None, Sequence[str], Sequence[str]]
"""An opening tag: the name, the tag as it is written inside of its own namespace and inside of another one, and the
names and the values of the attributes, sorted by name. A tag is None if it is not ready."""
Record: TypeAlias = Start | str | None

_CLIENT_SIZE: Final = text_size(CLIENT)
_READY: Final = 128
_READY_LENGTH: Final = 128
_namespace_of: Final = itemgetter(0)


class Tags(dict[str, Start]):
    """The opening tags that a parser has met, without attributes, by the parser's own notation.

    The first names are kept with their written tags, so a name is checked and written once for a stream, and not for
    each stanza. There are few, since most streams use few names, and the limit keeps the others from taking memory. A
    long tag is not kept either: the records of one stanza could contain it thousands of times.
    """

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, raw: str) -> Start:
        namespace, name, *_ = self._names[raw]
        inside = declared = None
        if len(self) < _READY and len(raw) <= _READY_LENGTH:
            with suppress(Unwritable):  # a strange namespace that this parser allows: ``_write`` raises the error
                inside, declared = tag(name, namespace, False), tag(name, namespace, True)
        start = (namespace, name), inside, declared, (), ()
        if raw in self._names:  # otherwise it is too long, or there are too many
            self[raw] = start
        return start


class Recorder:
    """Has the handlers of expat for tags and text. Set ``ordered_attributes`` and ``buffer_text`` on the parser.

    :param names: the names that this expat has met.
    :param depth: how many levels of elements are allowed; a first-level element is the first.
    :param outside: called with an opening tag on the level of the stream. It returns how many elements are open then.
    :param ended: called at the end of a first-level element.
    :param closed: called at the end of the stream.
    """

    __slots__ = ("_layouts", "_top", "end", "outside", "records", "start")

    def __init__(
        self,
        names: Names,
        depth: int,
        outside: Callable[[str, list[str]], int],
        ended: Callable[[], None],
        closed: Callable[[], None],
    ) -> None:
        self._layouts = ElementLayouts(names)
        self.outside = outside
        self.records: list[Record] = []
        """The content of the first-level element, so far; or the text between two. The handler for text is its
        ``append``."""
        self._top: list[Name] = []
        self.start, self.end = self._handlers(names, depth, ended, closed)

    def _handlers(
        self, names: Names, depth: int, ended: Callable[[], None], closed: Callable[[], None]
    ) -> tuple[Callable[[str, list[str]], None], Callable[[str], None]]:
        """Return the handlers of opening and of closing tags.

        They run for each tag, and methods would look up each of these variables on the recorder. So they are functions
        that share the variables.
        """
        level = 0  # how many elements are open; the stream does not count
        tags, layouts, record = Tags(names), self._layouts, self.records.append

        def start(raw: str, attributes: list[str]) -> None:
            nonlocal level
            if not level:
                level = self.outside(raw, attributes)
                return
            if level >= depth:
                raise TooDeep(f"more than {depth} levels of elements")
            opening = tags[raw]
            if level == 1:
                self._top.append(opening[0])
            level += 1
            if attributes:
                sorted_names, pick = layouts[tuple(attributes[::2])]
                values = attributes[1::2] if pick is None else pick(attributes)
                opening = opening[0], opening[1], opening[2], sorted_names, values
            record(opening)

        def end(_: str) -> None:
            nonlocal level
            level -= 1
            if level > 0:
                record(None)
            elif level == 0:
                ended()
            else:
                closed()

        return start, end

    def attributes(self, flat: list[str]) -> tuple[tuple[str, str], ...]:
        """Return attributes in the form of an element.

        :param flat: names and values in turn, as expat reports them.
        """
        names, pick = self._layouts[tuple(flat[::2])]
        return tuple(zip(names, flat[1::2] if pick is None else pick(flat), strict=True))

    def join_text(self) -> None:
        """Join adjacent texts. Expat reports a text in pieces if it is long, or if the bytes came in pieces."""
        is_text = bytes(map(isinstance, self.records, repeat(str)))
        if b"\1\1" not in is_text:  # as in nearly every stanza
            return
        joined: list[Record] = []
        texts: list[str] = []
        for record in self.records:
            if isinstance(record, str):
                texts.append(record)
                continue
            if texts:
                joined.append("".join(texts))
                texts.clear()
            joined.append(record)
        if texts:
            joined.append("".join(texts))
        self.records[:] = joined

    def take(self, scope: str) -> Recorded:
        """Remove and return what is recorded.

        :param scope: the content namespace of the stream.
        """
        records = self.records
        recorded = Recorded(records)
        recorded.scope = scope
        recorded.top = self._top
        self._top = []
        records.clear()
        return recorded


class Recorded(list[Record]):
    """The records of the content of a first-level element: an :class:`~xmpp_im_core.payload_cache.Unread`."""

    __slots__ = ("scope", "top")

    scope: str
    """The content namespace of the stream."""
    top: list[Name]
    """The names of the child elements."""

    def children(self) -> tuple[Element | str, ...]:
        """Build the children, in ``jabber:client``."""
        return rescope_all(build(self), self.scope, CLIENT)

    def has(self, name: str, namespace: str) -> bool:
        """Whether there is a child element with this name and this namespace."""
        if self.scope != CLIENT:
            namespace = self._written(namespace)
        return (namespace, name) in self.top

    def namespaces(self) -> set[str]:
        """Return the namespaces of the child elements."""
        found = {*map(_namespace_of, self.top)}
        return found if self.scope == CLIENT else {self._written(each) for each in found}

    def text_of(self, name: str, namespace: str) -> str | None:
        """Return the text of the first child element with this name and this namespace; None if there is none."""
        if self.scope != CLIENT:
            namespace = self._written(namespace)
        child = namespace, name
        return _text_at(self, _first(self, child)) if child in self.top else None

    def _written(self, namespace: str) -> str:
        """Return the namespace that a child had in the stream if ``rescope`` puts it into this one."""
        scope = self.scope
        return scope if namespace == CLIENT else CLIENT if namespace == scope else namespace

    def size(self) -> int:
        """Return the size of the children, without building them if possible."""
        if text_size(self.scope) != _CLIENT_SIZE:
            return sum([size(child) for child in self.children()])
        total = 0
        for record in self:
            if isinstance(record, str):
                total += TEXT_SIZE + text_size(record)
            elif record is not None:
                (namespace, name), _, _, names, values = record
                total += ELEMENT_SIZE + text_size(name) + text_size(namespace)
                if names:
                    total += attributes_size(zip(names, values, strict=True))
        return total

    def text(self) -> bytes | None:
        """Return the text that the writer writes for the children in ``jabber:client``.

        None: it is not the same as in the content namespace of the stream.
        """
        written = _write(self)
        return written if self.scope == CLIENT or same_in_both(written, CLIENT) else None


def _first(records: Sequence[Record], child: Name) -> int:
    """Return where the first child element with this name begins. There must be one."""
    level = at = 0
    while True:
        record = records[at]
        if record is None:
            level -= 1
        elif not isinstance(record, str):
            if not level and record[0] == child:
                return at
            level += 1
        at += 1


def _text_at(records: Sequence[Record], at: int) -> str:
    """Return the text of the element that begins here, without the text of its children."""
    text = records[at + 1]
    if isinstance(text, str) and records[at + 2] is None:  # as in most elements that have a text
        return text
    level = 0
    texts: list[str] = []
    while True:
        record = records[at]
        at += 1
        if record is None:
            level -= 1
            if not level:
                return "".join(texts)
        elif not isinstance(record, str):
            level += 1
        elif level == 1:
            texts.append(record)


def build(records: Iterable[Record]) -> tuple[Element | str, ...]:
    """Build the elements and texts that were recorded."""
    children: list[Element | str] = []
    around: list[tuple[Start, list[Element | str]]] = []
    for record in records:
        if record is None:
            ((namespace, name), _, _, names, values), outer = around.pop()
            attributes = tuple(zip(names, values, strict=True)) if names else ()
            outer.append(Element(name, namespace, attributes, tuple(children)))
            children = outer
        elif isinstance(record, str):
            children.append(record)
        else:
            around.append((record, children))
            children = []
    return tuple(children)


def _write(recorded: Recorded) -> bytes:
    """Write what was recorded, as ``write_tree`` writes the elements.

    An element that has no children, or only a text, is written at once: most are so.
    """
    records, scope = [*recorded], recorded.scope  # a plain list takes a fraction of the time to be indexed
    parts: list[str] = []
    around: list[tuple[str, str]] = []  # the closing tag of each open element, and the default namespace around it
    at, end = 0, len(records)
    while at < end:
        record = records[at]
        at += 1
        if record is None:
            closing, scope = around.pop()
            parts.append(closing)
        elif isinstance(record, str):
            parts.append(escape_text(record))
        else:
            (namespace, name), inside, declared, names, values = record
            opening, closing = (inside if namespace == scope else declared) or tag(name, namespace, namespace != scope)
            if names:
                parts.append(opening)
                write_attributes(parts, tuple(zip(names, values, strict=True)))
                opening = ""
            content = records[at]
            if content is None:
                parts.append(f"{opening}/>")
                at += 1
            elif isinstance(content, str) and records[at + 1] is None:
                parts.append(f"{opening}>{escape_text(content)}{closing}")
                at += 2
            else:
                parts.append(f"{opening}>")
                around.append((closing, scope))
                if namespace != XML:
                    scope = namespace
    return "".join(parts).encode()
