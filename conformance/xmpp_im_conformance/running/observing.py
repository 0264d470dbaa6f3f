"""What came and was not taken yet, and the steps that look at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Final

from attrs import define, evolve, field

from xmpp_im_conformance.format.differing import difference
from xmpp_im_conformance.format.items import Item, client_view, differences
from xmpp_im_conformance.format.markup import pretty
from xmpp_im_conformance.format.matching import EXACT, PART, Manner, match_all, match_stanza
from xmpp_im_conformance.format.placeholders import Bindings
from xmpp_im_conformance.format.vectors import (
    Absent,
    Flush,
    Observation,
    OneOf,
    Receive,
    RosterIs,
    Silent,
    StreamFeature,
)
from xmpp_im_conformance.format.worlds import World
from xmpp_im_conformance.running.evidence import Unmet
from xmpp_im_core.element import Element


class Mismatch(Exception):
    """What was expected is not what came; the message says both, for people."""

    def __init__(self, message: str, *unmet: Unmet) -> None:
        super().__init__(message)
        self.unmet = unmet or (Unmet(message.partition("\n")[0]),)


@define
class Observer:
    """The stanzas that came and that no step took, by full JID and remote domain, and what was bound."""

    world: World
    untaken: dict[str, list[Element]] = field(factory=dict)
    bindings: Bindings = field(factory=dict)

    def came(self, arrived: Mapping[str, Sequence[Element]]) -> None:
        """Note what has come."""
        for at, stanzas in arrived.items():
            self.untaken.setdefault(at, []).extend(stanzas)

    def observe(self, step: Observation) -> None:
        """Perform a step that looks.

        :raises Mismatch: where it does not hold; nothing has been taken then.
        """
        _OBSERVE[type(step)](self, step)

    def at(self, jid: str) -> list[Element]:
        """Return what is untaken at a client, or at the remote domain."""
        return self.untaken.setdefault(jid, [])


def expect_any_order(
    expected: tuple[Element, ...], came: Sequence[Element], bindings: Bindings, manner: Manner = EXACT
) -> tuple[Bindings, frozenset[int]] | None:
    """Match each expectation against a stanza of its own; None where that cannot be."""
    return next(match_all(expected, tuple(came), bindings, manner), None)


def _receive(observer: Observer, step: Receive) -> None:
    untaken = observer.at(step.at)
    candidates = untaken if step.anywhere else untaken[: len(step.expected)]
    found = expect_any_order(step.expected, candidates, observer.bindings)
    if found is not None:
        observer.bindings, taken = found
        untaken[:] = [stanza for index, stanza in enumerate(untaken) if index not in taken]
    elif not step.optional:
        raise _not_received(step, untaken, observer.bindings)


def _not_received(step: Receive, untaken: list[Element], bindings: Bindings) -> Mismatch:
    if not untaken:
        unmet = Unmet(f"at {step.at} nothing more came", step.at, step.expected)
        return Mismatch(f"{unmet.says}, expected was\n{_listed(step.expected)}", unmet)
    if step.anywhere or step.any_order:
        wanted = [each for each in step.expected if not _is_among(each, untaken, bindings)] or step.expected
        others = [each for each in step.expected if each not in wanted]
        left = [each for each in untaken if not any(_is_among(other, [each], bindings) for other in others)]
        where = "what is untaken is not this" if step.anywhere else f"the next {len(step.expected)} do not match"
        unmet = Unmet(f"at {step.at} {where}", step.at, tuple(wanted), tuple(left))
        return Mismatch(f"{unmet.says}\n{_listed(wanted)}\nuntaken:\n{_listed(untaken)}", unmet)
    message = f"at {step.at} something else came: {difference(step.expected[0], untaken[0], bindings)}"
    return Mismatch(message, Unmet(message.partition("\n")[0], step.at, step.expected, tuple(untaken[:1])))


def _is_among(expected: Element, untaken: Sequence[Element], bindings: Bindings) -> bool:
    return any(next(match_stanza(expected, stanza, bindings), None) is not None for stanza in untaken)


def _listed(stanzas: Sequence[Element]) -> str:
    return "\n".join([pretty(stanza, indent="    ") for stanza in islice(stanzas, 20)])


def _silent(observer: Observer, step: Silent) -> None:
    for jid in step.at:
        if observer.at(jid):
            unmet = Unmet(f"at {jid} nothing was expected, but there came", jid, came=tuple(observer.at(jid)))
            raise Mismatch(f"{unmet.says}\n{_listed(unmet.came)}", unmet)


def _flush(observer: Observer, step: Flush) -> None:
    for jid in step.at:
        observer.at(jid).clear()


def _absent(observer: Observer, step: Absent) -> None:
    for stanza in observer.at(step.at):
        if next(match_stanza(step.expected, stanza, observer.bindings, PART), None) is not None:
            unmet = Unmet(f"at {step.at} this must not come:", step.at, came=(stanza,))
            raise Mismatch(f"{unmet.says}\n{_listed([stanza])}", unmet)


def _roster(observer: Observer, step: RosterIs) -> None:
    expected: Sequence[Item] = step.items
    found = observer.world.roster(step.of)
    if not observer.world.sees_requests():
        expected, found = client_view(expected), client_view(found, expected)
    lines = differences(expected, found, observer.bindings)
    if lines:
        compared = "\n".join([f"    {line}" for line in lines])
        unmet = Unmet(f"the stored roster of {step.of} is another (- expected, + found)", items=tuple(lines))
        raise Mismatch(f"{unmet.says}\n{compared}", unmet)


def _one_of(observer: Observer, step: OneOf) -> None:
    """Try each branch on a copy: one that does not hold leaves no trace."""
    reasons: list[str] = []
    unmet: list[Unmet] = []
    for number, branch in enumerate(step.branches, 1):
        untaken = {jid: list(stanzas) for jid, stanzas in observer.untaken.items()}
        attempt = Observer(observer.world, untaken, observer.bindings)
        try:
            for each in branch:
                attempt.observe(each)
        except Mismatch as mismatch:
            reasons.append(f"branch {number}: {mismatch}")
            unmet += [evolve(each, says=f"branch {number}: {each.says}") for each in mismatch.unmet]
            continue
        observer.untaken, observer.bindings = attempt.untaken, attempt.bindings
        return
    raise Mismatch("no branch holds\n" + "\n".join(reasons), *unmet)


def _stream_feature(observer: Observer, step: StreamFeature) -> None:
    offered = observer.world.stream_features(step.at)
    there = any(next(match_stanza(step.expected, each, observer.bindings), None) is not None for each in offered)
    if there == step.absent:
        said = "must not be offered" if step.absent else "was not offered"
        expected = () if step.absent else (step.expected,)
        unmet = Unmet(f"the stream feature {said} to {step.at}:", step.at, expected, tuple(offered))
        raise Mismatch(f"{unmet.says}\n{_listed([step.expected])}\noffered:\n{_listed(offered)}", unmet)


# The steps' classes and their functions correspond one to one, which the type of a mapping cannot say.
_OBSERVE: Final[Mapping[type, Callable[..., None]]] = {
    Receive: _receive,
    Silent: _silent,
    Flush: _flush,
    Absent: _absent,
    RosterIs: _roster,
    OneOf: _one_of,
    StreamFeature: _stream_feature,
}
