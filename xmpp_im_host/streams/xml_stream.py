"""What the streams of clients and components share: reading in steps, headers, errors, and the end of a stream."""

from __future__ import annotations

from collections.abc import Callable

from xmpp_im_core.codec import CodecError, Limits, StreamEvent
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import Stanza
from xmpp_im_host.streams.framing import Framing


class TooMuchEarly(CodecError):
    """More bytes than a stranger may send before authentication."""

    condition = "policy-violation"


class XMLStream:
    """Reads and writes one stream. It knows nothing of what is negotiated.

    :ivar whole: whether all input may be read at once, because no part of it can begin a new stream.
    :ivar early: how many more bytes may be read; None: there is no limit.
    :ivar closing: whether this side has closed its stream. Nothing more is written then.
    :ivar lang: the language of the texts that are written.
    """

    __slots__ = (
        "_error",
        "_events",
        "_greeted",
        "_next",
        "_out",
        "_token",
        "closing",
        "early",
        "framing",
        "lang",
        "whole",
        "write",
    )

    def __init__(self, framing: Framing, limits: Limits, early: int, lang: str, token: Callable[[], str]) -> None:
        self.framing = framing
        self.whole = False
        self.early: int | None = early
        self.closing = False
        self.lang = lang
        self._token = token
        self._greeted = False
        self._events: tuple[StreamEvent, ...] = ()
        self._next = 0
        self._error: CodecError | None = None
        self._out: list[bytes] = []
        self.write = self._out.append
        framing.restart(limits)

    # --- input ------------------------------------------------------------------------------------------

    def next(self) -> StreamEvent | None:
        """Return the next event of the input; None if the input so far has no other one.

        :raises CodecError: at the point of the stream where the error is.
        """
        while self._next == len(self._events):
            if self._error is not None:
                raise self._error
            self._next = 0
            try:
                read, self._events = self.framing.read(self.whole)
            except CodecError as error:
                self._events = error.before
                self._error = error
                continue
            if not read:
                return None
            if self.early is not None:
                self.early -= read
                if self.early < 0:
                    raise TooMuchEarly("too many bytes before authentication")
        self._next += 1
        return self._events[self._next - 1]

    def restart(self, limits: Limits) -> None:
        """Read what follows as a new stream (RFC 6120 §4.3.3)."""
        self.framing.restart(limits)
        self._greeted = False

    # --- output -----------------------------------------------------------------------------------------

    def take_output(self) -> list[bytes]:
        """Return what was written, part by part, and forget it."""
        taken = self._out.copy()
        self._out.clear()
        return taken

    def greet(self, from_: str, to: str | None = None, version: str | None = "1.0") -> str:
        """Write the header of the response stream, and return its id."""
        id = self._token()
        self.write(self.framing.header(from_, to, id, self.lang, version))
        self._greeted = True
        return id

    def element(self, element: Element) -> None:
        """Write a first-level element that is not a stanza."""
        self.write(self.framing.element(element))

    def stanza(self, stanza: Stanza) -> None:
        """Write a stanza."""
        self.write(self.framing.stanza(stanza))

    def close(self, condition: str | None = None, text: str | None = None, application: Element | None = None) -> None:
        """Close this side of the stream, with a stream error if there is a condition.

        An error in the header of the other side's stream comes after a response header (RFC 6120 §4.9.1.1), whose
        'from' may be empty then (§4.9.1.3).
        """
        if self.closing:
            return
        if not self._greeted:
            self.greet("")
        if condition is not None:
            self.write(self.framing.error(condition, text, self.lang, application))
        self.write(self.framing.closing())
        self.closing = True
