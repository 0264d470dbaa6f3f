"""What a kind of step is, and the scenario under way that steps act on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from attrs import define, evolve, field

from xmpp_im_conformance.format.evidence import FROM_SERVER, Mismatch, Unmet
from xmpp_im_conformance.format.items import Item, item_differences, read_expected_item
from xmpp_im_conformance.format.markup import flat, read_xml
from xmpp_im_conformance.format.matching import check_pattern
from xmpp_im_conformance.format.placeholders import Bindings, fill_in
from xmpp_im_conformance.format.story import Line, Stage
from xmpp_im_core.element import Element

T = TypeVar("T")


class BadVector(ValueError):
    """The vector breaks a rule of the format that the schema cannot say; the message says where."""


@define
class Play:
    """A scenario under way: what has come and was not taken, and what was bound."""

    # A World or a ClientWorld: the steps of a scenario need the one, those of a client scenario the other.
    world: Any
    place: str = ""
    """The name of the step that is taken now."""
    untaken: dict[str, list[Element]] = field(factory=dict)
    """The stanzas that came and that no step took, by full JID, remote domain or ``FROM_SERVER``."""
    closed: dict[str, list[str]] = field(factory=dict)
    """The conditions with which the server closed streams and that no step took, by full JID."""
    told: list[Mapping[str, object]] = field(factory=list)
    """The events that the application was told and that no step took."""
    bindings: Bindings = field(factory=dict)
    connected: list[str] = field(factory=list)
    """The clients whose sessions have not ended."""
    transcript: list[str] = field(factory=list)
    before: tuple[Sequence[Item], str | None] = ((), None)
    """A client's roster and version before the last stanza from the server."""
    answered: tuple[Sequence[Element], Sequence[Mapping[str, object]]] = ((), ())
    """What a client sent because of that stanza, and what it told the application."""

    def at(self, place: str) -> list[Element]:
        """Return what is untaken there."""
        return self.untaken.setdefault(place, [])

    def filled(self, xml: str) -> str:
        """Replace the bound names in a stanza that is to be sent."""
        return fill_in(xml, self.bindings)

    def collect(self) -> tuple[Sequence[Element], Sequence[Mapping[str, object]]]:
        """Note and return what has come from a client under test, and what the application was told."""
        arrived, closed, events = self.world.arrived(), self.world.closed(), self.world.events()
        for at, stanzas in arrived.items():
            self.at(at).extend(stanzas)
            who = "sends" if at == FROM_SERVER else f"{at} gets"
            self.transcript += [f"    {who} {flat(stanza)}" for stanza in stanzas]
        for at, conditions in (closed or {}).items():
            self.closed.setdefault(at, []).extend(conditions)
            self.transcript += [f"    {at} is closed with {each or 'no stream error'}" for each in conditions]
        self.told += events
        self.transcript += [f"    tells {dict(event)}" for event in events]
        return arrived.get(FROM_SERVER, ()), events

    def attempt(self) -> Play:
        """Return a copy, for a step that may leave no trace."""
        untaken = {at: list(stanzas) for at, stanzas in self.untaken.items()}
        closed = {at: list(conditions) for at, conditions in self.closed.items()}
        return evolve(self, untaken=untaken, closed=closed, told=list(self.told))


class Step(ABC):
    """One step of a scenario."""

    keys: ClassVar[tuple[str, ...]]
    """Its keys in the format."""
    about_events: ClassVar[bool] = False
    """Whether it looks at what the application was told."""

    @property
    def key(self) -> str:
        """Its key in the format; of several, the one that it was read from."""
        return self.keys[0]

    @classmethod
    def read(cls, key: str, value: Any) -> Step:
        """Read what stands under its key, which the schema has accepted: by default, its fields.

        :raises ValueError: if it is wrong nevertheless.
        """
        return cls(**value)

    @abstractmethod
    def take(self, play: Play) -> None:
        """Act, or look.

        :raises Mismatch: if what it expects does not hold; nothing has been taken then.
        :raises NotApplicable: if the driver cannot do or show it.
        """

    @abstractmethod
    def show(self, stage: Stage) -> Line:
        """Tell itself."""

    @property
    def clients(self) -> Sequence[str]:
        """The clients that must have connected before, and perhaps ``REMOTE``."""
        return ()

    @property
    def accounts(self) -> Sequence[str]:
        """The accounts that must exist."""
        return ()

    @property
    def makes(self) -> Sequence[str]:
        """The clients that it connects, and the accounts that it creates."""
        return ()

    @property
    def plays_remote(self) -> bool:
        """Whether it needs somebody to play the other server."""
        return False

    @property
    def closes(self) -> Sequence[str]:
        """The clients whose streams it expects the server to close."""
        return ()


class Act(Step):
    """A step that does something."""

    @abstractmethod
    def perform(self, play: Play) -> None:
        """Do it."""

    @property
    def told(self) -> str:
        """What the transcript says of it."""
        return str(self)

    def take(self, play: Play) -> None:
        """Do it, and note what it causes."""
        play.transcript.append(f"{play.place}: {self.told}")
        self.perform(play)
        play.collect()


def reader(kind: type[Step], key: str) -> Callable[[Any], Step]:
    """Return what reads a kind of step that stands under this key."""
    return lambda value: kind.read(key, value)


def read_at(place: str, read: Callable[[Any], T], value: object) -> T:
    """Read a part of a vector; an error says where it stands.

    :raises BadVector: if it cannot be read.
    """
    try:
        return read(value)
    except (ValueError, RecursionError) as problem:
        raise BadVector(f"{place}: {problem}") from problem


def pattern(xml: str) -> Element:
    """Read an expectation.

    :raises BadXML: if it is not exactly one element.
    :raises BadPlaceholder: if something in braces is not of the format.
    """
    expected = read_xml(xml)
    check_pattern(expected)
    return expected


def patterns(value: Any) -> tuple[Element, ...]:
    """Read one expectation or several: XML, or an object with ``xml`` or ``any_order``."""
    if isinstance(value, str):
        return (pattern(value),)
    return tuple([pattern(xml) for xml in value.get("any_order", None) or [value["xml"]]])


def stanza(xml: str) -> str:
    """Return a stanza that is to be sent as it is, once it is read.

    :raises BadXML: if it is not exactly one element.
    """
    read_xml(xml)
    return xml


def read_roster(data: Sequence[Mapping[str, object]]) -> tuple[Item, ...]:
    """Read the items of a roster.

    :raises BadVector: if two are for the same JID.
    :raises ValueError: if one cannot be read.
    """
    items = tuple([read_expected_item(item) for item in data])
    jids = [item.jid for item in items]
    for jid in jids:
        if jids.count(jid) > 1:
            raise BadVector(f"{jid} stands twice in one roster")
    return items


def check_roster(says: str, expected: Sequence[Item], found: Sequence[Item], bindings: Bindings) -> None:
    """Compare two rosters.

    :raises Mismatch: if they differ.
    """
    lines = item_differences(expected, found, bindings)
    if lines:
        raise Mismatch(Unmet(says, items=tuple(lines)))


def listed_items(items: Sequence[object]) -> str:
    """List items for people."""
    return "; ".join([str(item) for item in items]) or "empty"
