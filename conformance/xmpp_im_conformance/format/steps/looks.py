"""The steps of a scenario that look, and change nothing at the system under test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from xmpp_im_conformance.format.comparing import compare_stanzas, is_among
from xmpp_im_conformance.format.evidence import FROM_SERVER, Mismatch, Unmet
from xmpp_im_conformance.format.items import Item, client_view
from xmpp_im_conformance.format.markup import pretty
from xmpp_im_conformance.format.matching import EXACT, FROM_CLIENT, PART, match_all
from xmpp_im_conformance.format.steps.base import (
    Play,
    Step,
    check_roster,
    listed_items,
    pattern,
    patterns,
    read_at,
    read_roster,
    reader,
)
from xmpp_im_conformance.format.story import Line, Mark, MarkKind, Stage, listed, short
from xmpp_im_conformance.format.worlds import REMOTE
from xmpp_im_core.element import Element


class Look(Step):
    """A step that looks at what has come to a client or to the remote domain."""

    @property
    def key(self) -> str:
        return self.keys[1] if REMOTE in self.clients else self.keys[0]

    @property
    def plays_remote(self) -> bool:
        return REMOTE in self.clients


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
class Receive(Look):
    """The next that came is this stanza, or these in any order."""

    keys = ("receive", "remote_receive")
    at: str
    expected: tuple[Element, ...]
    anywhere: bool = False
    optional: bool = False

    @classmethod
    def read(cls, key: str, value: Any) -> Receive:
        more = {} if isinstance(value, str) else value
        at = more.get("at", REMOTE)
        return cls(at, patterns(value), more.get("anywhere", False), more.get("optional", False))

    def take(self, play: Play) -> None:
        take_stanzas(play, self.at, self.expected, anywhere=self.anywhere, optional=self.optional)

    def show(self, stage: Stage) -> Line:
        how = ["in any order"] if len(self.expected) > 1 else []
        how += ["among other things"] if self.anywhere else []
        says = f"{self.at} {'may get' if self.optional else 'gets'}{''.join([f', {each}' for each in how])}"
        kind = MarkKind.OPTIONAL if self.optional else MarkKind.EXPECTED
        marks = [stage.came(kind, self.at, stanza) for stanza in self.expected]
        return Line(says, tuple([pretty(stanza) for stanza in self.expected]), tuple(marks))

    @property
    def clients(self) -> Sequence[str]:
        return (self.at,)


@frozen
class Silent(Look):
    """Nothing is untaken at these."""

    keys = ("silent", "remote_silent")
    clients: tuple[str, ...]

    @classmethod
    def read(cls, key: str, value: Any) -> Silent:
        return cls((REMOTE,) if value is True else tuple(value))

    def take(self, play: Play) -> None:
        for jid in self.clients:
            if play.at(jid):
                raise Mismatch(Unmet(f"at {jid} nothing was expected, but there came", jid, came=tuple(play.at(jid))))

    def show(self, stage: Stage) -> Line:
        return Line(
            f"Nothing more has come at {listed(self.clients)}.", marks=stage.signs(MarkKind.SILENCE, self.clients)
        )


@frozen
class Flush(Look):
    """All that is untaken at these is dropped. To drop is not to look: nobody need be there."""

    keys = ("flush", "remote_flush")
    at: tuple[str, ...]

    @property
    def key(self) -> str:
        return "remote_flush" if self.at == (REMOTE,) else "flush"

    @classmethod
    def read(cls, key: str, value: Any) -> Flush:
        return cls((REMOTE,) if value is True else tuple(value))

    def take(self, play: Play) -> None:
        for jid in self.at:
            play.at(jid).clear()

    def show(self, stage: Stage) -> Line:
        marks = stage.signs(MarkKind.EVENT, self.at, "rest dropped")
        return Line(f"Whatever else has come at {listed(self.at)} is not looked at.", marks=marks)


@frozen
class Absent(Look):
    """Nothing untaken matches this pattern, which is a part."""

    keys = ("absent", "remote_absent")
    at: str
    expected: Element

    @classmethod
    def read(cls, key: str, value: Any) -> Absent:
        return cls(REMOTE, pattern(value)) if isinstance(value, str) else cls(value["at"], pattern(value["xml"]))

    def take(self, play: Play) -> None:
        for stanza in play.at(self.at):
            if is_among(self.expected, [stanza], play.bindings, PART):
                raise Mismatch(Unmet(f"at {self.at} this must not come:", self.at, came=(stanza,)))

    def show(self, stage: Stage) -> Line:
        marks = (stage.came(MarkKind.ABSENT, self.at, self.expected),)
        return Line(f"At {self.at} nothing like this has come", (pretty(self.expected),), marks)

    @property
    def clients(self) -> Sequence[str]:
        return (self.at,)


@frozen
class RosterIs(Step):
    """The account's stored roster is this."""

    keys = ("roster",)
    of: str
    items: tuple[Item, ...]

    @classmethod
    def read(cls, key: str, value: Mapping[str, Any]) -> RosterIs:
        return cls(value["of"], read_roster(value["items"]))

    def take(self, play: Play) -> None:
        expected: Sequence[Item] = self.items
        found = play.world.roster(self.of)
        if not play.world.sees_requests():
            expected, found = client_view(expected), client_view(found, expected)
        check_roster(f"the stored roster of {self.of} is another", expected, found, play.bindings)

    def show(self, stage: Stage) -> Line:
        says = f"The stored roster of {self.of} is: {listed_items(self.items)}."
        return Line(says, marks=stage.sign(MarkKind.CHECK, FROM_SERVER, f"roster of {short(self.of)}"))

    @property
    def accounts(self) -> Sequence[str]:
        return (self.of,)


