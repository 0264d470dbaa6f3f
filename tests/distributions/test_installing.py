"""Each distribution in an empty environment: what runs, and what the rest says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.distributions.building import CONFORMANCE, CORE, HOST, build, metadata

pytestmark = pytest.mark.installs

STDIO: Final = ("-m", "xmpp_im_conformance.cli.stdio")


class Environment:
    """An environment that has nothing but pip, and what a test installs."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.bin, self.wheels, self.folder = folder / "bin", wheels, folder
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)

    def install(self, *words: str) -> None:
        done = self.run("python", "-m", "pip", "install", "--quiet", "--find-links", str(self.wheels), *words)
        assert done.returncode == 0, done.stderr

    def run(self, command: str, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / command), *words],
            input=given,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def commands(self) -> set[str]:
        return {file.name for file in self.bin.glob("xmpp*")}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for name, project in (("core", CORE), ("conformance", CONFORMANCE), ("host", HOST)):
        wheel = build(project, folder / name, "wheel")
        wheel.rename(folder / wheel.name)
    return folder


@pytest.fixture(scope="module")
def version(wheels: Path) -> str:
    return str(metadata(next(wheels.glob("xmpp_im_core-*.whl")))["Version"])


@pytest.fixture
def empty(tmp_path: Path, wheels: Path) -> Environment:
    return Environment(tmp_path / "environment", wheels)


def test_the_core_runs_and_its_testing_kit_says_what_to_install(empty: Environment, version: str) -> None:
    empty.install(f"xmpp_im_core=={version}")

    runs = empty.run("python", "-c", "import xmpp_im_core.server, xmpp_im_core.client, xmpp_im_core.snapshot")
    explain = empty.run("xmpp-im-explain", "--help")
    kit = empty.run("python", "-c", "import xmpp_im_core.testing")

    assert (runs.returncode, runs.stderr) == (0, "")
    assert empty.commands() == {"xmpp-im-explain"}
    assert (explain.returncode, explain.stderr) == (0, "")
    assert explain.stdout.startswith("usage: xmpp-im-explain")
    assert kit.returncode == 1
    assert kit.stderr.endswith(
        "ImportError: xmpp_im_core.testing needs Hypothesis: pip install 'xmpp_im_core[testing]'\n"
    )


def test_the_testing_kit_needs_its_extra_alone(empty: Environment, version: str) -> None:
    empty.install(f"xmpp_im_core[testing]=={version}")

    kit = empty.run("python", "-c", "from xmpp_im_core.testing import explorer, network; print('runs')")

    assert (kit.returncode, kit.stdout, kit.stderr) == (0, "runs\n", "")
    assert empty.commands() == {"xmpp-im-explain"}


def test_the_runner_runs_with_each_of_its_commands(empty: Environment, version: str) -> None:
    empty.install(f"xmpp-im-conformance=={version}")
    page = empty.folder / "report.html"

    told = empty.run("xmpp-im-conformance", "--version")
    run = empty.run("xmpp-im-conformance", "run", "--section", "2.1", "--quiet", "--html", str(page))
    stdio = empty.run("python", *STDIO, given='{"id": 1, "op": "hello", "protocol": 1}\n')

    assert empty.commands() == {"xmpp-im-conformance", "xmpp-im-explain"}
    assert version in told.stdout
    assert (run.returncode, run.stderr) == (0, "")
    assert "passed, 0 failed" in run.stdout
    assert "<html" in page.read_text(encoding="utf-8")
    assert stdio.stderr == ""
    assert json.loads(stdio.stdout)["id"] == 1


def test_the_runner_without_what_it_needs_says_what_to_install(empty: Environment, version: str) -> None:
    empty.install("--no-deps", f"xmpp-im-conformance=={version}")

    for command, words in (("xmpp-im-conformance", ()), ("python", STDIO)):
        done = empty.run(command, *words)
        assert done.returncode == 2
        assert "not installed: attrs, cattrs, click, hypothesis" in done.stderr
        assert "pip install xmpp-im-conformance" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_server_starts_and_stops_and_its_plugin_runs(empty: Environment, version: str) -> None:
    empty.install(f"xmpp-im-host=={version}", "pytest")
    test = empty.folder / "test_fixture.py"
    test.write_text(
        "def test_it(xmpp_server):\n    assert xmpp_server.add('romeo', 'rosaline') == 'romeo@localhost'\n",
        encoding="utf-8",
    )
    database = str(empty.folder / "server.sqlite")

    told = empty.run("xmpp-im-host", "--version")
    added = empty.run("xmpp-im-host", "user", "add", "--database", database, "romeo@localhost", given="rosaline\n")
    listed = empty.run("xmpp-im-host", "user", "list", "--database", database)
    tested = empty.run("python", "-m", "pytest", "-q", str(test))

    assert empty.commands() == {"xmpp-im-explain", "xmpp-im-host"}
    assert version in told.stdout
    assert (added.returncode, added.stdout, added.stderr) == (0, "added romeo@localhost\n", "")
    assert listed.stdout == "romeo@localhost\n"
    assert tested.returncode == 0, tested.stdout
