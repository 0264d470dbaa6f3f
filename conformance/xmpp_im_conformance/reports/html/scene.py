"""What a vector shows, as a story: who takes part, what there is at first, and one step after the other.

The page prints the steps and draws their marks as a sequence diagram; neither knows what a vector is.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import frozen


class Kind(Enum):
    """What a mark of the diagram stands for."""

    SENT = "sent"
    """An arrow: this goes from one participant to another."""
    EXPECTED = "expected"
    """An arrow: this has to come."""
    OPTIONAL = "optional"
    """An arrow: this may come."""
    ABSENT = "absent"
    """An arrow that is crossed out: this must not come."""
    MISSING = "missing"
    """An arrow that does not arrive: this had to come, and did not."""
    CAME = "came"
    """An arrow: this came where something else, or nothing, was expected."""
    BESIDES = "besides"
    """An arrow: this came too, and no step had taken it."""
    SILENCE = "silence"
    """A sign on the line of one participant: nothing comes."""
    EVENT = "event"
    """A sign on the line of one participant: something happens to it."""
    CHECK = "check"
    """A sign on the line of one participant: this is looked at."""
    WRONG = "wrong"
    """A sign on the line of one participant: this was looked at, and is not as it has to be."""


@frozen
class Participant:
    """A line of the diagram."""

    name: str
    place: str = ""
    """What is written below the name, smaller."""


@frozen
class Mark:
    """An arrow from one participant to another, or a sign on the line of one; both are indices."""

    kind: Kind
    at: int
    label: str = ""
    to: int | None = None


@frozen
class Line:
    """One step: a sentence, the stanzas that belong to it, and what is drawn of it."""

    says: str
    xml: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    branches: tuple[tuple[Line, ...], ...] = ()
    """The alternatives, of which one has to hold."""


@frozen
class Scene:
    """A vector as a story."""

    participants: tuple[Participant, ...]
    lines: tuple[Line, ...]
    before: tuple[str, ...] = ()
    """What there is at first, a sentence each."""


def listed(names: Iterable[str]) -> str:
    """Join names as people do."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
