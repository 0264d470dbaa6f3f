"""Read one whole XML document with defusedxml, and refuse what XMPP forbids in addition."""

from __future__ import annotations

from xmpp_im_core.codec.amplification import check_namespace, check_tags, check_written
from xmpp_im_core.codec.errors import NotWellFormed, RestrictedXML, TooLarge, UnsupportedEncoding, UnsupportedStanza
from xmpp_im_core.codec.limits import Limits, usual_limits
from xmpp_im_core.codec.namespaces import check_first_level, rescope
from xmpp_im_core.codec.parser_common import (
    Names,
    Tree,
    check_first_bytes,
    comment,
    processing_instruction,
    syntax_error,
    xml_declaration,
)
from xmpp_im_core.element import Element, split_name
from xmpp_im_core.stanza import CLIENT, IQ, Message, NotAStanza, Presence, from_element


def parse_element(data: bytes | str, namespace: str = CLIENT, limits: Limits | None = None) -> Element:
    """Read one element, as it would appear in a stream with this content namespace.

    :param data: the whole element, in UTF-8. An XML declaration may precede it.
    :param namespace: the content namespace: the namespace of elements that declare none. The result has
        ``jabber:client`` in its place (RFC 6120 §4.8.3).
    :param limits: the limits of the reader; the default depends on ``namespace`` as for :class:`StreamParser`.
    :raises CodecError: if the document is not well-formed, contains what XMPP forbids, or exceeds the limits.
    """
    limits = usual_limits(namespace) if limits is None else limits
    encoded = _encoded(data, limits)
    check_tags(encoded, limits)
    target = _Target(namespace, limits)
    root = _parse(encoded, target)
    if len(encoded) * target.names.growth > limits.written_bytes:
        check_written(root, namespace, limits)
    return rescope(root, namespace, CLIENT)


def parse_stanza(data: bytes | str, namespace: str = CLIENT, limits: Limits | None = None) -> Message | Presence | IQ:
    """Read one stanza, as it would appear in a stream with this content namespace.

    :param data: as for :func:`parse_element`.
    :param limits: as for :func:`parse_element`.
    :raises UnsupportedStanza: if the element is not a message, presence or iq in that namespace.
    :raises InvalidNamespace: if the element is in another content namespace.
    :raises CodecError: as :func:`parse_element` does.
    """
    root = parse_element(data, namespace, limits)
    check_first_level(root.namespace, CLIENT)
    try:
        return from_element(root)
    except NotAStanza as error:
        raise UnsupportedStanza(str(error)) from None


def _encoded(data: bytes | str, limits: Limits) -> bytes:
    """Return the bytes of a document, and refuse one that is too large, empty or not UTF-8."""
    if len(data) > limits.stanza_bytes:
        raise TooLarge(f"more than {limits.stanza_bytes} bytes")
    try:
        if isinstance(data, str):
            data = data.encode()
        if not data:
            raise NotWellFormed("the document is empty")
        data.decode()
        check_first_bytes(data)
    except UnicodeError as error:
        raise UnsupportedEncoding(str(error)) from None
    if len(data) > limits.stanza_bytes:
        raise TooLarge(f"more than {limits.stanza_bytes} bytes")
    return data


def _parse(data: bytes, target: _Target) -> Element:
    # Programs that read streams alone need neither of these.
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    parser.parser.XmlDeclHandler = xml_declaration
    try:
        parser.feed(data)
        parser.close()
    except DefusedXmlException as error:
        raise RestrictedXML(str(error)) from None
    except ParseError as error:
        raise syntax_error(str(error), error.code) from None
    return target.roots[0]


class _Target:
    """The target to which ``xml.etree``'s parser reports events. That protocol prescribes the names of the methods."""

    comment = staticmethod(comment)
    pi = staticmethod(processing_instruction)

    def __init__(self, namespace: str, limits: Limits) -> None:
        self.roots: list[Element] = []
        self.names = Names(split_name)
        self._limits = limits
        self._tree = Tree(self.names, limits.depth, self.roots.append)
        self._content = namespace
        self._defaults: list[str] = []  # the default namespaces in force, the innermost last
        self.data = self._tree.text
        self.end = self._tree.end

    def start_ns(self, prefix: str, namespace: str) -> None:
        check_namespace(namespace, self._limits)
        if not prefix:
            self._defaults.append(namespace)

    def end_ns(self, prefix: str) -> None:
        if not prefix:
            self._defaults.pop()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag[0] != "{" and not self._defaults:  # no xmlns is in force, not even xmlns=''
            tag = f"{{{self._content}}}{tag}"
        self._tree.start(tag, attributes)
