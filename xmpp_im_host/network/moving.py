"""Sessions that move between nodes: this node gives them up when it stops, or when their clients resume them elsewhere.

A session moves without its stream. So its connection is closed first, without an end of the stream: the client takes
that for a broken connection, connects again and resumes. Stanzas that it had sent are handled before the session moves;
stanzas that had come and were not read yet do not count, and the client sends them again.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from xmpp_im_core.jid import parse_jid
from xmpp_im_core.server import SessionId
from xmpp_im_host.cluster.entry_records import Counts
from xmpp_im_host.cluster.moves import GivenUp
from xmpp_im_host.log import log
from xmpp_im_host.network.network import Network
from xmpp_im_host.network.sessions import ClientSession
from xmpp_im_host.streams.stream_management import StreamManagement

_AT_ONCE: Final = 50
_PAUSE: Final = 0.05
"""So many sessions are given up at once, and so long is the pause after them: their clients connect to the others."""
_LOOK: Final = 0.01


class Moving:
    """The sessions of a network, as far as they move. It is :class:`~xmpp_im_host.cluster.moves.Moves`."""

    def __init__(self, network: Network) -> None:
        self.network = network

    # --- what this node gives up --------------------------------------------------------------------------------

    def hand_over(self, session: ClientSession, condition: str | None = None) -> None:
        """Give a session up, if its client can resume it.

        :param condition: the stream error with which its stream ends, if its client has another one already.
        """
        management = session.management
        if session.leaving or management is None or management.id is None:
            return
        session.leaving = True
        if session.driver is not None:
            session.driver.leave(condition)
        self.network.start(self._park(session, management.id))

    async def _park(self, session: ClientSession, id: str) -> None:
        await session.settled()
        if self.network.sessions.get(session.account, session.id) is session:
            self.network.host.park(session.account, session.id, id)

    async def hand_over_all(self, seconds: float | None = None) -> None:
        """Give up all sessions that can be resumed, and wait until other nodes can take them.

        It ends early if ``network.leaving`` does: then this node keeps what it has not given up.

        :param seconds: how long to wait at most, if the node ends then. By default the last ones end by themselves, if
            no client resumes them in time.
        """
        self.network.leaving = True
        for link in list(self.network.links.all):
            if not link.has_session:
                link.stop("system-shutdown")
        sessions = [each for each in self.network.sessions if each.can_move]
        try:
            async with asyncio.timeout(seconds):
                for first in range(0, len(sessions), _AT_ONCE):
                    if not self.network.leaving:
                        return
                    for session in sessions[first : first + _AT_ONCE]:
                        self.hand_over(session)
                    await asyncio.sleep(_PAUSE)
                while self.network.leaving and any(each.leaving for each in self.network.sessions):
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            left = sum([each.leaving for each in self.network.sessions])
            log(logging.WARNING, "sessions not handed over in time", sessions=left)

    def stop_others(self) -> None:
        """End the streams that are left: their sessions cannot move, or they are those of components."""
        for link in list(self.network.links.all):
            link.stop("system-shutdown")

    def give_up(self, account: str, session: SessionId) -> GivenUp | None:
        """See :meth:`Moves.give_up`."""
        found = self.network.sessions.get(account, session)
        if found is None or not found.leaving or found.management is None or found.management.id is None:
            return None
        left = found.seconds_left(self.network.clock())
        self.network.sessions.drop(found)
        management = found.management
        counts = Counts(management.received, management.h, management.acknowledged)
        stanzas = tuple(zip(management.waiting_stanzas, management.unacknowledged, strict=True))
        log(logging.INFO, "session handed over", account=account, resource=session.resource)
        return GivenUp(found.management.id, counts, timedelta(seconds=left), stanzas)

    def want(self, account: str, id: str) -> bool:
        """See :meth:`Moves.want`."""
        session = self.network.sessions.managed_by(account, id)
        if session is None:
            return False
        self.hand_over(session, "conflict")
        return True

    # --- what this node takes -----------------------------------------------------------------------------------

    def take(self, account: str, session: SessionId, id: str, counts: Counts) -> None:
        """See :meth:`Moves.take`."""
        network, settings = self.network, self.network.settings
        management = StreamManagement(
            parse_jid(account).with_resource(session.resource),
            id,
            settings.unacknowledged_stanzas,
            settings.unacknowledged_bytes,
            counts.received,
        )
        management.resume_from(counts.h, counts.acknowledged)
        taken = ClientSession(account, session, None)
        network.sessions.add(taken)
        network.sessions.managed(taken, management)
        network.expect_client(taken)
        log(logging.INFO, "session taken", account=account, resource=session.resource)
        if network.leaving:
            self.hand_over(taken)
