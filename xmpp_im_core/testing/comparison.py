"""Compare another implementation with this core through a small interface.

A :class:`System` performs the acts of clients, and reports what the clients received. ``CoreSystem`` is this core with
that interface. Write one for your server, and ``differences`` shows where the two differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from xmpp_im_core.codec import write_element
from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.record import record
from xmpp_im_core.stanza import Stanza
from xmpp_im_core.testing.acts import Act
from xmpp_im_core.testing.normal_form import normal, normal_query


@record
class Observation:
    """What can be seen after an act, in normal form. Make one with :func:`observation`."""

    received: FrozenMap[tuple[Element, ...]]
    """The stanzas that each client received since the last observation, in order, by full JID; under ``REMOTE``, those
    that were sent to that server. A client that received nothing is left out."""
    rosters: FrozenMap[Element]
    """The ``<query/>`` that a roster get of each user would return, by bare JID."""


def observation(
    received: Mapping[str, Iterable[Stanza]], rosters: Mapping[str, Iterable[Element]] = FrozenMap()
) -> Observation:
    """Make an observation: convert what was seen to the normal form.

    :param received: the stanzas that each client received, by full JID; under ``REMOTE``, those sent to that server.
    :param rosters: the ``<item/>`` elements of each user's roster, by bare JID.
    """
    normalised = {client: tuple([normal(stanza, client) for stanza in stanzas]) for client, stanzas in received.items()}
    return Observation(
        FrozenMap({client: stanzas for client, stanzas in normalised.items() if stanzas}),
        FrozenMap({user: normal_query(items) for user, items in rosters.items()}),
    )


class System(Protocol):
    """An implementation of RFC 6121, seen from outside."""

    def feed(self, act: Act) -> None:
        """Perform an act of a client."""

    def observe(self) -> Observation:
        """Wait until all acts fed so far are processed, and return what was received since the last call."""


class RostersOnly:
    """A system of which only the rosters are compared, for an implementation that has only subscription states.

    Wrap the model and the implementation.
    """

    def __init__(self, system: System) -> None:
        """Look at the rosters of this system."""
        self.system = system

    def feed(self, act: Act) -> None:
        """Perform an act of a client."""
        self.system.feed(act)

    def observe(self) -> Observation:
        """Return the rosters, and nothing that a client received."""
        return Observation(FrozenMap(), self.system.observe().rosters)


@record
class Difference:
    """A difference between two systems."""

    act: Act
    """The act after which they differ."""
    number: int
    """The index of the act in the trace, from 0."""
    where: str
    """The full JID of the client that received something else, or the bare JID of the user whose roster differs."""
    model: tuple[str, ...]
    """The elements that the model shows and the system does not, as XML."""
    system: tuple[str, ...]
    """The elements that the system shows and the model does not, as XML."""

    def __str__(self) -> str:
        lines = [f"act {self.number}, {self.act}: at {self.where}"]
        return "\n".join([*lines, *[f"  - {each}" for each in self.model], *[f"  + {each}" for each in self.system]])


def compared(
    act: Act, number: int, expected: Observation, seen: Observation, *, in_order: bool = False
) -> tuple[Difference, ...]:
    """Return the differences between two observations.

    :param act: the act after which they were made.
    :param number: the index of the act.
    :param in_order: whether each client must receive the same stanzas in the same order. The RFC prescribes the order
        only in some cases.
    """
    found: list[Difference] = []
    for client in sorted({*expected.received, *seen.received}):
        ours, theirs = [_written(each.received.get(client, ())) for each in (expected, seen)]
        if ours != theirs if in_order else sorted(ours) != sorted(theirs):
            less = _less(ours, theirs), _less(theirs, ours)
            found.append(Difference(act, number, client, *(less if any(less) else (ours, theirs))))
    for user in sorted({*expected.rosters} & {*seen.rosters}):
        ours, theirs = [_written(each.rosters[user].elements) for each in (expected, seen)]
        if ours != theirs:
            found.append(Difference(act, number, user, _less(ours, theirs), _less(theirs, ours)))
    return tuple(found)


def _written(elements: Iterable[Element]) -> tuple[str, ...]:
    return tuple([write_element(each).decode() for each in elements])


def _less(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``some`` without ``others``; each of the others removes one equal text."""
    left = list(some)
    for each in others:
        if each in left:
            left.remove(each)
    return tuple(left)
