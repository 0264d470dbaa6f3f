"""Bytes to stanzas and back: the only part of the core that reads or writes XML text.

A parser raises a :class:`CodecError` for XML that XMPP does not allow: DTDs, entities, comments and processing
instructions (RFC 6120 §11.1), encodings other than UTF-8 (§11.6), and stanzas larger or deeper than the
:class:`Limits`, which are checked before the XML parser sees the bytes. Each subclass of the error has the stream error
condition of §4.9.3 that answers it.

The limits depend on who reads. A client trusts its server: ``StreamParser()`` uses :data:`SERVER_TO_CLIENT`. A server
does not trust its clients and uses ``StreamParser(limits=CLIENT_TO_SERVER)``. Between servers ``StreamParser(SERVER)``
uses :data:`SERVER_TO_SERVER`.

* :class:`StreamParser` reads a stream in pieces of any size;
* :func:`parse_element` and :func:`parse_stanza` read one whole document (a file, a WebSocket frame);
* :func:`write_element`, :func:`write_stanza` and :func:`write_fan_out` write elements and stanzas;
* :func:`write_stream_header`, :func:`write_features`, :func:`write_stream_error` and :data:`CLOSING` write the other
  parts of a stream.

Inside the core the content namespace is always ``jabber:client``. Each of these functions takes the content namespace
of the stream as ``namespace``, and re-scopes elements in it (RFC 6120 §4.8.3).
"""

from __future__ import annotations

from xmpp_im_core.codec.document_parser import parse_element, parse_stanza
from xmpp_im_core.codec.errors import (
    BadFormat,
    CodecError,
    InvalidNamespace,
    NotWellFormed,
    RestrictedXML,
    TooDeep,
    TooLarge,
    UnsupportedEncoding,
    UnsupportedStanza,
    Unwritable,
)
from xmpp_im_core.codec.limits import CLIENT_TO_SERVER, SERVER_TO_CLIENT, SERVER_TO_SERVER, Limits
from xmpp_im_core.codec.namespaces import COMPONENT, CONTENT_NAMESPACES, SERVER, STREAMS
from xmpp_im_core.codec.stanza_writer import write_element, write_fan_out, write_stanza
from xmpp_im_core.codec.stream_events import NonStanza, StreamClosed, StreamEvent, StreamOpened
from xmpp_im_core.codec.stream_parser import StreamParser
from xmpp_im_core.codec.stream_writer import (
    CLOSING,
    STREAM_CONDITIONS,
    STREAM_ERRORS,
    write_features,
    write_stream_error,
    write_stream_header,
)

__all__ = [
    "CLIENT_TO_SERVER",
    "CLOSING",
    "COMPONENT",
    "CONTENT_NAMESPACES",
    "SERVER",
    "SERVER_TO_CLIENT",
    "SERVER_TO_SERVER",
    "STREAMS",
    "STREAM_CONDITIONS",
    "STREAM_ERRORS",
    "BadFormat",
    "CodecError",
    "InvalidNamespace",
    "Limits",
    "NonStanza",
    "NotWellFormed",
    "RestrictedXML",
    "StreamClosed",
    "StreamEvent",
    "StreamOpened",
    "StreamParser",
    "TooDeep",
    "TooLarge",
    "UnsupportedEncoding",
    "UnsupportedStanza",
    "Unwritable",
    "parse_element",
    "parse_stanza",
    "write_element",
    "write_fan_out",
    "write_features",
    "write_stanza",
    "write_stream_error",
    "write_stream_header",
]
