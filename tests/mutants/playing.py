"""Running vectors and tests, and recording which lines of the core they run."""

from __future__ import annotations

import os
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field
from coverage import Coverage

from tests.mutants.drawing import CORE
from tests.mutants.selecting import Line, Ran, bits_of

TESTS: Final = (
    *("administration", "blocking", "both_halves", "client", "codec", "explain", "extensions", "host", "properties"),
    *("rfc6121", "server", "snapshot", "testing", "values", "test_requirements.py", "test_rules.py"),
)
"""The tests of the core; those of the runner, the examples and the documentation look at it from outside."""


# --- vectors ----------------------------------------------------------------------------------------------


@define
class Vectors:
    """The vectors of the package on the embedded driver, each in one arrangement or in all.

    An id names a vector, and after an ``@`` the arrangement, unless that is the usual one.
    """

    found: dict[str, tuple[object, Any]]
    """Each vector with the driver of its arrangement."""

    @classmethod
    def read(cls, ids: Collection[str] | None = None, arrangements: bool = True) -> Vectors:
        """Read those with these ids, or all.

        :param arrangements: whether each is played in all arrangements, or only with the accounts in memory.
        """
        from xmpp_im_conformance.drivers import core_driver
        from xmpp_im_conformance.format.data import VECTORS
        from xmpp_im_conformance.format.finding import find, id_of

        files = sorted(VECTORS.rglob("*.json"))
        if ids is not None:
            wanted = {each.partition("@")[0].partition("#")[0] for each in ids}
            files = [file for file in files if id_of(file, VECTORS) in wanted]
        driver = core_driver("all")
        found = {
            _arranged(vector.id, way): (vector, way)
            for vector in find(files)
            for way in driver.ways(vector.id, vector.scenario.setup)  # type: ignore[union-attr]  # none is malformed
            if arrangements or not way.way
        }
        return cls({id: each for id, each in found.items() if ids is None or id in ids})

    def passes(self, id: str, following: str | None = None) -> bool:
        """Run one; which is the following one makes no difference."""
        from xmpp_im_conformance.running.outcome import Outcome
        from xmpp_im_conformance.running.run import run_vector

        vector, driver = self.found[id]
        return run_vector(vector, driver).outcome is not Outcome.FAILED  # type: ignore[arg-type]


def _arranged(id: str, driver: Any) -> str:
    return f"{id}@{driver.arrangements[0]}" if driver.way else id


# --- tests ------------------------------------------------------------------------------------------------


@define(eq=False)
class Tests:
    """A pytest session that runs single tests when it is told to, as often as it is told to."""

    loop: Callable[[Tests], None]
    """What is done with the session."""
    wanted: Collection[str] | None = None
    """The ids of those to collect; None: all."""
    items: dict[str, pytest.Item] = field(factory=dict)
    failed: bool = False
    passed: bool = False
    problem: BaseException | None = None
    """What the loop has raised, which pytest would print and drop."""

    __test__ = False

    @classmethod
    def collected(cls, loop: Callable[[Tests], None], wanted: Collection[str] | None = None) -> None:
        """Collect the tests, and enter the loop.

        :raises RuntimeError: where they cannot be collected.
        """
        tests, paths = cls(loop, wanted), [f"tests/{each}" for each in TESTS]
        if wanted is not None:
            paths = sorted({each.partition("::")[0] for each in wanted})
        options = ["-q", "-s", "-p", "no:cacheprovider", "-p", "no:cov", "-p", "no:xdist"]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what is imported before the core is
        with (
            Path(os.devnull).open("w", encoding="utf-8") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            status = pytest.main([*options, *paths], plugins=[tests])
        if tests.problem is not None:
            raise tests.problem
        if status is not pytest.ExitCode.OK:
            raise RuntimeError(f"pytest ended with {status!r} before the tests could be run")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of pytest's own loop."""
        if session.testsfailed:
            return False
        self.items = {item.nodeid: item for item in session.items if self.wanted is None or item.nodeid in self.wanted}
        try:
            self.loop(self)
        except BaseException as problem:
            self.problem = problem
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what became of the test that runs."""
        self.failed |= report.failed
        self.passed |= report.when == "call" and report.passed

    def passes(self, id: str, following: str | None = None) -> bool:
        """Run one test; one that is skipped has not passed.

        :param following: the next one; what it shares with this one is not torn down.
        """
        self.failed = self.passed = False
        item, next_item = self.items[id], None if following is None else self.items[following]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
        return self.passed and not self.failed


# --- recording --------------------------------------------------------------------------------------------


def record(
    ids: Sequence[str], passes: Callable[[str, str | None], bool], before_each: Callable[[], None]
) -> dict[str, Ran]:
    """Run each of these, and record the lines of the core that it runs.

    :param passes: whether one passes, given the next; what does not pass is left out.
    """
    coverage = Coverage(data_file=None, config_file=False, include=[f"{CORE}/*"], messages=False)
    seconds: dict[str, float] = {}
    for id, following in zip(ids, [*ids[1:], None], strict=True):
        before_each()
        began = time.process_time()
        coverage.start()  # for each anew: a test may set a trace function
        coverage.switch_context(id)
        try:
            passed = passes(id, following)
        finally:
            coverage.stop()
        if passed:
            seconds[id] = time.process_time() - began
    lines = _lines(coverage)
    return {id: Ran(taken, lines.get(id, {})) for id, taken in seconds.items()}


def _lines(coverage: Coverage) -> dict[str, dict[str, int]]:
    """Return for each context the lines that ran in it, by module."""
    with warnings.catch_warnings(action="ignore"):  # where nothing of the core has run
        data = coverage.get_data()
    lines: dict[str, list[Line]] = defaultdict(list)
    for file in data.measured_files():
        module = ".".join(Path(file).relative_to(CORE).with_suffix("").parts)
        for line, contexts in data.contexts_by_lineno(file).items():
            for each in contexts:
                lines[each].append((module, line))
    return {id: bits_of(each) for id, each in lines.items()}
