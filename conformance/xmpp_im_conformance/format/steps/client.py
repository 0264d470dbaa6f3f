"""The steps of a client scenario. The scenario plays the application (``USER``) and the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final, TypeAlias

from attrs import frozen

from xmpp_im_conformance.format.evidence import FROM_SERVER, Mismatch, Unmet
from xmpp_im_conformance.format.items import RosterItem, item_differences, listed_items, read_roster
from xmpp_im_conformance.format.markup import pretty, read_xml
from xmpp_im_conformance.format.placeholders import fill_in
from xmpp_im_conformance.format.steps.base import ActingStep, Known, Play, ScenarioStep
from xmpp_im_conformance.format.steps.fields import NOT_STATED, FieldKind, JSONSchema, StanzaText, pattern, patterns
from xmpp_im_conformance.format.steps.looks import check_roster, take_stanzas
from xmpp_im_conformance.format.story import Line, Mark, MarkKind, Stage, label
from xmpp_im_conformance.format.worlds import ClientWorld, KnownResource, NotApplicable
from xmpp_im_core.element import Element

USER: Final = "user"


def _ref(name: str) -> JSONSchema:
    return {"$ref": f"client.json#/$defs/{name}"}


def _read_sent(value: Any) -> tuple[Element, ...]:
    return (pattern(value),) if isinstance(value, str) else patterns(value["any_order"])


Object: TypeAlias = Mapping[str, Any]
Action: TypeAlias = Annotated[Object, FieldKind(_ref("action"), '{"action": A, ...}')]
Sent: TypeAlias = Annotated[tuple[Element, ...], FieldKind(_ref("sent"), "XML", _read_sent)]
KnownItems: TypeAlias = Annotated[
    tuple[RosterItem, ...], FieldKind({"type": "array", "items": _ref("item")}, "[ITEM, ...]", read_roster)
]
Version: TypeAlias = Annotated[str | None, FieldKind({"type": ["string", "null"]}, '"v2"')]
ExpectedPresence: TypeAlias = Annotated[Object, FieldKind(_ref("presence"), '{"jid": BARE_JID, "best": "orchard"}')]
ExpectedEvent: TypeAlias = Annotated[Object, FieldKind(_ref("event"), '{"type": T, ...}')]
EventTypes: TypeAlias = Annotated[
    tuple[str, ...], FieldKind({"type": "array", "minItems": 1, "items": _ref("event_type")}, "[T, ...]", tuple)
]


def _known(world: ClientWorld) -> Known:
    """Return the roster and the version that a client shows now."""
    roster: Sequence[RosterItem] | None = None
    ver: tuple[str | None] | None = None
    with suppress(NotApplicable):
        roster = tuple(world.roster())
    with suppress(NotApplicable):
        ver = (world.ver(),)
    return roster, ver


def _kind(stanza: Element) -> str:
    """Return what a client is asked by a stanza: for an IQ, whether it is a request."""
    if stanza.name != "iq":
        return stanza.name
    return "request" if stanza.get("type") in ("get", "set") else "response"


# --- what happens -----------------------------------------------------------------------------------------


@frozen
class ClientDoesStep(ActingStep):
    """The user wants this; see below."""

    key = "client_does"
    value: Action

    def perform(self, play: Play) -> None:
        play.world.do(self.value["action"], {name: each for name, each in self.value.items() if name != "action"})

    def show(self, stage: Stage) -> Line:
        return stage.between(MarkKind.SENT, "The user wants", USER, stage.tested, stated("action", self.value))


@frozen
class ClientSendsStep(ActingStep):
    """The application hands over this very stanza for sending."""

    key = "client_sends"
    calls = ClientWorld.send
    xml: StanzaText

    def show(self, stage: Stage) -> Line:
        handed = read_xml(self.xml)
        mark = Mark(MarkKind.SENT, stage.places[USER], label(handed, "to"), stage.places[stage.tested])
        return Line("The application hands over, to be sent", (pretty(handed),), (mark,))


@frozen
class FromServerStep(ActingStep):
    """This arrives, with `{var:NAME}` replaced."""

    key = "from_server"
    calls = ClientWorld.receive
    xml: StanzaText

    def take(self, play: Play) -> None:
        play.before, play.received = _known(play.world), _kind(read_xml(fill_in(self.xml, play.bindings)))
        super().take(play)
        play.answered = play.caused

    def show(self, stage: Stage) -> Line:
        return stage.sent("From the server arrives", FROM_SERVER, stage.tested, read_xml(self.xml))


# --- looking ----------------------------------------------------------------------------------------------


@frozen
class ExpectSentStep(ScenarioStep):
    """The next that the client sends; `from` and `xml:lang` are free unless stated."""

    key = "expect_sent"
    examples = ("XML", '{"any_order": [XML, ...]}')
    expected: Sent

    def take(self, play: Play) -> None:
        take_stanzas(play, FROM_SERVER, self.expected)

    def show(self, stage: Stage) -> Line:
        says = "The client sends, in any order" if len(self.expected) > 1 else "The client sends"
        return stage.coming(says, MarkKind.EXPECTED, FROM_SERVER, self.expected)


@frozen
class ExpectNothingSentStep(ScenarioStep):
    """There is nothing more."""

    key = "expect_nothing_sent"
    after_handing_over: Annotated[bool, NOT_STATED] = False

    def take(self, play: Play) -> None:
        if self.after_handing_over and not play.world.refuses():
            raise NotApplicable("the client sends what its application hands over, and refuses nothing")
        came = tuple(play.at(FROM_SERVER))
        if came:
            raise Mismatch(Unmet("nothing was expected, but the client sent", FROM_SERVER, came=came))

    def show(self, stage: Stage) -> Line:
        return Line("The client sends nothing more.", marks=stage.sign(MarkKind.SILENCE, FROM_SERVER))


@frozen
class ExpectRosterStep(ScenarioStep):
    """The roster as the client knows it: all items, any order, without `pending_in` and `listed`."""

    key = "expect_roster"
    items: KnownItems

    def take(self, play: Play) -> None:
        check_roster("the client's roster is another", self.items, play.world.roster(), play.bindings)

    def show(self, stage: Stage) -> Line:
        return stage.check(f"The client's roster is: {listed_items(self.items)}.", "roster")


@frozen
class ExpectVerStep(ScenarioStep):
    """The version that it would ask with next (null: none)."""

    key = "expect_ver"
    ver: Version

    def take(self, play: Play) -> None:
        if play.world.ver() != self.ver:
            raise Mismatch(Unmet(f"the version must be {self.ver!r}, but is {play.world.ver()!r}"))

    def show(self, stage: Stage) -> Line:
        text = "no version" if self.ver is None else f"version {self.ver!r}"
        return stage.check(f"Next time the client would ask with {text}.", text)


@frozen
class ExpectPresenceStep(ScenarioStep):
    """Exactly these resources of that JID are known to be available, or `best` is the one that the client ranks first.

    `show`, `status` and `priority` only where stated; null for `best`: none.
    """

    key = "expect_presence"
    examples = (
        '{"jid": BARE_JID, "resources": {"orchard": {"show": "away", "status": "...", "priority": 0}}}',
        '{"jid": BARE_JID, "best": "orchard"}',
    )
    value: ExpectedPresence

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
        return stage.check(" ".join(says), f"presence of {jid}")


def _resource(name: str, attributes: Mapping[str, object]) -> str:
    details = ", ".join([f"{key} {value!r}" for key, value in attributes.items()])
    return f"{name} ({details})" if details else name


@frozen
class ExpectEventStep(ScenarioStep):
    """Among what the application was told and no step took, there is this; it is taken, the rest stays."""

    key = "expect_event"
    about_events = True
    event: ExpectedEvent

    def take(self, play: Play) -> None:
        if not play.world.knows_event(self.event["type"]):
            raise NotApplicable(f"the client tells no event {self.event['type']!r}")
        looked_at = {key: value for key, value in self.event.items() if play.world.tells_detail(key)}
        for index, event in enumerate(play.told):
            if all(event.get(key) == value for key, value in looked_at.items()):
                del play.told[index]
                return
        told = [dict(each) for each in play.told]
        raise Mismatch(Unmet(f"the application was not told {dict(self.event)}, but {told}"))

    def show(self, stage: Stage) -> Line:
        what = stated("type", self.event)
        return stage.between(MarkKind.EXPECTED, "The application is told", stage.tested, USER, what)


@frozen
class ExpectNoEventStep(ScenarioStep):
    """Nothing of these kinds is left."""

    key = "expect_no_event"
    about_events = True
    types: EventTypes

    def take(self, play: Play) -> None:
        left = [dict(event) for event in play.told if event["type"] in self.types]
        if left:
            raise Mismatch(Unmet(f"the application was told {left}"))

    def show(self, stage: Stage) -> Line:
        says = "The application is told nothing of"
        return stage.between(MarkKind.ABSENT, says, stage.tested, USER, ", ".join(self.types))


@frozen
class ExpectIgnoredStep(ScenarioStep):
    """The last `from_server` changed neither roster nor version and told the application nothing.

    Whether an error answers it is free, unless the next step is about what is sent.
    """

    key = "expect_ignored"
    about_events = True
    answer_is_free: Annotated[bool, NOT_STATED] = True

    def take(self, play: Play) -> None:
        (roster, ver), (new_roster, new_ver) = play.before, _known(play.world)
        sent, told = play.answered
        _need_signs(play)
        lines = [] if roster is None or new_roster is None else item_differences(roster, new_roster, {})
        if lines:
            raise Mismatch(Unmet("the roster has changed", items=tuple(lines)))
        if ver is not None and new_ver is not None and ver != new_ver:
            raise Mismatch(Unmet(f"the version has changed from {ver[0]!r} to {new_ver[0]!r}"))
        if told:
            raise Mismatch(Unmet(f"the application was told {[dict(event) for event in told]}"))
        if self.answer_is_free:
            free = [each for each in sent if each.get("type") == "error"]
            play.untaken[FROM_SERVER] = [each for each in play.at(FROM_SERVER) if not any(each is one for one in free)]

    def show(self, stage: Stage) -> Line:
        return stage.check("That changed nothing, and the application was told nothing.", "ignored")


_SIGNS: Final[Mapping[str, tuple[Sequence[str], str]]] = {
    "message": (("message",), "a message"),
    "presence": (("available",), "presence"),
    "request": (("item_added", "item_updated", "item_removed"), "a roster push"),
    "response": (("answered",), "an answer"),
}
"""By the kind of a stanza: the events of which a client tells one if it accepts the stanza, and what it accepts."""


def _need_signs(play: Play) -> None:
    """See that the client would show that it has not ignored the last stanza from the server.

    :raises NotApplicable: if it would not.
    """
    events, what = _SIGNS[play.received]
    shows_roster = play.received in ("request", "response") and play.before[0] is not None
    if not shows_roster and not any(play.world.knows_event(event) for event in events):
        says = " or ".join(map(repr, events))
        raise NotApplicable(f"the client does not show whether it has accepted {what}: it tells no event {says}")


def stated(key: str, value: Mapping[str, Any]) -> str:
    """Write what is stated: first what it is and whom it is about, then the rest with its names."""
    rest = [f"{name} {each!r}" for name, each in value.items() if name not in (key, "jid")]
    words = [str(value[key]).replace("_", " "), *([str(value["jid"])] if "jid" in value else [])]
    return ", ".join([" ".join(words), *rest])


CLIENT_STEPS: Final = (
    ClientDoesStep,
    ClientSendsStep,
    FromServerStep,
    ExpectSentStep,
    ExpectNothingSentStep,
    ExpectRosterStep,
    ExpectVerStep,
    ExpectPresenceStep,
    ExpectEventStep,
    ExpectNoEventStep,
    ExpectIgnoredStep,
)
