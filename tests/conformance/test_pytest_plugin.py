"""The plugin of pytest: each vector is a test of the user's suite, and other suites do not notice it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.test_library import ELSEWHERE, GOOD, WRONG

pytest_plugins = ["pytester"]

PAGE: Final = Path(__file__).parents[2] / "conformance" / "docs" / "python.md"

CONFTEST: Final = """
import pytest
from xmpp_im_conformance import Embedded

@pytest.fixture(scope="session")
def xmpp_im_driver():
    return Embedded()
"""
KNOWN: Final = '[[deviation]]\ndoes = "{does}"\nvectors = ["{id}"]\n'


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite with a driver and three vectors; it is run with the plugin and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    folder = pytester.mkdir("mine")
    for name, vector in {"good": GOOD, "wrong": WRONG, "elsewhere": ELSEWHERE}.items():
        (folder / f"{name}.json").write_text(json.dumps(vector), encoding="utf-8")
    return pytester


def test_file(choices: str) -> str:
    mark = f"@pytest.mark.xmpp_im_vectors({choices})\n" if choices else ""
    return f"import pytest\n\n{mark}def test_vector(xmpp_im_vector):\n    xmpp_im_vector.run()\n"


test_file.__test__ = False  # type: ignore[attr-defined]


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return suite.runpytest_subprocess("-p", "xmpp_im_conformance.pytest_plugin", "--strict-markers", "-v", *arguments)


def test_each_vector_is_a_test_that_passes_fails_or_is_skipped(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_file("paths='mine'"))

    done = run(suite, "-ra")

    done.assert_outcomes(passed=1, failed=1, skipped=1)
    done.stdout.fnmatch_lines(
        [
            "*::test_vector[[]elsewhere[]] SKIPPED*",
            "*::test_vector[[]good[]] PASSED*",
            "*::test_vector[[]wrong[]] FAILED*",
            "wrong: Wrong",
            "*SHOULD, 6121 4.4*",
            "step 3 of 3 (silent): at juliet@capulet.example/balcony nothing was expected, but there came",
            "SKIPPED [[]1[]] *: the feature 'mam' is not supported",
        ],
        consecutive=False,
    )
    assert "VectorTest" not in done.stdout.str()


def test_the_marker_chooses(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_file("paths=['mine'], section='4', level=['MUST', 'SHOULD'], id='g*'"))

    run(suite).assert_outcomes(passed=1)


def test_the_vectors_of_the_package_are_those_without_paths(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_file("id='roster-get/example'"))

    run(suite).assert_outcomes(passed=1)


def test_a_known_failure_is_expected_and_one_that_passes_is_not(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_file("paths='mine', known='known.toml', section='4'"))
    known = suite.path / "known.toml"

    known.write_text(KNOWN.format(does="says too much", id="wrong"), encoding="utf-8")
    done = run(suite, "-ra")
    done.assert_outcomes(passed=1, xfailed=1)
    done.stdout.fnmatch_lines(["*known: the system says too much*"])

    known.write_text(KNOWN.format(does="says nothing", id="good"), encoding="utf-8")
    done = run(suite)
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(["it passes, although it is recorded as failing: the system says nothing"])


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ("id='no/such'", "there are no such vectors"),
        ("sections='4'", "there is no choice 'sections', but id, known, level, paths, section"),
        ("'4'", "name each choice"),
        ("paths='missing'", "there is no file or folder"),
        ("known='missing.toml'", "missing.toml: No such file"),
    ],
)
def test_a_choice_that_is_none_is_named(suite: pytest.Pytester, choices: str, told: str) -> None:
    suite.makepyfile(test_file(choices))

    done = run(suite)

    assert done.ret is not pytest.ExitCode.OK
    assert told in done.stdout.str() + done.stderr.str()
    assert "Traceback" not in done.stdout.str()


def test_a_suite_without_a_driver_is_told_to_define_one(suite: pytest.Pytester) -> None:
    (suite.path / "conftest.py").unlink()
    suite.makepyfile(test_file("paths='mine', id='good'"))

    done = run(suite)

    assert "define the fixture xmpp_im_driver" in done.stdout.str() + done.stderr.str()


def test_a_system_that_cannot_be_reached_is_one_error_for_each(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        "import pytest\nfrom xmpp_im_conformance import Driver, ServerFailed\n"
        "class Gone(Driver):\n    name = 'gone'\n    asked = 0\n"
        "    def preflight(self):\n        assert not self.asked\n        self.asked = 1\n"
        "        raise ServerFailed('connection refused')\n"
        "@pytest.fixture(scope='session')\ndef xmpp_im_driver():\n    return Gone()\n"
    )
    suite.makepyfile(test_file("paths='mine'"))

    done = run(suite)

    done.assert_outcomes(errors=3)
    assert done.stdout.str().count("ServerFailed: connection refused") >= 3


def test_a_suite_that_does_not_use_it_loads_nothing(suite: pytest.Pytester) -> None:
    (suite.path / "conftest.py").unlink()
    suite.makepyfile(
        "import sys\n"
        "def test_it():\n"
        "    loaded = {name for name in sys.modules if name.partition('.')[0].startswith('xmpp_im')}\n"
        "    assert loaded == {'xmpp_im_conformance', 'xmpp_im_conformance.pytest_plugin'}\n"
        "    assert not {'attr', 'jsonschema', 'click', 'rich', 'hypothesis'} & set(sys.modules)\n"
    )

    run(suite).assert_outcomes(passed=1)


def test_the_code_on_the_page_runs_as_a_suite(suite: pytest.Pytester) -> None:
    page = PAGE.read_text(encoding="utf-8")
    *_, conftest, test = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r"^test_rfc6121\.py::.* PASSED$", page, re.MULTILINE)
    suite.makeconftest(conftest)
    suite.makepyfile(test_rfc6121=test)

    done = run(suite)

    assert done.ret is pytest.ExitCode.OK
    assert any(line.startswith(shown) for line in done.stdout.lines)
