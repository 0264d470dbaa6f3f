"""One event on its way through a host: from the moment it is fed until everything that it caused is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xmpp_im_core.server.service.events import ForAccount, ServiceEvent
from xmpp_im_core.server.service.serving import Served, Service


class Job:
    """An event, and how far it has come.

    Every event makes one, and most events need only these three fields. The other fields are defaults of the class
    until they are set, which halves the cost of making one.
    """

    open: int = 1
    """How much of it is not done: itself, each event that reports a failure, and each one that an account holds."""
    completes: tuple[Job, ...] = ()
    """The earlier events that this one is a part of, or that had something held which this one has released."""
    number: int = 0
    """Its place among the events that wait: the lowest is the oldest."""
    accounts: frozenset[str] = frozenset()
    """The accounts that it concerns, while it waits for one of them or is being committed."""
    before: Service[Any] | None = None
    served: Served[Any] | None = None
    failed: bool = False
    """Whether its first commit has failed; what it does now is answer with an error."""

    def __init__(
        self,
        event: ServiceEvent | None,
        settles: tuple[str, str] | None = None,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Begin with an event.

        :param event: None if there is only something left to remove.
        :param settles: the account and the key of the outbox record that this event takes the place of.
        :param done: called when nothing of the event is under way, or held, any longer.
        """
        self.event, self.settles, self.done = event, settles, done

    @property
    def seq(self) -> str:
        """The ``seq`` of its event."""
        event = self.event
        assert event is not None
        return event.event.seq if isinstance(event, ForAccount) else event.seq
