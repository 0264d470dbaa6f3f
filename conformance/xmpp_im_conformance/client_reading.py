"""Reading client scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from xmpp_im_conformance.expectations import pattern
from xmpp_im_conformance.items import Item, read_item
from xmpp_im_conformance.markup import BadXML, read_xml
from xmpp_im_conformance.placeholders import BadPlaceholder
from xmpp_im_conformance.vectors import ClientScenario, ClientStep

_Data: TypeAlias = Mapping[str, Any]  # what the schema has accepted


def read_client_scenario(data: _Data) -> ClientScenario:
    """Read a client scenario that the schema has accepted.

    :raises BadXML: where what has to be XML is not.
    :raises BadPlaceholder: where an expectation holds an unknown one.
    """
    cache = data.get("cache")
    steps: list[ClientStep] = []
    for number, step in enumerate(data["steps"], 1):
        ((key, value),) = step.items()
        try:
            steps.append(_read_step(key, value))
        except BadXML as problem:
            raise BadXML(f"step {number} ({key}): {problem}") from problem
        except BadPlaceholder as problem:
            raise BadPlaceholder(f"step {number} ({key}): {problem}") from problem
    return ClientScenario(
        data["account"],
        data.get("resource", "balcony"),
        tuple([read_xml(feature) for feature in data.get("stream_features", ())]),
        None if cache is None else (cache["ver"], _items(cache["items"])),
        tuple(steps),
    )


def _read_step(key: str, value: Any) -> ClientStep:
    if key == "expect_sent":
        expected = [value] if isinstance(value, str) else value["any_order"]
        return ClientStep(key, value, tuple([pattern(xml) for xml in expected]))
    if key == "expect_roster":
        return ClientStep(key, value, items=_items(value))
    if key in ("client_sends", "from_server"):
        read_xml(value)
    return ClientStep(key, value)


def _items(data: Any) -> tuple[Item, ...]:
    return tuple([read_item(item) for item in data])
