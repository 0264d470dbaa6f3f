"""One direction of a stream, in memory: what is written at one end is read at the other as bytes, when it is time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import define, field, frozen

from xmpp_im_core.codec import (
    CLOSING,
    Limits,
    StreamEvent,
    StreamParser,
    parse_stanza,
    write_stanza,
    write_stream_header,
)
from xmpp_im_core.stanza import Stanza


@frozen
class TranscriptLine:
    """A stanza as it was written to a stream, read back from its bytes."""

    source: str
    """Who wrote it: the full JID of a client, or the domain of a server."""
    target: str
    """Who reads it."""
    stanza: Stanza


@define(eq=False)
class Pipe:
    """What one end has written and the other has not read yet, a stanza apiece and the oldest first."""

    source: str
    target: str
    namespace: str
    """The content namespace."""
    limits: Limits
    """Of the one who reads."""
    listen: Callable[[TranscriptLine], None]
    """Called with each stanza written."""
    waiting: deque[bytes] = field(factory=deque)
    _parser: StreamParser = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._parser = StreamParser(self.namespace, self.limits)
        self._parser.feed(write_stream_header(self.namespace))

    def write(self, stanza: Stanza) -> None:
        """Write a stanza, in bytes."""
        data = write_stanza(stanza, self.namespace)
        self.waiting.append(data)
        self.listen(TranscriptLine(self.source, self.target, parse_stanza(data, self.namespace)))

    def close(self) -> None:
        """Write the closing tag: it is the last that may be written."""
        self.waiting.append(CLOSING)

    def read(self) -> StreamEvent:
        """Read the oldest of what waits: a stanza, or the end of the stream.

        :raises IndexError: where nothing waits.
        """
        (event,) = self._parser.feed(self.waiting.popleft())
        return event

    def lose(self) -> int:
        """Break: what waits arrives no more. Returned is how many stanzas that is."""
        lost = [data for data in self.waiting if data != CLOSING]
        self.waiting.clear()
        return len(lost)
