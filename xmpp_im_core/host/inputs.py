"""The methods that tell a host what happened: each makes one event of the server half and feeds it to the loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Concatenate, ParamSpec

from xmpp_im_core.event import Decision
from xmpp_im_core.host.interfaces import Clock, Ids
from xmpp_im_core.server.effects import Deliver
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountRemoved,
    Event,
    Outbound,
    SessionBound,
    SessionDetached,
    SessionEnded,
    SessionResumed,
)
from xmpp_im_core.server.service.events import Arrived, ArrivedForMany, ForAccount, ServiceEvent
from xmpp_im_core.server.state import SessionId
from xmpp_im_core.stanza import Stanza

P = ParamSpec("P")


class Inputs(ABC):
    """What the streams, the clock and the administrator tell a host. Each account is named by its prepared bare JID."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self.clock, self.ids = clock, ids
        self._epoch = 0

    # --- streams ------------------------------------------------------------------------------------------

    def session(self, resource: str) -> SessionId:
        """Return a new session for :meth:`bind`; no stream has had it before.

        The core may refuse a session while it is bound: the account has too many sessions, or does not exist. The host
        then tells the wire to close the session. If the wire finds streams by session, register the stream under this
        session before you call :meth:`bind`.

        :param resource: a prepared resourcepart; the core refuses a session with any other.
        """
        self._epoch += 1
        return SessionId(resource, self._epoch)

    def bind(
        self,
        account: str,
        session: SessionId | str,
        lang: str | None = None,
        done: Callable[[], None] | None = None,
    ) -> SessionId:
        """Note that a client bound a resource (RFC 6120 §7), and return its session.

        :param session: the result of :meth:`session`; or a prepared resourcepart, if the wire need not know the session
            before it is bound.
        :param lang: the language of the stream.
        :param done: see :meth:`feed`.
        """
        bound = self.session(session) if isinstance(session, str) else session
        self.feed(ForAccount(account, SessionBound(*self.stamp(), bound, lang)), done)
        return bound

    def receive(
        self,
        account: str,
        session: SessionId,
        stanza: Stanza,
        decision: Decision = Decision.ASK,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Take a stanza that a client sent.

        :param decision: if the stanza is a subscription request to an account of this service, the service's answer
            in place of the user (RFC 6121 §3.1.3).
        :param done: as for :meth:`feed`.
        """
        self.feed(ForAccount(account, Outbound(*self.stamp(), session, stanza), decision), done)

    def arrive(self, stanza: Stanza, decision: Decision = Decision.ASK, done: Callable[[], None] | None = None) -> None:
        """Take a stanza from another server or a component. That entity has proved that it owns the domain of 'from'.

        :param decision: as for :meth:`receive`.
        :param done: as for :meth:`feed`.
        :raises ValueError: if 'to' is absent, or if 'from' is absent or has no well-formed bare JID. Close the stream
            with <improper-addressing/> then (RFC 6120 §8.1.1.2, §8.1.2.2).
        """
        self.feed(Arrived(*self.stamp(), stanza, decision), done)

    def arrive_for_many(
        self, stanza: Stanza, recipients: tuple[str, ...], done: Callable[[], None] | None = None
    ) -> None:
        """Take one stanza for many recipients: the ``FanOut`` of another part of the service, or of a component.

        :param recipients: bare or full JIDs.
        :param done: as for :meth:`feed`.
        :raises ValueError: if there is no recipient, or if 'from' is absent or has no well-formed bare JID.
        """
        self.feed(ArrivedForMany(*self.stamp(), stanza, recipients), done)

    def detach(self, account: str, session: SessionId) -> None:
        """Note that the stream of a session was lost and may be resumed (XEP-0198)."""
        self.happened(account, SessionDetached, session)

    def resume(self, account: str, session: SessionId) -> None:
        """Note that a session has a stream again (XEP-0198)."""
        self.happened(account, SessionResumed, session)

    def end(self, account: str, session: SessionId, undelivered: tuple[Deliver, ...] = ()) -> None:
        """Note that a session ended.

        :param undelivered: the deliveries that the stream took and the client did not acknowledge, in order.
        """
        self.happened(account, SessionEnded, session, undelivered)

    # --- accounts -----------------------------------------------------------------------------------------

    def create(self, account: str) -> None:
        """Create an account. Nothing happens if it exists."""
        self.happened(account, AccountCreated, self.ids())

    def remove(self, account: str) -> None:
        """Remove an account: tell its contacts, end its sessions, and delete everything that is stored for it."""
        self.happened(account, AccountRemoved)

    def happened(
        self,
        account: str,
        event: Callable[Concatenate[datetime, str, P], Event],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> None:
        """Take any event of an account: ``host.happened(jid, AdministratorSetItem, "romeo@montague.example")``.

        :param event: the class of the event. The arguments after it are the event's fields without ``at`` and ``seq``.
        """
        self.feed(ForAccount(account, event(*self.stamp(), *arguments, **named)))

    @abstractmethod
    def feed(self, event: ServiceEvent, done: Callable[[], None] | None = None) -> None:
        """Take an event that you have stamped yourself; see :meth:`stamp`.

        :param done: called when the event has been processed: its changes are durable, and the wire has taken what it
            sends. Acknowledge a client's stanza only then (XEP-0198).
        """

    def stamp(self) -> tuple[datetime, str]:
        """Return the ``at`` and the ``seq`` of a new event."""
        return self.clock(), self.ids()
