"""What the distributions hold: the core has no vectors, and developers' tools are in none."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from tests.distributions.building import CONFORMANCE, CORE, HOST, build, entry_points, metadata, names, unpacked
from xmpp_im_conformance.cli import NEEDED

COMMANDS: Final = ["xmpp-im-conformance", "xmpp_im_conformance"]
"""The command, and the plugin of pytest."""


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(CORE, tmp_path_factory.mktemp("core") / "wheel", "wheel")


@pytest.fixture(scope="module")
def core_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("core")
    return unpacked(build(CORE, folder / "sdist", "sdist"), folder / "source")


@pytest.fixture(scope="module")
def conformance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(CONFORMANCE, tmp_path_factory.mktemp("conformance") / "wheel", "wheel")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(HOST, tmp_path_factory.mktemp("host") / "wheel", "wheel")


def project(folder: Path) -> Any:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_core_is_its_package_and_nothing_else(core: Path) -> None:
    held = names(core)
    modules = {f"xmpp_im_core/{file.relative_to(CORE / 'xmpp_im_core')}" for file in _modules(CORE / "xmpp_im_core")}

    assert {name.partition("/")[0] for name in held if ".dist-info/" not in name} == {"xmpp_im_core"}
    assert {Path(name).suffix for name in held if ".dist-info/" not in name} == {".py", ".typed"}
    assert modules <= held


def test_the_core_installs_the_command_that_explains_and_has_one_extra(core: Path) -> None:
    assert entry_points(core) == ["xmpp-im-explain = xmpp_im_core.explain.command:main"]
    assert metadata(core).get_all("Provides-Extra") == ["testing"]
    optional = [need for need in metadata(core).get_all("Requires-Dist", []) if "extra ==" in need]
    assert [re.match(r"[\w-]+", need)[0] for need in optional] == ["hypothesis"]  # type: ignore[index]


def test_the_runner_has_its_vectors_its_schemas_and_the_requirements(conformance: Path) -> None:
    held = names(conformance)
    vectors = {f"xmpp_im_conformance/{file.relative_to(CONFORMANCE)}" for file in CONFORMANCE.glob("vectors/**/*.json")}
    schemas = {f"xmpp_im_conformance/{file.relative_to(CONFORMANCE)}" for file in CONFORMANCE.glob("schema/*.json")}
    package = {str(file.relative_to(CONFORMANCE)) for file in _modules(CONFORMANCE / "xmpp_im_conformance")}

    assert len(vectors) > 1000
    assert len(schemas) == 6
    pages = {"requirements.json", "README.md", "CHANGES.md", "LICENSE", "docs/stdio-protocol.md"}
    assert vectors | schemas | package | {f"xmpp_im_conformance/{page}" for page in pages} <= held
    assert "xmpp_im_conformance/artefact/README.md" in held
    assert {name.partition("/")[0] for name in held if ".dist-info/" not in name} == {"xmpp_im_conformance"}


def test_the_runner_installs_its_commands_and_needs_the_core_of_its_version(core: Path, conformance: Path) -> None:
    version = metadata(core)["Version"]

    assert sorted(line.partition(" =")[0] for line in entry_points(conformance)) == COMMANDS
    assert metadata(conformance)["Version"] == version
    assert f"xmpp-im-core[testing]=={version}" in metadata(conformance).get_all("Requires-Dist", [])
    assert metadata(conformance).get_all("Provides-Extra") is None


def test_the_server_is_its_package_and_nothing_else(host: Path) -> None:
    held = {name for name in names(host) if ".dist-info/" not in name}
    package = {str(file.relative_to(HOST.parent)) for file in _modules(HOST)}

    assert held == package | {"xmpp_im_host/py.typed"}


def test_the_server_installs_its_command_its_plugin_and_needs_the_core_of_its_version(core: Path, host: Path) -> None:
    version = metadata(core)["Version"]

    assert sorted(entry_points(host)) == [
        "xmpp-im-host = xmpp_im_host.command:main",
        "xmpp_im_host = xmpp_im_host.pytest_plugin",
    ]
    assert metadata(host)["Version"] == version
    assert f"xmpp-im-core=={version}" in metadata(host).get_all("Requires-Dist", [])
    assert metadata(host).get_all("Provides-Extra") == ["fast", "postgres"]


def test_what_the_server_imports_is_what_it_depends_on() -> None:
    """Packages of the core's dependencies count too, since the server needs the core."""
    needed = {
        re.match(r"[\w-]+", need)[0].replace("-", "_")  # type: ignore[index]
        for folder in (CORE, HOST)
        for need in project(folder)["dependencies"]
    }
    imported = {
        name
        for file in _modules(HOST)
        for name in re.findall(r"^ *(?:from|import) (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    known = {*sys.stdlib_module_names, *needed, "xmpp_im_host"}

    # The plugin is imported by pytest only; uvloop and psycopg are the extras.
    assert imported - known == {"psycopg", "pytest", "uvloop"}


def test_what_the_commands_look_for_is_what_the_runner_depends_on() -> None:
    assert sorted(NEEDED) == sorted(re.match(r"\w+", need)[0] for need in project(CONFORMANCE)["dependencies"])  # type: ignore[index]


def test_both_have_the_same_license() -> None:
    assert (CONFORMANCE / "LICENSE").read_bytes() == (CORE / "LICENSE").read_bytes()


def test_the_source_distribution_of_the_core_builds_the_same_wheel(
    core: Path, core_source: Path, tmp_path: Path
) -> None:
    assert names(build(core_source, tmp_path / "again", "wheel")) == names(core)


@pytest.mark.slow
def test_the_source_distribution_of_the_runner_builds_the_same_wheel(conformance: Path, tmp_path: Path) -> None:
    source = unpacked(build(CONFORMANCE, tmp_path / "sdist", "sdist"), tmp_path / "source")

    assert names(build(source, tmp_path / "again", "wheel")) == names(conformance)


def test_the_source_distribution_of_the_core_has_no_vectors(core_source: Path) -> None:
    assert [*core_source.glob("**/*.json")] == []


def _modules(package: Path) -> list[Path]:
    return [file for file in package.glob("**/*.py") if "__pycache__" not in file.parts]
