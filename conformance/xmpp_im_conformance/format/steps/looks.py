"""The steps of a scenario that look, and change nothing at the system under test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final, TypeAlias

from attrs import evolve, field, frozen

from xmpp_im_conformance.format.comparing import compare_stanzas, is_among
from xmpp_im_conformance.format.evidence import FROM_SERVER, Mismatch, Unmet
from xmpp_im_conformance.format.forgiving import additional_rule, forgiving_match
from xmpp_im_conformance.format.items import RosterItem, client_view, item_differences, listed_items
from xmpp_im_conformance.format.markup import pretty
from xmpp_im_conformance.format.matching import EXACT, FROM_CLIENT, PART, match_all
from xmpp_im_conformance.format.placeholders import Bindings
from xmpp_im_conformance.format.steps.base import Play, ScenarioStep, read_steps
from xmpp_im_conformance.format.steps.fields import (
    BareJID,
    FieldKind,
    FullJID,
    FullJIDs,
    Items,
    JSONSchema,
    Pattern,
    Patterns,
    StanzaError,
    StreamError,
    ref,
)
from xmpp_im_conformance.format.story import Line, Mark, MarkKind, Stage, listed, short
from xmpp_im_conformance.format.worlds import REMOTE
from xmpp_im_core.element import Element

FORGIVEN: Final = "forgiven"
"""What each finding about a forgiven difference begins with."""


def take_stanzas(
    play: Play, at: str, expected: tuple[Element, ...], *, anywhere: bool = False, optional: bool = False
) -> None:
    """Take stanzas, in any order.

    :raises Mismatch: if they are not there and not optional.
    """
    untaken = play.at(at)
    manner = FROM_CLIENT if at == FROM_SERVER else EXACT
    candidates = tuple(untaken if anywhere else untaken[: len(expected)])
    found = next(match_all(expected, candidates, play.bindings, manner), None)
    if found is not None:
        play.bindings, taken = found
        untaken[:] = [stanza for index, stanza in enumerate(untaken) if index not in taken]
        return
    # Nothing is missing where it is optional.
    rules = [rule for rule in play.forgiving if not (optional and rule.missing)]
    forgiven = forgiving_match(rules, expected, untaken, play.bindings, at, anywhere=anywhere, manner=manner)
    if forgiven is not None:
        play.bindings = forgiven.bindings
        play.findings.update([f"{FORGIVEN}: {each}" for each in forgiven.findings])
        untaken[:] = [stanza for index, stanza in enumerate(untaken) if index not in forgiven.taken]
    elif not optional:
        where = "the client" if at == FROM_SERVER else f"at {at}"
        raise Mismatch(_not_there(where, at, expected, untaken, play, anywhere))


def _not_there(
    where: str, at: str, expected: tuple[Element, ...], untaken: Sequence[Element], play: Play, anywhere: bool
) -> Unmet:
    sent, manner = at == FROM_SERVER, FROM_CLIENT if at == FROM_SERVER else EXACT
    if not untaken:
        return Unmet(f"{where} {'sent nothing more' if sent else 'nothing more came'}", at, expected)
    if len(expected) == 1 and not anywhere:
        why = compare_stanzas(expected[0], untaken[0], play.bindings, manner).why
        return Unmet(
            f"{where} {'sent something else' if sent else 'something else came'}: {why}", at, expected, (untaken[0],)
        )
    missing = tuple([each for each in expected if not is_among(each, untaken, play.bindings, manner)]) or expected
    others = [each for each in expected if each not in missing]
    left = [each for each in untaken if not any(is_among(one, [each], play.bindings, manner) for one in others)]
    says = "none of the untaken stanzas matches" if anywhere else f"the next {len(expected)} do not match"
    return Unmet(f"{where} {says}" if not sent else says, at, missing, tuple(left))


@frozen
class ReceiveStep(ScenarioStep):
    """The next untaken stanza at this client is this, or the next so many are these in any order; they are taken."""

    key = "receive"
    examples: ClassVar[tuple[str, ...]] = ('{"at": FULL_JID, "xml": XML}', '{"at": FULL_JID, "any_order": [XML, ...]}')
    rules: ClassVar[JSONSchema] = {"allOf": [ref("reception")]}
    at: FullJID
    xml: Pattern | None = None
    any_order: Patterns = ()
    anywhere: bool = False
    optional: bool = False

    @property
    def expected(self) -> tuple[Element, ...]:
        """All that is expected."""
        return self.any_order if self.xml is None else (self.xml,)

    def take(self, play: Play) -> None:
        take_stanzas(play, self.at, self.expected, anywhere=self.anywhere, optional=self.optional)

    def show(self, stage: Stage) -> Line:
        how = ["in any order"] if len(self.expected) > 1 else []
        how += ["among other things"] if self.anywhere else []
        says = f"{self.at} {'may get' if self.optional else 'gets'}{''.join([f', {each}' for each in how])}"
        return stage.coming(says, MarkKind.OPTIONAL if self.optional else MarkKind.EXPECTED, self.at, self.expected)


@frozen
class SilentStep(ScenarioStep):
    """Nothing is untaken at these."""

    key = "silent"
    at: FullJIDs

    def take(self, play: Play) -> None:
        for jid in self.at:
            rules = [additional_rule(play.forgiving, stanza, jid) for stanza in play.at(jid)]
            if None not in rules:
                play.findings.update([f"{FORGIVEN}: {rule.says}" for rule in rules if rule is not None])
                play.at(jid).clear()
            else:
                raise Mismatch(Unmet(f"at {jid} nothing was expected, but there came", jid, came=tuple(play.at(jid))))

    def show(self, stage: Stage) -> Line:
        return Line(f"Nothing more has come at {listed(self.at)}.", marks=stage.signs(MarkKind.SILENCE, self.at))


@frozen
class FlushStep(ScenarioStep):
    """All that is untaken at these is dropped, whatever it is. They need not be connected."""

    key = "flush"
    clients = ()
    at: FullJIDs

    def take(self, play: Play) -> None:
        for jid in self.at:
            play.at(jid).clear()

    def show(self, stage: Stage) -> Line:
        marks = stage.signs(MarkKind.EVENT, self.at, "rest dropped")
        return Line(f"Whatever else has come at {listed(self.at)} is not looked at.", marks=marks)


@frozen
class AbsentStep(ScenarioStep):
    """Nothing untaken at this client matches.

    Here the pattern is a part: attributes, children and text that it does not state are free.
    """

    key = "absent"
    at: FullJID
    xml: Pattern

    def take(self, play: Play) -> None:
        for stanza in play.at(self.at):
            if is_among(self.xml, [stanza], play.bindings, PART):
                raise Mismatch(Unmet(f"at {self.at} this must not come:", self.at, came=(stanza,)))

    def show(self, stage: Stage) -> Line:
        return stage.coming(f"At {self.at} nothing like this has come", MarkKind.ABSENT, self.at, (self.xml,))


# --- at the other server ----------------------------------------------------------------------------------

UNSEEN: Final = f"it is not seen whether nothing is sent to {REMOTE}"


def _note_unseen(play: Play) -> None:
    """Note that a silence counts as kept, although nobody can hear it."""
    if not play.world.sees_remote():
        play.findings[UNSEEN] += 1


@frozen
class RemoteReceiveStep(ReceiveStep):
    """The next untaken stanza that the system under test sent to `remote.example` is this."""

    key = "remote_receive"
    examples: ClassVar[tuple[str, ...]] = ("XML", '{"xml": XML, ...}', '{"any_order": [XML, ...], ...}')
    rules: ClassVar[JSONSchema] = {
        "title": "an XML element as text, or an object",
        "type": ["string", "object"],
        "pattern": r"^\s*<",
        "if": {"type": "object"},
        "then": ref("reception"),
    }
    at: FullJID = field(default=REMOTE, init=False)

    @property
    def plays_remote(self) -> bool:
        return not self.optional

    @classmethod
    def read(cls, value: Any) -> RemoteReceiveStep:
        return super().read({"xml": value} if isinstance(value, str) else value)


@frozen
class RemoteSilentStep(SilentStep):
    """Nothing that was sent to `remote.example` is untaken."""

    key = "remote_silent"
    at: FullJIDs = field(default=(REMOTE,), init=False)

    def take(self, play: Play) -> None:
        _note_unseen(play)
        super().take(play)


@frozen
class RemoteFlushStep(FlushStep):
    """All that is untaken there is dropped."""

    key = "remote_flush"
    looks_at_remote = False
    at: FullJIDs = field(default=(REMOTE,), init=False)


@frozen
class RemoteAbsentStep(AbsentStep):
    """Nothing untaken there matches this part."""

    key = "remote_absent"
    at: FullJID = field(default=REMOTE, init=False)

    def take(self, play: Play) -> None:
        _note_unseen(play)
        super().take(play)


# --- what the server stores and offers --------------------------------------------------------------------


def check_roster(says: str, expected: Sequence[RosterItem], found: Sequence[RosterItem], bindings: Bindings) -> None:
    """Compare two rosters.

    :raises Mismatch: if they differ.
    """
    lines = item_differences(expected, found, bindings)
    if lines:
        raise Mismatch(Unmet(says, items=tuple(lines)))


@frozen
class RosterStep(ScenarioStep):
    """The account's stored roster is this: all contacts, in any order."""

    key = "roster"
    of: BareJID
    items: Items

    def take(self, play: Play) -> None:
        expected: Sequence[RosterItem] = self.items
        found = play.world.roster(self.of)
        if not play.world.sees_requests():
            expected, found = client_view(expected), client_view(found, expected)
        check_roster(f"the stored roster of {self.of} is another", expected, found, play.bindings)

    def show(self, stage: Stage) -> Line:
        return stage.check(
            f"The stored roster of {self.of} is: {listed_items(self.items)}.", f"roster of {short(self.of)}"
        )


