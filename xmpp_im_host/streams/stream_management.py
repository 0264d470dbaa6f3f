"""Stream management (XEP-0198): what each side has handled, and what the client has not acknowledged.

A :class:`StreamManagement` belongs to a session and outlives its stream. While the session is detached, the server
around it queues stanzas with :meth:`StreamManagement.queue` and reports handled ones. A new stream takes it over.
"""

from __future__ import annotations

from xmpp_im_core.jid import JID
from xmpp_im_core.stanza import Stanza


class StreamManagement:
    """The counters and the queue of one session.

    :ivar id: the id by which the client resumes the stream; None if the stream cannot be resumed. Nobody can guess it.
    :ivar jid: the full JID of the session.
    """

    def __init__(self, jid: JID, id: str | None, limit: int) -> None:
        self.jid = jid
        self.id = id
        self.limit = limit

    @property
    def unacknowledged(self) -> tuple[object, ...]:
        """The items of the stanzas that the client has not acknowledged, in order."""
        raise NotImplementedError

    @property
    def overflowed(self) -> bool:
        """Whether more stanzas are unacknowledged than the limit allows. End the session then."""
        raise NotImplementedError

    def queue(self, stanza: Stanza, item: object) -> None:
        """Keep a stanza for a detached session, to be sent when a stream resumes it."""
        raise NotImplementedError

    def handled(self, number: int) -> None:
        """Note that a received stanza is durable, in any order. ``h`` counts those before the first that is not."""
        raise NotImplementedError

    @property
    def h(self) -> int:
        """How many of the client's stanzas are handled, modulo 2 to the power of 32."""
        raise NotImplementedError
