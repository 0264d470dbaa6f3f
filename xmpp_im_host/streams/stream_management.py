"""Stream management (XEP-0198): what each side has handled, and what the client has not acknowledged.

A :class:`StreamManagement` belongs to a session and outlives its stream. While the session is detached, the server
around it queues stanzas with :meth:`StreamManagement.queue` and reports handled ones. A new stream takes it over.
"""

from __future__ import annotations

from typing import Final

from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID
from xmpp_im_core.stanza import STANZAS, Condition, Stanza
from xmpp_im_host.streams.namespaces import MANAGEMENT

MANAGEMENT_FEATURE: Final = element("sm", MANAGEMENT)
REQUEST: Final = element("r", MANAGEMENT)
"""Asks the client for an acknowledgement."""

_MODULUS: Final = 2**32


class HandledTooMuch(Exception):
    """The client acknowledges more stanzas than were sent to it."""

    def __init__(self, h: int, sent: int) -> None:
        super().__init__(f"You acknowledged {h} stanzas, but only {sent} were sent so far.")
        self.application = element("handled-count-too-high", MANAGEMENT, {"h": str(h), "send-count": str(sent)})


class StreamManagement:
    """The counters and the queue of one session.

    :ivar id: the id by which the client resumes the stream; None if the stream cannot be resumed. Nobody can guess it.
    :ivar jid: the full JID of the session.
    :ivar received: the number of the last stanza that the client has sent, counted from the beginning of the session.
    :ivar h: how many of the client's stanzas are handled, modulo 2 to the power of 32.

    :param limit: how many stanzas the client may leave unacknowledged.
    :param limit_bytes: how many bytes of stanzas.
    :param received: the number of the last stanza before stream management was enabled.
    """

    __slots__ = (
        "_acknowledged",
        "_handled",
        "_limit",
        "_limit_bytes",
        "_next",
        "_queue",
        "_queued_bytes",
        "h",
        "id",
        "jid",
        "received",
    )

    def __init__(self, jid: JID, id: str | None, limit: int, limit_bytes: int, received: int) -> None:
        self.jid = jid
        self.id = id
        self.received = received
        self.h = 0
        self._next = received + 1  # the number of the stanza that raises h when it is handled
        self._handled: set[int] = set()  # later numbers that are handled already
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._queue: list[tuple[Stanza, object, int]] = []
        self._queued_bytes = 0
        self._acknowledged = 0  # modulo 2**32

    @property
    def acknowledged(self) -> int:
        """How many stanzas the client has acknowledged, modulo 2 to the power of 32."""
        return self._acknowledged

    def resume_from(self, h: int, acknowledged: int) -> None:
        """Go on where another server has stopped, which had handled everything that it had received.

        Then queue the stanzas that the client has not acknowledged.

        :param h: how many of the client's stanzas are handled.
        :param acknowledged: how many stanzas the client has acknowledged.
        """
        self.h, self._acknowledged = h % _MODULUS, acknowledged % _MODULUS

    # --- what the client has sent -----------------------------------------------------------------------

    def handled(self, number: int) -> None:
        """Note that a received stanza is durable, in any order. ``h`` counts those before the first that is not.

        A stanza that came on a former stream and was not handled when the session was resumed does not count: the
        client sends it again.
        """
        if number < self._next:
            return
        self._handled.add(number)
        while self._next in self._handled:
            self._handled.remove(self._next)
            self._next += 1
            self.h = (self.h + 1) % _MODULUS

    def has_handled(self, number: int) -> bool:
        """Whether all stanzas up to this number are handled."""
        return number < self._next

    @property
    def unhandled(self) -> int:
        """How many received stanzas are not handled yet, or come after one that is not."""
        return self.received - self._next + 1

    def forget_unhandled(self) -> None:
        """Let the stanzas that are not handled not count, because the client sends them again."""
        self._next = self.received + 1
        self._handled.clear()

    # --- what was sent to the client --------------------------------------------------------------------

    @property
    def unacknowledged(self) -> tuple[object, ...]:
        """The items of the stanzas that the client has not acknowledged, in order."""
        return tuple([item for _, item, _ in self._queue])

    @property
    def waiting_stanzas(self) -> tuple[Stanza, ...]:
        """The stanzas that the client has not acknowledged, in order."""
        return tuple([stanza for stanza, _, _ in self._queue])

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def overflowed(self) -> bool:
        """Whether more is unacknowledged than the limits allow. End the session then."""
        return len(self._queue) > self._limit or self._queued_bytes > self._limit_bytes

    def queue(self, stanza: Stanza, item: object, size: int | None = None) -> None:
        """Keep a stanza until the client acknowledges it.

        If the session is detached, a stream that resumes it sends the stanza.

        :param size: the length of the written stanza, if it is known.
        """
        size = stanza.size() if size is None else size
        self._queue.append((stanza, item, size))
        self._queued_bytes += size

    def acknowledge(self, h: int) -> tuple[object, ...]:
        """Forget the stanzas that the client has handled, and return their items.

        :param h: how many stanzas the client has handled, modulo 2 to the power of 32.
        :raises HandledTooMuch: if that many were not sent.
        """
        count = (h - self._acknowledged) % _MODULUS
        if count > len(self._queue):
            raise HandledTooMuch(h, (self._acknowledged + len(self._queue)) % _MODULUS)
        acknowledged = self._queue[:count]
        del self._queue[:count]
        self._queued_bytes -= sum([size for _, _, size in acknowledged])
        self._acknowledged = h
        return tuple([item for _, item, _ in acknowledged])


# --- elements ---------------------------------------------------------------------------------------------


def read_h(text: str | None) -> int | None:
    """Read the value of 'h', an unsignedInt of XML Schema; None if it is something else."""
    digits = (text or "").strip(" \t\r\n").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 64:
        return None
    value = int(digits)
    return value if value < _MODULUS else None


def is_true(text: str | None) -> bool:
    """Read a boolean of XML Schema; everything that is not true is false."""
    return (text or "").strip(" \t\r\n") in ("true", "1")


def enabled(management: StreamManagement, seconds: int) -> Element:
    """Return ``<enabled/>``."""
    if management.id is None:
        return element("enabled", MANAGEMENT)
    return element("enabled", MANAGEMENT, {"id": management.id, "resume": "true", "max": str(seconds)})


def resumed(management: StreamManagement) -> Element:
    """Return ``<resumed/>``."""
    return element("resumed", MANAGEMENT, {"previd": management.id or "", "h": str(management.h)})


def answer(management: StreamManagement) -> Element:
    """Return ``<a/>``, as :func:`element` would: one comes for each request of a client."""
    return Element("a", MANAGEMENT, (("h", str(management.h)),))


def failed(condition: Condition, h: int | None = None) -> Element:
    """Return ``<failed/>``."""
    return element("failed", MANAGEMENT, {} if h is None else {"h": str(h)}, [element(condition.value, STANZAS)])
