"""aioxmpp as a client of the stdio protocol: ``xmpp-im-conformance run --driver stdio --command "python THIS_FILE"``.

aioxmpp parses what arrives, keeps roster and presence, and writes what it sends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from aioxmpp.im.dispatcher import IMDispatcher
from aioxmpp_parts import SUBSCRIPTIONS, Connector, aioxmpp, composed, content_of, items_of, kept, listen, resources_of
from bridge import AsyncioLibrary, Wire, serve

_JID = aioxmpp.JID.fromstr


class Aioxmpp(AsyncioLibrary):
    """One ``Client`` with its roster and presence."""

    name, version = "aioxmpp", aioxmpp.__version__
    untold = (*AsyncioLibrary.untold, "extensions")  # it drops what no class describes
    ops = (*AsyncioLibrary.ops, "client_roster", "client_ver", "client_presence")
    events = (
        *("roster_received", "roster_failed", "item_added", "item_updated", "item_removed", "item_stored"),
        *("available", "changed", "unavailable", "presence_failed", "message", "message_failed", "answered"),
        *SUBSCRIPTIONS.values(),
    )

    def begin(self, request: Mapping[str, Any]) -> None:
        self.wire = Wire(request, lambda data: None)
        self.last: Any = None
        jid = _JID(f"{request['account']}/{request['resource']}")
        layer = aioxmpp.make_security_layer("")._replace(sasl_providers=())
        peers = [("127.0.0.1", 1, Connector(self.wire))]
        self.client = aioxmpp.Client(jid, layer, override_peer=peers)
        self.presence = self.client.summon(aioxmpp.PresenceClient)
        self.own = self.client.summon(aioxmpp.PresenceServer)
        self.client.start()
        self.loop.run_until_complete(asyncio.wait_for(self.client.established_event.wait(), 30))
        # When a stream is established, aioxmpp asks for the roster and for carbons. The scenario says when.
        self.roster_client = self.client.summon(aioxmpp.RosterClient)
        dispatcher = self.client.summon(IMDispatcher)
        dispatcher.message_filter.register(self._message, 0)
        dispatcher.presence_filter.register(self._presence, 0)
        listen(self.tell, self.roster_client, self.presence)

    def load(self, cache: Mapping[str, Any]) -> None:
        self.roster_client.import_from_json(kept(cache))

    def send(self, stanza: Element, xml: str) -> None:
        self._enqueue(composed(stanza), "answered")

    def _enqueue(self, made: Any, event: str = "") -> None:
        if isinstance(made, aioxmpp.IQ) and made.type_.is_request:
            self._let(self.client.send(made), event)
        else:
            self.client.enqueue(made)

    def _let(self, work: Any, event: str) -> None:
        async def done() -> None:
            try:
                await work
            except aioxmpp.errors.XMPPError as error:
                self.tell("roster_failed", condition=error.condition.value[1])
            else:
                self.tell(event) if event else None

        self.task = self.loop.create_task(done())

    def do_get_roster(self) -> None:
        self._let(self.roster_client._request_initial_roster(), "")

    def do_set_item(self, jid: str, name: str | None = None, groups: Any = None) -> None:
        item = self.roster_client.items.get(_JID(jid))
        old = set() if item is None else set(item.groups)
        new = old if groups is None else set(groups)
        named = {} if name is None else {"name": name}
        entry = self.roster_client.set_entry(_JID(jid), add_to_groups=new - old, remove_from_groups=old - new, **named)
        self._let(entry, "item_stored")

    def do_remove_item(self, jid: str) -> None:
        self._let(self.roster_client.remove_entry(_JID(jid)), "item_stored")

    def do_subscribe(self, jid: str) -> None:
        self.roster_client.subscribe(_JID(jid))

    def do_unsubscribe(self, jid: str) -> None:
        self.roster_client.unsubscribe(_JID(jid))

    def do_approve(self, jid: str) -> None:
        self.roster_client.approve(_JID(jid))

    def do_presence(
        self,
        to: str | None = None,
        type: str | None = None,
        show: str | None = None,
        status: str = "",
        priority: int = 0,
    ) -> None:
        state = aioxmpp.PresenceState(type != "unavailable", aioxmpp.PresenceShow(show))
        if to is None:
            self.own.set_presence(state, status or {}, priority)
        else:
            made = aioxmpp.Presence(to=_JID(to))
            state.apply_to_stanza(made)
            made.status.update({None: status} if status else {})
            self._enqueue(made)

    def message(self, jid: str, body: str, type: str) -> None:
        made = aioxmpp.Message(to=_JID(jid), type_=aioxmpp.MessageType(type))
        made.body[None] = body
        self._enqueue(made)

    def do_reply(self, body: str) -> None:
        made = self.last.make_reply()
        made.body[None] = body
        self._enqueue(made)

    def _presence(self, presence: Any, peer: Any, sent: bool) -> None:
        if presence.type_ is aioxmpp.PresenceType.ERROR:
            self.tell("presence_failed", str(peer), condition=presence.error.condition.value[1])

    def _message(self, message: Any, peer: Any, sent: bool, source: Any) -> None:
        self.last = message
        carbon = None if source.name == "STREAM" else "sent" if sent else "received"
        failed = message.type_ is aioxmpp.MessageType.ERROR and carbon is None
        kind = "message_failed" if failed else "message"
        self.tell(kind, str(peer), kind=message.type_.value, carbon=carbon, **content_of(message))

    def roster(self) -> list[dict[str, Any]]:
        return items_of(self.roster_client)

    def ver(self) -> str | None:
        has = self.client.stream_features.has_feature(aioxmpp.roster.xso.RosterVersioningFeature)
        return self.roster_client.version if has else None

    def resources(self, jid: str) -> list[dict[str, Any]]:
        return resources_of(self.presence, jid)


if __name__ == "__main__":
    logging.disable()
    serve(Aioxmpp)
