"""What a kind of step is, and the scenario under way that steps act on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeAlias, TypeVar

from attrs import define, evolve, field

from xmpp_im_conformance.format.evidence import FROM_SERVER
from xmpp_im_conformance.format.forgiving import Forgiven
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.markup import flat
from xmpp_im_conformance.format.placeholders import Bindings, fill_in
from xmpp_im_conformance.format.steps.fields import JSONSchema, Role, fields_of, read_fields, values_of
from xmpp_im_conformance.format.story import Line, Stage
from xmpp_im_core.element import Element

_T = TypeVar("_T")

Caused: TypeAlias = tuple[Sequence[Element], Sequence[Mapping[str, object]]]
"""What a client under test sent, and what it told the application."""

Known: TypeAlias = tuple[Sequence[RosterItem] | None, tuple[str | None] | None]
"""The roster of a client under test and its version; None for what the client does not show."""


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
    findings: Counter[str] = field(factory=Counter)
    """What was forgiven or could not be looked at, and how often."""
    forgives: bool = True
    """Whether differences are forgiven; not while a branch may hold without that."""
    before: Known = (None, None)
    """What a client knew before the last stanza from the server."""
    received: str = "message"
    """The kind of that stanza: ``message``, ``presence``, ``request`` or ``response``."""
    answered: Caused = ((), ())
    """What a client sent because of that stanza, and what it told the application."""
    caused: Caused = ((), ())
    """The same for the last step that did something."""

    def at(self, place: str) -> list[Element]:
        """Return what is untaken there."""
        return self.untaken.setdefault(place, [])

    def collect(self) -> None:
        """Note what has come, and what the application was told."""
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
        self.caused = arrived.get(FROM_SERVER, ()), events

    @property
    def forgiving(self) -> Sequence[Forgiven]:
        """The differences that are forgiven to what is tested."""
        forgiving: Sequence[Forgiven] = self.world.forgiving if self.forgives else ()
        return forgiving

    def attempt(self, *, forgives: bool) -> Play:
        """Return a copy, for a step that may leave no trace."""
        untaken = {at: list(stanzas) for at, stanzas in self.untaken.items()}
        closed = {at: list(conditions) for at, conditions in self.closed.items()}
        return evolve(
            self,
            untaken=untaken,
            closed=closed,
            told=list(self.told),
            findings=Counter(self.findings),
            forgives=forgives,
        )


class ScenarioStep(ABC):
    """One step of a scenario.

    The docstring of a kind of step is what the page says of it.
    """

    key: ClassVar[str]
    """Its key in the format, and the name of its op."""
    examples: ClassVar[tuple[str, ...]] = ()
    """How the page writes what stands under the key, if its fields alone do not say it."""
    rules: ClassVar[JSONSchema] = {}
    """What else the schema says of an object with its fields."""
    about_events: ClassVar[bool] = False
    """Whether it looks at what the application was told."""

    @classmethod
    def read(cls, value: Any) -> Self:
        """Read what stands under its key, which the schema has accepted.

        :raises ValueError: if it is wrong nevertheless.
        """
        return cls(**read_fields(cls, value))

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
        return values_of(self, Role.CLIENT)

    @property
    def accounts(self) -> Sequence[str]:
        """The accounts that must exist."""
        return values_of(self, Role.ACCOUNT)

    @property
    def makes(self) -> Sequence[str]:
        """The clients that it connects, and the accounts that it creates."""
        return ()

    @property
    def plays_remote(self) -> bool:
        """Whether it needs somebody who plays the other server."""
        return False

    @property
    def looks_at_remote(self) -> bool:
        """Whether it is about what is sent to the other server."""
        return self.key.startswith("remote_")

    @property
    def closes(self) -> Sequence[str]:
        """The clients whose streams it expects the server to close."""
        return ()


class ActingStep(ScenarioStep):
    """A step that does something."""

    calls: ClassVar[Callable[..., None]]
    """The method of the world that does it; its arguments are the fields."""

    def perform(self, play: Play) -> None:
        """Do it."""
        values = [(each.kind.role, getattr(self, each.attribute)) for each in fields_of(type(self))]
        filled = [fill_in(value, play.bindings) if role is Role.STANZA else value for role, value in values]
        getattr(play.world, self.calls.__name__)(*filled)

    @property
    def told(self) -> str:
        """What the transcript says of it."""
        return " ".join([str(each.kind.write(getattr(self, each.attribute))) for each in fields_of(type(self))])

    def take(self, play: Play) -> None:
        """Do it, and note what it causes."""
        play.transcript.append(f"{play.place}: {self.told}")
        self.perform(play)
        play.collect()


def read_at(place: str, read: Callable[[Any], _T], value: object) -> _T:
    """Read a part of a vector; an error says where it stands.

    :raises BadVector: if it cannot be read.
    """
    try:
        return read(value)
    except (ValueError, RecursionError) as problem:
        raise BadVector(f"{place}: {problem}") from problem


def read_steps(
    kinds: Mapping[str, type[ScenarioStep]], within: str, steps: Sequence[Mapping[str, Any]]
) -> tuple[ScenarioStep, ...]:
    """Read steps of these kinds.

    :param within: what stands before the number of a step in an error.
    :raises BadVector: if one cannot be read.
    """
    read: list[ScenarioStep] = []
    for number, step in enumerate(steps, 1):
        ((key, value),) = step.items()
        read.append(read_at(f"{within}step {number} ({key})", kinds[key].read, value))
    return tuple(read)
