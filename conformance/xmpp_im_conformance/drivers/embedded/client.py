"""The client driver for this implementation: the pure client, with an application around it that writes down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import define

from xmpp_im_conformance.drivers.embedded.client_features import client_policy_for
from xmpp_im_conformance.drivers.embedded.wire import to_client
from xmpp_im_conformance.format.evidence import FROM_SERVER
from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.worlds import ClientSetup, ClientWorld, KnownResource, NotApplicable, taken
from xmpp_im_core import client as core
from xmpp_im_core.client import notifications
from xmpp_im_core.client.content import Content, read_texts
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.host import ClientHost, ClientWire
from xmpp_im_core.jid import JID, address_of, parse_jid, received_jid
from xmpp_im_core.stanza import Message, Presence, Stanza, StanzaError
from xmpp_im_core.subscription import subscription_state

_BEGINNING: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _kept(setup: ClientSetup) -> core.RosterCache:
    """Return the roster that the client kept from an earlier session."""
    if setup.cache is None:
        return core.RosterCache()
    ver, items = setup.cache
    return core.RosterCache(FrozenMap({item.jid: _item(item) for item in items}), ver, received=True)


def _item(item: RosterItem) -> core.Item:
    state = subscription_state(item.subscription, item.ask)
    return core.Item(parse_jid(item.jid).full, state, item.name, item.groups, item.approved)


class Application(ClientHost, ClientWire):
    """A client with an application around it that writes down."""

    def __init__(self, client: core.Client, policy: core.ClientPolicy) -> None:
        """Begin with what the client knows from an earlier session."""
        super().__init__(client, self, self._now, self._id, policy)
        self.count = 0
        self.out: list[Element] = []
        self.told: list[Mapping[str, object]] = []
        self.fired: set[str] = set()

    def _now(self) -> datetime:
        return _BEGINNING + timedelta(seconds=self.count + 1)

    def _id(self) -> str:
        self.count += 1
        return f"e{self.count}"

    def observe(self, step: core.Transition) -> None:
        """Note the requirements that the rules cite which fired."""
        for effect in step.effects:
            self.fired.update(effect.rule.requirements)

    def send(self, stanza: Stanza) -> None:
        """Note what the client sends."""
        self.out.append(to_client(stanza))

    def tell(self, notification: notifications.Notification) -> None:
        """Note what the user is told."""
        self.told.append(described(notification))


@define
class EmbeddedClientWorld(ClientWorld):
    """A client during one scenario."""

    host: Application
    last_message: Message | None = None
    """The last message that arrived, for ``reply``."""

    @classmethod
    def of(cls, setup: ClientSetup) -> EmbeddedClientWorld:
        """Return a client whose resource is bound.

        :raises NotApplicable: if a feature cannot be switched on.
        """
        jid = parse_jid(setup.account)
        host = Application(core.Client(jid, _kept(setup)), client_policy_for(setup.features))
        host.begin(core.Bound(jid.with_resource(setup.resource), core.read_features(setup.stream_features)))
        return cls(host)

    def do(self, action: str, arguments: Mapping[str, object]) -> None:
        """Let the user want something.

        :raises NotApplicable: for an action that is not known here.
        """
        if action not in _ACTIONS:
            self.cannot(f"do {action!r}")
        _ACTIONS[action](self, arguments)

    def send(self, xml: str) -> None:
        """Hand over a stanza for sending."""
        self.host.wants(core.Outbound, parse_stanza(xml))

    def receive(self, xml: str) -> None:
        """Let a stanza arrive."""
        stanza = parse_stanza(xml)
        if isinstance(stanza, Message):
            self.last_message = stanza
        self.host.receive(stanza)

    def arrived(self) -> Mapping[str, Sequence[Element]]:
        """Return what was sent since the last call."""
        return {FROM_SERVER: taken(self.host.out)}

    def events(self) -> Sequence[Mapping[str, object]]:
        """Return what was told since the last call."""
        return taken(self.host.told)

    def knows_event(self, type: str) -> bool:
        """Whether the client tells events of this type."""
        return type in EVENTS

    def roster(self) -> Sequence[RosterItem]:
        """Return the roster as the client knows it."""
        return [
            RosterItem(
                jid=item.jid,
                subscription=item.subscription.subscription,
                ask=item.subscription.pending_out,
                approved=item.approved,
                name=item.name,
                groups=item.groups,
            )
            for item in self.host.client.roster.items.values()
        ]

    def ver(self) -> str | None:
        """Return the version that the next roster get would have."""
        return self.host.client.next_ver()

    def resources(self, jid: str) -> Sequence[KnownResource]:
        """Return the available resources of a bare JID, the best first."""
        return [_shown(resource) for resource in self.host.client.resources(parse_jid(jid).bare)]

    def obeyed(self) -> frozenset[str] | None:
        """Return the requirements that the rules cite which fired."""
        return frozenset(self.host.fired)


def _shown(resource: core.Resource) -> KnownResource:
    presence = resource.presence
    show = presence.payload.first("show")
    status = presence.payload.first("status")
    return KnownResource(
        resource.name,
        "" if show is None else show.text,
        "" if status is None else status.text,
        presence.priority,
    )


# --- actions ----------------------------------------------------------------------------------------------


def _jid(arguments: Mapping[str, Any], key: str = "jid") -> JID:
    return received_jid(arguments[key])


def _set_item(world: EmbeddedClientWorld, arguments: Mapping[str, Any]) -> None:
    groups = arguments.get("groups")
    kept = None if groups is None else tuple(groups)
    world.host.wants(core.SetItem, _jid(arguments), arguments.get("name"), kept)


def _presence(world: EmbeddedClientWorld, arguments: Mapping[str, Any]) -> None:
    to = None if arguments.get("to") is None else _jid(arguments, "to")
    status = () if arguments.get("status") is None else (core.Text(arguments["status"]),)
    if arguments.get("type") == "unavailable":
        world.host.wants(core.GoUnavailable, status, to=to)
    elif arguments.get("type") is not None:
        address = None if to is None else address_of(to)
        world.host.wants(core.Outbound, Presence(address, type=arguments["type"]))
    else:
        show = None if arguments.get("show") is None else core.Show(arguments["show"])
        world.host.wants(core.SetPresence, show, status, arguments.get("priority"), to=to)


def _message(world: EmbeddedClientWorld, arguments: Mapping[str, Any]) -> None:
    type = core.MessageType(arguments.get("type", "chat"))
    world.host.wants(core.SendMessage, _jid(arguments), _body(arguments), type)


def _reply(world: EmbeddedClientWorld, arguments: Mapping[str, Any]) -> None:
    if world.last_message is None:
        raise NotApplicable("no message has arrived that could be answered")
    world.host.wants(core.Reply, world.last_message, _body(arguments))


def _body(arguments: Mapping[str, Any]) -> tuple[core.Text, ...]:
    return (core.Text(arguments["body"]),) if "body" in arguments else ()


_Action = Callable[[EmbeddedClientWorld, Mapping[str, Any]], None]


def _about_contact(order: Callable[..., Any]) -> _Action:
    """Return the action that says nothing but whom it is about."""
    return lambda world, arguments: world.host.wants(order, _jid(arguments))


_ACTIONS: Final[Mapping[str, _Action]] = {
    "get_roster": lambda world, arguments: world.host.wants(core.GetRoster),
    "set_item": _set_item,
    "remove_item": lambda world, arguments: world.host.wants(core.RemoveItem, arguments["jid"]),
    "subscribe": _about_contact(core.Subscribe),
    "unsubscribe": _about_contact(core.Unsubscribe),
    "approve": _about_contact(core.Approve),
    "deny": _about_contact(core.Deny),
    "presence": _presence,
    "message": _message,
    "reply": _reply,
    "end_chat": _about_contact(core.EndChat),
}


# --- events -----------------------------------------------------------------------------------------------


def described(notification: notifications.Notification) -> Mapping[str, object]:
    """Return a notification as the format has events: its type, whom it is about, and what it says."""
    described: dict[str, object] = {"type": _TYPES[type(notification)]}
    jid = getattr(notification, "jid", None)
    if isinstance(jid, JID):
        described["jid"] = jid.bare
        described["resource"] = jid.resource
    item = getattr(notification, "item", None)
    if isinstance(item, core.Item):
        described["jid"] = item.jid
    if isinstance(notification, notifications.Unaddressed):
        described["jid"] = str(notification.stanza.from_)
    if isinstance(notification, notifications.MessageReceived):
        described |= _content(notification.content, notification.message)
        described["carbon"] = None if notification.carbon is None else notification.carbon.value
    error = _error(notification)
    if error is not None:
        described["condition"] = error.condition.value
    if isinstance(notification, notifications.MessageFailed | notifications.PresenceFailed):
        described["matched"] = notification.sent is not None
    return described


def _error(notification: notifications.Notification) -> StanzaError | None:
    """Return the error that a notification tells of: for the copy of an error, that which the copy reports."""
    if isinstance(notification, notifications.MessageReceived):
        return notification.message.error if notification.message.kind == "error" else None
    error: StanzaError | None = getattr(notification, "error", None)
    return error


def _content(content: Content, message: Message) -> Mapping[str, object]:
    sender = message.from_jid
    return {
        "jid": message.from_ and message.from_.written if sender is None else sender.bare,
        "resource": None if sender is None else sender.resource,
        "kind": content.type,
        "body": content.body(),
        "subject": content.subject(),
        "thread": None if content.thread is None else content.thread.id,
        "parent": None if content.thread is None else content.thread.parent,
        "extensions": len([child for child in message.payload.elements if child.namespace != "jabber:client"]),
        "bodies": {text.lang or "": text.text for text in read_texts(message.payload.all("body"), message.lang)},
    }


_TYPES: Final[Mapping[type, str]] = {
    notifications.RosterReceived: "roster_received",
    notifications.ItemAdded: "item_added",
    notifications.ItemUpdated: "item_updated",
    notifications.ItemRemoved: "item_removed",
    notifications.RosterSetAccepted: "item_stored",
    notifications.RosterFailed: "roster_failed",
    notifications.SubscriptionRequest: "subscription_request",
    notifications.Subscribed: "subscribed",
    notifications.ContactUnsubscribed: "unsubscribe",
    notifications.Unsubscribed: "unsubscribed",
    notifications.Available: "available",
    notifications.PresenceChanged: "changed",
    notifications.Unavailable: "unavailable",
    notifications.PresenceFailed: "presence_failed",
    notifications.MessageReceived: "message",
    notifications.MessageFailed: "message_failed",
    notifications.RequestReceived: "request",
    notifications.Answered: "answered",
    notifications.Unanswered: "unanswered",
    notifications.Unaddressed: "unaddressed",
    notifications.OrderRefused: "refused",
}

EVENTS: Final = frozenset(_TYPES.values())
"""The types of events that the client tells."""
