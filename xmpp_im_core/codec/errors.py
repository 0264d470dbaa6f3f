"""The errors of the codec. Each parser error has the stream error condition that answers it (RFC 6120 §4.9.3)."""

from __future__ import annotations

from typing import ClassVar

from xmpp_im_core.codec.stream_events import StreamEvent


class CodecError(ValueError):
    """The XML that was read is not allowed in XMPP."""

    condition: ClassVar[str] = "undefined-condition"
    """The condition of the stream error to send before you close the stream."""

    before: tuple[StreamEvent, ...] = ()
    """The events that the same call of :meth:`StreamParser.feed` read before the error. Handle them first."""


class NotWellFormed(CodecError):
    """The XML is not well-formed, or not namespace-well-formed (§4.9.3.13, §11.3)."""

    condition = "not-well-formed"


class RestrictedXML(CodecError):
    """A DTD, an entity reference, a comment or a processing instruction (§4.9.3.18, §11.1)."""

    condition = "restricted-xml"


class UnsupportedEncoding(CodecError):
    """An encoding other than UTF-8, declared or visible in the first bytes; or broken UTF-8 (§4.9.3.22, §11.6)."""

    condition = "unsupported-encoding"


class BadFormat(CodecError):
    """XML that cannot be processed and has no more specific condition (§4.9.3.1).

    XML 1.1 (§11.8), text between stanzas that is not whitespace (§11.7), or a root that is not a stream.
    """

    condition = "bad-format"


class TooLarge(CodecError):
    """More bytes than the limits allow for one stanza (§4.9.3.14, §13.12)."""

    condition = "policy-violation"


class TooDeep(CodecError):
    """More levels of elements than the limits allow in one stanza (§4.9.3.14, §13.12)."""

    condition = "policy-violation"


class InvalidNamespace(CodecError):
    """The stream namespace is wrong, or a first-level element is in another stream's content namespace (§4.9.3.10)."""

    condition = "invalid-namespace"


class UnsupportedStanza(CodecError):
    """A first-level element in the content namespace that is not a message, presence or iq (§4.9.3.24)."""

    condition = "unsupported-stanza-type"


class Unwritable(ValueError):
    """A tree that cannot be written as XML: it has an invalid name or namespace, or an attribute twice.

    No peer can cause this error, because everything that a parser has read can be written.
    """