@frozen
class StreamFeature(Step):
    """This feature was offered before the session was bound, or was not."""

    keys = ("stream_features",)
    at: str
    expected: Element
    absent: bool = False

    @classmethod
    def read(cls, key: str, value: Mapping[str, Any]) -> StreamFeature:
        return cls(value["at"], pattern(value["xml"]), value.get("absent", False))

    def take(self, play: Play) -> None:
        offered = tuple(play.world.stream_features(self.at))
        if is_among(self.expected, offered, play.bindings) == self.absent:
            said = "must not be offered" if self.absent else "was not offered"
            expected = () if self.absent else (self.expected,)
            raise Mismatch(Unmet(f"the stream feature {said} to {self.at}:", self.at, expected, offered))

    def show(self, stage: Stage) -> Line:
        verb = "is not offered" if self.absent else "is offered"
        kind = MarkKind.ABSENT if self.absent else MarkKind.EXPECTED
        mark = Mark(kind, stage.places[FROM_SERVER], f"feature {self.expected.name}", stage.places[self.at])
        marks = (stage.expected(mark, self.at, self.expected),)
        return Line(f"{self.at} {verb} the stream feature", (pretty(self.expected),), marks)

    @property
    def clients(self) -> Sequence[str]:
        return (self.at,)


@frozen
class StreamClosed(Step):
    """The server has closed a client's stream with this stream error (RFC 6120 §4.9.3); this is taken."""

    keys = ("stream_closed",)
    at: str
    condition: str

    def take(self, play: Play) -> None:
        if play.world.closed() is None:
            play.world.cannot("show how a server closes a stream")
        closed = play.closed.get(self.at, [])
        if not closed:
            raise Mismatch(Unmet(f"the server has not closed the stream of {self.at} with {self.condition}", self.at))
        if closed[0] != self.condition:
            with_what = closed[0] or "no stream error"
            raise Mismatch(
                Unmet(f"the server has closed the stream of {self.at} with {with_what}, not {self.condition}", self.at)
            )
        del closed[0]

    def show(self, stage: Stage) -> Line:
        says = f"The server closes the stream of {self.at} with the stream error {self.condition}."
        return Line(says, marks=stage.sign(MarkKind.CHECK, self.at, f"closed: {self.condition}"))

    @property
    def clients(self) -> Sequence[str]:
        return (self.at,)

    @property
    def closes(self) -> Sequence[str]:
        return (self.at,)


@frozen
class OneOf(Step):
    """The first branch all of whose steps hold is taken; the others leave no trace."""

    keys = ("one_of",)
    branches: tuple[tuple[Step, ...], ...]

    @classmethod
    def read(cls, key: str, value: Iterable[Iterable[Mapping[str, Any]]]) -> OneOf:
        kinds = {each: kind for kind in LOOKS for each in kind.keys}
        branches: list[tuple[Step, ...]] = []
        for number, branch in enumerate(value, 1):
            steps: list[Step] = []
            for n, step in enumerate(branch, 1):
                ((name, content),) = step.items()
                steps.append(read_at(f"branch {number}, step {n} ({name})", reader(kinds[name], name), content))
            branches.append(tuple(steps))
        return cls(tuple(branches))

    def take(self, play: Play) -> None:
        unmet: list[Unmet] = []
        for number, branch in enumerate(self.branches, 1):
            attempt = play.attempt()
            try:
                for each in branch:
                    each.take(attempt)
            except Mismatch as mismatch:
                unmet += [evolve(each, says=f"branch {number}: {each.says}") for each in mismatch.unmet]
                continue
            play.untaken, play.closed, play.bindings = attempt.untaken, attempt.closed, attempt.bindings
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
    def plays_remote(self) -> bool:
        return any(each.plays_remote for branch in self.branches for each in branch)

    @property
    def closes(self) -> Sequence[str]:
        return [jid for branch in self.branches for each in branch for jid in each.closes]


LOOKS: Final = (Receive, Silent, Flush, Absent, RosterIs, StreamFeature, StreamClosed, OneOf)
