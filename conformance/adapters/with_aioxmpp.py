"""aioxmpp as a client of the stdio protocol: ``xmpp-im-conformance run --driver stdio --command "python THIS_FILE"``.

aioxmpp parses what arrives, keeps roster and presence, and writes what it sends.
"""

from __future__ import annotations

import asyncio
import io
import logging
import warnings
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, tostring

from bridge import Library, NotApplicable, Transport, Wire, serve

warnings.simplefilter("ignore")  # it uses what newer Pythons advise against

import aioxmpp  # noqa: E402
from aioxmpp.im.dispatcher import IMDispatcher  # noqa: E402

_JID = aioxmpp.JID.fromstr
_SUBSCRIPTIONS = {
    "on_subscribe": "subscription_request",
    "on_subscribed": "subscribed",
    "on_unsubscribe": "unsubscribe",
    "on_unsubscribed": "unsubscribed",
}
_CHANGES = ("name_changed", "subscription_state_changed", "added_to_group", "removed_from_group")


class _Connector(aioxmpp.connector.BaseConnector):  # type: ignore[misc,name-defined]
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


class Aioxmpp(Library):
    """One ``Client`` with its roster and presence."""

    name, version = "aioxmpp", aioxmpp.__version__
    untold = (*Library.untold, "extensions")  # it drops what no class describes
    ops = (*Library.ops, "client_roster", "client_ver", "client_presence")
    events = (
        *("roster_received", "roster_failed", "item_added", "item_updated", "item_removed", "item_stored"),
        *(
            "available",
            "changed",
            "unavailable",
            "presence_failed",
            "message",
            "message_failed",
            "answered",
            *_SUBSCRIPTIONS.values(),
        ),
    )

    def begin(self, request: Mapping[str, Any]) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.wire = Wire(request, lambda data: None)
        self.last: Any = None
        jid = _JID(f"{request['account']}/{request['resource']}")
        layer = aioxmpp.make_security_layer("")._replace(sasl_providers=())
        peers = [("127.0.0.1", 1, _Connector(self.wire))]
        self.client = aioxmpp.Client(jid, layer, override_peer=peers)
        self.presence = self.client.summon(aioxmpp.PresenceClient)
        self.own = self.client.summon(aioxmpp.PresenceServer)
        self.client.start()
        self.loop.run_until_complete(asyncio.wait_for(self.client.established_event.wait(), 5))
        # When a stream is established, aioxmpp asks for the roster and for carbons. The scenario says when.
        self.roster_client = self.client.summon(aioxmpp.RosterClient)
        dispatcher = self.client.summon(IMDispatcher)
        dispatcher.message_filter.register(self._message, 0)
        dispatcher.presence_filter.register(self._presence, 0)
        self._listen()

    def _listen(self) -> None:
        roster, presence = self.roster_client, self.presence
        for signal, event in _SUBSCRIPTIONS.items():
            getattr(roster, signal).connect(lambda stanza, event=event: self.tell(event, str(stanza.from_)))
        roster.on_initial_roster_received.connect(lambda: self.tell("roster_received"))
        roster.on_entry_added.connect(lambda item: self.tell("item_added", str(item.jid)))
        roster.on_entry_removed.connect(lambda item: self.tell("item_removed", str(item.jid)))
        for change in _CHANGES:
            signal = getattr(roster, f"on_entry_{change}")
            signal.connect(lambda item, *_: self.tell("item_updated", str(item.jid)))
        for event in ("available", "changed", "unavailable"):
            signal = getattr(presence, f"on_{event}")
            signal.connect(lambda jid, stanza, event=event: self.tell(event, str(jid)))

    def load(self, cache: Mapping[str, Any]) -> None:
        keys = ("subscription", "name", "groups", "approved")
        items = {item["jid"]: {key: item[key] for key in keys} for item in cache["items"]}
        for item in cache["items"]:
            items[item["jid"]]["ask"] = "subscribe" if item["ask"] else None
        self.roster_client.import_from_json({"ver": cache["ver"], "items": items})

    def settle(self) -> None:
        self.loop.run_until_complete(_turns())

    def send(self, stanza: Element, xml: str) -> None:
        name = stanza.tag.removeprefix("{jabber:client}")
        kind = {"iq": aioxmpp.IQ, "message": aioxmpp.Message, "presence": aioxmpp.Presence}[name]
        try:
            made = aioxmpp.xml.read_single_xso(io.BytesIO(tostring(stanza)), kind)
        except Exception as problem:
            raise NotApplicable(f"an application of aioxmpp cannot compose this stanza: {problem}") from problem
        self._enqueue(made, "answered")

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

    # --- what the user wants --------------------------------------------------------------------------

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

    def do_message(self, jid: str, body: str, type: str = "chat") -> None:
        if type == "chat":
            raise NotApplicable("aioxmpp keeps no chat sessions: the application chooses threads and resources")
        made = aioxmpp.Message(to=_JID(jid), type_=aioxmpp.MessageType(type))
        made.body[None] = body
        self._enqueue(made)

    def do_reply(self, body: str) -> None:
        made = self.last.make_reply()
        made.body[None] = body
        self._enqueue(made)

    # --- what the application is told and can see -----------------------------------------------------

    def _presence(self, presence: Any, peer: Any, sent: bool) -> None:
        if presence.type_ is aioxmpp.PresenceType.ERROR:
            self.tell("presence_failed", str(peer), condition=presence.error.condition.value[1])

    def _message(self, message: Any, peer: Any, sent: bool, source: Any) -> None:
        self.last = message
        carbon = None if source.name == "STREAM" else "sent" if sent else "received"
        thread = message.thread
        content = {"thread": thread and thread.identifier, "parent": thread and thread.parent}
        for name in ("body", "subject"):
            texts = getattr(message, name)
            content[name] = texts.any() if texts else None
        content["bodies"] = {str(language or ""): text for language, text in message.body.items()}
        content["condition"] = message.error and message.error.condition.value[1]
        failed = message.type_ is aioxmpp.MessageType.ERROR and carbon is None
        kind = "message_failed" if failed else "message"
        self.tell(kind, str(peer), kind=message.type_.value, carbon=carbon, **content)

    def roster(self) -> list[dict[str, Any]]:
        return [
            {
                **{"jid": str(jid), "subscription": item.subscription, "ask": item.ask == "subscribe"},
                **{"approved": item.approved, "name": item.name or "", "groups": sorted(item.groups)},
            }
            for jid, item in self.roster_client.items.items()
        ]

    def ver(self) -> str | None:
        has = self.client.stream_features.has_feature(aioxmpp.roster.xso.RosterVersioningFeature)
        return self.roster_client.version if has else None

    def resources(self, jid: str) -> list[dict[str, Any]]:
        found = self.presence.get_peer_resources(_JID(jid)).items()
        best = self.presence.get_most_available_stanza(_JID(jid))
        return [
            {
                **{"name": name or "", "show": stanza.show.value or "", "priority": stanza.priority},
                "status": stanza.status.any() if stanza.status else "",
            }
            for name, stanza in sorted(found, key=lambda each: each[1] is not best)
        ]


async def _turns() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


if __name__ == "__main__":
    logging.disable()
    serve(Aioxmpp)
