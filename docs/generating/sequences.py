"""Sequence diagrams of some vectors, drawn from their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from docs.generating.stanzas import described, jid
from docs.generating.vectors import SCENARIOS, load

SHOWN: Final = (
    "subscription-local/mutual-handshake",
    "subscribe/outbound-example",
    "approve/inbound-example",
    "approve/outbound-example",
    "pending/redelivered-at-each-new-resource",
    "cancel/outbound-example",
    "unsubscribe/inbound-auto-reply-last",
    "pre-approval/inbound-subscribe-pushed",
    "initial-presence/broadcast-example",
    "initial-presence/probes-example",
    "probe/two-resources-example",
    "directed/stranger-told-abrupt-end",
    "message-offline/update-to-non-negative",
    "roster-versioning/interim-pushes-in-order",
    "blocking/block-unavailable",
)
"""The ids of the vectors, in the order of the page."""

_SERVER: Final = "Server"
_REMOTE: Final = "Remote"


def all_of_them() -> str:
    """Return a heading, a sentence and a diagram for each vector."""
    return "\n\n".join([_section(id) for id in SHOWN])


def _section(id: str) -> str:
    scenario = load(SCENARIOS / f"{id}.json")
    sources = ", ".join([_source(entry) for entry in scenario["rfc"]])
    return "\n".join(
        [
            f"### {id}",
            "",
            f"{scenario['title']} ({sources}; [the vector](../../conformance/vectors/scenarios/{id}.json)).",
            "",
            "```mermaid",
            "sequenceDiagram",
            *[f"    {line}" for line in (*_participants(scenario), *_lines(scenario["steps"]))],
            "```",
        ]
    )


def _source(entry: str) -> str:
    document, _, section = entry.partition(" ")
    named = {"6121": "", "6120": "RFC 6120 "}.get(document, f"{document} ")
    return f"{named}§{section}"


def _participants(scenario: Mapping[str, Any]) -> Iterator[str]:
    """Yield the clients that connect, their server, and the other server if the scenario has one."""
    steps = scenario["steps"]
    for client in dict.fromkeys([step["connect"] for step in steps if "connect" in step]):
        yield f"participant {_id(client)} as {jid(client)}"
    domains = sorted({account.partition("@")[2] for account in scenario["accounts"]})
    yield f"participant {_SERVER} as {' and '.join(domains)}"
    if any(key in step for step in steps for key in ("remote_send", "remote_receive", "remote_absent")):
        yield f"participant {_REMOTE} as remote.example"


def _id(client: str) -> str:
    return jid(client).replace("/", "_")


def _lines(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for step in steps:
        ((key, value),) = step.items()
        yield from _step(key, value)


def _step(key: str, value: Any) -> Iterator[str]:
    """Draw a step. A ``flush``, which drops stanzas that the scenario ignores, is not drawn."""
    if key == "connect":
        yield f"Note over {_id(value)}: connects"
    elif key == "send":
        yield f"{_id(value['from'])}->>{_SERVER}: {described(value['xml'], 'to')}"
    elif key == "remote_send":
        yield f"{_REMOTE}->>{_SERVER}: {described(value, 'from', 'to')}"
    elif key == "receive":
        yield from _received(_id(value["at"]), value, "from")
    elif key == "remote_receive":
        yield from _received(_REMOTE, {"xml": value} if isinstance(value, str) else value, "from", "to")
    elif key in ("silent", "remote_silent"):
        for at in [_id(client) for client in value] if key == "silent" else [_REMOTE]:
            yield f"Note over {at}: nothing else"
    elif key == "absent":
        yield f"Note over {_id(value['at'])}: no other {described(value['xml'], 'from')}"
    elif key == "remote_absent":
        yield f"Note over {_REMOTE}: no other {described(value, 'from', 'to')}"
    elif key == "roster":
        items = "<br>".join([_item(item) for item in value["items"]]) or "empty"
        yield f"Note over {_SERVER}: roster of {jid(value['of'])}:<br>{items}"
    elif key == "one_of":
        for n, branch in enumerate(value):
            yield "else or" if n else "alt either"
            yield from [f"    {line}" for line in _lines(branch)]
        yield "end"
    elif key == "disconnect":
        yield f"{_id(value['jid'])}--x{_SERVER}: {'closes its stream' if value['how'] == 'clean' else 'is lost'}"
    elif key not in ("flush", "remote_flush"):
        raise ValueError(f"the step {key!r} has no picture")


def _received(at: str, value: Mapping[str, Any], *addresses: str) -> Iterator[str]:
    stanzas = value.get("any_order") or [value["xml"]]
    for stanza in stanzas:
        often = " (may be left out)" if value.get("optional") else ""
        yield f"{_SERVER}->>{at}: {described(stanza, *addresses)}{often}"
    if len(stanzas) > 1:
        yield f"Note over {_SERVER},{at}: in any order"


def _item(item: Mapping[str, Any]) -> str:
    marks = [mark for mark in ("ask", "approved") if item.get(mark)]
    if item.get("pending_in"):
        marks.append("request waits")
    return " + ".join([f"{jid(item['jid'])} {item.get('subscription', 'none')}", *marks])
