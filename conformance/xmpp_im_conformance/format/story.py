"""A vector as a story: who takes part, what there is at first, and one step after the other.

Each step tells its line. The page prints the lines and draws their marks as a sequence diagram.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Final

from attrs import evolve, frozen

from xmpp_im_conformance.format.evidence import FROM_SERVER, Unmet
from xmpp_im_conformance.format.markup import pretty
from xmpp_im_conformance.format.matching import is_wildcard
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import STANZAS


class MarkKind(Enum):
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
    """An arrow: this came instead of what was expected."""
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

    kind: MarkKind
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


@frozen
class Stage:
    """Where everybody stands while a story is told."""

    places: Mapping[str, int]
    tested: str = FROM_SERVER
    """The participant under test."""
    unmet: Sequence[Unmet] = ()
    """What did not hold of the step that is told."""

    def arrow(self, kind: MarkKind, source: str, target: str, stanza: Element) -> Mark:
        """Draw a stanza on its way to the server, or from it."""
        named = label(stanza, "to") if target == FROM_SERVER else label(stanza, "from", bare(target))
        return self.expected(Mark(kind, self.places[source], named, self.places[target]), target, stanza)

    def sent(self, says: str, source: str, target: str, stanza: Element) -> Line:
        """Tell that a stanza is sent."""
        return Line(says, (pretty(stanza),), (self.arrow(MarkKind.SENT, source, target, stanza),))

    def came(self, kind: MarkKind, at: str, stanza: Element) -> Mark:
        """Draw a stanza of the participant under test."""
        return self.arrow(kind, self.tested, at, stanza)

    def coming(self, says: str, kind: MarkKind, at: str, stanzas: Sequence[Element]) -> Line:
        """Tell which stanzas of the participant under test are to come, or not to come."""
        marks = tuple([self.came(kind, at, stanza) for stanza in stanzas])
        return Line(says, tuple([pretty(stanza) for stanza in stanzas]), marks)

    def expected(self, mark: Mark, at: str, stanza: Element) -> Mark:
        """Draw an expected stanza; as missing, if it did not come."""
        missing = mark.kind is MarkKind.EXPECTED and any(
            at == each.at and stanza in each.expected for each in self.unmet
        )
        return evolve(mark, kind=MarkKind.MISSING, label=f"{MarkKind.MISSING.value}: {mark.label}") if missing else mark

    def alternatives(self, number: int) -> list[Stage]:
        """Return a stage for each alternative, with what did not hold of it."""
        if len(self.unmet) != number:
            return [self] * number
        return [evolve(self, unmet=(each,)) for each in self.unmet]

    def sign(self, kind: MarkKind, at: str, text: str = "") -> tuple[Mark, ...]:
        """Draw a sign. What has no line is drawn at the participant under test."""
        return (Mark(kind, self.places.get(at, self.places[self.tested]), short_label(text)),)

    def event(self, says: str, text: str, at: str = FROM_SERVER) -> Line:
        """Tell that something happens to somebody. Who has no line is named."""
        return Line(says, marks=self.sign(MarkKind.EVENT, at, text if at in self.places else f"{short(at)}: {text}"))

    def check(self, says: str, text: str) -> Line:
        """Tell that something of the participant under test is looked at."""
        return Line(says, marks=self.sign(MarkKind.CHECK, self.tested, text))

    def signs(self, kind: MarkKind, at: Iterable[str], text: str = "") -> tuple[Mark, ...]:
        """Draw the same sign at each of these that has a line."""
        return tuple([mark for each in at if each in self.places for mark in self.sign(kind, each, text)])

    def between(self, kind: MarkKind, says: str, source: str, target: str, what: str) -> Line:
        """Tell what one participant says to another, in words."""
        return Line(
            f"{says}: {what}.", marks=(Mark(kind, self.places[source], short_label(what), self.places[target]),)
        )


def bare(jid: str) -> str:
    """Return the bare JID."""
    return jid.partition("/")[0]


def short(jid: str) -> str:
    """Return a JID without its domain."""
    local, at, _ = bare(jid).partition("@")
    return f"{local}{jid[len(bare(jid)) :]}" if at else jid


_LONGEST: Final = 44


def label(stanza: Element, whose: str, known: str = "") -> str:
    """Name a stanza in a few words, for an arrow.

    :param whose: "to" or "from": whose address is given.
    :param known: the account at the arrow's end, whose address is left out.
    """
    words = [*_kind(stanza)]
    other = stanza.get(whose) or ""
    if other and "{" not in other and other.partition("/")[0] != known:
        words.append(f"{whose} {short(other)}")
    return short_label(" ".join(words))


def short_label(text: str) -> str:
    """Cut a text that is too long for a label."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _kind(stanza: Element) -> Iterator[str]:
    yield "any stanza" if is_wildcard(stanza) else stanza.name
    kind = stanza.get("type") or ""
    if "{" not in kind:
        yield from [kind] if kind else []
    for child in stanza.elements:
        if child.name == "error":
            yield from [each.name for each in child.elements if each.namespace == STANZAS and each.name != "text"]
        elif stanza.name == "iq" and not is_wildcard(child):
            yield _protocol(child)
        elif stanza.name == "presence" and child.name == "show":
            yield child.text
        elif stanza.name == "presence" and child.name == "priority":
            yield f"priority {child.text}"


def _protocol(payload: Element) -> str:
    """Return the part of a namespace that tells it from others: "roster", "ping", "disco#info"."""
    namespace = payload.namespace.rstrip("/")
    return namespace.rpartition("/")[2].rpartition(":")[2]