@frozen
class StreamFeatureStep(ScenarioStep):
    """This feature stood in the stream features that the session was offered before it was bound.

    With `"absent": true`: it did not.
    """

    key = "stream_features"
    at: FullJID
    xml: Pattern
    absent: bool = False

    def take(self, play: Play) -> None:
        offered = tuple(play.world.stream_features(self.at))
        if is_among(self.xml, offered, play.bindings) == self.absent:
            said = "must not be offered" if self.absent else "was not offered"
            expected = () if self.absent else (self.xml,)
            raise Mismatch(Unmet(f"the stream feature {said} to {self.at}:", self.at, expected, offered))

    def show(self, stage: Stage) -> Line:
        verb = "is not offered" if self.absent else "is offered"
        kind = MarkKind.ABSENT if self.absent else MarkKind.EXPECTED
        mark = Mark(kind, stage.places[FROM_SERVER], f"feature {self.xml.name}", stage.places[self.at])
        marks = (stage.expected(mark, self.at, self.xml),)
        return Line(f"{self.at} {verb} the stream feature", (pretty(self.xml),), marks)


@frozen
class BindingRefusedStep(ScenarioStep):
    """If a client asks to bind this resource now, the server refuses with this stanza error (RFC 6120, section 7.6).

    With `"condition": null` it does not refuse. The client does not go on, whatever the answer is.
    """

    key = "binding_refused"
    jid: Annotated[str, FieldKind(ref("full_jid"), "FULL_JID")]
    condition: StanzaError

    def take(self, play: Play) -> None:
        refusal = play.world.binding_refused(self.jid)
        if refusal != self.condition:
            says = f"the server refuses to bind {self.jid} with {refusal or 'no error'}, not {self.condition or 'none'}"
            raise Mismatch(Unmet(says, self.jid))

    def show(self, stage: Stage) -> Line:
        if self.condition is None:
            return stage.check(f"A client may bind {self.jid}.", "may be bound")
        return stage.check(f"A client may not bind {self.jid}: {self.condition}.", f"not bound: {self.condition}")


