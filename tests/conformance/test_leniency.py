"""What no sentence asks of a server, no vector expects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from xmpp_im_conformance.format.data import VECTORS

PUSHED = "{jabber:iq:roster}query"


def expected_at_clients(step: Any) -> Iterator[str]:
    """Every stanza that a step, or one of the steps inside it, expects at a client."""
    if isinstance(step, list):
        for each in step:
            yield from expected_at_clients(each)
    elif isinstance(step, dict):
        receive = step.get("receive", {})
        yield from [receive["xml"]] if "xml" in receive else receive.get("any_order", [])
        for key, value in step.items():
            if key != "receive":
                yield from expected_at_clients(value)


def pushes_that_need_to(steps: Any) -> list[str]:
    """The roster pushes that only a server with 'to' in them would pass; RFC 6121 2.1.6 does not ask for it."""
    stanzas = [ElementTree.fromstring(each) for each in expected_at_clients(steps) if each.startswith("<iq")]
    pushes = [each for each in stanzas if each.get("type") == "set" and each.find(PUSHED) is not None]
    return [to for each in pushes if (to := each.get("to")) is not None and not to.startswith("{opt")]


def test_a_push_that_needs_its_to_is_found() -> None:
    push = "<iq to='{}' type='set'><query xmlns='jabber:iq:roster'/></iq>"
    strict, lenient = push.format("juliet@capulet.example/balcony"), push.format("{opt:juliet@capulet.example/balcony}")

    assert pushes_that_need_to([{"one_of": [[{"receive": {"any_order": [strict, lenient]}}]]}]) != []
    assert pushes_that_need_to([{"receive": {"xml": lenient}}, {"send": {"xml": strict}}]) == []


def test_no_vector_expects_a_to_in_a_roster_push() -> None:
    vectors = {file: json.loads(file.read_text(encoding="utf-8")) for file in (VECTORS / "scenarios").rglob("*.json")}

    assert vectors
    assert {file.stem: found for file, each in vectors.items() if (found := pushes_that_need_to(each["steps"]))} == {}
