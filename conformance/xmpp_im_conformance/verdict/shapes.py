"""What two failures have in common if one behaviour causes both: what happened, and what was missing or came in
addition.

Addresses, ids and texts have no part in it.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from xmpp_im_conformance.format.comparing import is_among
from xmpp_im_conformance.format.evidence import FROM_SERVER, Evidence, Unmet
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.matching import EXACT, FROM_CLIENT, is_wildcard
from xmpp_im_conformance.format.placeholders import is_placeholder
from xmpp_im_conformance.format.steps.acts import RemoteSendStep, SendStep
from xmpp_im_conformance.format.steps.base import ActingStep, ScenarioStep
from xmpp_im_conformance.format.steps.client import ClientDoesStep, ClientSendsStep, FromServerStep
from xmpp_im_conformance.format.vectors import MalformedFile
from xmpp_im_conformance.running.outcome import Result
from xmpp_im_core.element import Element
from xmpp_im_core.roster import ROSTER

_BLOCKING: Final = "urn:xmpp:blocking"
_LONGEST: Final = 160
_UNSAID: Final = "it fails"

_JID: Final = re.compile(r"[^\s@'\"<>:]+@[^\s'\"<>:,]+")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


@frozen
class Shape:
    """What failures of one behaviour have in common."""

    differs: str
    """What is missing, what came in addition, or what is different."""
    after: str = ""
    """What happened last; empty if it does not matter."""

    def __str__(self) -> str:
        return f"after {self.after}: {self.differs}" if self.after else self.differs


def shape_of(result: Result) -> Shape:
    """Return the shape of a failure."""
    if isinstance(result.vector, MalformedFile):
        return Shape("the vector is malformed")
    evidence = result.evidence
    if evidence is None:
        return Shape(_plain(_last_line(_without_place(result.detail))) or _UNSAID)
    steps = result.vector.scenario.steps
    failed = None if evidence.step is None or evidence.step >= len(steps) else steps[evidence.step]
    after = _cause(steps[: evidence.step if evidence.step is not None else 0])
    if not evidence.unmet:
        return Shape(_plain(_last_line(_without_place(evidence.problem))) or _UNSAID, _done(failed) or after)
    # Of alternatives the first is what most servers do.
    return _difference(evidence.unmet[0], evidence, failed, after)


def _difference(unmet: Unmet, evidence: Evidence, failed: ScenarioStep | None, after: str) -> Shape:
    if unmet.items:
        return Shape("the roster is another", after)
    expected, came = sorted({kind_of(each) for each in unmet.expected}), sorted({kind_of(each) for each in unmet.came})
    if not expected and not came:
        return Shape(_SAID.get("" if failed is None else failed.key) or _plain(unmet.says), after)
    manner = FROM_CLIENT if unmet.at == FROM_SERVER else EXACT
    if expected and all(is_among(each, unmet.came, evidence.bindings, manner) for each in unmet.expected):
        return Shape(f"{expected[0]} comes in another order", after)
    if expected and [each for each in expected if each in came] == expected:
        why = next((each.why for each in unmet.compared(evidence.bindings) if each.why), unmet.says)
        return _inner(_plain(why), after)
    if expected:
        return Shape(f"{expected[0]} does not come", after)
    return Shape(f"{came[0]} comes, although it must not", after)


_SAID: Final = {
    "new state": "the state of the subscription is another",
    "outcome": "the message is treated in another way",
}


def _inner(why: str, after: str) -> Shape:
    """Return the shape of a difference within a stanza. What happened matters for the stanza's own tag alone."""
    within = re.search(r"<(message|presence|iq)>", why)
    return Shape(why, after if within else "")


def _plain(text: str) -> str:
    """Return a message without addresses and values, so that it is the same for all that show one behaviour."""
    first = text.partition("\n")[0].removesuffix(":")
    attribute = re.match(r"(attribute '[^']*' of <[^>]*>|text of <[^>]*>): expected", first)
    if attribute is not None:
        return f"{attribute[1]} differs"
    said = _QUOTED.sub("…", _JID.sub("…", first))
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]} …"


def _without_place(problem: str) -> str:
    return re.sub(r"^(step \d+ of \d+ \([^)]*\)|at the end|before the first step): ", "", problem)


def _last_line(problem: str) -> str:
    """Return the line that says it: of a traceback, the last."""
    lines = [line for line in problem.splitlines() if line.strip()]
    if len(lines) > 2 and lines[1].startswith("Traceback"):
        return f"{lines[0]} {lines[-1].strip()}"
    if "no rule that fired cites" in problem:
        return "everything came as expected, but no rule that fired cites a requirement"
    return lines[0] if lines else ""


# --- what happened ----------------------------------------------------------------------------------------


def _cause(steps: tuple[ScenarioStep, ...]) -> str:
    """Return what the last of these steps that did something did."""
    return next((told for step in reversed(steps) if (told := _done(step))), "")


def _done(step: ScenarioStep | None) -> str:
    match step:
        case SendStep():
            return f"a client sends {_sent(step.xml)}"
        case RemoteSendStep():
            return f"another server sends {_sent(step.xml)}"
        case FromServerStep():
            return f"the server sends {_sent(step.xml)}"
        case ClientSendsStep():
            return f"the application sends {_sent(step.xml)}"
        case ClientDoesStep():
            return f"the user wants {str(step.value['action']).replace('_', ' ')}"
        case ActingStep():
            return f"the step {step.key!r}"
        case _:
            return ""


def _sent(xml: str) -> str:
    try:
        return kind_of(read_xml(xml))
    except ValueError:
        return "what is not well-formed"


# --- kinds of stanzas -------------------------------------------------------------------------------------


def kind_of(stanza: Element) -> str:
    """Name the kind of a stanza in words."""
    type = stanza.get("type") or ""
    if is_wildcard(stanza):
        return "a stanza"
    if type == "error":
        return " ".join([f"{'an' if stanza.name == 'iq' else 'a'} {stanza.name} error", *_conditions(stanza)])
    match stanza.name:
        case "message":
            return "a message"
        case "presence" if not type or is_placeholder(type):
            return "available presence"
        case "presence":
            return f"presence of type {type!r}" if type in _TYPES else "presence of an undefined type"
        case "iq":
            return _iq(stanza, type)
        case _:
            return f"<{stanza.name}>"


_TYPES: Final = frozenset({"unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"})


def _conditions(stanza: Element) -> list[str]:
    error = stanza.first("error")
    children = () if error is None else error.elements
    return [each.name for each in children if each.name != "text" and not is_wildcard(each)][:1]


def _iq(stanza: Element, type: str) -> str:
    if type == "result":
        return "an iq result"
    payload = stanza.elements[0] if stanza.elements else None
    if payload is not None and payload.namespace == ROSTER:
        removes = any(each.get("subscription") == "remove" for each in payload.elements)
        return f"a roster {type}{' that removes an item' if removes else ''}"
    if payload is not None and payload.namespace == _BLOCKING:
        return f"a block list {type}"
    return "an iq request"
