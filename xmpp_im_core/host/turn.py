"""One event on its way through a host: from the moment it is fed until all that it caused is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define

from xmpp_im_core.server.service import ForAccount, Served, Service, ServiceEvent


@define(eq=False)
class Turn:
    """An event, and how far it has come."""

    event: ServiceEvent | None
    """None: there is only something left to remove."""
    settles: tuple[str, str] | None = None
    """The account and the key of the outbox record that this event takes the place of."""
    done: Callable[[], None] | None = None
    """Called when nothing of the event is under way, or held, any longer."""
    open: int = 1
    """How much of it is not done: itself, and each event that it caused and an account holds."""
    completes: tuple[Turn, ...] = ()
    """The earlier events of which something was held that this one has released."""
    number: int = 0
    """Its place among the events that wait: the lowest is the oldest."""
    accounts: frozenset[str] = frozenset()
    """The accounts that it concerns, while it waits for one of them or is being committed."""
    before: Service[Any] | None = None
    served: Served[Any] | None = None
    failed: bool = False
    """Whether its first commit has failed; what it does now is answer with an error."""

    @property
    def seq(self) -> str:
        """The ``seq`` of its event."""
        event = self.event
        assert event is not None
        return event.event.seq if isinstance(event, ForAccount) else event.seq
