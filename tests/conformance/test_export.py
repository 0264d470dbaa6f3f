"""The export: complete, the same bytes each time, described by its manifest, and written nowhere it should not be."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from tests.conformance.packaged import packaged
from xmpp_im_conformance.artefact import contents as making
from xmpp_im_conformance.artefact.contents import contents
from xmpp_im_conformance.artefact.folder import write
from xmpp_im_conformance.cli.commands import main
from xmpp_im_conformance.format.data import REQUIREMENTS, SCHEMA, VECTORS
from xmpp_im_conformance.format.finding import find

MINE: Final = "mine.txt"


@pytest.fixture(scope="module")
def held() -> Mapping[str, bytes]:
    return contents(packaged())


@pytest.fixture(scope="module")
def manifest(held: Mapping[str, bytes]) -> Any:
    return json.loads(held["manifest.json"])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the artefact have one vector, so that a test can write it often."""
    monkeypatch.setattr(making, "VECTORS", VECTORS / "scenarios" / "roster-get")


def export(folder: Path) -> Result:
    return CliRunner().invoke(main, ["export", str(folder)])


def written(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# --- what it has ------------------------------------------------------------------------------------------


def test_it_has_all_vectors_schemas_and_requirements_as_they_are(held: Mapping[str, bytes]) -> None:
    for name, folder in (("schema", SCHEMA), ("vectors", VECTORS)):
        for file in folder.rglob("*.json"):
            assert held[f"{name}/{file.relative_to(folder).as_posix()}"] == file.read_bytes()
    assert held["requirements.json"] == REQUIREMENTS.read_bytes()
    assert {"README.md", "CHANGES.md", "LICENSE", "docs/stdio-protocol.md"} < held.keys()


def test_the_manifest_has_the_digest_of_each_other_file(held: Mapping[str, bytes], manifest: Any) -> None:
    others = {path: hashlib.sha256(content).hexdigest() for path, content in held.items() if path != "manifest.json"}

    assert manifest["files"] == others


def test_the_manifest_lists_each_vector_and_counts_by_kind_and_level(manifest: Any) -> None:
    vectors = packaged()
    listed = manifest["vectors"]

    assert [each["id"] for each in listed] == [vector.id for vector in vectors]
    counted = {
        kind: levels if kind == "vectors" else sum(levels.values()) for kind, levels in manifest["counts"].items()
    }
    assert counted == {
        "vectors": len(vectors),
        "client": sum(vector.id.startswith("client/") for vector in vectors),
        "scenario": sum(not vector.id.startswith(("client/", "tables/")) for vector in vectors),
        "table": sum(vector.id.startswith("tables/") for vector in vectors),
    }


def test_a_listed_file_and_row_is_that_vector(held: Mapping[str, bytes], manifest: Any) -> None:
    for each in manifest["vectors"]:
        data = json.loads(held[each["file"]])
        if "row" in each:
            data = {**data, **data["rows"][each["row"]]}
        assert data.get("level", "MUST") == each["level"]


def test_the_manifest_says_which_versions_it_has(manifest: Any) -> None:
    assert manifest["format"] == 1
    assert re.fullmatch(r"1\.\d+(-dev)?", manifest["version"])
    assert manifest["made_by"] == f"xmpp-im-conformance {version('xmpp-im-conformance')}"


def test_the_same_vectors_give_the_same_bytes(small: None) -> None:
    assert list(contents().items()) == list(contents().items())


def headings(page: str) -> Iterator[str]:
    """Yield the anchors of a page's headings."""
    for each in re.findall(r"^#+ (.*)$", page, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-")


def test_the_readme_defines_the_format_and_its_links_lead_somewhere(held: Mapping[str, bytes]) -> None:
    pages = {path: content.decode() for path, content in held.items() if path.endswith(".md")}
    anchors = {path: list(headings(text)) for path, text in pages.items()}

    assert {"how-to-read", "how-to-run", "how-to-match", "a-scenario", "steps", "matching", "a-client-scenario"} <= {
        *anchors["README.md"]
    }
    assert len(anchors["README.md"]) == len(set(anchors["README.md"]))
    for path, text in pages.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
            there, _, anchor = target.partition("#")
            file = Path("/", path).parent.joinpath(there).resolve().relative_to("/").as_posix() if there else path
            assert file in held, target
            assert not anchor or anchor in anchors[file], target


# --- where it is written ----------------------------------------------------------------------------------


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.usefixtures("small")
def test_it_is_written_into_a_new_or_an_empty_folder(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "third-party" / "vectors"
    if exists:
        folder.mkdir(parents=True)

    done = export(folder)

    assert done.exit_code == 0, done.output
    assert re.search(r"version 1\.\S+, \d+ vectors, \d+ files", done.output)
    assert written(folder) == contents()


def test_the_runner_finds_the_same_vectors_in_it(tmp_path: Path, held: Mapping[str, bytes]) -> None:
    write(held, tmp_path)
    read = [*find([tmp_path / "vectors" / "tables"]), *find([tmp_path / "vectors" / "client" / "roster-get"])]

    expected = [each.id for each in packaged() if each.id.startswith(("tables/", "client/roster-get/"))]
    assert sorted([each.id for each in read]) == sorted(expected)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (MINE, "something"),
        ("manifest.json", "{}"),
        ("manifest.json", "[" * 100_000),
        ("manifest.json", '{"artefact": "xmpp-im-vectors"}'),
        ("manifest.json", '{"artefact": "another", "files": {}}'),
    ],
)
@pytest.mark.usefixtures("small")
def test_another_folder_is_refused_and_stays_as_it_is(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")

    done = export(tmp_path)

    assert done.exit_code == 1
    assert "is not empty, and not an earlier export" in done.output
    assert written(tmp_path) == {name: content.encode()}


@pytest.mark.usefixtures("small")
def test_an_earlier_export_is_replaced_and_what_was_added_to_it_stays(tmp_path: Path) -> None:
    export(tmp_path)
    gone = tmp_path / "vectors" / "gone" / "vector.json"
    gone.parent.mkdir()
    gone.write_text("{}", encoding="utf-8")
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["vectors/gone/vector.json"] = ""
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (tmp_path / "README.md").write_text("changed", encoding="utf-8")
    (tmp_path / MINE).write_text("mine", encoding="utf-8")

    done = export(tmp_path)

    assert done.exit_code == 0, done.output
    assert written(tmp_path) == {**contents(), MINE: b"mine"}
    assert not gone.parent.exists()


@pytest.mark.parametrize(
    "path", ["../{mine}", "vectors/../../{mine}", "{outside}/{mine}", "link/{mine}", "\0", "", "."]
)
@pytest.mark.usefixtures("small")
def test_a_manifest_cannot_name_a_file_outside_of_the_folder(tmp_path: Path, path: str) -> None:
    outside, folder = tmp_path, tmp_path / "export"
    (outside / MINE).write_text("mine", encoding="utf-8")
    export(folder)
    (folder / "link").symlink_to(outside)
    listed = path.format(mine=MINE, outside=outside)
    (folder / "manifest.json").write_text(
        json.dumps({"artefact": "xmpp-im-vectors", "files": {listed: ""}}), encoding="utf-8"
    )

    done = export(folder)

    assert done.exit_code == 0, done.output
    assert (outside / MINE).read_text(encoding="utf-8") == "mine"


@pytest.mark.usefixtures("small")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    done = export(tmp_path / "file" / "below")

    assert done.exit_code == 1
    assert "Nothing was exported" in done.output


def test_a_malformed_vector_is_not_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(making, "VECTORS", tmp_path)

    done = export(tmp_path / "export")

    assert done.exit_code == 1
    assert "bad.json" in done.output
    assert not (tmp_path / "export").exists()
