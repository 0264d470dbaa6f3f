"""Reading client scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

from xmpp_im_conformance.format.expectations import pattern, read_at, read_roster
from xmpp_im_conformance.format.markup import read_xml
from xmpp_im_conformance.format.vectors import ClientScenario, ClientStep

_Data: TypeAlias = Mapping[str, Any]  # what the schema has accepted


def read_client_scenario(data: _Data) -> ClientScenario:
    """Read a client scenario that the schema has accepted.

    :raises BadVector: for XML that is not well-formed, and a placeholder that is none.
    """
    cache = data.get("cache")
    steps: list[ClientStep] = []
    for number, step in enumerate(data["steps"], 1):
        ((key, value),) = step.items()
        steps.append(read_at(f"step {number} ({key})", partial(_read_step, key), value))
    features = data.get("stream_features", ())
    return ClientScenario(
        data["account"],
        data.get("resource", "balcony"),
        tuple([read_at("stream_features", read_xml, feature) for feature in features]),
        None if cache is None else (cache["ver"], read_at("cache", read_roster, cache["items"])),
        tuple(steps),
    )


def _read_step(key: str, value: Any) -> ClientStep:
    if key == "expect_sent":
        expected = [value] if isinstance(value, str) else value["any_order"]
        return ClientStep(key, value, tuple([pattern(xml) for xml in expected]))
    if key == "expect_roster":
        return ClientStep(key, value, items=read_roster(value))
    if key in ("client_sends", "from_server"):
        read_xml(value)
    return ClientStep(key, value)
