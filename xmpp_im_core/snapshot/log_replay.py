"""Replay: repeat the steps of an event log from a snapshot. The results are the same as at the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar, overload

from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.accounts import reducer
from xmpp_im_core.server.effects import Step, Transition
from xmpp_im_core.server.events import Event
from xmpp_im_core.server.state import State

S = TypeVar("S")
E = TypeVar("E")
P = TypeVar("P")

Reduce: TypeAlias = Callable[[S, E, P], Transition[S]]


@overload
def replay(state: State, events: Iterable[Event], policy: Policy = ...) -> tuple[Step, ...]: ...
@overload
def replay(state: S, events: Iterable[E], policy: P, reduce: Reduce[S, E, P]) -> tuple[Transition[S], ...]: ...
def replay(state, events, policy=DEFAULT, reduce=reducer.reduce):  # type: ignore[no-untyped-def]  # see above
    """Reduce the events of a log, and return each step.

    The log must contain the events whose steps the host performed. If the ``store`` of an event could not be committed,
    the event changed nothing: log the ``StoreFailed`` that followed in its place.

    :param state: the state before the first event.
    :param reduce: the reducer. The default is that of an account; pass another for a machine with extensions or a
        client.
    """
    steps = []
    for event in events:
        step = reduce(state, event, policy)
        steps.append(step)
        state = step.state
    return tuple(steps)


@overload
def replayed(state: State, events: Iterable[Event], policy: Policy = ...) -> State: ...
@overload
def replayed(state: S, events: Iterable[E], policy: P, reduce: Reduce[S, E, P]) -> S: ...
def replayed(state, events, policy=DEFAULT, reduce=reducer.reduce):  # type: ignore[no-untyped-def]  # see above
    """Reduce the events of a log, and return the state after the last one. The log may be of any length.

    The parameters are those of :func:`replay`.
    """
    for event in events:
        state = reduce(state, event, policy).state
    return state
