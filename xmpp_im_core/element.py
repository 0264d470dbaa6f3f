"""An immutable XML element tree: names, attributes, text and order.

Prefixes, CDATA sections and the bytes of the source are not part of an element. Two elements are equal if every
namespace-aware reader sees the same in them. Attributes have no order in XML, so they are kept sorted.

An element has its namespace and its local name in separate fields, so a namespace that contains ``{a}b`` cannot be
mistaken for a name. An attribute without a namespace has a plain name; one with a namespace has a name in Clark
notation, ``{namespace}local``, as in ``xml.etree``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from xmpp_im_core.record import record

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

XML: Final = "http://www.w3.org/XML/1998/namespace"
"""The namespace of the prefix ``xml``, which is bound everywhere."""
XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"

_DEEPEST: Final = 256  # trees are compared, hashed and written recursively, and Python limits the recursion


@record
class Element:
    """One element: its name, namespace, attributes and children (elements and text, in order).

    Build one with :func:`element`, which sorts the attributes, joins adjacent text and drops empty text. If you call
    the constructor directly, do all three yourself; otherwise equality is wrong.
    """

    name: str
    namespace: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Element | str, ...] = ()

    def get(self, attribute: str) -> str | None:
        """Return the value of an attribute, or None if it is absent."""
        for name, value in self.attributes:
            if name == attribute:
                return value
        return None

    @property
    def text(self) -> str:
        """The element's text, joined, without the text of its children."""
        children = self.children
        if len(children) == 1 and isinstance(children[0], str):  # as in most elements that have a text
            return children[0]
        return "".join([child for child in children if isinstance(child, str)])

    @property
    def elements(self) -> tuple[Element, ...]:
        """The child elements, in order."""
        return tuple([child for child in self.children if isinstance(child, Element)])

    def all(self, name: str, namespace: str | None = None) -> Iterator[Element]:
        """Yield the child elements with this name, in order.

        :param namespace: the namespace of the children; by default the namespace of this element.
        """
        wanted = self.namespace if namespace is None else namespace
        for child in self.children:
            if isinstance(child, Element) and child.name == name and child.namespace == wanted:
                yield child

    def first(self, name: str, namespace: str | None = None) -> Element | None:
        """Return the first child element that :meth:`all` would yield, or None."""
        return next(self.all(name, namespace), None)


def element(
    name: str,
    namespace: str,
    attributes: Mapping[str, str] | None = None,
    children: Iterable[Element | str] = (),
) -> Element:
    """Build an element in its canonical form.

    :param attributes: values by name; each name is plain or in Clark notation.
    :param children: elements and text; adjacent text is joined, and empty text is dropped.
    :raises TypeError: if the value of an attribute is not a string, or a child is neither an element nor a string.
    """
    for attribute, value in (attributes or {}).items():
        if not isinstance(value, str):
            raise TypeError(f"{attribute}: the value of an attribute is a str, not {value!r}")
    return Element(name, namespace, tuple(sorted((attributes or {}).items())), canonical(children))


def canonical(children: Iterable[Element | str]) -> tuple[Element | str, ...]:
    """Return the children with adjacent text joined and empty text dropped.

    :raises TypeError: if a child is neither an element nor a string.
    """
    joined: list[Element | str] = []
    for child in children:
        if isinstance(child, Element):
            joined.append(child)
        elif not isinstance(child, str):
            raise TypeError(f"a child is an Element or a str, not {child!r}")
        elif child:
            if joined and isinstance(joined[-1], str):
                joined[-1] += child
            else:
                joined.append(child)
    return tuple(joined)


def language_of(child: Element, inherited: str | None) -> str | None:
    """Return the language of an element's text: its xml:lang, or the inherited language if it has none.

    ``xml:lang=''`` counts as a language: it says that the language of the text is unknown (XML 1.0 §2.12).
    """
    stated = child.get(XML_LANG)
    return inherited if stated is None else stated


def language_key(tag: str | None) -> str:
    """Return a language tag in lower case, for comparison: case has no meaning in it (RFC 5646 §2.1.1).

    ``xml:lang=''`` and no xml:lang in the whole document mean the same (XML 1.0 §2.12), so both give the same key.
    """
    return (tag or "").lower()


ELEMENT_SIZE: Final = 224
ATTRIBUTE_SIZE: Final = 176
TEXT_SIZE: Final = 64
"""The memory of an element, an attribute and a text without their characters, in bytes."""


def size(child: Element | str) -> int:
    """Return an upper bound of the memory that an element (with its children) or a text takes, in bytes.

    All names, namespaces, attributes and texts count. Each part has a size even if it is empty, because many small
    parts take more memory than one large part. The time is linear in the number of parts, at any depth.
    """
    total = 0
    parts: list[Element | str] = [child]
    while parts:
        part = parts.pop()
        if isinstance(part, str):
            total += TEXT_SIZE + text_size(part)
            continue
        total += ELEMENT_SIZE + text_size(part.name) + text_size(part.namespace) + attributes_size(part.attributes)
        parts += part.children
    return total


def attributes_size(attributes: Iterable[tuple[str, str]]) -> int:
    """Return an upper bound of the memory that attributes take, in bytes."""
    return sum([ATTRIBUTE_SIZE + text_size(name) + text_size(value) for name, value in attributes])


def text_size(text: str) -> int:
    """Return an upper bound of the memory that characters take, in bytes: 1 each if all are ASCII, 4 each otherwise."""
    return len(text) if text.isascii() else 4 * len(text)


def from_etree(tree: ET.Element) -> Element:
    """Convert an ``xml.etree`` element, or one with the same interface.

    Comments and processing instructions, which XMPP forbids (RFC 6120 §11.1), are left out.

    :raises ValueError: if the tree has more than 256 levels, or the root is a comment or a processing instruction.
    """
    if not isinstance(tree.tag, str):
        raise ValueError("the root is a comment or a processing instruction, not an element")
    return _from_etree(tree, 1)


def _from_etree(tree: ET.Element, depth: int) -> Element:
    if depth > _DEEPEST:
        raise ValueError(f"the tree has more than {_DEEPEST} levels")
    children: list[Element | str] = [tree.text or ""]
    for child in tree:
        if isinstance(child.tag, str):
            children.append(_from_etree(child, depth + 1))
        children.append(child.tail or "")
    namespace, name = split_name(tree.tag)
    return element(name, namespace, tree.attrib, children)


def to_etree(root: Element) -> ET.Element:
    """Return a new ``xml.etree`` element with the same content."""
    import xml.etree.ElementTree as ET

    tree = ET.Element(f"{{{root.namespace}}}{root.name}" if root.namespace else root.name, dict(root.attributes))
    last: ET.Element | None = None
    for child in root.children:
        if isinstance(child, Element):
            last = to_etree(child)
            tree.append(last)
        elif last is None:
            tree.text = child
        else:
            last.tail = child
    return tree


def split_name(written: str) -> tuple[str, str]:
    """Split a name in Clark notation into namespace and local name.

    The last brace separates them, because a namespace may contain a brace and a local name cannot.
    """
    if written.startswith("{"):
        namespace, _, name = written[1:].rpartition("}")
        return namespace, name
    return "", written
