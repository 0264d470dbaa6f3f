"""Explain a whole log: a snapshot, and each event that followed it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from xmpp_im_core.explain.explaining import explain, explain_served
from xmpp_im_core.explain.explanation import Explanation
from xmpp_im_core.extensions import carbons, last_activity
from xmpp_im_core.policy import Policy
from xmpp_im_core.server.accounts.machine import PLAIN, Machine
from xmpp_im_core.server.events import Event
from xmpp_im_core.server.service.events import ServiceEvent
from xmpp_im_core.server.service.serving import Service, serve
from xmpp_im_core.snapshot import FORMAT, SnapshotError, load_extended, load_service

# Each extension changes the type of a machine's state; which ones are used is known only at run time.
EXTENSIONS: Final[Mapping[str, Callable[[Machine[Any]], Machine[Any]]]] = MappingProxyType(
    {"carbons": carbons, "last-activity": last_activity}
)


def machine_with(extensions: Sequence[str]) -> Machine[Any]:
    """Return a machine with these extensions, the innermost first."""
    machine: Machine[Any] = PLAIN
    for name in extensions:
        machine = EXTENSIONS[name](machine)
    return machine


def read_state(text: str, machine: Machine[Any]) -> object:
    """Read the snapshot of an account or of a service, for this machine.

    :raises SnapshotError: if it is not such a snapshot.
    """
    value = FORMAT.from_text(text)
    data = FORMAT.dump(value)
    return load_service(data, machine) if isinstance(value, Service) else load_extended(data, machine)


def read_policy(text: str) -> Policy:
    """Read a policy.

    :raises SnapshotError: if the text holds something else.
    """
    policy = FORMAT.from_text(text)
    if not isinstance(policy, Policy):
        raise SnapshotError("$", f"{type(policy).__name__} is no policy")
    return policy


def explanations(
    state: object, events: Iterable[object], policy: Policy, machine: Machine[Any]
) -> Iterator[tuple[Explanation, ...]]:
    """Yield the explanation of each event: one step of an account, or several of a service.

    :raises SnapshotError: if an event is not of the kind that the state takes.
    """
    for number, event in enumerate(events, 1):
        if isinstance(state, Service):
            if not isinstance(event, ServiceEvent):
                raise SnapshotError(f"event {number}", f"{type(event).__name__} is no event of a service")
            yield explain_served(state, event, policy)
            state = serve(state, event, policy).state
        else:
            if not isinstance(event, Event):
                raise SnapshotError(f"event {number}", f"{type(event).__name__} is no event of an account")
            yield (explain(state, event, policy, machine),)
            state = machine.reduce(state, event, policy).state
