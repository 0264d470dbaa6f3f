"""What can be wrong with XML, each with the stream error condition that answers it (RFC 6120 §4.9.3)."""

from __future__ import annotations

from typing import ClassVar

from xmpp_im_core.codec.stream_events import StreamEvent


class CodecError(ValueError):
    """The XML that was read is not XMPP's. Each subclass names the condition to close the stream with."""

    condition: ClassVar[str] = "undefined-condition"

    before: tuple[StreamEvent, ...] = ()
    """What the same call of :meth:`StreamParser.feed` had read before the error; to be handled first."""


class NotWellFormed(CodecError):
    """The XML is not well-formed, or not namespace-well-formed (§4.9.3.13, §11.3)."""

    condition = "not-well-formed"


class RestrictedXML(CodecError):
    """A DTD, an entity reference, a comment or a processing instruction (§4.9.3.18, §11.1)."""

    condition = "restricted-xml"


class UnsupportedEncoding(CodecError):
    """An encoding other than UTF-8, declared or plain to see, or broken UTF-8 (§4.9.3.22, §11.6)."""

    condition = "unsupported-encoding"


class BadFormat(CodecError):
    """XML that cannot be processed, and that no narrower condition names (§4.9.3.1).

    XML 1.1 (§11.8), text between stanzas that is not whitespace (§11.7), a root that is no stream.
    """

    condition = "bad-format"


class TooLarge(CodecError):
    """More bytes than the limits allow for one stanza (§4.9.3.14, §13.12)."""

    condition = "policy-violation"


class TooDeep(CodecError):
    """More levels of elements than the limits allow in one stanza (§4.9.3.14, §13.12)."""

    condition = "policy-violation"


class InvalidNamespace(CodecError):
    """The stream namespace is another, or the content namespace is not this stream's (§4.9.3.10)."""

    condition = "invalid-namespace"


class UnsupportedStanza(CodecError):
    """An element that should be a stanza and is none (§4.9.3.24)."""

    condition = "unsupported-stanza-type"


class Unwritable(ValueError):
    """A tree that no XML can stand for: a name or a namespace that is none, an attribute given twice.

    No peer can cause it: what a parser has read can always be written.
    """
