"""The loop around the client half: what a client or a bot does besides its I/O.

Each event goes through ``reduce``; what is to be sent is written, and what is told is told, in order. A roster that has
changed is kept before anything is told of it, so that the next session goes on with it (RFC 6121 §2.6).
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from xmpp_im_core.client import (
    Bound,
    Client,
    ClientPolicy,
    Decide,
    Event,
    Inbound,
    Send,
    SessionBound,
    SessionEnded,
    Tell,
    Transition,
    authorised_by,
    reduce,
)
from xmpp_im_core.client.notifications import Notification
from xmpp_im_core.host.interfaces import Clock, Ids
from xmpp_im_core.stanza import Stanza

P = ParamSpec("P")
T = TypeVar("T")


class ClientWire(Protocol):
    """The stream to the server, and the application. A class that inherits from this one may leave out ``keep``."""

    @abstractmethod
    def send(self, stanza: Stanza) -> None:
        """Write a stanza to the stream."""

    @abstractmethod
    def tell(self, notification: Notification) -> None:
        """Tell the application. It may feed events: they are taken when this step is done."""

    def keep(self, client: Client) -> None:
        """Keep what outlives the session: the roster has changed.

        Write ``xmpp_im_core.snapshot.to_text(client)``, and begin the next session with what ``from_text`` reads.
        """
        return None  # said explicitly, since mypy takes a method of a protocol without a body for abstract


class ClientHost:
    """A client without its I/O."""

    def __init__(
        self,
        client: Client,
        wire: ClientWire,
        clock: Clock,
        ids: Ids,
        policy: ClientPolicy | None = None,
        decide: Decide | None = None,
    ) -> None:
        """Begin with ``Client(jid)``, or with the client that was kept.

        :param decide: answers subscription requests (§3.1.4); without it, or if it returns ``ASK``, the user is asked.
        """
        self.client = client
        self.wire, self.clock, self.ids = wire, clock, ids
        self.policy = ClientPolicy() if policy is None else policy
        self._decided = authorised_by(decide) if decide is not None else _undecided
        self._inbox: deque[Event] = deque()
        self._errors: list[Exception] = []
        self._running = False

    def begin(self, bound: Bound) -> None:
        """Begin a session: a resource has been bound."""
        self.wants(SessionBound, bound)

    def receive(self, stanza: Stanza) -> None:
        """Take a stanza that the server has sent."""
        self.wants(Inbound, stanza)

    def end(self) -> None:
        """End the session: the stream is gone, and is not going to be resumed."""
        self.wants(SessionEnded)

    def wants(
        self, event: Callable[Concatenate[datetime, str, P], Event], *arguments: P.args, **named: P.kwargs
    ) -> None:
        """Do what the user wants: ``host.wants(Subscribe, parse_jid("romeo@montague.example"))``.

        :param event: the class of the event; what it takes besides ``at`` and ``seq`` follows.
        """
        self.feed(event(*self.stamp(), *arguments, **named))

    def stamp(self) -> tuple[datetime, str]:
        """Return the ``at`` and the ``seq`` of the next event."""
        return self.clock(), self.ids()

    def feed(self, event: Event) -> None:
        """Take an event that you have stamped yourself.

        An exception of the wire is raised here after everything else has been done.
        """
        self._inbox.append(event)
        if self._running:
            return
        self._running = True
        try:
            while self._inbox:
                self._take(self._inbox.popleft())
        finally:
            self._running = False
        if self._errors:
            errors, self._errors = self._errors, []
            raise errors[0] if len(errors) == 1 else ExceptionGroup("several calls of the client's wire failed", errors)

    def _take(self, event: Event) -> None:
        before = self.client.roster
        step = reduce(self.client, self._decided(self.client, event), self.policy)
        self.client = step.state
        if self.client.roster is not before:
            self._try(self.wire.keep, self.client.without_session())
        self._try(self.observe, step)
        self._perform(step)

    def observe(self, step: Transition) -> None:
        """Override this to see what each event came to: its effects and their rules, for a log or a test.

        It is called before the effects are performed.
        """

    def _perform(self, step: Transition) -> None:
        for effect in step.effects:
            if isinstance(effect, Send):
                self._try(self.wire.send, effect.stanza)
            elif isinstance(effect, Tell):
                self._try(self.wire.tell, effect.notification)

    def _try(self, call: Callable[[T], None], argument: T) -> None:
        """Call, and keep what is raised: an application that stumbles does not keep an answer from the server."""
        try:
            call(argument)
        except Exception as error:
            self._errors.append(error)


def _undecided(_: Client, event: Event) -> Event:
    return event
