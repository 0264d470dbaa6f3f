"""The user's own presence, broadcast and directed (RFC 6121 §4.2, §4.4, §4.5, §4.6)."""

from __future__ import annotations

from xmpp_im_core.client.content import said, write_texts
from xmpp_im_core.client.effects import Send, Transition, refuse_to_send
from xmpp_im_core.client.events import GoUnavailable, SetPresence
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.presence.directed_presence import directed, nothing_owed
from xmpp_im_core.client.presence.known_presence import all_forgotten
from xmpp_im_core.client.presence.rooms import entering_room, leaving_all_rooms, leaving_room
from xmpp_im_core.client.state import Client
from xmpp_im_core.copying import copied
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID, address_of
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import client_presence as rules
from xmpp_im_core.stanza import CLIENT, Payload, Presence, payload


def set_presence(client: Client, event: SetPresence, policy: ClientPolicy) -> Transition:
    """Send available presence: initial or subsequent (§4.2.1, §4.4.1), or directed (§4.6)."""
    children: list[Element] = []
    if event.show is not None:
        children.append(element("show", CLIENT, {}, [event.show.value]))
    children += write_texts("status", event.status)
    if event.priority is not None:
        children.append(element("priority", CLIENT, {}, [str(event.priority)]))
    content = payload(*children, *event.extensions)
    return _send(client, _presence(event.to, event.seq, None, content), policy)


def go_unavailable(client: Client, event: GoUnavailable, policy: ClientPolicy) -> Transition:
    """Send unavailable presence, which has neither show nor priority (§4.5.1, §4.6.2)."""
    content = said(event.status, event.extensions)
    return _send(client, _presence(event.to, event.seq, "unavailable", content), policy)


def _presence(to: JID | None, seq: str, type: str | None, content: Payload) -> Presence:
    return Presence(None if to is None else address_of(to), None, f"{seq}-presence", type, None, content)


def outbound_presence(client: Client, presence: Presence, policy: ClientPolicy) -> Transition:
    """Send presence of the application. Its syntax is correct, and its type is none of the four of subscriptions."""
    if presence.type == "probe":
        return outbound_probe(client, presence)
    if presence.type == "error":
        return Transition(client, (Send(presence, rules.PRESENCE_ERROR_SENT),))
    return _send(client, presence, policy)


def outbound_probe(client: Client, presence: Presence) -> Transition:
    """Refuse to probe, with one exception: a full JID from which this client has got directed presence (§4.6.6).

    The server adds this resource's full JID as the sender: "the JID that received directed presence".
    """
    to = presence.to_jid
    assert to is not None
    heard = client.presences.get(to.bare)
    known = heard.resource(to.resource or "") if heard is not None else None
    if to.is_bare or known is None or client.subscription(to.bare).to:
        return refuse_to_send(client, rules.PROBE_REFUSED, presence)
    return Transition(client, (Send(presence, rules.DIRECTED_PRESENCE_PROBED),))


def _send(client: Client, presence: Presence, policy: ClientPolicy) -> Transition:
    """Send available or unavailable presence, broadcast or directed."""
    to = presence.to_jid
    if to is not None:
        return _send_directed(client, presence, to, policy)
    if presence.type is None:
        return Transition(copied(client, presence=presence), (Send(presence, _available_rule(client)),))
    return broadcast_unavailable(client, presence)


def _send_directed(client: Client, presence: Presence, to: JID, policy: ClientPolicy) -> Transition:
    """Send directed presence. It can also enter or leave a room."""
    if presence.type is None:
        entered = entering_room(client, presence, to)
        return Transition(*directed(entered, presence, to, rules.DIRECTED_PRESENCE, policy))
    after, effects = directed(client, presence, to, rules.DIRECTED_UNAVAILABLE, policy)
    after, told = leaving_room(after, to.bare)
    return Transition(after, (*effects, *told))


def _available_rule(client: Client) -> Rule:
    """Return the rule for a broadcast: initial presence, with or without a roster request before it, or an update."""
    if client.presence is not None:
        return rules.SUBSEQUENT_PRESENCE
    return rules.INITIAL_PRESENCE if client.interested else rules.INITIAL_PRESENCE_WITHOUT_ROSTER


def broadcast_unavailable(client: Client, presence: Presence) -> Transition:
    """End the presence session. The server informs everybody, and sends this client no presence (§4.5.1, §4.6.3)."""
    count = client.leaving if client.presence is None else client.leaving + 1
    after = copied(nothing_owed(leaving_all_rooms(client)), presence=None, leaving=count)
    after, told = all_forgotten(after, rules.PRESENCE_SESSION_OVER)
    return Transition(after, (Send(presence, rules.UNAVAILABLE_SENT), *told))
