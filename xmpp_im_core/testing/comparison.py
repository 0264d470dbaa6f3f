"""The smallest interface through which another implementation is compared with this core.

A :class:`System` is told what clients do, and tells what they got. ``CoreSystem`` is the core behind it, the
model. Plug in your own server, and :func:`differences` shows where the two part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from attrs import frozen

from xmpp_im_core.codec import write_element
from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.stanza import Stanza
from xmpp_im_core.testing.acts import Act
from xmpp_im_core.testing.normal_form import normal, normal_query


@frozen
class Observation:
    """What can be seen after an act, in normal form. Make one with :func:`observation`."""

    received: FrozenMap[tuple[Element, ...]]
    """What each client has received since the last observation, in order, by full JID, and what has left for
    ``REMOTE`` under that name; who got nothing is not in it."""
    rosters: FrozenMap[Element]
    """The roster of each user as a roster get shows it, by bare JID."""


def observation(
    received: Mapping[str, Iterable[Stanza]], rosters: Mapping[str, Iterable[Element]] = FrozenMap()
) -> Observation:
    """Put what was seen in normal form.

    :param received: what each client received, by full JID.
    :param rosters: the items of each user's roster, by bare JID.
    """
    normalised = {client: tuple([normal(stanza, client) for stanza in stanzas]) for client, stanzas in received.items()}
    return Observation(
        FrozenMap({client: stanzas for client, stanzas in normalised.items() if stanzas}),
        FrozenMap({user: normal_query(items) for user, items in rosters.items()}),
    )


class System(Protocol):
    """An implementation of RFC 6121, from outside: what clients do goes in, what they get comes out."""

    def feed(self, act: Act) -> None:
        """Let a client do this."""

    def observe(self) -> Observation:
        """Return what has come of everything fed so far, once it has settled."""


@frozen
class Difference:
    """Where two systems part."""

    act: Act
    """The act after which they do."""
    number: int
    """Which of the acts it is, from 0."""
    where: str
    """Whose eyes see it: the full JID of a client, or the bare JID of a user for the roster."""
    model: tuple[str, ...]
    """What the model shows and the system does not, as XML."""
    system: tuple[str, ...]
    """What the system shows and the model does not."""

    def __str__(self) -> str:
        lines = [f"act {self.number}, {self.act}: at {self.where}"]
        return "\n".join([*lines, *[f"  - {each}" for each in self.model], *[f"  + {each}" for each in self.system]])


def differences(
    model: System, system: System, acts: Iterable[Act], *, in_order: bool = False
) -> tuple[Difference, ...]:
    """Let both do the same, and return what differs after the first act that shows any difference.

    What follows from there would differ as well, and say nothing new.

    :param in_order: whether each client has to get the same in the same order. The RFC fixes it in places only.
    """
    for number, act in enumerate(acts):
        model.feed(act)
        system.feed(act)
        found = compared(act, number, model.observe(), system.observe(), in_order=in_order)
        if found:
            return found
    return ()


def compared(
    act: Act, number: int, expected: Observation, seen: Observation, *, in_order: bool = False
) -> tuple[Difference, ...]:
    """Return how two observations differ."""
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
    """Return what is left of some when each of the others has been taken out once."""
    left = list(some)
    for each in others:
        if each in left:
            left.remove(each)
    return tuple(left)
