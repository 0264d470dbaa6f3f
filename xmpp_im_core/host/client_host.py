"""The loop around the client half: everything that a client or a bot does except its I/O.

The loop gives each event to ``reduce``. It then writes the stanzas and tells the notifications, in order. If the roster
has changed, it first calls ``keep``, so that the next session starts with that roster (RFC 6121 §2.6).
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
    """The stream to the server, and the application. A class that inherits from this one need not write ``keep``."""

    @abstractmethod
    def send(self, stanza: Stanza) -> None:
        """Write a stanza to the stream."""

    @abstractmethod
    def tell(self, notification: Notification) -> None:
        """Tell the application. It may feed events; the host processes them after this step."""

    def keep(self, client: Client) -> None:
        """Store the part of the client that outlives the session; the roster has changed.

        Write ``xmpp_im_core.snapshot.to_text(client)``, and begin the next session with the result of ``from_text``.
        """
        return None  # explicit, because mypy regards a method of a protocol without a body as abstract


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
        """Begin with ``Client(jid)``, or with the client that ``ClientWire.keep`` stored.

        :param clock: returns the time, as an aware datetime.
        :param ids: returns a string that it never returns again.
        :param policy: by default ``ClientPolicy()``.
        :param decide: answers subscription requests (RFC 6121 §3.1.4). Without it, or if it returns ``ASK``, the user
            is asked.
        """
        self.client = client
        self.wire, self.clock, self.ids = wire, clock, ids
        self.policy = ClientPolicy() if policy is None else policy
        self._decided = authorised_by(decide) if decide is not None else _undecided
        self._inbox: deque[Event] = deque()
        self._errors: list[Exception] = []
        self._running = False

    def begin(self, bound: Bound) -> None:
        """Begin a session: the server has bound a resource (RFC 6120 §7)."""
        self.wants(SessionBound, bound)

    def receive(self, stanza: Stanza) -> None:
        """Take a stanza that the server has sent."""
        self.wants(Inbound, stanza)

    def end(self) -> None:
        """End the session: the stream is gone and will not be resumed."""
        self.wants(SessionEnded)

    def wants(
        self, event: Callable[Concatenate[datetime, str, P], Event], *arguments: P.args, **named: P.kwargs
    ) -> None:
        """Do what the user wants: ``host.wants(Subscribe, parse_jid("romeo@montague.example"))``.

        :param event: the class of the event. The arguments after it are the event's fields without ``at`` and ``seq``.
        """
        self.feed(event(*self.stamp(), *arguments, **named))

    def stamp(self) -> tuple[datetime, str]:
        """Return the ``at`` and the ``seq`` of a new event."""
        return self.clock(), self.ids()

    def feed(self, event: Event) -> None:
        """Take an event that you have stamped yourself.

        If the wire raises, the other effects are performed; then this method raises the exception, or an
        ``ExceptionGroup`` of several.
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
            raise errors[0] if len(errors) == 1 else ExceptionGroup("several calls of the wire failed", errors)

    def _take(self, event: Event) -> None:
        before = self.client.roster
        step = reduce(self.client, self._decided(self.client, event), self.policy)
        self.client = step.state
        if self.client.roster is not before:
            self._try(self.wire.keep, self.client.without_session())
        self._try(self.observe, step)
        self._perform(step)

    def observe(self, step: Transition) -> None:
        """Override this to see the result of each event, its effects and their rules, for a log or a test.

        It is called before the effects are performed.
        """

    def _perform(self, step: Transition) -> None:
        for effect in step.effects:
            if isinstance(effect, Send):
                self._try(self.wire.send, effect.stanza)
            elif isinstance(effect, Tell):
                self._try(self.wire.tell, effect.notification)

    def _try(self, call: Callable[[T], None], argument: T) -> None:
        """Call, and collect an exception: a faulty application must not withhold an answer from the server."""
        try:
            call(argument)
        except Exception as error:
            self._errors.append(error)


def _undecided(_: Client, event: Event) -> Event:
    return event