@frozen
class StreamClosedStep(ScenarioStep):
    """The server has closed this client's stream, and no step has taken that; this is taken.

    The first such closing had this stream error (RFC 6120, section 4.9.3). After `replace`, and after `connect` with a
    resource that is in use, it is the stream of the old session.
    """

    key = "stream_closed"
    at: FullJID
    condition: StreamError

    def take(self, play: Play) -> None:
        if play.world.closed() is None:
            play.world.cannot("show how a server closes a stream")
        closed = play.closed.get(self.at, [])
        if not closed:
            raise Mismatch(Unmet(f"the server has not closed the stream of {self.at} with {self.condition}", self.at))
        if closed[0] != self.condition:
            with_what = closed[0] or "no stream error"
            says = f"the server has closed the stream of {self.at} with {with_what}, not {self.condition}"
            raise Mismatch(Unmet(says, self.at))
        del closed[0]

    def show(self, stage: Stage) -> Line:
        says = f"The server closes the stream of {self.at} with the stream error {self.condition}."
        return Line(says, marks=stage.sign(MarkKind.CHECK, self.at, f"closed: {self.condition}"))

    @property
    def closes(self) -> Sequence[str]:
        return (self.at,)


# --- alternatives -----------------------------------------------------------------------------------------


def _read_branches(branches: Sequence[Any]) -> tuple[tuple[ScenarioStep, ...], ...]:
    kinds = {kind.key: kind for kind in LOOKS_OF_BRANCHES}
    return tuple([read_steps(kinds, f"branch {number}, ", branch) for number, branch in enumerate(branches, 1)])


