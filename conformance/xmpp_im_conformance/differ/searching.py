"""The search: random traces, until so many have been played or the time is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from random import Random

from attrs import define, field, frozen
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from xmpp_im_conformance.differ.choices import Choice
from xmpp_im_conformance.differ.crashing import Crashed, telling_crashes
from xmpp_im_conformance.differ.drawing import drawn
from xmpp_im_conformance.differ.judging import Verdict, judge
from xmpp_im_conformance.differ.likeness import Likeness
from xmpp_im_conformance.differ.playing import Player
from xmpp_im_conformance.differ.shrinking import Trace, shrunk
from xmpp_im_conformance.format.worlds import NotApplicable, ServerFailed
from xmpp_im_core.testing import ACT_KINDS, Act, Observation, possible


@frozen
class Found:
    """A difference that no choice explains, on the shortest trace that shows it."""

    acts: Trace
    verdict: Verdict

    @property
    def number(self) -> int:
        """The index of the act that shows it."""
        return self.verdict.differences[0].number

    @property
    def differing(self) -> frozenset[str]:
        """Where something differs: at clients, at the other server, or in the rosters of users."""
        return frozenset([each.where for each in self.verdict.differences])


@frozen
class Crash:
    """An exception of the core, on the shortest trace that shows it."""

    acts: Trace
    why: str


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
    crashing: int = 0
    """On how many the core has raised an exception."""
    crashes: list[Crash] = field(factory=list)
    """The exceptions, each once."""
    failed: tuple[Trace, str] | None = None
    """The trace with which the server stopped being testable, and why."""
    in_time: bool = True
    """Whether all traces were played that were asked for."""


def search(
    play: Player,
    *,
    examples: int,
    random: int = 0,
    peers: Sequence[str] = (),
    kinds: Collection[type[Act]] = ACT_KINDS,
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
    @given(st.randoms(use_true_random=True))
    def try_all(drawing: Random) -> None:
        searching.consider(drawn(drawing, peers, kinds))

    try_all()
    return searching.report


class _Over(Exception):
    """Nothing more is played."""


@define
class _Search:
    play: Player
    is_over: Callable[[], bool]
    report: Report = field(factory=Report)
    _seen: dict[Trace, tuple[Observation, ...]] = field(factory=dict)
    _known: list[Likeness] = field(factory=list)
    _crashes: set[object] = field(factory=set)

    def consider(self, trace: Trace) -> None:
        """Play a trace, and count what became of it."""
        if trace in self._seen or self.report.failed is not None:
            return
        with suppress(_Over):
            try:
                self._count(trace, self._judged(trace))
            except Crashed as crash:
                self._crashed(trace, crash)

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
        if verdict.is_new and (left := self._alone(trace, verdict)) is not None:
            self._found(left)

    def _alone(self, trace: Trace, verdict: Verdict) -> Trace | None:
        """Return the trace without what shows differences that are known, if there is something new without it.

        What somebody gets after that, and not without it, may be a consequence, and is not told. What is stored in the
        end is, for by that alone a server becomes another one: then the trace is returned as it is.
        """
        left = tuple([act for number, act in enumerate(trace) if number not in verdict.after])
        if left == trace:
            return trace
        if possible(left):
            judged = self._judged(left)
            if judged.is_new and not judged.after:
                return left
        return None if verdict.stored is None else trace

    def _crashed(self, trace: Trace, crash: Crashed) -> None:
        """Shrink a trace on which the core has raised something, and keep it, if that is new."""
        self.report.traces += 1
        self.report.steps += len(trace)
        self.report.crashing += 1
        if crash.like in self._crashes:
            return
        self._crashes.add(crash.like)

        def crashes(candidate: Trace) -> bool:
            try:
                self._judged(candidate)
            except Crashed as other:
                return other.like == crash.like
            return False

        self.report.crashes.append(Crash(self._shortest(trace, crashes), str(crash)))

    def _found(self, trace: Trace) -> None:
        """Shrink a trace on which something new differs, and keep it.

        On the way each shows what the one before it shows, and nothing that is known before that, unless it is what is
        stored that differs.
        """
        shown = self._judged(trace)

        def differs(candidate: Trace) -> bool:
            nonlocal shown
            try:
                verdict = self._judged(candidate)
            except Crashed:
                return False
            if not verdict.is_new or (verdict.after and verdict.stored is None):
                return False
            if verdict.likeness is None or shown.likeness is None or not verdict.likeness.resembles(shown.likeness):
                return False
            shown = verdict
            return True

        best = self._shortest(trace, differs, trace[: shown.differences[0].number + 1])
        verdict = self._judged(best)
        assert verdict.likeness is not None
        self._known += [verdict.likeness, *([] if verdict.stored is None else [verdict.stored])]
        self.report.found.append(Found(best, verdict))

    def _shortest(self, trace: Trace, shows: Callable[[Trace], bool], guess: Trace = ()) -> Trace:
        """Return the shortest trace that still shows something; if the time is over, the shortest until then.

        :param guess: a shorter trace that may show it.
        """
        best = trace

        def still_shows(candidate: Trace) -> bool:
            nonlocal best
            if shows(candidate):
                best = candidate
            return best is candidate

        with suppress(_Over):
            shrunk(guess if guess and still_shows(guess) else trace, still_shows)
        return best

    def _judged(self, trace: Trace) -> Verdict:
        if trace not in self._seen:
            self._seen[trace] = self._played(trace)
        with telling_crashes():
            return judge(trace, self._seen[trace], self._known)

    def _played(self, trace: Trace) -> tuple[Observation, ...]:
        if self.is_over():
            self.report.in_time = False
            raise _Over
        try:
            with telling_crashes():
                return self.play(trace)
        except Crashed:
            raise
        except (ServerFailed, NotApplicable) as problem:
            self.report.failed = trace, str(problem)
            raise _Over from problem
        except Exception as problem:
            self.report.failed = trace, f"its driver raised {type(problem).__name__}: {problem}"
            raise _Over from problem
