"""slixmpp as a client of the stdio protocol: ``xmpp-im-conformance run --driver stdio --command "python THIS_FILE"``.

slixmpp keeps roster and presence. Its application answers requests for a subscription (``auto_authorize`` is off).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

import slixmpp
from bridge import AsyncioLibrary, Transport, Wire, changes, serve, stanza_of

_SUBSCRIPTIONS = {
    "presence_subscribe": "subscription_request",
    "presence_subscribed": "subscribed",
    "presence_unsubscribe": "unsubscribe",
    "presence_unsubscribed": "unsubscribed",
}


class Slixmpp(AsyncioLibrary):
    """One ``ClientXMPP``."""

    name, version = "slixmpp", slixmpp.__version__
    ops = (*AsyncioLibrary.ops, "client_roster", "client_ver", "client_presence")
    events = (
        *("roster_received", "item_added", "item_updated", "item_removed", "available", "changed", "unavailable"),
        *("presence_failed", "message", "message_failed", "answered", *_SUBSCRIPTIONS.values()),
    )

    def begin(self, request: Mapping[str, Any]) -> None:
        self.xmpp = xmpp = slixmpp.ClientXMPP(f"{request['account']}/{request['resource']}", "")
        xmpp.auto_authorize, xmpp.auto_subscribe = None, False
        xmpp.register_plugin("xep_0280")  # carbons
        for event, type in _SUBSCRIPTIONS.items():
            xmpp.add_event_handler(event, lambda stanza, type=type: self.tell(type, str(stanza["from"])))
        xmpp.add_event_handler("presence_error", partial(self._failed, "presence_failed"))
        xmpp.add_event_handler("message", self._message)
        xmpp.add_event_handler("message_error", partial(self._failed, "message_failed"))
        for direction in ("received", "sent"):
            xmpp.add_event_handler(f"carbon_{direction}", lambda stanza, of=direction: self._carbon(stanza, of))
        xmpp.add_event_handler("roster_update", self._roster_update)
        self.last: Any = None
        self.wire = Wire(request, lambda data: self.loop.call_soon(xmpp.data_received, data))
        xmpp.connect("127.0.0.1", 1).cancel()  # starts the queue of what is sent
        xmpp.connection_made(Transport(self.wire))
        self.known = self._state()

    def receive(self, xml: str) -> None:
        # slixmpp puts presence without 'to' aside, in a roster of nobody. Every server states the address.
        if stanza_of(xml).tag.endswith("}presence") and "to" not in stanza_of(xml).attrib:
            xml = xml.replace("<presence", f"<presence to='{self.wire.account}'", 1)
        super().receive(xml)

    def settle(self) -> None:
        super().settle()
        self._compare()

    def send(self, stanza: Element, xml: str) -> None:
        kind = {"iq": self.xmpp.Iq, "message": self.xmpp.Message, "presence": self.xmpp.Presence}
        made = kind[stanza.tag.removeprefix("{jabber:client}")]()
        made.xml = stanza
        if stanza.get("type") in ("get", "set"):
            made.send(callback=lambda answer: self.tell("answered", str(answer["from"])))
        else:
            made.send()

    def do_get_roster(self) -> None:
        self.xmpp.get_roster()

    def do_set_item(self, jid: str, **changes: Any) -> None:
        self.xmpp.update_roster(jid, **changes)

    def do_remove_item(self, jid: str) -> None:
        self.xmpp.del_roster_item(jid)

    def do_subscribe(self, jid: str) -> None:
        self.xmpp.client_roster.subscribe(jid)

    def do_unsubscribe(self, jid: str) -> None:
        self.xmpp.client_roster.unsubscribe(jid)

    def do_approve(self, jid: str) -> None:
        self.xmpp.client_roster[jid].authorize()

    def do_deny(self, jid: str) -> None:
        self.xmpp.client_roster[jid].unauthorize()

    def do_presence(self, **stated: Any) -> None:
        self.xmpp.send_presence(**{f"p{name}": value for name, value in stated.items()})

    def message(self, jid: str, body: str, type: str) -> None:
        self.xmpp.send_message(jid, body, mtype=type)

    def do_reply(self, body: str) -> None:
        self.last.reply(body).send()

    def _failed(self, type: str, stanza: Any) -> None:
        self.tell(type, str(stanza["from"]), condition=stanza["error"]["condition"])

    def _message(self, message: Any, **carbon: str) -> None:
        self.last = message
        names = {"body": "body", "subject": "subject", "thread": "thread", "parent": "parent_thread"}
        content = {name: message[key] or None for name, key in names.items()} | {"bodies": dict(message["body|*"])}
        own = [child for child in message.xml if not child.tag.startswith("{jabber:client}")]
        self.tell("message", str(message["from"]), kind=message["type"], extensions=len(own), **content, **carbon)

    def _carbon(self, stanza: Any, direction: str) -> None:
        self._message(stanza[f"carbon_{direction}"], carbon=direction)

    def _roster_update(self, iq: Any) -> None:
        if iq["type"] == "result":
            self.tell("roster_received")

    def _state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """slixmpp says only that its roster or a presence has changed: the application compares."""
        roster = self.xmpp.client_roster
        items = {item["jid"]: item for item in self.roster()}
        presence = {f"{jid}/{name}": dict(data) for jid in roster for name, data in roster[jid].resources.items()}
        return items, presence

    def _compare(self) -> None:
        (items, presence), self.known = getattr(self, "known", ({}, {})), self._state()
        found = changes(items, self.known[0], "item_added", "item_updated", "item_removed")
        for type, jid in found + changes(presence, self.known[1], "available", "changed", "unavailable"):
            self.tell(type, jid)

    def roster(self) -> list[dict[str, Any]]:
        roster = self.xmpp.client_roster
        return [
            {"jid": jid, "ask": item["pending_out"], **{key: item[key] for key in ("name", "groups", "subscription")}}
            for jid, item in [(jid, roster[jid]) for jid in roster]
        ]

    def ver(self) -> str | None:
        return self.xmpp.client_roster.version if "rosterver" in self.xmpp.features else None

    def resources(self, jid: str) -> list[dict[str, Any]]:
        found = self.xmpp.client_roster[jid].resources if self.xmpp.client_roster.has_jid(jid) else {}
        return sorted([{"name": name, **data} for name, data in found.items()], key=lambda each: -each["priority"])


if __name__ == "__main__":
    logging.disable()
    serve(Slixmpp)
