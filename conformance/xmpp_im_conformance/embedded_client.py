"""The client driver for this implementation: the pure client, with an application around it that writes down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import define, field, frozen

from xmpp_im_conformance.client_driver import ClientSetup, ClientWorld, Resource
from xmpp_im_conformance.client_features import client_policy_for
from xmpp_im_conformance.driver import NotApplicable
from xmpp_im_conformance.embedded.wire import to_client
from xmpp_im_conformance.items import Item
from xmpp_im_core import client as core
from xmpp_im_core.client import notifications
from xmpp_im_core.client.content import Content, read_texts
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID, address_of, parse_jid
from xmpp_im_core.stanza import Message, Presence, StanzaError
from xmpp_im_core.subscription import subscription_state

_BEGINNING: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


@frozen
class EmbeddedClient:
    """Runs client scenarios on ``xmpp_im_core.client``."""

    def client(self, setup: ClientSetup) -> ClientWorld:
        """Make a client whose resource is bound.

        :raises NotApplicable: where a feature cannot be switched on.
        """
        jid = parse_jid(setup.account)
        world = EmbeddedClientWorld(core.Client(jid, _kept(setup)), client_policy_for(setup.features))
        bound = core.Bound(jid.with_resource(setup.resource), core.read_features(setup.stream_features))
        world.take(core.SessionBound(*world.stamp(), bound))
        return world


def _kept(setup: ClientSetup) -> core.Roster:
    """Return the roster that the client kept from an earlier session."""
    if setup.cache is None:
        return core.Roster()
    ver, items = setup.cache
    return core.Roster(FrozenMap({item.jid: _item(item) for item in items}), ver, received=True)


def _item(item: Item) -> core.Item:
    state = subscription_state(item.subscription, item.ask)
    return core.Item(parse_jid(item.jid).full, state, item.name, item.groups, item.approved)


@define
class EmbeddedClientWorld:
    """A client during one scenario."""

    state: core.Client
    policy: core.ClientPolicy
    count: int = 0
    out: list[Element] = field(factory=list)
    told: list[Mapping[str, object]] = field(factory=list)
    fired: set[str] = field(factory=set)
    last_message: Message | None = None
    """The last message that arrived, for ``reply``."""

    def stamp(self) -> tuple[datetime, str]:
        """Return the time and the number of the next event."""
        self.count += 1
        return _BEGINNING + timedelta(seconds=self.count), f"e{self.count}"

    def take(self, event: core.Event) -> None:
        """Take an event, and write down what follows."""
        step = core.reduce(self.state, event, self.policy)
        self.state = step.state
        for effect in step.send:
            self.fired.update(effect.rule.requirements)
            if isinstance(effect, core.Send):
                self.out.append(to_client(effect.stanza))
            elif isinstance(effect, core.Tell):
                self.told.append(described(effect.notification))

    def do(self, action: str, arguments: Mapping[str, object]) -> None:
        """Let the user want something.

        :raises NotApplicable: for an action that is not known here.
        """
        if action not in _ACTIONS:
            raise NotApplicable(f"the client has no action {action!r}")
        self.take(_ACTIONS[action](self, arguments))

    def send(self, xml: str) -> None:
        """Hand over a stanza for sending."""
        self.take(core.Outbound(*self.stamp(), parse_stanza(xml)))

    def receive(self, xml: str) -> None:
        """Let a stanza arrive."""
        stanza = parse_stanza(xml)
        if isinstance(stanza, Message):
            self.last_message = stanza
        self.take(core.Inbound(*self.stamp(), stanza))

    def sent(self) -> Sequence[Element]:
        """Return what was sent since the last call."""
        out, self.out = self.out, []
        return out

    def events(self) -> Sequence[Mapping[str, object]]:
        """Return what was told since the last call."""
        told, self.told = self.told, []
        return told

    def knows_event(self, type: str) -> bool:
        """Whether the client tells events of this type."""
        return type in EVENTS

    def roster(self) -> Sequence[Item]:
        """Return the roster as the client knows it."""
        return [
            Item(
                jid=item.jid,
                subscription=item.subscription.subscription,
                ask=item.subscription.pending_out,
                approved=item.approved,
                name=item.name,
                groups=item.groups,
            )
            for item in self.state.roster.items.values()
        ]

    def ver(self) -> str | None:
        """Return the version that the next roster get would have."""
        return self.state.next_ver()

    def resources(self, jid: str) -> Sequence[Resource]:
        """Return the available resources of a bare JID, the best first."""
        return [_shown(resource) for resource in self.state.resources(parse_jid(jid).bare)]

    def obeyed(self) -> frozenset[str] | None:
        """Return the requirements that the rules cite which fired."""
        return frozenset(self.fired)


def _shown(resource: core.Resource) -> Resource:
    presence = resource.presence
    show = presence.payload.first("show")
    status = presence.payload.first("status")
    return Resource(
        resource.name,
        "" if show is None else show.text,
        "" if status is None else status.text,
        presence.priority,
    )


# --- actions ----------------------------------------------------------------------------------------------


def _jid(arguments: Mapping[str, Any], key: str = "jid") -> JID:
    return parse_jid(arguments[key])


def _set_item(world: EmbeddedClientWorld, arguments: Mapping[str, Any]) -> core.Event:
    groups = arguments.get("groups")
    return core.SetItem(
        *world.stamp(), _jid(arguments), arguments.get("name"), None if groups is None else tuple(groups)
    )


def _presence(world: EmbeddedClientWorld, arguments: Mapping[str, Any]) -> core.Event:
    to = None if arguments.get("to") is None else _jid(arguments, "to")
    status = () if arguments.get("status") is None else (core.Text(arguments["status"]),)
    if arguments.get("type") == "unavailable":
        return core.GoUnavailable(*world.stamp(), status, to=to)
    if arguments.get("type") is not None:
        address = None if to is None else address_of(to)
        return core.Outbound(*world.stamp(), Presence(address, type=arguments["type"]))
    show = None if arguments.get("show") is None else core.Show(arguments["show"])
    return core.SetPresence(*world.stamp(), show, status, arguments.get("priority"), to=to)


def _message(world: EmbeddedClientWorld, arguments: Mapping[str, Any]) -> core.Event:
    type = core.MessageType(arguments.get("type", "chat"))
    return core.SendMessage(*world.stamp(), _jid(arguments), _body(arguments), type)


def _reply(world: EmbeddedClientWorld, arguments: Mapping[str, Any]) -> core.Event:
    if world.last_message is None:
        raise NotApplicable("no message has arrived that could be answered")
    return core.Reply(*world.stamp(), world.last_message, _body(arguments))


def _body(arguments: Mapping[str, Any]) -> tuple[core.Text, ...]:
    return (core.Text(arguments["body"]),) if "body" in arguments else ()


_Action = Callable[[EmbeddedClientWorld, Mapping[str, Any]], core.Event]

_ACTIONS: Final[Mapping[str, _Action]] = {
    "get_roster": lambda world, arguments: core.GetRoster(*world.stamp()),
    "set_item": _set_item,
    "remove_item": lambda world, arguments: core.RemoveItem(*world.stamp(), _jid(arguments)),
    "subscribe": lambda world, arguments: core.Subscribe(*world.stamp(), _jid(arguments)),
    "unsubscribe": lambda world, arguments: core.Unsubscribe(*world.stamp(), _jid(arguments)),
    "approve": lambda world, arguments: core.Approve(*world.stamp(), _jid(arguments)),
    "deny": lambda world, arguments: core.Deny(*world.stamp(), _jid(arguments)),
    "presence": _presence,
    "message": _message,
    "reply": _reply,
    "end_chat": lambda world, arguments: core.EndChat(*world.stamp(), _jid(arguments)),
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
        "jid": None if sender is None else sender.bare,
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
    notifications.ItemStored: "item_stored",
    notifications.RosterFailed: "roster_failed",
    notifications.SubscriptionRequest: "subscription_request",
    notifications.Subscribed: "subscribed",
    notifications.Unsubscribe: "unsubscribe",
    notifications.Unsubscribed: "unsubscribed",
    notifications.Available: "available",
    notifications.Changed: "changed",
    notifications.Unavailable: "unavailable",
    notifications.PresenceFailed: "presence_failed",
    notifications.MessageReceived: "message",
    notifications.MessageFailed: "message_failed",
    notifications.RequestReceived: "request",
    notifications.Answered: "answered",
    notifications.Unanswered: "unanswered",
    notifications.Refused: "refused",
}

EVENTS: Final = frozenset(_TYPES.values())
"""The types of events that the client tells."""
