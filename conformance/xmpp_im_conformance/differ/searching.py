"""The search: random traces, until so many have been played or the time is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from attrs import define, field, frozen
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from xmpp_im_conformance.differ.choices import Choice
from xmpp_im_conformance.differ.judging import Verdict, judge
from xmpp_im_conformance.differ.likeness import Likeness
from xmpp_im_conformance.differ.playing import Play
from xmpp_im_conformance.differ.shrinking import Trace, shrunk
from xmpp_im_conformance.driver import NotApplicable, ServerFailed
from xmpp_im_core.testing import KINDS, USERS, Act, Observation, possible, traces


@frozen
class Found:
    """A difference that no choice explains, on the shortest trace that shows it."""

    acts: Trace
    verdict: Verdict


@define
class Report:
    """What became of all traces. Those that only served to shrink another one are not counted."""

    traces: int = 0
    steps: int = 0
    agreed: int = 0
    explained: int = 0
    choices: Counter[Choice] = field(factory=Counter)
    """How many traces each choice has explained, alone or with others."""
    differing: int = 0
    unsteady: int = 0
    """How many differed once, and not when they were played again."""
    found: list[Found] = field(factory=list)
    failed: tuple[Trace, str] | None = None
    """The trace with which the server could not be tested any more, and why."""
    in_time: bool = True
    """Whether all traces were played that were asked for."""


def search(
    play: Play,
    *,
    examples: int,
    random: int = 0,
    peers: Sequence[str] = (),
    kinds: Collection[type[Act]] = KINDS,
    is_over: Callable[[], bool] = lambda: False,
) -> Report:
    """Look for traces on which a server differs from the core.

    :param play: plays a trace on the server.
    :param examples: how many traces are drawn.
    :param random: what they are drawn from; the same draws the same.
    :param peers: users of another server who take part.
    :param kinds: what may happen in a trace.
    :param is_over: whether the time is over: then what was being shrunk stays as it is.
    """
    searching = _Search(play, is_over)
    chosen = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @seed(random)
    @chosen
    @given(_drawn(peers, kinds))
    def try_all(trace: Trace) -> None:
        searching.consider(trace)

    try_all()
    return searching.report


def _drawn(peers: Sequence[str], kinds: Collection[type[Act]]) -> st.SearchStrategy[Trace]:
    """Draw traces of all, and as many of one user and one peer: the fewer there are, the more comes of what they do."""
    everybody = traces(peers=peers, kinds=kinds)
    if not peers:
        return everybody
    return st.one_of(everybody, traces(users=USERS[:1], peers=peers[:1], kinds=kinds))


class _Over(Exception):
    """Nothing more is played."""


@define
class _Search:
    play: Play
    is_over: Callable[[], bool]
    report: Report = field(factory=Report)
    _seen: dict[Trace, tuple[Observation, ...]] = field(factory=dict)
    _known: list[Likeness] = field(factory=list)

    def consider(self, trace: Trace) -> None:
        """Play a trace, and count what became of it."""
        if trace in self._seen or self.report.failed is not None:
            return
        with suppress(_Over):
            self._count(trace, self._judged(trace))

    def _count(self, trace: Trace, verdict: Verdict) -> None:
        report = self.report
        steady = not verdict.is_new or judge(trace, self._played(trace), self._known) == verdict
        report.traces += 1
        report.steps += len(trace)
        report.agreed += verdict.agrees
        if not steady:
            report.unsteady += 1
        elif verdict.differences:
            report.differing += 1
            self._differs(trace, verdict)
        elif verdict.choices.made:
            report.explained += 1
            report.choices.update(verdict.choices.made)

    def _differs(self, trace: Trace, verdict: Verdict) -> None:
        if verdict.is_new and (alone := self._alone(trace, verdict)) is not None:
            self._found(alone)

    def _alone(self, trace: Trace, verdict: Verdict) -> Trace | None:
        """Return the trace without what shows differences that are known; None where there is nothing new without it.

        What cannot be had alone may be a consequence of what is known, and is not told.
        """
        left = tuple([act for number, act in enumerate(trace) if number not in verdict.after])
        if left == trace:
            return trace
        if not possible(left):
            return None
        judged = self._judged(left)
        return left if judged.is_new and not judged.after else None

    def _found(self, trace: Trace) -> None:
        """Shrink a trace on which something new differs, and keep it."""
        best = trace

        def differs(candidate: Trace) -> bool:
            nonlocal best
            verdict = self._judged(candidate)
            if not verdict.is_new or verdict.after:
                return False
            best = candidate
            return True

        with suppress(_Over):
            shrunk(trace, differs)
        verdict = self._judged(best)
        assert verdict.likeness is not None
        self._known.append(verdict.likeness)
        self.report.found.append(Found(best, verdict))

    def _judged(self, trace: Trace) -> Verdict:
        if trace not in self._seen:
            self._seen[trace] = self._played(trace)
        return judge(trace, self._seen[trace], self._known)

    def _played(self, trace: Trace) -> tuple[Observation, ...]:
        if self.is_over():
            self.report.in_time = False
            raise _Over
        try:
            return self.play(trace)
        except (ServerFailed, NotApplicable) as problem:
            self.report.failed = trace, str(problem)
            raise _Over from problem
