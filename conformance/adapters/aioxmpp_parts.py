"""The parts of the adapter for aioxmpp that know nothing of the protocol's requests: its connection and its signals."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, tostring

from bridge import NotApplicable, Transport, Wire

warnings.simplefilter("ignore")  # aioxmpp uses what newer Pythons advise against

import aioxmpp  # noqa: E402

SUBSCRIPTIONS = {
    "on_subscribe": "subscription_request",
    "on_subscribed": "subscribed",
    "on_unsubscribe": "unsubscribe",
    "on_unsubscribed": "unsubscribed",
}
_CHANGES = ("name_changed", "subscription_state_changed", "added_to_group", "removed_from_group")


class Connector(aioxmpp.connector.BaseConnector):  # type: ignore[misc,name-defined]
    """Connects to a wire instead of a socket."""

    tls_supported = dane_supported = False

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def connect(self, loop: Any, metadata: Any, domain: Any, *_: Any, **__: Any) -> Any:
        features = loop.create_future()
        stream = aioxmpp.protocol.XMLStream(to=domain, features_future=features)
        self.wire.arrive = lambda data: loop.call_soon(stream.data_received, data)
        transport = Transport(self.wire)
        stream.connection_made(transport)
        return transport, stream, await features


def listen(tell: Callable[..., None], roster: Any, presence: Any) -> None:
    """Tell of what the roster and the presence of a client signal."""
    for signal, event in SUBSCRIPTIONS.items():
        getattr(roster, signal).connect(lambda stanza, event=event: tell(event, str(stanza.from_)))
    roster.on_initial_roster_received.connect(lambda: tell("roster_received"))
    roster.on_entry_added.connect(lambda item: tell("item_added", str(item.jid)))
    roster.on_entry_removed.connect(lambda item: tell("item_removed", str(item.jid)))
    for change in _CHANGES:
        signal = getattr(roster, f"on_entry_{change}")
        signal.connect(lambda item, *_: tell("item_updated", str(item.jid)))
    for event in ("available", "changed", "unavailable"):
        signal = getattr(presence, f"on_{event}")
        signal.connect(lambda jid, stanza, event=event: tell(event, str(jid)))


def composed(stanza: Element) -> Any:
    """Return a stanza of the application as an object of aioxmpp."""
    name = stanza.tag.removeprefix("{jabber:client}")
    kind = {"iq": aioxmpp.IQ, "message": aioxmpp.Message, "presence": aioxmpp.Presence}[name]
    try:
        return aioxmpp.xml.read_single_xso(io.BytesIO(tostring(stanza)), kind)
    except Exception as problem:
        raise NotApplicable(f"an application of aioxmpp cannot compose this stanza: {problem}") from problem


def kept(cache: Mapping[str, Any]) -> dict[str, Any]:
    """Return a roster as ``RosterClient.export_as_json`` does."""
    keys = ("subscription", "name", "groups", "approved")
    items = {item["jid"]: {key: item[key] for key in keys} for item in cache["items"]}
    for item in cache["items"]:
        items[item["jid"]]["ask"] = "subscribe" if item["ask"] else None
    return {"ver": cache["ver"], "items": items}


def items_of(roster: Any) -> list[dict[str, Any]]:
    """Return the items of a ``RosterClient``."""
    return [
        {
            **{"jid": str(jid), "subscription": item.subscription, "ask": item.ask == "subscribe"},
            **{"approved": item.approved, "name": item.name or "", "groups": sorted(item.groups)},
        }
        for jid, item in roster.items.items()
    ]


def resources_of(presence: Any, jid: str) -> list[dict[str, Any]]:
    """Return the resources that a ``PresenceClient`` knows, first that which it calls the most available."""
    found = presence.get_peer_resources(aioxmpp.JID.fromstr(jid)).items()
    best = presence.get_most_available_stanza(aioxmpp.JID.fromstr(jid))
    return [
        {
            **{"name": name or "", "show": stanza.show.value or "", "priority": stanza.priority},
            "status": stanza.status.any() if stanza.status else "",
        }
        for name, stanza in sorted(found, key=lambda each: each[1] is not best)
    ]


def content_of(message: Any) -> dict[str, Any]:
    """Return what a message says."""
    thread = message.thread
    content = {"thread": thread and thread.identifier, "parent": thread and thread.parent}
    for name in ("body", "subject"):
        texts = getattr(message, name)
        content[name] = texts.any() if texts else None
    content["bodies"] = {str(language or ""): text for language, text in message.body.items()}
    return {**content, "condition": message.error and message.error.condition.value[1]}
