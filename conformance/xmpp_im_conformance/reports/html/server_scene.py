"""The story of a scenario: clients to both sides of the server, and the other server at the far end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from attrs import evolve, frozen

from xmpp_im_conformance.format.markup import pretty, read_xml
from xmpp_im_conformance.format.vectors import (
    Absent,
    AccountMoves,
    Act,
    Action,
    Decide,
    Disconnect,
    Flush,
    ItemsShared,
    Observation,
    OneOf,
    Receive,
    RemoteSend,
    RosterIs,
    Scenario,
    Send,
    Silent,
    StorageFails,
    StreamFeature,
    Time,
)
from xmpp_im_conformance.format.worlds import REMOTE
from xmpp_im_conformance.reports.html.came import missed, with_what_came
from xmpp_im_conformance.reports.html.labels import label, shortened
from xmpp_im_conformance.reports.html.scene import Kind, Line, Mark, Participant, Scene, listed
from xmpp_im_conformance.running.evidence import Evidence, Unmet
from xmpp_im_conformance.running.scenario import plays_remote
from xmpp_im_core.element import Element

SERVER: Final = "server"


def scenario_scene(scenario: Scenario, evidence: Evidence | None = None) -> Scene:
    """Tell a scenario.

    :param evidence: what there was when it failed, if it did.
    """
    clients = _clients(scenario)
    # The account that connects first stands to the left of the server, the others to its right.
    left = [jid for jid in clients if _bare(jid) == _bare(clients[0])]
    right = [jid for jid in clients if jid not in left]
    names = [*left, SERVER, *right, *([REMOTE] if plays_remote(scenario) else [])]
    names += [] if evidence is None else [at for at in evidence.untaken if at not in names]
    stage = Stage({name: index for index, name in enumerate(names)})
    lines = [stage.line(step.does) for step in scenario.steps]
    if scenario.lenient is not True:
        lines.append(Line("In the end nothing more has come" + _except(scenario.lenient) + "."))
    if evidence is not None and evidence.step is not None:
        lines[evidence.step] = stage.failed(scenario, evidence, lines[evidence.step])
    return Scene(tuple([participant(name) for name in names]), tuple(lines), tuple(_before(scenario)))


def participant(name: str) -> Participant:
    """Return who has this full JID, or is the server or the other one."""
    bare, slash, resource = name.partition("/")
    local, at, domain = bare.partition("@")
    if at:
        return Participant(f"{local}{slash}{resource}", domain)
    return Participant(name, "another server" if name == REMOTE else "under test")


def _clients(scenario: Scenario) -> list[str]:
    connected = [each.does.jid for each in scenario.steps if isinstance(each.does, Act) and "/" in each.does.jid]
    return list(dict.fromkeys(connected))


def _bare(jid: str) -> str:
    return jid.partition("/")[0]


def _except(lenient: bool | frozenset[str]) -> str:
    return f", at {listed(sorted(lenient))} excepted" if isinstance(lenient, frozenset) and lenient else ""


def _before(scenario: Scenario) -> Iterator[str]:
    for jid, items in scenario.accounts.items():
        roster = "; ".join([str(item) for item in items])
        yield f"{jid} has {roster}" if roster else f"{jid} has an empty roster"


@frozen
class Stage:
    """Where everybody stands."""

    places: Mapping[str, int]
    unmet: tuple[Unmet, ...] = ()
    """What did not hold."""

    def line(self, does: Action | Observation) -> Line:
        """Tell a step."""
        return _TELL[type(does)](self, does)

    def failed(self, scenario: Scenario, evidence: Evidence, line: Line) -> Line:
        """Tell the step that failed: what of it is missing, and what came.

        :param line: how it is told where it holds.
        """
        assert evidence.step is not None
        if evidence.step < len(scenario.steps):
            line = evolve(self, unmet=evidence.unmet).line(scenario.steps[evidence.step].does)
        return with_what_came(line, evidence, lambda kind, at, stanza: self.arrow(kind, SERVER, at, stanza))

    def arrow(self, kind: Kind, source: str, target: str, stanza: Element) -> Mark:
        """Draw a stanza on its way to the server, or from it."""
        named = label(stanza, "to") if target == SERVER else label(stanza, "from", _bare(target))
        return self.awaited(Mark(kind, self.places[source], named, self.places[target]), target, stanza)

    def awaited(self, mark: Mark, at: str, stanza: Element) -> Mark:
        """Draw what comes, or what should have."""
        missing = mark.kind is Kind.EXPECTED and any(at == each.at and stanza in each.expected for each in self.unmet)
        return missed(mark) if missing else mark

    def alternatives(self, number: int) -> list[Stage]:
        """Return the stage of each of so many alternatives, with what did not hold of it."""
        if len(self.unmet) != number:
            return [self] * number
        return [evolve(self, unmet=(each,)) for each in self.unmet]

    def sign(self, kind: Kind, at: str, text: str = "") -> Mark:
        """Draw a sign; what has no line of its own happens at the server."""
        return Mark(kind, self.places.get(at, self.places[SERVER]), shortened(text))

    def signs(self, kind: Kind, at: Iterable[str], text: str = "") -> tuple[Mark, ...]:
        """Draw the same sign at several; where nobody looks, none is drawn."""
        return tuple([self.sign(kind, each, text) for each in at if each in self.places])


_ACTS: Final[Mapping[str, tuple[str, str]]] = {
    "connect": ("connects", "{} connects."),
    "replace": ("binds again", "{} binds the same resource again; the old session ends afterwards, late."),
    "detach": ("stream lost", "{} loses its stream, and may resume it."),
    "resume": ("resumes", "{} resumes its stream."),
    "expire": ("not resumed", "{} has not resumed its stream in time."),
    "restart": ("account reloaded", "The account {} leaves memory, and is loaded again from what was stored."),
    "account_created": ("account created", "The administrator creates the account {}."),
    "account_removed": ("account removed", "The administrator removes the account {}."),
}


def _act(stage: Stage, does: Act) -> Line:
    short, says = _ACTS[does.what]
    text = short if does.jid in stage.places else f"{participant(does.jid).name}: {short}"
    return Line(says.format(does.jid), marks=(stage.sign(Kind.EVENT, does.jid, text),))


def _send(stage: Stage, does: Send) -> Line:
    stanza = read_xml(does.xml)
    return Line(f"{does.jid} sends", (pretty(stanza),), (stage.arrow(Kind.SENT, does.jid, SERVER, stanza),))


def _remote_send(stage: Stage, does: RemoteSend) -> Line:
    stanza = read_xml(does.xml)
    return Line(f"From {REMOTE} arrives", (pretty(stanza),), (stage.arrow(Kind.SENT, REMOTE, SERVER, stanza),))


def _disconnect(stage: Stage, does: Disconnect) -> Line:
    how = "closes its stream" if does.clean else "breaks off"
    return Line(f"{does.jid} {how}.", marks=(stage.sign(Kind.EVENT, does.jid, how),))


def _storage_fails(stage: Stage, does: StorageFails) -> Line:
    text = f"{does.what} fails: {participant(does.of).name}"
    return Line(f"The next {does.what} of {does.of} fails.", marks=(stage.sign(Kind.EVENT, SERVER, text),))


def _time(stage: Stage, does: Time) -> Line:
    now = does.at.isoformat(" ")
    return Line(f"It is now {now}.", marks=(stage.sign(Kind.EVENT, SERVER, now),))


def _decide(stage: Stage, does: Decide) -> Line:
    verb = "approves" if does.decision == "approve" else "denies"
    says = f"The service's own policy for {does.at} {verb} the next request of {does.request_from}."
    text = f"policy {verb} {participant(does.request_from).name}"
    return Line(says, marks=(stage.sign(Kind.EVENT, SERVER, text),))


def _account_moved(stage: Stage, does: AccountMoves) -> Line:
    time = "for good" if does.permanently else "for a time"
    says = f"The administrator notes that {does.of} has moved to {does.to}, {time}."
    return Line(says, marks=(stage.sign(Kind.EVENT, SERVER, f"{participant(does.of).name} has moved"),))


def _items_shared(stage: Stage, does: ItemsShared) -> Line:
    shown = ", ".join([f"{item.jid} ({item.subscription})" for item in does.items]) or "no items"
    says = f"The service shows {shown} in the roster of {does.of}, and no others."
    return Line(says, marks=(stage.sign(Kind.EVENT, SERVER, f"items shared: {participant(does.of).name}"),))


def _receive(stage: Stage, does: Receive) -> Line:
    verb = "may get" if does.optional else "gets"
    how = ["in any order"] if len(does.expected) > 1 else []
    how += ["among other things"] if does.anywhere else []
    says = f"{does.at} {verb}{''.join([f', {each}' for each in how])}"
    kind = Kind.OPTIONAL if does.optional else Kind.EXPECTED
    marks = [stage.arrow(kind, SERVER, does.at, stanza) for stanza in does.expected]
    return Line(says, tuple([pretty(stanza) for stanza in does.expected]), tuple(marks))


def _silent(stage: Stage, does: Silent) -> Line:
    return Line(f"Nothing more has come at {listed(does.at)}.", marks=stage.signs(Kind.SILENCE, does.at))


def _flush(stage: Stage, does: Flush) -> Line:
    marks = stage.signs(Kind.EVENT, does.at, "rest dropped")
    return Line(f"Whatever else has come at {listed(does.at)} is not looked at.", marks=marks)


def _absent(stage: Stage, does: Absent) -> Line:
    marks = (stage.arrow(Kind.ABSENT, SERVER, does.at, does.expected),)
    return Line(f"At {does.at} nothing like this has come", (pretty(does.expected),), marks)


def _roster(stage: Stage, does: RosterIs) -> Line:
    items = "; ".join([str(item) for item in does.items]) or "empty"
    says = f"The stored roster of {does.of} is: {items}."
    return Line(says, marks=(stage.sign(Kind.CHECK, SERVER, f"roster of {participant(does.of).name}"),))


def _one_of(stage: Stage, does: OneOf) -> Line:
    stages = stage.alternatives(len(does.branches))
    branches = [tuple([each.line(step) for step in branch]) for each, branch in zip(stages, does.branches, strict=True)]
    return Line("One of these holds", branches=tuple(branches))


def _stream_feature(stage: Stage, does: StreamFeature) -> Line:
    verb = "is not offered" if does.absent else "is offered"
    kind = Kind.ABSENT if does.absent else Kind.EXPECTED
    mark = Mark(kind, stage.places[SERVER], f"feature {does.expected.name}", stage.places[does.at])
    mark = stage.awaited(mark, does.at, does.expected)
    return Line(f"{does.at} {verb} the stream feature", (pretty(does.expected),), (mark,))


# The steps' classes and their functions correspond one to one, which the type of a mapping cannot say.
_TELL: Final[Mapping[type, Callable[..., Line]]] = {
    Act: _act,
    Send: _send,
    RemoteSend: _remote_send,
    Disconnect: _disconnect,
    StorageFails: _storage_fails,
    Time: _time,
    Decide: _decide,
    AccountMoves: _account_moved,
    ItemsShared: _items_shared,
    Receive: _receive,
    Silent: _silent,
    Flush: _flush,
    Absent: _absent,
    RosterIs: _roster,
    OneOf: _one_of,
    StreamFeature: _stream_feature,
}
