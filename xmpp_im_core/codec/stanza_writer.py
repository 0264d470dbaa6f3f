"""Write elements and stanzas: the output is always well-formed and namespace-correct.

Elements never have a prefix ("An implementation MUST NOT generate namespace prefixes for elements qualified by
the content namespace", RFC 6120 §4.8.5). An attribute in a namespace gets a prefix that its element declares.
Characters that XML cannot express, such as control characters, are replaced by U+FFFD: one such character in a status
must not withhold a presence from a thousand subscribers. An invalid name raises :class:`Unwritable`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from xmpp_im_core.codec.errors import Unwritable
from xmpp_im_core.codec.namespaces import rescope, rescope_all
from xmpp_im_core.codec.xml_names import NOT_IN_NAMESPACES, is_name
from xmpp_im_core.element import XML, XML_LANG, Element, split_name
from xmpp_im_core.stanza import CLIENT, Stanza

_XMLNS: Final = "http://www.w3.org/2000/xmlns/"
_HEADER: Final = frozenset({"to", "from", "id", "type", XML_LANG})

# The characters outside of the production Char of XML 1.0.
_NO_CHARACTER: Final = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_stanza(stanza: Stanza, namespace: str = CLIENT, *, declare: bool = False) -> bytes:
    """Write a stanza for a stream with this content namespace (RFC 6120 §4.8.3).

    :param declare: whether the stanza declares its namespace itself. This is needed on a stream whose header does not
        declare it (§4.8.2), and without a stream header (WebSocket, BOSH).
    :raises Unwritable: if a name, a namespace or an attribute is not valid in XML.
    """
    to = "" if stanza.to is None else f' to="{_value(stanza.to.written)}"'
    return f"{_opening(stanza, namespace, declare)}{to}{_rest(stanza, namespace)}".encode()


def write_fan_out(
    stanza: Stanza, recipients: Iterable[str], namespace: str = CLIENT, *, declare: bool = False
) -> Iterator[bytes]:
    """Yield a stanza for each recipient, with the recipient as 'to'. The other parts are serialised only once.

    :param recipients: the written addresses.
    :raises Unwritable: as :func:`write_stanza` does.
    """
    before = f'{_opening(stanza, namespace, declare)} to="'.encode()
    after = f'"{_rest(stanza, namespace)}'.encode()
    return (before + _value(recipient).encode() + after for recipient in recipients)


def write_element(element: Element, namespace: str = CLIENT, *, declare: bool = False) -> bytes:
    """Write an element for a stream with this content namespace; ``parse_element`` reads it back.

    :param declare: as for :func:`write_stanza`.
    :raises Unwritable: if a name, a namespace or an attribute is not valid in XML.
    """
    parts: list[str] = []
    write_tree(parts, rescope(element, CLIENT, namespace), None if declare else namespace)
    return "".join(parts).encode()


def _opening(stanza: Stanza, namespace: str, declare: bool) -> str:
    return f'<{stanza.KIND} xmlns="{_namespace(namespace)}"' if declare else f"<{stanza.KIND}"


def _rest(stanza: Stanza, namespace: str) -> str:
    """Return the text of a stanza after its 'to'."""
    parts: list[str] = []
    if stanza.from_ is not None:
        parts.append(f' from="{_value(stanza.from_.written)}"')
    if stanza.id is not None:
        parts.append(f' id="{_value(stanza.id)}"')
    if stanza.type is not None:
        parts.append(f' type="{_value(stanza.type)}"')
    if stanza.lang is not None:
        parts.append(f' xml:lang="{_value(stanza.lang)}"')
    if stanza.attributes:
        write_attributes(parts, tuple([pair for pair in stanza.attributes if pair[0] not in _HEADER]))
    children = rescope_all(stanza.payload.children, CLIENT, namespace)
    _write_content(parts, children, stanza.KIND, namespace)
    return "".join(parts)


def write_tree(parts: list[str], element: Element, scope: str | None) -> None:
    """Append the text of an element.

    :param scope: the default namespace around the element; None if it is unknown.
    :raises Unwritable: if a name, a namespace or an attribute is not valid in XML.
    """
    name, namespace = element.name, element.namespace
    if not is_name(name):
        raise Unwritable(f"{name!r} is not a name for an element")
    if namespace == scope:
        parts.append(f"<{name}")
    elif namespace == XML:  # this namespace must not be declared as the default
        name = f"xml:{name}"
        parts.append(f"<{name}")
    else:
        scope = namespace
        parts.append(f'<{name} xmlns="{_namespace(namespace)}"')
    if element.attributes:
        write_attributes(parts, element.attributes)
    _write_content(parts, element.children, name, scope)


def _write_content(parts: list[str], children: tuple[Element | str, ...], name: str, scope: str | None) -> None:
    if not children:
        parts.append("/>")
        return
    parts.append(">")
    for child in children:
        if isinstance(child, str):
            parts.append(_text(child))
        else:
            write_tree(parts, child, scope)
    parts.append(f"</{name}>")


def write_attributes(parts: list[str], attributes: tuple[tuple[str, str], ...]) -> None:
    """Append attributes to the parts of an opening tag.

    :raises Unwritable: if a name or a namespace is not valid in XML, or a name occurs twice.
    """
    if len(attributes) > 1 and len(dict(attributes)) < len(attributes):
        raise Unwritable(f"an attribute is given twice: {[name for name, _ in attributes]}")
    for number, (written, value) in enumerate(attributes):
        namespace, name = split_name(written)
        if not is_name(name) or (written[0] == "{" and not namespace) or written == "xmlns":
            raise Unwritable(f"{written!r} is not a name for an attribute")
        if not namespace:
            parts.append(f' {name}="{_value(value)}"')
        elif namespace == XML:
            parts.append(f' xml:{name}="{_value(value)}"')
        else:
            parts.append(f' xmlns:n{number}="{_namespace(namespace)}" n{number}:{name}="{_value(value)}"')


def _namespace(text: str) -> str:
    if NOT_IN_NAMESPACES.search(text) or text in (_XMLNS, XML):
        raise Unwritable(f"the namespace {text!r} cannot be declared")
    return _value(text)


def _value(text: str) -> str:
    """Escape the value of an attribute. Tabs and line ends are escaped because a parser turns them into spaces."""
    if not text.isprintable():
        text = _NO_CHARACTER.sub("\ufffd", text)
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
        return text.replace("\t", "&#9;").replace("\n", "&#10;").replace("\r", "&#13;")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _text(text: str) -> str:
    """Escape character data: '>' because of ']]>', and '\\r' because a parser turns it into '\\n'."""
    if not text.isprintable():
        text = _NO_CHARACTER.sub("\ufffd", text)
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return text.replace("\r", "&#13;")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
