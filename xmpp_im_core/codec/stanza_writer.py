"""Write elements and stanzas: the output is always well-formed and namespace-correct.

Elements never have a prefix ("An implementation MUST NOT generate namespace prefixes for elements qualified by
the content namespace", RFC 6120 §4.8.5). An attribute in a namespace gets a prefix that its element declares.
Characters that XML cannot express, such as control characters, are replaced by U+FFFD: one such character in a status
must not withhold a presence from a thousand subscribers. An invalid name raises :class:`Unwritable`.

Three things make writing fast:

* A payload caches its written text (see :mod:`~xmpp_im_core.payload_cache`), so the payload of a stanza that goes to
  many recipients is written once. For presence it caches the whole stanza without the 'to', which is all that differs.
* The tags of short names are made and checked once (:func:`tag`). The cache is bounded and changes no result.
* Most texts need no escape, and one test of a text shows that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from xmpp_im_core.codec.errors import Unwritable
from xmpp_im_core.codec.escaping import escape_text, escape_value
from xmpp_im_core.codec.namespaces import rescope, rescope_all
from xmpp_im_core.codec.roster_writer import write_roster
from xmpp_im_core.codec.xml_names import NOT_IN_NAMESPACES, is_name
from xmpp_im_core.element import XML, Element, split_name
from xmpp_im_core.roster_query import RosterQuery
from xmpp_im_core.stanza import CLIENT, EMPTY, HEADER, Payload, Presence, Stanza

_XMLNS: Final = "http://www.w3.org/2000/xmlns/"
_REMEMBERED: Final = 1024
_REMEMBERED_LENGTH: Final = 128


def write_stanza(stanza: Stanza, namespace: str = CLIENT, *, declare: bool = False) -> bytes:
    """Write a stanza for a stream with this content namespace (RFC 6120 §4.8.3).

    :param declare: whether the stanza declares its namespace itself. This is needed on a stream whose header does not
        declare it (§4.8.2), and without a stream header (WebSocket, BOSH).
    :raises Unwritable: if a name, a namespace or an attribute is not valid in XML.
    """
    opening = _opening(stanza, namespace) if declare else f"<{stanza.KIND}"
    if stanza.to is not None:
        opening = f'{opening} to="{escape_value(stanza.to.written)}"'
    if isinstance(stanza, Presence) and stanza.payload is not EMPTY:
        return opening.encode() + _rest_of_presence(stanza, namespace)
    return opening.encode() + _rest(stanza, namespace)


def write_fan_out(
    stanza: Stanza, recipients: Iterable[str], namespace: str = CLIENT, *, declare: bool = False
) -> Iterator[bytes]:
    """Yield a stanza for each recipient, with the recipient as 'to'. The other parts are serialised only once.

    :param recipients: the written addresses.
    :raises Unwritable: as :func:`write_stanza` does.
    """
    opening = _opening(stanza, namespace) if declare else f"<{stanza.KIND}"
    before = f'{opening} to="'.encode()
    after = b'"' + _rest(stanza, namespace)
    written = tuple(recipients)
    together = "".join(written)
    if escape_value(together) != together:  # one test of all takes less than one of each
        written = tuple([escape_value(recipient) for recipient in written])
    return (before + recipient.encode() + after for recipient in written)


def write_element(element: Element, namespace: str = CLIENT, *, declare: bool = False) -> bytes:
    """Write an element for a stream with this content namespace; ``parse_element`` reads it back.

    :param declare: as for :func:`write_stanza`.
    :raises Unwritable: if a name, a namespace or an attribute is not valid in XML.
    """
    parts: list[str] = []
    write_tree(parts, rescope(element, CLIENT, namespace), None if declare else namespace)
    return "".join(parts).encode()


def _opening(stanza: Stanza, namespace: str) -> str:
    return f'<{stanza.KIND} xmlns="{_namespace(namespace)}"'


def _rest_of_presence(presence: Presence, namespace: str) -> bytes:
    """Return the text of a presence after its 'to', which its payload caches.

    A presence goes to a hundred accounts of a service as a hundred stanzas, which differ in their 'to' alone.
    """
    source = (presence.from_, presence.id, presence.type, presence.lang, presence.attributes, namespace)
    cached = presence.payload.cached_rest
    if cached is not None and cached[0] == source:
        return cached[1]
    return presence.payload.cache_rest(source, _rest(presence, namespace))


def _rest(stanza: Stanza, namespace: str) -> bytes:
    """Return the text of a stanza after its 'to'."""
    rest = ""
    if stanza.from_ is not None:
        rest = f' from="{escape_value(stanza.from_.written)}"'
    if stanza.id is not None:
        rest += f' id="{escape_value(stanza.id)}"'
    if stanza.type is not None:
        rest += f' type="{escape_value(stanza.type)}"'
    if stanza.lang is not None:
        rest += f' xml:lang="{escape_value(stanza.lang)}"'
    if stanza.attributes:
        parts: list[str] = []
        write_attributes(parts, tuple([pair for pair in stanza.attributes if pair[0] not in HEADER]))
        rest += "".join(parts)
    content = _content(stanza.payload, namespace)
    if not content:
        return f"{rest}/>".encode()
    return b"%b>%b</%b>" % (rest.encode(), content, stanza.KIND.encode())


def _content(payload: Payload, namespace: str) -> bytes:
    """Return the text of a payload in a stream of this content namespace.

    The text for ``jabber:client`` is the text for another content namespace too, because elements in the content
    namespace declare none. There are two exceptions: if an element in that other namespace occurs, then the text
    contains a declaration of it; and an element in the namespace of XML has no declaration for its children to inherit.
    If the text looks like one of the two, then the payload is written for the other namespace.

    If the payload is unread, then the text is written without building the children.
    """
    written = payload.cached_text
    if written is None:
        unread = payload.unread
        if isinstance(unread, RosterQuery):
            written = write_roster(unread)
        elif unread is not None:
            written = unread.text()
        written = payload.cache_text(_children(payload.children, CLIENT) if written is None else written)
    if namespace == CLIENT or same_in_both(written, namespace):
        return written
    return _children(rescope_all(payload.children, CLIENT, namespace), namespace)


def same_in_both(written: bytes, namespace: str) -> bool:
    """Whether the text of a payload is the same if the content namespace is this one instead of that of the text."""
    return escape_value(namespace).encode() not in written and b"<xml:" not in written


def _children(children: tuple[Element | str, ...], scope: str) -> bytes:
    parts: list[str] = []
    for child in children:
        if isinstance(child, str):
            parts.append(escape_text(child))
        else:
            write_tree(parts, child, scope)
    return "".join(parts).encode()


def write_tree(parts: list[str], element: Element, scope: str | None) -> None:
    """Append the text of an element.

    :param scope: the default namespace around the element; None if it is unknown.
    :raises Unwritable: if a name, a namespace or an attribute is not valid in XML.
    """
    namespace = element.namespace
    opening, closing = tag(element.name, namespace, namespace != scope)
    parts.append(opening)
    if element.attributes:
        write_attributes(parts, element.attributes)
    children = element.children
    if not children:
        parts.append("/>")
        return
    if namespace != XML:
        scope = namespace
    parts.append(">")
    for child in children:
        if isinstance(child, str):
            parts.append(escape_text(child))
        else:
            write_tree(parts, child, scope)
    parts.append(closing)


def tag(name: str, namespace: str, declare: bool) -> tuple[str, str]:
    """Return the beginning of an element's opening tag, and its closing tag.

    :param declare: whether the namespace is another one than the default namespace around the element.
    :raises Unwritable: if the name or the namespace is not valid in XML.
    """
    short = len(name) + len(namespace) <= _REMEMBERED_LENGTH
    return (_known_tag if short else _tag)(name, namespace, declare)


def _tag(name: str, namespace: str, declare: bool) -> tuple[str, str]:
    if not is_name(name):
        raise Unwritable(f"{name!r} is not a name for an element")
    if not declare:
        return f"<{name}", f"</{name}>"
    if namespace == XML:  # this namespace must not be declared as the default
        return f"<xml:{name}", f"</xml:{name}>"
    return f'<{name} xmlns="{_namespace(namespace)}"', f"</{name}>"


_known_tag: Final = lru_cache(maxsize=_REMEMBERED)(_tag)


def write_attributes(parts: list[str], attributes: tuple[tuple[str, str], ...]) -> None:
    """Append attributes to the parts of an opening tag.

    :raises Unwritable: if a name or a namespace is not valid in XML, or a name occurs twice.
    """
    if len(attributes) > 1 and len(dict(attributes)) < len(attributes):
        raise Unwritable(f"an attribute is given twice: {[name for name, _ in attributes]}")
    for number, (written, value) in enumerate(attributes):
        if is_name(written) and written != "xmlns":
            parts.append(f' {written}="{escape_value(value)}"')
            continue
        namespace, name = split_name(written)
        if not namespace or not is_name(name):
            raise Unwritable(f"{written!r} is not a name for an attribute")
        if namespace == XML:
            parts.append(f' xml:{name}="{escape_value(value)}"')
        else:
            parts.append(f' xmlns:n{number}="{_namespace(namespace)}" n{number}:{name}="{escape_value(value)}"')


def _namespace(text: str) -> str:
    if NOT_IN_NAMESPACES.search(text) or text in (_XMLNS, XML):
        raise Unwritable(f"the namespace {text!r} cannot be declared")
    return escape_value(text)
