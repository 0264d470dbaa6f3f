"""Write the parts of a stream besides stanzas: header, features, errors, closing tag (RFC 6120 §4.2 to §4.9)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from xmpp_im_core.codec.namespaces import CONTENT_NAMESPACES, STREAMS
from xmpp_im_core.codec.stanza_writer import write_attributes, write_tree
from xmpp_im_core.element import XML_LANG, Element, element
from xmpp_im_core.stanza import CLIENT

CLOSING: Final = b"</stream:stream>"
"""The closing tag of a stream (§4.4)."""

STREAM_ERRORS: Final = "urn:ietf:params:xml:ns:xmpp-streams"
"""The namespace of the conditions of stream errors (§4.9.2)."""

STREAM_CONDITIONS: Final = frozenset(
    {
        "bad-format",
        "bad-namespace-prefix",
        "conflict",
        "connection-timeout",
        "host-gone",
        "host-unknown",
        "improper-addressing",
        "internal-server-error",
        "invalid-from",
        "invalid-namespace",
        "invalid-xml",
        "not-authorized",
        "not-well-formed",
        "policy-violation",
        "remote-connection-failed",
        "reset",
        "resource-constraint",
        "restricted-xml",
        "see-other-host",
        "system-shutdown",
        "undefined-condition",
        "unsupported-encoding",
        "unsupported-feature",
        "unsupported-stanza-type",
        "unsupported-version",
    }
)
"""The conditions of stream errors (§4.9.3)."""


def write_stream_header(
    namespace: str = CLIENT,
    *,
    from_: str | None = None,
    to: str | None = None,
    id: str | None = None,
    lang: str | None = None,
    version: str | None = "1.0",
) -> bytes:
    """Write the XML declaration and the header that open a stream (§4.2, §4.7).

    :param namespace: the content namespace of the stream.
    :param id: for the response header only: an id that cannot be guessed (§4.7.3).
    :param version: None on the stream of a component (XEP-0114), which has no version.
    :raises ValueError: if ``namespace`` is not in ``CONTENT_NAMESPACES``.
    """
    if namespace not in CONTENT_NAMESPACES:
        raise ValueError(f"namespace: {namespace!r} is not one of {', '.join(sorted(CONTENT_NAMESPACES))}")
    given = (("from", from_), ("to", to), ("id", id), (XML_LANG, lang), ("version", version))
    parts = [f'<?xml version=\'1.0\'?><stream:stream xmlns="{namespace}" xmlns:stream="{STREAMS}"']
    write_attributes(parts, tuple([(name, value) for name, value in given if value is not None]))
    return f"{''.join(parts)}>".encode()


def write_features(features: Iterable[Element], namespace: str = CLIENT, *, declare: bool = False) -> bytes:
    """Write ``<stream:features/>`` with these children (§4.3.2).

    :param namespace: the content namespace of the stream.
    :param declare: whether no stream header declares the namespaces (WebSocket, RFC 7395 §3.3.2).
    :raises Unwritable: as ``write_element`` does.
    """
    return _in_stream("features", features, namespace, declare)


def write_stream_error(
    condition: str,
    *,
    text: str | None = None,
    lang: str = "en",
    host: str | None = None,
    application: Element | None = None,
    namespace: str = CLIENT,
    declare: bool = False,
) -> bytes:
    """Write a stream error (§4.9). Write the closing tag after it (§4.9.1.1).

    :param condition: one of :data:`STREAM_CONDITIONS`.
    :param text: a description for people, in the language ``lang`` (§4.9.2).
    :param host: required for ``see-other-host``, and for no other condition: the host to connect to (§4.9.3.19).
    :param application: a condition of an application, in the namespace of that application (§4.9.4).
    :param namespace: the content namespace of the stream.
    :param declare: as for :func:`write_features`.
    :raises ValueError: if the condition is not one of those, or ``host`` is given for another condition than
        ``see-other-host`` or missing for that one, or ``application`` is in the namespace of stream errors.
    :raises Unwritable: as ``write_element`` does.
    """
    if condition not in STREAM_CONDITIONS:
        raise ValueError(f"condition: {condition!r} is not defined for stream errors (RFC 6120 §4.9.3)")
    if (host is not None) is not (condition == "see-other-host"):
        raise ValueError("host: is required for see-other-host, and allowed for no other condition")
    children = [element(condition, STREAM_ERRORS, {}, [] if host is None else [host])]
    if text is not None:
        children.append(element("text", STREAM_ERRORS, {XML_LANG: lang}, [text]))
    if application is not None:
        if application.namespace == STREAM_ERRORS:
            raise ValueError("application: its namespace must be that of the application")
        children.append(application)
    return _in_stream("error", children, namespace, declare)


def _in_stream(name: str, children: Iterable[Element], namespace: str, declare: bool) -> bytes:
    declaration = f' xmlns:stream="{STREAMS}"' if declare else ""
    parts = [f"<stream:{name}{declaration}>"]
    for child in children:
        write_tree(parts, child, None if declare else namespace)
    parts.append(f"</stream:{name}>")
    return "".join(parts).encode()
