"""The framing of RFC 7395: each first-level element is one WebSocket frame, and a stream has no tags around them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from xmpp_im_core.codec import (
    CONTENT_NAMESPACES,
    BadFormat,
    InvalidNamespace,
    Limits,
    NonStanza,
    StreamClosed,
    StreamEvent,
    StreamOpened,
    UnsupportedStanza,
    parse_element,
    write_element,
    write_features,
    write_stanza,
    write_stream_error,
)
from xmpp_im_core.element import XML_LANG, Element, element
from xmpp_im_core.jid import parse_address
from xmpp_im_core.stanza import CLIENT, KINDS, Payload, Stanza, read_stanza
from xmpp_im_host.streams.namespaces import FRAMING
from xmpp_im_host.streams.settings import EARLY_LIMITS

_WHITESPACE = b" \t\r\n"


class WebSocketFraming:
    """Reads and writes WebSocket frames.

    A frame that contains only whitespace is ignored: it is a keepalive of a client that does not know RFC 7395 §3.8.
    """

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._kept = 0
        self._open = False
        self._lang: str | None = None
        self._limits = EARLY_LIMITS

    def restart(self, limits: Limits) -> None:
        """Expect ``<open/>`` again."""
        self._limits = limits
        self._open = False

    def receive(self, data: bytes) -> None:
        """Keep the next frame."""
        self._frames.append(data)
        self._kept += len(data)

    @property
    def kept(self) -> int:
        """How many bytes are kept."""
        return self._kept

    def read(self, whole: bool) -> tuple[int, tuple[StreamEvent, ...]]:
        """Read one frame, however much may be read."""
        if not self._frames:
            return 0, ()
        frame = self._frames.popleft()
        self._kept -= len(frame)
        return max(len(frame), 1), self._events(frame)

    def _events(self, frame: bytes) -> tuple[StreamEvent, ...]:
        if not frame.strip(_WHITESPACE):
            return ()
        if not frame.startswith(b"<"):
            raise BadFormat("a frame does not begin with '<' (RFC 7395 §3.3.3)")
        root = parse_element(frame, limits=self._limits)
        if not self._open:
            return (self._opened(root),)
        if (root.namespace, root.name) == (FRAMING, "close"):
            return (StreamClosed(),)
        if root.namespace != CLIENT:
            if root.namespace in CONTENT_NAMESPACES:
                raise InvalidNamespace(f"{root.namespace} in a stream of {CLIENT}")  # RFC 6120 §4.9.3.10
            return (NonStanza(root),)
        kind = KINDS.get(root.name)
        if kind is None:
            raise UnsupportedStanza(f"<{root.name}> in {CLIENT}")
        return (read_stanza(kind, dict(root.attributes), Payload(root.children), self._lang),)

    def _opened(self, root: Element) -> StreamEvent:
        if (root.namespace, root.name) != (FRAMING, "open"):
            raise BadFormat(f"the first frame is <{root.name}>, not <open/> (RFC 7395 §3.4)")
        self._open = True
        self._lang = root.get(XML_LANG)
        to, from_ = [None if text is None else parse_address(text) for text in (root.get("to"), root.get("from"))]
        return StreamOpened(to, from_, root.get("id"), root.get("version"), self._lang)

    def rest(self) -> None:
        """Do nothing: no parser outlives a frame."""

    def header(self, from_: str, to: str | None, id: str, lang: str, version: str | None) -> bytes:
        """Write ``<open/>`` (RFC 7395 §3.4)."""
        given = {"from": from_, "to": to, "id": id, XML_LANG: lang, "version": version}
        attributes = {name: value for name, value in given.items() if value is not None}
        return write_element(element("open", FRAMING, attributes), declare=True)

    def features(self, features: Iterable[Element]) -> bytes:
        """Write the stream's features, with the declarations that no stream header gives."""
        return write_features(features, declare=True)

    def element(self, element: Element) -> bytes:
        """Write a first-level element that is not a stanza."""
        return write_element(element, declare=True)

    def stanza(self, stanza: Stanza) -> bytes:
        """Write a stanza."""
        return write_stanza(stanza, declare=True)

    def error(self, condition: str, text: str | None, lang: str, application: Element | None) -> bytes:
        """Write a stream error (RFC 7395 §3.5)."""
        return write_stream_error(condition, text=text, lang=lang, application=application, declare=True)

    def closing(self) -> bytes:
        """Write ``<close/>`` (RFC 7395 §3.6)."""
        return write_element(element("close", FRAMING), declare=True)
