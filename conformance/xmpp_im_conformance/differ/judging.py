"""What a server did on a trace, compared with the core: the same, the same by other choices, or different."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import define, evolve, field, frozen

from xmpp_im_conformance.differ.choices import CHOICES, Choice, Choices
from xmpp_im_conformance.differ.likeness import Differences, Likeness, is_known
from xmpp_im_conformance.differ.ordering import disorder
from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import Policy
from xmpp_im_core.testing import USERS, Act, CoreSystem, ModelAct, Observation, compared, observed
from xmpp_im_core.testing.explanations import interested_after


@frozen
class Verdict:
    """What became of a trace."""

    choices: Choices
    """The choices by which the server has done what it did, as far as it did."""
    differences: Differences = ()
    """What none of them explains, at the first act after which there is anything new of it, or anything at all."""
    likeness: Likeness | None = None
    """What these differences look like, with those of the rosters in the end that are new."""
    is_new: bool = False
    """Whether they are like none that is known."""
    after: tuple[int, ...] = ()
    """The acts that have shown something known before."""
    stored: Likeness | None = None
    """What the rosters look like in the end, if that is new."""

    @property
    def agrees(self) -> bool:
        """Whether the server did what the core does by default."""
        return not self.differences and not self.choices.made


def judge(acts: Sequence[Act], seen: Sequence[Observation], known: Sequence[Likeness] = ()) -> Verdict:
    """Compare what was seen of a server with the core.

    Of all choices the one is made that explains most, then the next, as long as one explains anything. Another policy
    that has not brought the server any further along the trace is taken back in the end: it is likelier to hide what
    the matter is than to be the server's.

    :param known: differences that are not to be told again. What comes after one is looked at too.
    """
    comparison = _Comparison(acts, seen, known)
    verdict = _explained_best(comparison)
    if verdict.stored is not None and comparison.verdict(Choices()).stored is None:
        # The policy that explains what somebody gets is not the server's: by it, what is stored would be wrong.
        return evolve(verdict, stored=None)
    return verdict


def _explained_best(comparison: _Comparison) -> Verdict:
    verdict = firm = comparison.verdict(Choices())
    while verdict.differences:
        tried = [
            comparison.verdict(verdict.choices + choice) for choice in CHOICES if not _made(choice, verdict.choices)
        ]
        best = max(tried, key=_explained, default=verdict)
        if _explained(best) <= _explained(verdict):
            return firm
        verdict = best
        if _explained(verdict)[0] > _explained(firm)[0] or verdict.choices.made[-1].overlooks is not None:
            firm = verdict
    return verdict


@define
class _Comparison:
    acts: Sequence[Act]
    seen: Sequence[Observation]
    known: Sequence[Likeness]
    _expected: dict[Policy, tuple[Observation, ...]] = field(factory=dict)

    def verdict(self, choices: Choices) -> Verdict:
        """Compare, with these choices: the first unknown difference counts, or if all are known the first."""
        found = [*self._differing(choices)]
        if not found:
            return Verdict(choices)
        in_the_end = tuple([each for each in found[-1] if each.where in USERS])
        received = [tuple([each for each in differences if each.where not in USERS]) for differences in found]
        points = [*filter(None, received), *([in_the_end] if in_the_end else [])]
        new = [number for number, point in enumerate(points) if not is_known(Likeness.of(point), self.known)]
        number = new[0] if new else 0
        differences, after = points[number], tuple(sorted({point[0].number for point in points[:number]}))
        if not in_the_end or len(points) - 1 not in new:
            return Verdict(choices, differences, Likeness.of(differences), bool(new), after)
        # What is stored otherwise is what it has caused, or what has caused it.
        likeness = Likeness.of((*differences, *in_the_end))
        if differences is not in_the_end and differences[0].number == in_the_end[0].number:
            differences = (*differences, *in_the_end)
        return Verdict(choices, differences, likeness, True, after, Likeness.of(in_the_end))

    def _differing(self, choices: Choices) -> Iterator[Differences]:
        """Yield how the server differs from the core after each act that shows it."""
        before = FrozenMap[Element]()
        interested = frozenset[str]()
        for number, act in enumerate(self.acts):
            ours, theirs = self._core(choices.policy)[number], self.seen[number]
            interested = interested_after(interested, act)
            if theirs.rosters or ours.received != theirs.received:
                scene = ModelAct(act, before, ours.rosters, interested)
                counted = choices.counted(ours, scene), choices.counted(theirs, scene)
                found = compared(act, number, *counted) or disorder(act, number, *counted)
                if found:
                    yield found
            before = ours.rosters

    def _core(self, policy: Policy) -> tuple[Observation, ...]:
        if policy not in self._expected:
            self._expected[policy] = observed(CoreSystem(*USERS, policy=policy), self.acts)
        return self._expected[policy]


def _made(choice: Choice, choices: Choices) -> bool:
    """Whether this choice has been made, or another one in the same matter."""
    return any(choice is made or not made.policy.keys().isdisjoint(choice.policy) for made in choices.made)


def _explained(verdict: Verdict) -> tuple[float, int]:
    """How far a verdict gets without anything new: to which act, and how few lines differ there."""
    lines = sum([len(each.model) + len(each.system) for each in verdict.differences])
    return verdict.differences[0].number if verdict.is_new else float("inf"), -lines
