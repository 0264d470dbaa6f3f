"""nbxmpp as a client of the stdio protocol: ``xmpp-im-conformance run --driver stdio --command "python THIS_FILE"``.

nbxmpp parses what arrives, tells its application and writes what it sends. It keeps neither roster nor presence: that
is left to the application (Gajim). It needs PyGObject and libsoup (on Debian: python3-gi, gir1.2-soup-3.0).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from xml.etree.ElementTree import Element

from bridge import Library, NotApplicable, Wire, serve
from nbxmpp_parts import JID, ConnectedClient, GLib, Iq, Message, NodeProcessed, Presence, StanzaHandler

_PRESENCE = {
    "subscribe": "subscription_request",
    "subscribed": "subscribed",
    "unsubscribe": "unsubscribe",
    "unsubscribed": "unsubscribed",
    "unavailable": "unavailable",
    None: "available",
}
_NO_ROSTER = "nbxmpp keeps no roster: its application compares and completes items"


class Nbxmpp(Library):
    """One ``Client``."""

    name, version = "nbxmpp", version("nbxmpp")
    untold = (*Library.untold, "bodies")
    # Without a roster, what is new in it cannot be told from what has changed.
    events = (
        *("roster_received", "roster_failed", "item_updated", "item_removed", "item_stored"),
        *("presence_failed", "message", "message_failed", "answered", *_PRESENCE.values()),
    )

    def begin(self, request: Mapping[str, Any]) -> None:
        self.incoming: list[bytes] = []
        self.wire = Wire(request, self.incoming.append)
        cache = request["cache"] or {"ver": None, "items": []}
        self.ver_of_cache, self.has_items, self.lacks_roster = cache["ver"], bool(cache["items"]), False
        self.last: Any = None
        self.client = client = ConnectedClient(self)
        client.set_domain(request["account"].split("@")[1])
        client.set_resource(request["resource"])
        client._connect()
        for name, callback in (("message", self._message), ("presence", self._presence), ("iq", self._push)):
            client.register_handler(StanzaHandler(name, callback, priority=100))

    def settle(self) -> None:
        while self.incoming:
            self.connection.notify("data-received", self.incoming.pop(0).decode())
        while GLib.MainContext.default().iteration(False):
            pass
        if self.lacks_roster:
            raise NotApplicable(_NO_ROSTER)

    def send(self, stanza: Element, xml: str) -> None:
        kind = {"iq": Iq, "message": Message, "presence": Presence}[stanza.tag.removeprefix("{jabber:client}")]
        made = kind(node=re.sub(r"^<(\w+)(?![^>]*xmlns=.jabber:client)", r"<\1 xmlns='jabber:client'", xml))
        asks = stanza.get("type") in ("get", "set")
        self.client.send_stanza(made, callback=(lambda *_: self.tell("answered")) if asks else None)

    def do_get_roster(self) -> None:
        self._module("Roster").request_roster(self.ver_of_cache, callback=self._done, user_data="roster_received")

    def do_set_item(self, jid: str, **changes: Any) -> None:
        if len(changes) < 2 and self.has_items:
            raise NotApplicable(_NO_ROSTER)
        groups = set(changes.get("groups", ()))
        self._module("Roster").set_item(
            JID.from_string(jid), changes.get("name"), groups, callback=self._done, user_data="item_stored"
        )

    def do_remove_item(self, jid: str) -> None:
        self._module("Roster").delete_item(jid, callback=self._done, user_data="item_stored")

    def do_subscribe(self, jid: str) -> None:
        self._module("BasePresence").subscribe(JID.from_string(jid))

    def do_unsubscribe(self, jid: str) -> None:
        self._module("BasePresence").unsubscribe(JID.from_string(jid))

    def do_approve(self, jid: str) -> None:
        self._module("BasePresence").subscribed(JID.from_string(jid))

    def do_deny(self, jid: str) -> None:
        self._module("BasePresence").unsubscribed(JID.from_string(jid))

    def do_presence(self, to: str | None = None, type: str | None = None, **stated: Any) -> None:
        self._module("BasePresence").send(to and JID.from_string(to), type, **stated)

    def message(self, jid: str, body: str, type: str) -> None:
        self.client.send_stanza(Message(JID.from_string(jid), body, type))

    def do_reply(self, body: str) -> None:
        self.client.send_stanza(self.last.buildReply(body))

    def _module(self, name: str) -> Any:
        return self.client.get_module(name)

    def _done(self, task: Any) -> None:
        event = task.get_user_data()
        try:
            result = task.finish()
        except Exception as error:
            self.tell("roster_failed", condition=getattr(error, "condition", None))
        else:
            self.lacks_roster = event == "roster_received" and result.items is not None and self.has_items
            self.tell(event)

    def _push(self, client: Any, stanza: Any, properties: Any) -> None:
        if getattr(properties, "roster", None) is not None:
            item = properties.roster.item
            self.tell("item_removed" if item.subscription == "remove" else "item_updated", str(item.jid))
            raise NodeProcessed  # its application has processed the request

    def _presence(self, client: Any, stanza: Any, properties: Any) -> None:
        if properties.type.is_error:
            self.tell("presence_failed", str(properties.jid), condition=properties.error.condition)
        elif properties.type.value in _PRESENCE:
            self.tell(_PRESENCE[properties.type.value], str(properties.jid))

    def _message(self, client: Any, stanza: Any, properties: Any) -> None:
        self.last = stanza
        content = {name: getattr(properties, name) for name in ("body", "subject", "thread")}
        content["parent"] = stanza.getTagAttr("thread", "parent")
        content["extensions"] = len([1 for each in stanza.getChildren() if each.getNamespace() != "jabber:client"])
        carbon = properties.carbon and properties.carbon.type
        condition = properties.error and properties.error.condition
        kind = properties.type.value
        failed = kind == "error" and not carbon
        self.tell(
            "message_failed" if failed else "message",
            str(properties.jid),
            kind=kind,
            carbon=carbon,
            condition=condition,
            **content,
        )


if __name__ == "__main__":
    logging.disable()
    serve(Nbxmpp)
