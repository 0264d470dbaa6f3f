"""The page that describes the format, the schema and the examples tell one story."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from xmpp_im_conformance.drivers import core_driver
from xmpp_im_conformance.format.data import SCHEMA
from xmpp_im_conformance.format.reading import kind_of, read_file
from xmpp_im_conformance.running.outcome import Outcome
from xmpp_im_conformance.running.run import run_vector

README = (Path(__file__).resolve().parents[2] / "conformance/README.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", README, re.MULTILINE | re.DOTALL)]


def schema(name: str) -> Any:
    return json.loads((SCHEMA / f"{name}.json").read_text(encoding="utf-8"))


def chapter(title: str) -> str:
    """The text of a chapter of the page."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def words(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`]*)`", text))))


@pytest.mark.parametrize("vector", [each for each in EXAMPLES if kind_of(each)], ids=lambda vector: vector["title"])
def test_the_examples_of_the_page_pass(tmp_path: Path, vector: Any) -> None:
    file = tmp_path / "vector.json"
    file.write_text(json.dumps(vector), encoding="utf-8")
    driver = core_driver()

    found = [run_vector(each, driver) for each in read_file(file, "vector")]

    assert [each.detail for each in found if each.outcome is not Outcome.PASSED] == []
    assert found


def test_the_page_names_every_key_of_a_scenario_and_every_step() -> None:
    scenario, described = schema("scenario"), words(chapter("A scenario"))

    assert set(scenario["properties"]) - described == set()
    steps = schema("steps")["$defs"]["step"]["properties"]
    assert set(steps) - described == set()
    for step in steps.values():
        assert set(step.get("properties", ())) - described == set()


def test_the_page_names_every_feature_and_every_key_of_an_item() -> None:
    common, described = schema("common")["$defs"], words(chapter("A scenario"))

    assert set(common["features"]["items"]["enum"]) - described == set()
    assert set(common["item"]["properties"]) - described == set()


def test_the_page_names_all_there_is_in_tables() -> None:
    definitions, described = schema("table")["$defs"], words(chapter("A table"))

    for row in ("message_row", "subscription_row"):
        assert set(definitions[row]["properties"]) - described == set()
    for key in ("situation", "target", "outcomes"):
        values = definitions["message_row"]["properties"][key]
        assert set(values.get("enum") or values["items"]["enum"]) - described == set()


def test_the_page_names_all_there_is_in_client_scenarios() -> None:
    client, described = schema("client"), words(chapter("A client scenario"))

    assert set(client["properties"]) - described - {"steps"} == set()
    assert set(schema("steps")["$defs"]["client_step"]["properties"]) - described == set()
    assert set(client["$defs"]["action"]["properties"]["action"]["enum"]) - described == set()
    assert set(client["$defs"]["event_type"]["enum"]) - described == set()


def test_every_key_that_can_be_written_is_read_or_refused_by_the_schema() -> None:
    def objects(part: Any) -> Any:
        if isinstance(part, dict):
            if part.get("type") == "object" or "properties" in part:
                yield part
            for each in part.values():
                yield from objects(each)
        elif isinstance(part, list):
            for each in part:
                yield from objects(each)

    open_ = [
        part
        for name in ("common", "scenario", "table", "client", "steps")
        for part in objects(schema(name))
        if part.get("additionalProperties") is True
    ]

    # What a driver tells of an event besides its type is the driver's to say.
    assert [part["required"] for part in open_] == [["type"]]
