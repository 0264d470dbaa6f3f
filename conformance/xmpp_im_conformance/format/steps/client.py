"""The steps of a client scenario. The scenario plays the application (``USER``) and the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from xmpp_im_conformance.format.evidence import FROM_SERVER, Mismatch, Unmet
from xmpp_im_conformance.format.items import Item, item_differences
from xmpp_im_conformance.format.markup import pretty, read_xml
from xmpp_im_conformance.format.steps.base import (
    Act,
    Play,
    Step,
    check_roster,
    listed_items,
    patterns,
    read_roster,
    stanza,
)
from xmpp_im_conformance.format.steps.looks import take_stanzas
from xmpp_im_conformance.format.story import Line, Mark, MarkKind, Stage, label
from xmpp_im_conformance.format.worlds import KnownResource, NotApplicable
from xmpp_im_core.element import Element

USER: Final = "user"


@frozen
class ClientDoes(Act):
    """The user wants this."""

    keys = ("client_does",)
    value: Mapping[str, Any]

    @classmethod
    def read(cls, key: str, value: Mapping[str, Any]) -> ClientDoes:
        return cls(value)

    def perform(self, play: Play) -> None:
        play.world.do(self.value["action"], {name: each for name, each in self.value.items() if name != "action"})

    @property
    def told(self) -> str:
        return str(self.value)

    def show(self, stage: Stage) -> Line:
        return stage.between(MarkKind.SENT, "The user wants", USER, stage.tested, stated("action", self.value))


@frozen
class ClientSends(Act):
    """The application hands over this very stanza for sending."""

    keys = ("client_sends",)
    xml: str

    @classmethod
    def read(cls, key: str, value: str) -> ClientSends:
        return cls(stanza(value))

    def perform(self, play: Play) -> None:
        play.world.send(play.filled(self.xml))

    @property
    def told(self) -> str:
        return self.xml

    def show(self, stage: Stage) -> Line:
        handed = read_xml(self.xml)
        mark = Mark(MarkKind.SENT, stage.places[USER], label(handed, "to"), stage.places[stage.tested])
        return Line("The application hands over, to be sent", (pretty(handed),), (mark,))


@frozen
class FromServer(Act):
    """This arrives from the server."""

    keys = ("from_server",)
    xml: str

    @classmethod
    def read(cls, key: str, value: str) -> FromServer:
        return cls(stanza(value))

    def perform(self, play: Play) -> None:
        play.before = (tuple(play.world.roster()), play.world.ver())
        play.world.receive(play.filled(self.xml))

    def take(self, play: Play) -> None:
        play.transcript.append(f"{play.place}: {self.told}")
        self.perform(play)
        play.answered = play.collect()

    @property
    def told(self) -> str:
        return self.xml

    def show(self, stage: Stage) -> Line:
        return stage.sent("From the server arrives", FROM_SERVER, stage.tested, read_xml(self.xml))


# --- looking ----------------------------------------------------------------------------------------------


@frozen
class ExpectSent(Step):
    """The next that the client sends is this stanza, or these in any order."""

    keys = ("expect_sent",)
    expected: tuple[Element, ...]

    @classmethod
    def read(cls, key: str, value: Any) -> ExpectSent:
        return cls(patterns(value))

    def take(self, play: Play) -> None:
        take_stanzas(play, FROM_SERVER, self.expected)

    def show(self, stage: Stage) -> Line:
        says = "The client sends, in any order" if len(self.expected) > 1 else "The client sends"
        marks = [stage.came(MarkKind.EXPECTED, FROM_SERVER, each) for each in self.expected]
        return Line(says, tuple([pretty(each) for each in self.expected]), tuple(marks))


@frozen
class ExpectNothingSent(Step):
    """The client has sent nothing more."""

    keys = ("expect_nothing_sent",)

    @classmethod
    def read(cls, key: str, value: object) -> ExpectNothingSent:
        return cls()

    def take(self, play: Play) -> None:
        if play.at(FROM_SERVER):
            raise Mismatch(
                Unmet("nothing was expected, but the client sent", FROM_SERVER, came=tuple(play.at(FROM_SERVER)))
            )

    def show(self, stage: Stage) -> Line:
        return Line("The client sends nothing more.", marks=stage.sign(MarkKind.SILENCE, FROM_SERVER))


@frozen
class ExpectRoster(Step):
    """The roster as the client knows it is this."""

    keys = ("expect_roster",)
    items: tuple[Item, ...]

    @classmethod
    def read(cls, key: str, value: Sequence[Mapping[str, object]]) -> ExpectRoster:
        return cls(read_roster(value))

    def take(self, play: Play) -> None:
        check_roster("the client's roster is another", self.items, play.world.roster(), play.bindings)

    def show(self, stage: Stage) -> Line:
        return _looked_at(stage, f"The client's roster is: {listed_items(self.items)}.", "roster")


@frozen
class ExpectVer(Step):
    """The version that the client would ask with next is this."""

    keys = ("expect_ver",)
    ver: str | None

    @classmethod
    def read(cls, key: str, value: str | None) -> ExpectVer:
        return cls(value)

    def take(self, play: Play) -> None:
        if play.world.ver() != self.ver:
            raise Mismatch(Unmet(f"the version must be {self.ver!r}, but is {play.world.ver()!r}"))

    def show(self, stage: Stage) -> Line:
        text = "no version" if self.ver is None else f"version {self.ver!r}"
        return _looked_at(stage, f"Next time the client would ask with {text}.", text)


@frozen
class ExpectPresence(Step):
    """These resources are known to be available, or this one is ranked first."""

    keys = ("expect_presence",)
    value: Mapping[str, Any]

    @classmethod
    def read(cls, key: str, value: Mapping[str, Any]) -> ExpectPresence:
        return cls(value)

    def take(self, play: Play) -> None:
        wrong = next(self._wrong(play.world.resources(self.value["jid"])), None)
        if wrong is not None:
            raise Mismatch(Unmet(wrong))

    def _wrong(self, found: Sequence[KnownResource]) -> Iterator[str]:
        jid = self.value["jid"]
        best = found[0].name if found else None
        if self.value.get("best", best) != best:
            yield f"the best resource of {jid} must be {self.value['best']!r}, but is {best!r}"
        known = {resource.name: resource for resource in found}
        expected = self.value.get("resources", {name: {} for name in known})
        if known.keys() != expected.keys():
            yield f"available of {jid} must be {sorted(expected)}, but are {sorted(known)}"
            return
        for name, attributes in expected.items():
            for attribute, value in attributes.items():
                there = getattr(known[name], attribute)
                if there != ("" if value is None else value):
                    yield f"{attribute} of {jid}/{name} must be {value!r}, but is {there!r}"

    def show(self, stage: Stage) -> Line:
        jid = self.value["jid"]
        says: list[str] = []
        if "resources" in self.value:
            known = [_resource(name, attributes) for name, attributes in self.value["resources"].items()]
            says.append(f"Of {jid} are known to be available: {', '.join(known) or 'none'}.")
        if "best" in self.value:
            says.append(f"Of {jid} the client ranks first: {self.value['best'] or 'none'}.")
        return _looked_at(stage, " ".join(says), f"presence of {jid}")


def _resource(name: str, attributes: Mapping[str, object]) -> str:
    details = ", ".join([f"{key} {value!r}" for key, value in attributes.items()])
    return f"{name} ({details})" if details else name


@frozen
class ExpectEvent(Step):
    """Among the untaken events there is this one; it is taken."""

    keys = ("expect_event",)
    about_events = True
    event: Mapping[str, Any]

    @classmethod
    def read(cls, key: str, value: Mapping[str, Any]) -> ExpectEvent:
        return cls(value)

    def take(self, play: Play) -> None:
        if not play.world.knows_event(self.event["type"]):
            raise NotApplicable(f"the client tells no event {self.event['type']!r}")
        for index, event in enumerate(play.told):
            if all(event.get(key) == value for key, value in self.event.items()):
                del play.told[index]
                return
        told = [dict(each) for each in play.told]
        raise Mismatch(Unmet(f"the application was not told {dict(self.event)}, but {told}"))

    def show(self, stage: Stage) -> Line:
        what = stated("type", self.event)
        return stage.between(MarkKind.EXPECTED, "The application is told", stage.tested, USER, what)


@frozen
class ExpectNoEvent(Step):
    """No event of these types is untaken."""

    keys = ("expect_no_event",)
    about_events = True
    types: tuple[str, ...]

    @classmethod
    def read(cls, key: str, value: Sequence[str]) -> ExpectNoEvent:
        return cls(tuple(value))

    def take(self, play: Play) -> None:
        left = [dict(event) for event in play.told if event["type"] in self.types]
        if left:
            raise Mismatch(Unmet(f"the application was told {left}"))

    def show(self, stage: Stage) -> Line:
        says = "The application is told nothing of"
        return stage.between(MarkKind.ABSENT, says, stage.tested, USER, ", ".join(self.types))


@frozen
class ExpectIgnored(Step):
    """The last stanza from the server changed neither roster nor version, and the application was told nothing."""

    keys = ("expect_ignored",)
    about_events = True
    answer_is_free: bool = True
    """Whether an error may have answered it; else the next step looks at what is sent."""

    @classmethod
    def read(cls, key: str, value: object) -> ExpectIgnored:
        return cls()

    def take(self, play: Play) -> None:
        roster, ver = play.before
        sent, told = play.answered
        lines = item_differences(roster, play.world.roster(), {})
        if lines:
            raise Mismatch(Unmet("the roster has changed", items=tuple(lines)))
        if ver != play.world.ver():
            raise Mismatch(Unmet(f"the version has changed from {ver!r} to {play.world.ver()!r}"))
        if told:
            raise Mismatch(Unmet(f"the application was told {[dict(event) for event in told]}"))
        if self.answer_is_free:
            free = [each for each in sent if each.get("type") == "error"]
            play.untaken[FROM_SERVER] = [each for each in play.at(FROM_SERVER) if not any(each is one for one in free)]

    def show(self, stage: Stage) -> Line:
        return _looked_at(stage, "That changed nothing, and the application was told nothing.", "ignored")


def _looked_at(stage: Stage, says: str, text: str) -> Line:
    return Line(says, marks=stage.sign(MarkKind.CHECK, stage.tested, text))


def stated(key: str, value: Mapping[str, Any]) -> str:
    """Write what is stated: first what it is and whom it is about, then the rest with its names."""
    rest = [f"{name} {each!r}" for name, each in value.items() if name not in (key, "jid")]
    words = [str(value[key]).replace("_", " "), *([str(value["jid"])] if "jid" in value else [])]
    return ", ".join([" ".join(words), *rest])


CLIENT_STEPS: Final = (
    ClientDoes,
    ClientSends,
    FromServer,
    ExpectSent,
    ExpectNothingSent,
    ExpectRoster,
    ExpectVer,
    ExpectPresence,
    ExpectEvent,
    ExpectNoEvent,
    ExpectIgnored,
)
