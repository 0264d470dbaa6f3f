"""The story of a client scenario: the user, the client under test, and its server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import evolve

from xmpp_im_conformance.format.markup import pretty, read_xml
from xmpp_im_conformance.format.vectors import ClientScenario, ClientStep
from xmpp_im_conformance.reports.html.came import missed, with_what_came
from xmpp_im_conformance.reports.html.labels import label, shortened
from xmpp_im_conformance.reports.html.scene import Kind, Line, Mark, Participant, Scene
from xmpp_im_conformance.running.evidence import Evidence
from xmpp_im_core.element import Element

_USER, _CLIENT, _SERVER = range(3)


def client_scene(scenario: ClientScenario, evidence: Evidence | None = None) -> Scene:
    """Tell a client scenario.

    :param evidence: what there was when it failed, if it did.
    """
    local, _, domain = scenario.account.partition("@")
    participants = (
        Participant("user", "the application"),
        Participant(f"{local}/{scenario.resource}", "client under test"),
        Participant("server", domain),
    )
    lines = [_TELL[step.key](step, scenario.account) for step in scenario.steps]
    if evidence is not None and evidence.step is not None:
        lines[evidence.step] = _failed(lines[evidence.step], scenario, evidence)
    return Scene(participants, tuple(lines), tuple(_before(scenario)))


def _failed(line: Line, scenario: ClientScenario, evidence: Evidence) -> Line:
    """Tell the step that failed: what of it is missing, and what the client sent and told instead."""
    assert evidence.step is not None
    step = scenario.steps[evidence.step]
    missing = {stanza for unmet in evidence.unmet for stanza in unmet.expected}
    marks = [
        missed(mark) if stanza in missing else mark for mark, stanza in zip(line.marks, step.expected, strict=False)
    ]
    line = evolve(line, marks=tuple(marks) or line.marks)
    line = with_what_came(line, evidence, lambda kind, _, stanza: _arrow(kind, _CLIENT, stanza, scenario.account))
    return evolve(line, marks=(*line.marks, *_told(step, evidence)))


def _told(step: ClientStep, evidence: Evidence) -> Iterator[Mark]:
    """Draw what the application was told: where the step speaks of that, instead of what it says."""
    kind = Kind.CAME if step.key in ("expect_event", "expect_no_event", "expect_ignored") else Kind.BESIDES
    for event in evidence.told[:_MOST_TOLD]:
        yield Mark(kind, _CLIENT, shortened(f"{kind.value}: {_stated('type', event)}"), _USER)


_MOST_TOLD: Final = 6
"""The events that are drawn."""


def _before(scenario: ClientScenario) -> Iterator[str]:
    for feature in scenario.stream_features:
        yield f"The server offers {pretty(feature)}"
    if scenario.cache is not None:
        ver, items = scenario.cache
        yield f"The client kept version {ver!r} of the roster: {'; '.join([str(item) for item in items]) or 'empty'}"


def _does(step: ClientStep, account: str) -> Line:
    value = _mapping(step.value)
    return _between(Kind.SENT, "The user wants", _USER, _CLIENT, _stated("action", value))


def _client_sends(step: ClientStep, account: str) -> Line:
    stanza = read_xml(str(step.value))
    marks = (Mark(Kind.SENT, _USER, label(stanza, "to"), _CLIENT),)
    return Line("The application hands over, to be sent", (pretty(stanza),), marks)


def _from_server(step: ClientStep, account: str) -> Line:
    stanza = read_xml(str(step.value))
    return Line("From the server arrives", (pretty(stanza),), (_arrow(Kind.SENT, _SERVER, stanza, account),))


def _sent(step: ClientStep, account: str) -> Line:
    says = "The client sends, in any order" if len(step.expected) > 1 else "The client sends"
    marks = [_arrow(Kind.EXPECTED, _CLIENT, stanza, account) for stanza in step.expected]
    return Line(says, tuple([pretty(stanza) for stanza in step.expected]), tuple(marks))


def _nothing_sent(step: ClientStep, account: str) -> Line:
    return Line("The client sends nothing more.", marks=(Mark(Kind.SILENCE, _SERVER),))


def _roster(step: ClientStep, account: str) -> Line:
    items = "; ".join([str(item) for item in step.items]) or "empty"
    return _looked_at(f"The client's roster is: {items}.", "roster")


def _ver(step: ClientStep, account: str) -> Line:
    text = "no version" if step.value is None else f"version {step.value!r}"
    return _looked_at(f"Next time the client would ask with {text}.", text)


def _presence(step: ClientStep, account: str) -> Line:
    value = _mapping(step.value)
    jid = value["jid"]
    says: list[str] = []
    if "resources" in value:
        known = [_resource(name, stated) for name, stated in value["resources"].items()]
        says.append(f"Of {jid} are known to be available: {', '.join(known) or 'none'}.")
    if "best" in value:
        says.append(f"Of {jid} the client ranks first: {value['best'] or 'none'}.")
    return _looked_at(" ".join(says), f"presence of {jid}")


def _resource(name: str, stated: Mapping[str, object]) -> str:
    details = ", ".join([f"{key} {value!r}" for key, value in stated.items()])
    return f"{name} ({details})" if details else name


def _event(step: ClientStep, account: str) -> Line:
    return _between(Kind.EXPECTED, "The application is told", _CLIENT, _USER, _stated("type", _mapping(step.value)))


def _no_event(step: ClientStep, account: str) -> Line:
    assert isinstance(step.value, list)
    kinds = ", ".join([str(each) for each in step.value])
    return _between(Kind.ABSENT, "The application is told nothing of", _CLIENT, _USER, kinds)


def _ignored(step: ClientStep, account: str) -> Line:
    return _looked_at("That changed nothing, and the application was told nothing.", "ignored")


def _arrow(kind: Kind, source: int, stanza: Element, account: str) -> Mark:
    if source == _CLIENT:
        return Mark(kind, _CLIENT, label(stanza, "to"), _SERVER)
    return Mark(kind, _SERVER, label(stanza, "from", account), _CLIENT)


def _between(kind: Kind, says: str, source: int, target: int, what: str) -> Line:
    return Line(f"{says}: {what}.", marks=(Mark(kind, source, shortened(what), target),))


def _looked_at(says: str, text: str) -> Line:
    return Line(says, marks=(Mark(Kind.CHECK, _CLIENT, shortened(text)),))


def _stated(key: str, value: Mapping[str, Any]) -> str:
    """Write what is stated: first what it is and whom it is about, then the rest with its names."""
    rest = [f"{name} {each!r}" for name, each in value.items() if name not in (key, "jid")]
    words = [str(value[key]).replace("_", " "), *([str(value["jid"])] if "jid" in value else [])]
    return ", ".join([" ".join(words), *rest])


def _mapping(value: object) -> Mapping[str, Any]:  # what the schema has accepted
    assert isinstance(value, Mapping)
    return value


_TELL: Final[Mapping[str, Callable[[ClientStep, str], Line]]] = {
    "client_does": _does,
    "client_sends": _client_sends,
    "from_server": _from_server,
    "expect_sent": _sent,
    "expect_nothing_sent": _nothing_sent,
    "expect_roster": _roster,
    "expect_ver": _ver,
    "expect_presence": _presence,
    "expect_event": _event,
    "expect_no_event": _no_event,
    "expect_ignored": _ignored,
}
