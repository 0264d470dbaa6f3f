"""The stories of the rows of tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from xmpp_im_conformance.format.vectors import MessageRow, SubscriptionRow
from xmpp_im_conformance.format.worlds import REMOTE
from xmpp_im_conformance.reports.html.came import missed, with_what_came
from xmpp_im_conformance.reports.html.labels import label
from xmpp_im_conformance.reports.html.scene import Kind, Line, Mark, Participant, Scene
from xmpp_im_conformance.reports.html.server_scene import SERVER, participant
from xmpp_im_conformance.running.evidence import Evidence
from xmpp_im_conformance.running.tables import BALCONY, CONTACT, STRANGER
from xmpp_im_core.element import Element

_JULIET, _SERVER, _REMOTE = range(3)
_CAST: Final = tuple([participant(name) for name in (BALCONY, SERVER, REMOTE)])


def row_title(row: SubscriptionRow | MessageRow) -> str:
    """Say in a line what a row is about."""
    if isinstance(row, SubscriptionRow):
        return f"{row.name[:1].upper()}{row.name[1:]}"
    return f"A message of type {row.type} to {_TARGETS[row.target]}: {_SITUATIONS[row.situation]}"


def subscription_scene(row: SubscriptionRow, evidence: Evidence | None = None) -> Scene:
    """Tell a row of Appendix A.

    :param evidence: what there was when it failed, if it did.
    """
    source, target = (_JULIET, _REMOTE) if row.outbound else (_REMOTE, _JULIET)
    kind = Kind.EXPECTED if row.delivered_or_routed else Kind.ABSENT
    acted = ("routed to" if row.outbound else "delivered to", CONTACT if row.outbound else BALCONY)
    what = f"presence {row.stanza}"
    sender = BALCONY if row.outbound else CONTACT
    lines = (
        Line(f"The state is {row.before}.", marks=(Mark(Kind.EVENT, _SERVER, str(row.before)),)),
        Line(
            f"{sender} sends a presence stanza of type {row.stanza}.", marks=(Mark(Kind.SENT, source, what, _SERVER),)
        ),
        Line(
            f"It is {'' if row.delivered_or_routed else 'not '}{' '.join(acted)}.",
            marks=(Mark(kind, _SERVER, what, target),),
        ),
        Line(f"The new state is {row.after}.", marks=(Mark(Kind.CHECK, _SERVER, str(row.after)),)),
    )
    return Scene(_CAST, _with_failure(lines, evidence))


def _with_failure(lines: Sequence[Line], evidence: Evidence | None) -> tuple[Line, ...]:
    """Tell the step that failed otherwise: what had to come did not, but something else, or nothing."""
    if evidence is None or evidence.step is None:
        return tuple(lines)
    line = lines[evidence.step]
    marks = tuple([missed(mark) if mark.kind is Kind.EXPECTED else mark for mark in line.marks])
    failed = with_what_came(evolve(line, marks=marks), evidence, _arrow)
    return (*lines[: evidence.step], failed, *lines[evidence.step + 1 :])


def _arrow(kind: Kind, at: str, stanza: Element) -> Mark:
    return Mark(kind, _SERVER, label(stanza, "from"), _REMOTE if at == REMOTE else _JULIET)


_SITUATIONS: Final = {
    "no-account": "there is no such account",
    "no-resource": "no resource is connected",
    "negative": "one resource is available, of priority -1",
    "one": "one resource is available, of priority 1",
    "several": "three resources are available, of priority 1, 5 and -1",
}
_TARGETS: Final = {
    "bare": "the bare JID",
    "full-match": "the full JID of a resource",
    "full-no-match": "a full JID that matches no resource",
}
_OUTCOMES: Final = {
    "silence": (Kind.SILENCE, _REMOTE, None, "It is silently ignored."),
    "error": (Kind.EXPECTED, _SERVER, _REMOTE, "The sender gets an error."),
    "stored": (Kind.CHECK, _SERVER, None, "It is stored, and delivered to a resource that becomes available later."),
    "delivered": (Kind.EXPECTED, _SERVER, _JULIET, "It is delivered to the resource."),
    "most-available": (Kind.EXPECTED, _SERVER, _JULIET, "It is delivered to the most available resource."),
    "all": (Kind.EXPECTED, _SERVER, _JULIET, "It is delivered to all resources of non-negative priority."),
}


def message_scene(row: MessageRow, evidence: Evidence | None = None) -> Scene:
    """Tell a cell of the table of §8.5.4.

    :param evidence: what there was when it failed, if it did.
    """
    outcomes = [_outcome(name) for name in row.outcomes]
    branches = tuple([(outcome,) for outcome in outcomes])
    ends = outcomes if len(outcomes) == 1 else [Line("One of these happens", branches=branches)]
    situation = _SITUATIONS[row.situation]
    sent = Mark(Kind.SENT, _REMOTE, f"message {row.type} to {row.target}", _SERVER)
    lines = (
        Line(f"{situation.capitalize()}.", marks=(Mark(Kind.EVENT, _JULIET, row.situation.replace("-", " ")),)),
        Line(f"{STRANGER} sends a message of type {row.type} to {_TARGETS[row.target]}.", marks=(sent,)),
        *ends,
    )
    juliet = Participant("juliet", "capulet.example")
    return Scene((juliet, *_CAST[1:]), _with_failure(lines, evidence))


def _outcome(name: str) -> Line:
    kind, at, to, says = _OUTCOMES[name]
    return Line(says, marks=(Mark(kind, at, name.replace("-", " "), to),))
