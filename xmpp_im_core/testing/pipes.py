"""One direction of a stream in memory: one end writes bytes, and the other reads them when the test lets it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import define, field

from xmpp_im_core.codec import (
    CLOSING,
    Limits,
    StreamEvent,
    StreamParser,
    parse_stanza,
    write_stanza,
    write_stream_header,
)
from xmpp_im_core.record import record
from xmpp_im_core.stanza import Stanza


@record
class TranscriptLine:
    """A stanza that was written to a stream, as its bytes read."""

    source: str
    """The writer: the full JID of a client, or the domain of a server."""
    target: str
    """The reader, in the same form."""
    stanza: Stanza


@define(eq=False)
class Pipe:
    """The stanzas that one end has written and the other has not read yet."""

    source: str
    target: str
    namespace: str
    """The content namespace."""
    limits: Limits
    """The limits of the reader."""
    listen: Callable[[TranscriptLine], None]
    """Called with each stanza written."""
    waiting: deque[bytes] = field(factory=deque)
    """One entry for each stanza and for the closing tag, the oldest first."""
    _parser: StreamParser = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._parser = StreamParser(self.namespace, self.limits)
        self._parser.feed(write_stream_header(self.namespace))

    def write(self, stanza: Stanza) -> None:
        """Write a stanza."""
        data = write_stanza(stanza, self.namespace)
        self.waiting.append(data)
        self.listen(TranscriptLine(self.source, self.target, parse_stanza(data, self.namespace)))

    def close(self) -> None:
        """Write the closing tag. Write nothing after it."""
        self.waiting.append(CLOSING)

    def read(self) -> StreamEvent:
        """Read the oldest waiting entry: a stanza, or the end of the stream.

        :raises IndexError: if nothing waits.
        """
        (event,) = self._parser.feed(self.waiting.popleft())
        return event

    def lose(self) -> int:
        """Break the stream: discard everything that waits, and return how many stanzas that were."""
        lost = [data for data in self.waiting if data != CLOSING]
        self.waiting.clear()
        return len(lost)