_BRANCHES: Final = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "array", "items": {"$ref": "#/$defs/observation"}},
}


Branches: TypeAlias = Annotated[
    tuple[tuple[ScenarioStep, ...], ...], FieldKind(_BRANCHES, "[[STEP, ...], [STEP, ...]]", _read_branches)
]


@frozen
class OneOfStep(ScenarioStep):
    """The first branch all of whose steps hold is taken; the others leave no trace.

    If none holds, the scenario fails. Branches hold only `receive`, `silent`, `flush`, `absent`, `roster`,
    `stream_closed` and the `remote_` ones.
    """

    key = "one_of"
    branches: Annotated[
        tuple[tuple[ScenarioStep, ...], ...], FieldKind(_BRANCHES, "[[STEP, ...], [STEP, ...]]", _read_branches)
    ]

    def take(self, play: Play) -> None:
        # A branch that holds as it is goes before one that holds because something is forgiven.
        for forgives in [False, True] if play.forgiving else [False]:
            unmet: list[Unmet] = []
            for number, branch in enumerate(self.branches, 1):
                attempt = play.attempt(forgives=forgives)
                try:
                    for each in branch:
                        each.take(attempt)
                except Mismatch as mismatch:
                    unmet += [evolve(each, says=f"branch {number}: {each.says}") for each in mismatch.unmet]
                    continue
                play.untaken, play.closed, play.bindings = attempt.untaken, attempt.closed, attempt.bindings
                play.findings = attempt.findings
                return
        raise Mismatch(*unmet)

    def show(self, stage: Stage) -> Line:
        stages = stage.alternatives(len(self.branches))
        told = [[step.show(each) for step in branch] for each, branch in zip(stages, self.branches, strict=True)]
        return Line("One of these holds", branches=tuple([tuple(branch) for branch in told]))

    @property
    def clients(self) -> Sequence[str]:
        return [jid for branch in self.branches for each in branch for jid in each.clients]

    @property
    def accounts(self) -> Sequence[str]:
        return [jid for branch in self.branches for each in branch for jid in each.accounts]

    @property
    def looks_at_remote(self) -> bool:
        return any(each.looks_at_remote for branch in self.branches for each in branch)

    @property
    def plays_remote(self) -> bool:
        return any(each.plays_remote for branch in self.branches for each in branch)

    @property
    def closes(self) -> Sequence[str]:
        return [jid for branch in self.branches for each in branch for jid in each.closes]


LOOKS_OF_BRANCHES: Final = (
    ReceiveStep,
    SilentStep,
    FlushStep,
    AbsentStep,
    RemoteReceiveStep,
    RemoteSilentStep,
    RemoteFlushStep,
    RemoteAbsentStep,
    RosterStep,
    StreamClosedStep,
)
LOOKS: Final = (*LOOKS_OF_BRANCHES, StreamFeatureStep, BindingRefusedStep, OneOfStep)
