"""The verdict on a run: what is new, what is known, and what passes although it is recorded as failing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from attrs import define

from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.verdict.behaviours import Behaviour, behaviours_of
from xmpp_im_conformance.verdict.known import Deviation


@define(slots=False)
class Verdict:
    """The results of a run, judged by what is known of the system."""

    results: Sequence[Result]
    known: Sequence[Deviation] = ()

    @cached_property
    def behaviours(self) -> tuple[Behaviour, ...]:
        """What the system does otherwise: new behaviours first."""
        return behaviours_of(self.results, self.known)

    @property
    def new(self) -> tuple[Behaviour, ...]:
        """The behaviours that are not known."""
        return tuple([each for each in self.behaviours if not each.is_known])

    @cached_property
    def by_vector(self) -> Mapping[str, Behaviour]:
        """The behaviour that the failure of a vector shows, by the vector's id."""
        return {result.vector.id: each for each in self.behaviours for result in each.failures}

    @cached_property
    def recorded(self) -> Mapping[str, Deviation]:
        """What is recorded of a vector, by its id."""
        return {id: each for each in self.known for id in each.vectors}

    @cached_property
    def new_failures(self) -> tuple[Result, ...]:
        """The failures that are not recorded."""
        return tuple([each for each in self._of(Outcome.FAILED) if each.vector.id not in self.recorded])

    @cached_property
    def known_failures(self) -> tuple[Result, ...]:
        """The failures that are recorded."""
        return tuple([each for each in self._of(Outcome.FAILED) if each.vector.id in self.recorded])

    @cached_property
    def unexpected_passes(self) -> tuple[Result, ...]:
        """The vectors that pass, and are recorded as failing in every run."""
        steady = {id for id, each in self.recorded.items() if not each.unsteady}
        return tuple([each for each in self._of(Outcome.PASSED) if each.vector.id in steady])

    @property
    def counts(self) -> Counter[Outcome]:
        """How many vectors have each outcome."""
        return Counter([result.outcome for result in self.results])

    @property
    def is_red(self) -> bool:
        """Whether something is not as it is recorded."""
        return bool(self.new_failures or self.unexpected_passes)

    @property
    def exit_status(self) -> int:
        """1 if something is not as recorded or the run ended early, 2 if it has shown nothing, otherwise 0."""
        if self.is_red or self.counts[Outcome.NOT_RUN]:
            return 1
        return 0 if self.counts[Outcome.PASSED] or self.counts[Outcome.FAILED] else 2

    def _of(self, outcome: Outcome) -> Iterable[Result]:
        return [result for result in self.results if result.outcome is outcome]
