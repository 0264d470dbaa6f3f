"""XML in and out of the runner: read by a separate parser, printed for people.

The runner does not use the codec that it checks: what a driver's implementation wrote is read here by
``defusedxml``, so that a mistake of the codec cannot hide itself.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from xmpp_im_core.element import XML_LANG, Element, element, from_etree
from xmpp_im_core.stanza import CLIENT


class BadXML(ValueError):
    """The text is not exactly one well-formed element."""


def read_xml(text: str, namespace: str = CLIENT) -> Element:
    """Read one element.

    :param namespace: the default namespace if the text declares none.
    :raises BadXML: if it is not exactly one well-formed element.
    """
    try:
        root = fromstring(f"<stream xmlns='{namespace}'>{text}</stream>")
    except (ET.ParseError, DefusedXmlException, UnicodeError) as problem:
        raise BadXML(f"not well-formed ({problem}): {_excerpt(text)}") from problem
    around = (root.text or "") + "".join([child.tail or "" for child in root])
    if len(root) != 1 or around.strip():
        raise BadXML(f"not exactly one element: {_excerpt(text)}")
    return from_etree(root[0])


def _excerpt(text: str) -> str:
    return text if len(text) <= 1000 else f"{text[:1000]} … {len(text) - 1000} more characters"


def rescoped(root: Element, old: str, new: str) -> Element:
    """Return the element with its content namespace replaced: itself and its unbroken chain of children.

    What hangs on the chain and is in ``new`` already is put in ``old``, so that it does not pass for content.
    """
    if root.namespace == new:
        return element(root.name, old, dict(root.attributes), root.children)
    if root.namespace != old:
        return root
    children = [rescoped(child, old, new) if isinstance(child, Element) else child for child in root.children]
    return element(root.name, new, dict(root.attributes), children)


def pretty(root: Element, namespace: str = CLIENT, indent: str = "") -> str:
    """Print an element, a line for each child; a namespace is declared if it differs from the one around."""
    attributes = [f" {name}={quoteattr(value)}" for name, value in stated_attributes(root, namespace)]
    opening = f"{indent}<{root.name}{''.join(attributes)}"
    if not root.children:
        return f"{opening}/>"
    if not root.elements:
        return f"{opening}>{escape(root.text)}</{root.name}>"
    lines = [f"{opening}>"]
    for child in root.children:
        if isinstance(child, Element):
            lines.append(pretty(child, root.namespace, f"{indent}  "))
        elif child.strip():
            lines.append(f"{indent}  {escape(child)}")
    return "\n".join([*lines, f"{indent}</{root.name}>"])


def flat(root: Element) -> str:
    """Print an element on one line, for transcripts."""
    return "".join([line.strip() for line in pretty(root).splitlines()])


def stated_attributes(root: Element, namespace: str) -> list[tuple[str, str]]:
    """Return the attributes as they are written: the namespace first, if it differs from the one around."""
    declared = [] if root.namespace == namespace else [("xmlns", root.namespace)]
    return [*declared, *[(written_name(name), value) for name, value in root.attributes]]


def written_name(attribute: str) -> str:
    """Return the name of an attribute as it is written."""
    return "xml:lang" if attribute == XML_LANG else attribute
