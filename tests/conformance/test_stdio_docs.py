"""The page about the stdio protocol: its examples are messages, and every op has one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.conformance.programs import ALL_OPS
from tests.one_test import in_one_test
from xmpp_im_conformance.format.schema import problems

PAGE = (Path(__file__).parents[2] / "conformance" / "docs" / "stdio-protocol.md").read_text(encoding="utf-8")


def messages(arrow: str) -> list[dict[str, Any]]:
    """The examples of one direction."""
    return [json.loads(line) for line in re.findall(rf"^{arrow} (.*)$", PAGE, re.MULTILINE)]


def talk() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each request that an answer follows, and that answer."""
    found = re.findall(r"^→ (.*)\n← (.*)$", PAGE, re.MULTILINE)
    return [(json.loads(request), json.loads(answer)) for request, answer in found]


FORMS = {
    "hello": "hello",
    "roster": "roster",
    "client_roster": "roster",
    "stream_features": "stream_features",
    "binding_refused": "binding_refused",
    "obeyed": "obeyed",
    "client_ver": "client_ver",
    "client_presence": "client_presence",
    "begin_client": "client_acted",
    "client_does": "client_acted",
    "client_sends": "client_acted",
    "from_server": "client_acted",
}


@in_one_test("request_", messages("→"), ids=lambda request: str(request["op"]))
def test_each_request_is_valid(request_: dict[str, Any]) -> None:
    assert problems("stdio", request_, "/$defs/request") == []


@in_one_test("answer", messages("←"), ids=str)
def test_each_answer_is_valid(answer: dict[str, Any]) -> None:
    assert problems("stdio", answer, "/$defs/answer") == []


@in_one_test(("request_", "answer"), talk(), ids=lambda message: str(message.get("op", "")))
def test_each_answer_repeats_the_id_and_has_the_form_of_its_op(
    request_: dict[str, Any], answer: dict[str, Any]
) -> None:
    form = FORMS.get(request_["op"], "server_acted")

    assert answer["id"] == request_["id"]
    assert problems("stdio", answer, f"/$defs/answers/{form}") == []


def test_every_op_has_an_example_and_every_refusal() -> None:
    shown = {request["op"] for request in messages("→")}

    assert shown == ALL_OPS
    assert {"not_applicable", "error"} <= {key for answer in messages("←") for key in answer}


@in_one_test(
    "message",
    [
        {"id": 1, "op": "dance"},
        {"id": 1, "op": "connect"},
        {"id": 0, "op": "hello", "protocol": 1},
        {"id": 1, "op": "connect", "jid": "juliet@capulet.example"},
        {"id": 1, "op": "connect", "jid": "juliet@capulet.example/balcony", "why": ""},
        {"op": "obeyed"},
    ],
)
def test_the_schema_refuses_what_is_no_request(message: dict[str, Any]) -> None:
    assert problems("stdio", message, "/$defs/request") != []
