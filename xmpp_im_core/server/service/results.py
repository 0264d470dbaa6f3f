"""What :func:`~xmpp_im_core.server.service.serving.serve` returns."""

from __future__ import annotations

from typing import Generic, TypeVar

from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.record import record
from xmpp_im_core.server.effects import Effect, EffectId, StoreOperation, Transition
from xmpp_im_core.server.events import Event
from xmpp_im_core.server.service.state import Service

S = TypeVar("S")
T = TypeVar("T")


@record
class Load:
    """Load the account. The answer is ``AccountLoaded``, without records if there is none, or ``LoadFailed``."""

    jid: str


@record
class Handled(Generic[S]):
    """The step of one account. A hosted domain is treated as an address without an account."""

    jid: str
    event: Event
    transition: Transition[S]


@record
class IdentifiedEffect:
    """An effect with the bare JID of its account and its identity."""

    account: str
    id: EffectId
    effect: Effect | Load


@record
class Served(Generic[S]):
    """The result of an event: the new service, the steps in their order, and what the host has to do.

    Each effect and operation comes with the bare JID of its account. ``effects`` leaves out the stanzas that came back
    to an account of this service; ``steps`` has them.
    """

    state: Service[S]
    steps: tuple[Handled[S], ...]
    effects: tuple[tuple[str, Effect | Load], ...]
    store: tuple[tuple[str, StoreOperation], ...]
    forget: tuple[tuple[str, StoreOperation], ...]
    holds: tuple[tuple[str, str], ...] = ()
    """The accounts that hold a new event because they wait for an answer, each with the ``seq`` of its cause."""
    releases: tuple[str, ...] = ()
    """The ``seq`` of the cause of each held event that is processed now."""
    seq: str = ""
    """The ``seq`` of the event that was fed."""

    def identified(self) -> tuple[IdentifiedEffect, ...]:
        """Return the effects, each with its account and its identity."""
        return tuple(
            [IdentifiedEffect(jid, EffectId(self.seq, n), effect) for n, (jid, effect) in enumerate(self.effects)]
        )

    def concerned(self) -> frozenset[str]:
        """Return the bare JIDs of the accounts whose state this result depends on or changes."""
        return frozenset([*[step.jid for step in self.steps], *[jid for jid, _ in self.holds]])


def merged(service: Service[S], served: Served[S]) -> Service[S]:
    """Return a service that has changed since, together with a result of its earlier state.

    The caller ensures that no account that the result concerns has changed meanwhile.
    """
    accounts, held = service.accounts, service.held
    for jid in served.concerned():
        accounts = _replaced(accounts, jid, served.state.accounts.get(jid))
        held = _replaced(held, jid, served.state.held.get(jid))
    return Service(service.domains, service.machine, accounts, held, service.owns)


def _replaced(map: FrozenMap[T], key: str, value: T | None) -> FrozenMap[T]:
    return map.delete(key) if value is None else map.set(key, value)
