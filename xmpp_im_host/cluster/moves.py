"""How a node sees the sessions that it gives up to other nodes, or takes from them; see :mod:`.parking`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from attrs import frozen

from xmpp_im_core.server import SessionId
from xmpp_im_core.stanza import Stanza
from xmpp_im_host.cluster.entry_records import Counts


@frozen
class GivenUp:
    """What a node hands over of a session."""

    id: str
    """The id by which its client resumes it (XEP-0198)."""
    counts: Counts
    left: timedelta
    """How long it still waits for its client."""
    unacknowledged: Sequence[tuple[Stanza, object]]
    """The stanzas that its client has not acknowledged, in order, each with what ``Wire.deliver`` got with it."""


class Moves(Protocol):
    """The sessions of the streams of a node, as far as they move."""

    def give_up(self, account: str, session: SessionId) -> GivenUp | None:
        """Forget a session that this node gives up, and return what is left of it; None if it has ended meanwhile.

        Nothing more comes for it: everything that was sent to it while it was here has been delivered to it.
        """

    def take(self, account: str, session: SessionId, id: str, counts: Counts) -> None:
        """Have a session whose client has no stream yet. What its client has not acknowledged is delivered next."""

    def want(self, account: str, id: str) -> bool:
        """Give a session up, because its client resumes it at another node. Return whether it is here."""


class NoMoves:
    """The moves of a node that has no sessions."""

    def give_up(self, account: str, session: SessionId) -> GivenUp | None:
        """See :meth:`Moves.give_up`."""
        return None

    def take(self, account: str, session: SessionId, id: str, counts: Counts) -> None:
        """See :meth:`Moves.take`. What follows cannot be delivered."""

    def want(self, account: str, id: str) -> bool:
        """See :meth:`Moves.want`."""
        return False
