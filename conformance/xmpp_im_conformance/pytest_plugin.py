"""A plugin of pytest: each vector becomes a test of your suite.

    @pytest.fixture(scope="session")
    def xmpp_im_driver():
        return MyDriver()

    @pytest.mark.xmpp_im_vectors(section="3.1", level="MUST")
    def test_rfc6121(xmpp_im_vector):
        xmpp_im_vector.run()

Only a test that asks for the fixture ``xmpp_im_vector`` makes pytest read vectors. In other suites this module imports
nothing but pytest.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from xmpp_im_conformance.format.vectors import MalformedFile, Vector
    from xmpp_im_conformance.format.worlds import Driver
    from xmpp_im_conformance.verdict.known import Deviation

_FIXTURE: Final = "xmpp_im_vector"
_MARKER: Final = "xmpp_im_vectors"
_CHOICES: Final = frozenset({"paths", "section", "id", "level", "known"})


class VectorTest:
    """A vector of a test."""

    def __init__(self, vector: Vector | MalformedFile, known: Deviation | None, driver: Driver) -> None:
        self.vector, self.known, self.driver = vector, known, driver

    def run(self) -> None:
        """Run the vector. The test passes, fails or, if the vector is not applicable, is skipped.

        A failure that is known is an expected failure (xfail). A known failure that passes fails the test, unless it is
        recorded as unsteady.
        """
        from xmpp_im_conformance.reports.conversation import heading
        from xmpp_im_conformance.running.outcome import Outcome
        from xmpp_im_conformance.running.run import run_vector

        result = run_vector(self.vector, self.driver)
        if result.outcome in (Outcome.NOT_APPLICABLE, Outcome.NOT_RUN):
            pytest.skip(result.detail)
        if result.outcome is Outcome.FAILED and self.known is not None:
            pytest.xfail(f"known: the system {self.known.does}")
        if result.outcome is Outcome.FAILED:
            pytest.fail("\n".join([*heading(self.vector), "", result.detail]), pytrace=False)
        if self.known is not None and not self.known.unsteady:
            pytest.fail(f"it passes, although it is recorded as failing: the system {self.known.does}", pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(section, id, level, paths, known): the vectors of the fixture {_FIXTURE}; without any, all of them",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each vector that the marker chooses."""
    if _FIXTURE not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker(_MARKER)
    try:
        if marker is not None and marker.args:
            raise ValueError("name each choice: section=, id=, level=, paths=, known=")
        chosen = _chosen({} if marker is None else marker.kwargs, metafunc.definition.path.parent)
    except ValueError as problem:
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: {_MARKER}: {problem}") from problem
    ids = [vector.id for vector, _ in chosen]
    metafunc.parametrize(_FIXTURE, chosen, ids=ids, indirect=True)


def _chosen(choices: Mapping[str, Any], folder: Path) -> list[tuple[Vector | MalformedFile, Deviation | None]]:
    """Return the vectors, each with what is known of it. Paths are those below the folder of the test."""
    from xmpp_im_conformance.library import find_vectors
    from xmpp_im_conformance.verdict.known import read_known

    unknown = sorted(choices.keys() - _CHOICES)
    if unknown:
        raise ValueError(f"there is no choice {unknown[0]!r}, but {', '.join(sorted(_CHOICES))}")
    known = choices.get("known")
    deviations = () if known is None else read_known(folder / known)
    given = choices.get("paths", ())
    paths = [folder / path for path in ([given] if isinstance(given, str | Path) else given)]
    vectors = find_vectors(*paths, **{name: choices[name] for name in ("section", "id", "level") if name in choices})
    recorded = {id: each for each in deviations for id in each.vectors}
    return [(vector, recorded.get(vector.id)) for vector in vectors]


@pytest.fixture(scope="session")
def xmpp_im_driver() -> Driver:
    """Return the driver of the system under test. Override it in ``conftest.py``."""
    raise pytest.UsageError("define the fixture xmpp_im_driver: it returns the driver of the system under test")


@pytest.fixture(scope="session")
def _xmpp_im_reached(xmpp_im_driver: Driver) -> Driver:
    """Return the driver of a system that can be reached; otherwise each test has this one error."""
    xmpp_im_driver.preflight()
    return xmpp_im_driver


@pytest.fixture
def xmpp_im_vector(request: pytest.FixtureRequest, _xmpp_im_reached: Driver) -> VectorTest:
    """Return the vector of this test; ``run()`` runs it."""
    vector, known = request.param
    return VectorTest(vector, known, _xmpp_im_reached)
