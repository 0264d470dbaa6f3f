"""Three ways to read one stanza, which every test of reading is run with: they must not differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from tests.one_test import in_one_test
from xmpp_im_core.codec import Limits, StreamEvent, StreamOpened, StreamParser, parse_stanza
from xmpp_im_core.stanza import CLIENT, Stanza

Reader: TypeAlias = Callable[..., Stanza]


def header(namespace: str = CLIENT, attributes: str = "") -> bytes:
    """A stream header with this content namespace as the default."""
    stream = "http://etherx.jabber.org/streams"
    return f"<stream:stream xmlns='{namespace}' xmlns:stream='{stream}' {attributes}>".encode()


def feed(parser: StreamParser, pieces: Iterable[bytes]) -> list[StreamEvent]:
    return [event for piece in pieces for event in parser.feed(piece)]


def bytewise(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def document(data: bytes, namespace: str = CLIENT, limits: Limits | None = None, before: bytes = b"") -> Stanza:
    """As a whole document, behind what stands before its root."""
    return parse_stanza(before + data, namespace, limits)


def stream(data: bytes, namespace: str = CLIENT, limits: Limits | None = None, before: bytes = b"") -> Stanza:
    """In a stream, behind what stands before its header."""
    return _only(feed(StreamParser(namespace, limits), [before + header(namespace) + data]))


def trickle(data: bytes, namespace: str = CLIENT, limits: Limits | None = None, before: bytes = b"") -> Stanza:
    """In a stream that comes byte by byte."""
    return _only(feed(StreamParser(namespace, limits), bytewise(before + header(namespace) + data)))


def _only(events: list[StreamEvent]) -> Stanza:
    opened, stanza = events
    assert isinstance(opened, StreamOpened)
    assert isinstance(stanza, Stanza)
    return stanza


every_reader = in_one_test("read", [document, stream, trickle])
