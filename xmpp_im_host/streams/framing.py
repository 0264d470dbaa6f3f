"""How a stream is laid out on its connection: one long XML document (RFC 6120 §4), or WebSocket frames (RFC 7395)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from xmpp_im_core.codec import (
    CLOSING,
    Limits,
    StreamEvent,
    StreamParser,
    write_element,
    write_features,
    write_stanza,
    write_stream_error,
    write_stream_header,
)
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import CLIENT, Stanza

_WHITESPACE = b" \t\r\n"


class Framing(Protocol):
    """Reads and writes the parts of a stream. It keeps the input that nobody has read yet."""

    def restart(self, limits: Limits) -> None:
        """Read what follows as a new stream. Unread input is kept."""

    def receive(self, data: bytes) -> None:
        """Keep the next bytes of the connection; with WebSocket, the next frame."""

    @property
    def kept(self) -> int:
        """How many bytes are kept."""

    def read(self, whole: bool) -> tuple[int, tuple[StreamEvent, ...]]:
        """Read kept input. Return how many bytes were read, 0 if none are kept, and the events.

        :param whole: whether to read all of it. Otherwise no more than one event is read: what follows may have to be
            read as a new stream.
        :raises CodecError: as :meth:`StreamParser.feed` does.
        """

    def rest(self) -> None:
        """Take less memory until the next input comes."""

    def header(self, from_: str, to: str | None, id: str, lang: str, version: str | None) -> bytes:
        """Write the header of the response stream."""

    def features(self, features: Iterable[Element]) -> bytes:
        """Write the stream's features."""

    def element(self, element: Element) -> bytes:
        """Write a first-level element that is not a stanza."""

    def stanza(self, stanza: Stanza) -> bytes:
        """Write a stanza."""

    def error(self, condition: str, text: str | None, lang: str, application: Element | None) -> bytes:
        """Write a stream error."""

    def closing(self) -> bytes:
        """Write the end of the stream."""


class StreamFraming:
    """The framing of RFC 6120: the stream is one XML document.

    :param namespace: the content namespace.
    """

    __slots__ = ("_at", "_begun", "_namespace", "_parser", "_unread")

    def __init__(self, namespace: str = CLIENT) -> None:
        self._namespace = namespace
        self._unread = b""
        self._at = 0
        self._begun = True
        self._parser = StreamParser(namespace)

    def restart(self, limits: Limits) -> None:
        """Read what follows as a new stream. Whitespace before its header is skipped, since it may be a keepalive."""
        self._begun = False
        self._parser = StreamParser(self._namespace, limits)

    def receive(self, data: bytes) -> None:
        """Keep the next bytes of the connection."""
        unread = self._unread
        self._unread = unread[self._at :] + data if unread else data
        self._at = 0

    @property
    def kept(self) -> int:
        """How many bytes are kept."""
        return len(self._unread) - self._at

    def read(self, whole: bool) -> tuple[int, tuple[StreamEvent, ...]]:
        """Feed kept bytes to the parser: all, or those up to the next ">", where an element may end."""
        unread = self._unread
        if not unread:
            return 0, ()
        begin = self._at
        end = 0 if whole else unread.find(b">", begin) + 1
        if not end or end == len(unread):
            self._unread, self._at = b"", 0
            piece = unread[begin:] if begin else unread
        else:
            self._at = end
            piece = unread[begin:end]
        read = len(piece)
        if not self._begun:
            piece = piece.lstrip(_WHITESPACE)
            self._begun = bool(piece)
        return read, self._parser.feed(piece)

    def rest(self) -> None:
        """Let the parser rest."""
        self._parser.rest()

    def header(self, from_: str, to: str | None, id: str, lang: str, version: str | None) -> bytes:
        """Write the XML declaration and the opening tag (RFC 6120 §4.7)."""
        return write_stream_header(self._namespace, from_=from_, to=to, id=id, lang=lang, version=version)

    def features(self, features: Iterable[Element]) -> bytes:
        """Write the stream's features (RFC 6120 §4.3.2)."""
        return write_features(features, self._namespace)

    def element(self, element: Element) -> bytes:
        """Write a first-level element that is not a stanza."""
        return write_element(element, self._namespace)

    def stanza(self, stanza: Stanza) -> bytes:
        """Write a stanza."""
        return write_stanza(stanza, self._namespace)

    def error(self, condition: str, text: str | None, lang: str, application: Element | None) -> bytes:
        """Write a stream error (RFC 6120 §4.9)."""
        return write_stream_error(condition, text=text, lang=lang, application=application, namespace=self._namespace)

    def closing(self) -> bytes:
        """Write the closing tag (RFC 6120 §4.4)."""
        return CLOSING
