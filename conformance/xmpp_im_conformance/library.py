"""Running vectors from a program: :func:`run_vectors` (``conformance/docs/python.md``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

from attrs import define

from xmpp_im_conformance.drivers import core_driver
from xmpp_im_conformance.format.finding import Selection, find
from xmpp_im_conformance.format.vectors import LEVELS, MalformedFile, Vector
from xmpp_im_conformance.format.worlds import Driver
from xmpp_im_conformance.running.outcome import Outcome, Result
from xmpp_im_conformance.running.run import run_vector
from xmpp_im_conformance.verdict.behaviours import Behaviour
from xmpp_im_conformance.verdict.judging import Verdict
from xmpp_im_conformance.verdict.known import Deviation, read_known

Choice: TypeAlias = str | Iterable[str]
"""One value, or several of which one has to hold; none: all are chosen."""

_MOST: Final = 20
"""An error tells so many failures in full; the others are counted."""


class VectorsFailed(AssertionError):
    """Vectors failed, or a run has shown nothing; the message tells why."""


@define(slots=False)
class RunResult:
    """What became of the vectors of a run. It is iterable, in the order in which they ran."""

    results: Sequence[Result]
    known: Sequence[Deviation] = ()
    """What is known of the system under test."""

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def passed(self) -> tuple[Result, ...]:
        """The vectors that passed."""
        return self._of(Outcome.PASSED)

    @property
    def failed(self) -> tuple[Result, ...]:
        """The vectors that failed, known failures included."""
        return self._of(Outcome.FAILED)

    @property
    def not_applicable(self) -> tuple[Result, ...]:
        """The vectors that need what the driver, or the system under test, cannot do."""
        return self._of(Outcome.NOT_APPLICABLE)

    @property
    def not_run(self) -> tuple[Result, ...]:
        """The vectors that were not run, since the system under test was gone."""
        return self._of(Outcome.NOT_RUN)

    @property
    def new_failures(self) -> tuple[Result, ...]:
        """The failures that are not known."""
        return tuple(self.verdict.new_failures)

    @property
    def unexpected_passes(self) -> tuple[Result, ...]:
        """The vectors that passed although they are recorded as failing."""
        return tuple(self.verdict.unexpected_passes)

    @property
    def behaviours(self) -> tuple[Behaviour, ...]:
        """The failures grouped by what the system does otherwise; new behaviours first."""
        return self.verdict.behaviours

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict, as the command ``run`` gives it."""
        return Verdict(self.results, self.known)

    @property
    def is_good(self) -> bool:
        """Whether something passed or is known, and nothing is new: the command ``run`` would exit with 0."""
        return self.verdict.exit_status == 0

    def raise_for_failures(self) -> None:
        """Raise if the command ``run`` would not exit with 0.

        :raises VectorsFailed: telling the failures that are not known, the vectors that passed unexpectedly, and why
            vectors did not run; or that no vector was applicable.
        """
        if not self.is_good:
            raise VectorsFailed("\n\n".join(self._problems()))

    def _problems(self) -> Iterator[str]:
        new, passes = self.new_failures, self.unexpected_passes
        yield from [f"{each.vector.id}: {each.vector.title}\n{each.detail}" for each in new[:_MOST]]
        if len(new) > _MOST:
            yield f"and {len(new) - _MOST} more failed"
        if passes:
            yield f"passed, although recorded as failing: {', '.join([each.vector.id for each in passes])}"
        if self.not_run:
            yield f"not run, {len(self.not_run)}: {self.not_run[0].detail}"
        if not self.passed and not self.failed:
            reasons = dict.fromkeys([each.detail for each in self.not_applicable])
            yield f"none of {len(self)} vectors was applicable: {'; '.join(reasons)}"

    def _of(self, outcome: Outcome) -> tuple[Result, ...]:
        return tuple([result for result in self.results if result.outcome is outcome])


def run_vectors(
    *paths: str | Path,
    section: Choice = (),
    id: Choice = (),
    level: Choice = (),
    driver: Driver | None = None,
    known: str | Path | Sequence[Deviation] = (),
    watch: Callable[[Result], None] = lambda result: None,
) -> RunResult:
    """Run vectors, and return what became of them. A failure does not raise: see :meth:`RunResult.raise_for_failures`.

    :param paths: files and folders of vectors; without any, the vectors of this package.
    :param section: sections of RFC 6121. Sections below them belong to them.
    :param id: ids of vectors, in which ``*`` and ``?`` are wildcards.
    :param level: ``MUST``, ``SHOULD``, ``MAY`` or ``peer``.
    :param driver: how the system under test is reached. It stays open. Without one, ``xmpp_im_core`` is run.
    :param known: the known failures of the system: a file that ``run --write-known`` has written, or its records.
    :param watch: is called with each result, as soon as there is one.
    :raises ValueError: if there are no such vectors, there is no such level, or the file is no file of known failures.
    :raises ServerFailed: if the system under test cannot be reached.
    :raises NotApplicable: if the driver cannot run any vector on it.
    """
    deviations = read_known(Path(known)) if isinstance(known, str | Path) else tuple(known)
    vectors = find_vectors(*paths, section=section, id=id, level=level)
    if driver is None:
        with closing(core_driver()) as core:
            return RunResult(_run(vectors, core, watch), deviations)
    driver.preflight()
    return RunResult(_run(vectors, driver, watch), deviations)


def find_vectors(
    *paths: str | Path, section: Choice = (), id: Choice = (), level: Choice = ()
) -> tuple[Vector | MalformedFile, ...]:
    """Return the vectors that :func:`run_vectors` would run.

    :raises ValueError: if there are none, or there is no such level.
    """
    selection = Selection(_several(section), _several(id), _several(level))
    unknown = [each for each in selection.levels if each not in LEVELS]
    if unknown:
        raise ValueError(f"level: one of {', '.join(LEVELS)}, not {unknown[0]!r}")
    missing = [str(path) for path in paths if not Path(path).exists()]
    if missing:
        raise ValueError(f"there is no file or folder {missing[0]}")
    vectors = tuple(find([Path(path) for path in paths], selection))
    if not vectors:
        raise ValueError("there are no such vectors")
    return vectors


def _several(choice: Choice) -> tuple[str, ...]:
    return (choice,) if isinstance(choice, str) else tuple(choice)


def _run(
    vectors: Iterable[Vector | MalformedFile], driver: Driver, watch: Callable[[Result], None]
) -> tuple[Result, ...]:
    results: list[Result] = []
    for vector in vectors:
        results.append(run_vector(vector, driver))
        watch(results[-1])
    return tuple(results)
