"""Reading many stanzas, each from its whole text: as if they were in one stream.

With a new parser for each stanza it would take five times as long.
"""

from __future__ import annotations

from typing import Final

from xmpp_im_core.codec import CodecError, Limits, StreamParser
from xmpp_im_core.snapshot.errors import Refused
from xmpp_im_core.stanza import CLIENT, Stanza

_LIMITS: Final = Limits(stanza_bytes=1 << 30, depth=256, namespace=1 << 30)
"""The stream's limits were checked when the stanza came. These limits only protect the stack of the reader."""
_HEADER: Final = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"


class StanzaReader:
    """Reads stanzas in the namespace ``jabber:client``."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._parser = StreamParser(CLIENT, _LIMITS)
        self._parser.feed(_HEADER)

    def read(self, text: bytes | str) -> Stanza:
        """Read a text that is one stanza and nothing else. Text that is not has no influence on the next one.

        :raises Refused: if it is anything else.
        """
        try:
            data = text.encode() if isinstance(text, str) else text
            events = self._parser.feed(data)
        except (CodecError, UnicodeError) as error:
            self._begin()
            raise Refused(f"not a stanza: {error}") from None
        if len(events) == 1 and isinstance(events[0], Stanza) and self._parser.between:
            _keep_content(events[0], data)
            return events[0]
        self._begin()
        raise Refused("not one whole stanza")


def _keep_content(stanza: Stanza, text: bytes) -> None:
    """Let a stanza keep the text of its payload, so that it is not written again for the next queue.

    The text of an entry is what the writer has written, so each value of an attribute is within quotation marks and has
    none. If an even number of them is before the first ">", the opening tag ends there. Nothing is kept otherwise.
    """
    if stanza.payload.unread is None:
        return
    end = text.find(b">")
    head = text[:end]
    if b"'" not in head and head.count(b'"') % 2 == 0:
        stanza.payload.cache_text(text[end + 1 : text.rfind(b"</")])
