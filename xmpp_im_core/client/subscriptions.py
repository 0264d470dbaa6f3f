"""Presence subscriptions from the user's side: both directions of the four stanzas (RFC 6121 §3).

The client does not answer for the user: a request waits until the user decides, unless the event brings the decision.
No subscription stanza changes the roster. Only the pushes of the server do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from xmpp_im_core.client.content import said
from xmpp_im_core.client.effects import Effect, Send, Tell, Transition, refuse_to_send, silence
from xmpp_im_core.client.events import Approve, Deny, Event, Inbound, Outbound, Subscribe, Unsubscribe
from xmpp_im_core.client.notifications import ContactUnsubscribed, Subscribed, SubscriptionRequest, Unsubscribed
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.presence.known_presence import forgotten
from xmpp_im_core.client.state import Client, Request
from xmpp_im_core.copying import copied
from xmpp_im_core.event import Decision, decider
from xmpp_im_core.jid import JID, address_of
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import client_subscriptions as rules
from xmpp_im_core.stanza import EMPTY, Payload, Presence, to_bare

# --- outbound (§3.1.1, §3.1.4, §3.2.1, §3.3.1, §3.4) --------------------------------------------------------


def want_subscription(client: Client, event: Subscribe | Unsubscribe | Approve | Deny) -> Transition:
    """Send the subscription stanza that the user wants."""
    type = _TYPES[event.__class__]
    content = said(event.status, event.extensions) if isinstance(event, Subscribe) else EMPTY
    return send_subscription(client, _to(client, event.jid, type, event.seq, content))


_TYPES = {Subscribe: "subscribe", Unsubscribe: "unsubscribe", Approve: "subscribed", Deny: "unsubscribed"}


def _to(client: Client, jid: JID, type: str, seq: str, content: Payload = EMPTY) -> Presence:
    """Return subscription presence to the bare JID, with another id than the contact's request has."""
    id = f"{seq}-{type}"
    request = client.requests.get(jid.bare)
    if request is not None and request.presence.id == id:
        id = f"{id}-own"
    return Presence(address_of(jid.to_bare()), None, id, type, None, content)


def outbound_subscription(client: Client, event: Outbound, presence: Presence) -> Transition:
    """Send a subscription stanza of the application. Its 'to' is cut to the bare JID; it gets an id if it has none."""
    to = presence.to_jid
    assert to is not None
    request = client.requests.get(to.bare)
    if request is not None and presence.id is not None and presence.id == request.presence.id:
        return refuse_to_send(client, rules.ID_MIRRORED, presence)
    id = _to(client, to, presence.type or "", event.seq).id if presence.id is None else presence.id
    cut = copied(presence, to=to_bare(presence.to), from_=None, id=id)
    return send_subscription(client, cut)


def send_subscription(client: Client, presence: Presence) -> Transition:
    """Send a subscription stanza, and update what this client knows.

    :param presence: it must have an id and a bare JID as 'to'.
    """
    to = presence.to_jid
    assert to is not None
    jid = to.bare
    if presence.type == "subscribe":
        return Transition(copied(client, asked=client.asked.having(jid)), (Send(presence, rules.SUBSCRIBE_SENT),))
    if presence.type == "unsubscribe":
        return _unsubscribe(client, presence, jid)
    rule = _approval_rule(client, jid) if presence.type == "subscribed" else _denial_rule(client, jid)
    if rule in (rules.PRE_APPROVAL_NOT_ADVERTISED, rules.ALREADY_APPROVED):
        return refuse_to_send(client, rule, presence)
    return Transition(copied(client, requests=client.requests.delete(jid)), (Send(presence, rule),))


def _unsubscribe(client: Client, presence: Presence, jid: str) -> Transition:
    """Send "unsubscribe", and forget the contact's presence (§3.3.3)."""
    after = copied(client, asked=client.asked.without(jid))
    after, told = forgotten(after, jid, rules.SUBSCRIPTION_VOID)
    return Transition(after, (Send(presence, rules.UNSUBSCRIBE_SENT), *told))


def _approval_rule(client: Client, jid: str) -> Rule:
    """Return the rule for "subscribed": it answers a request, or is a pre-approval if the server supports that."""
    if jid in client.requests:
        return rules.APPROVAL_SENT
    if client.subscription(jid).from_:
        return rules.ALREADY_APPROVED
    if client.bound is not None and client.bound.features.pre_approval:
        return rules.PRE_APPROVAL_SENT
    return rules.PRE_APPROVAL_NOT_ADVERTISED


def _denial_rule(client: Client, jid: str) -> Rule:
    """Return the rule for "unsubscribed": it answers a request, or ends an approval."""
    if jid in client.requests:
        return rules.DENIAL_SENT
    approved = any(item.approved for item in client.roster.at(jid))
    return rules.PRE_APPROVAL_CANCELLED if approved else rules.CANCELLATION_SENT


# --- inbound (§3.1.3, §3.1.6, §3.2.3, §3.3.3) ---------------------------------------------------------------


def inbound_subscription(
    client: Client, event: Inbound, presence: Presence, sender: JID, policy: ClientPolicy
) -> Transition:
    """Process one of the four stanzas. A full JID in 'from' is cut to the bare JID."""
    contact = sender.to_bare()
    if contact == client.jid:
        return silence(client, rules.OWN_SUBSCRIPTION)
    if presence.type == "subscribe":
        return inbound_subscribe(client, event, presence, contact, policy)
    if presence.type == "unsubscribe":
        after = copied(client, requests=client.requests.delete(contact.bare))
        return Transition(after, (Tell(ContactUnsubscribed(contact, presence), rules.UNSUBSCRIBE_TOLD),))
    state = client.subscription(contact.bare)
    after = copied(client, asked=client.asked.without(contact.bare))
    if presence.type == "subscribed":
        told = Subscribed(contact, presence, state.pending_out)
        return Transition(after, (Tell(told, rules.SUBSCRIBED_TOLD),))
    after, gone = forgotten(after, contact.bare, rules.SUBSCRIPTION_ENDED) if state.to else (after, ())
    cancelled = Unsubscribed(contact, presence, state.pending_out or state.to)
    return Transition(after, (Tell(cancelled, rules.UNSUBSCRIBED_TOLD), *gone))


def inbound_subscribe(
    client: Client, event: Inbound, presence: Presence, contact: JID, policy: ClientPolicy
) -> Transition:
    """Keep the complete request until the user decides, or answer it by the decision of the event (§3.1.3)."""
    if event.decision is not Decision.ASK:
        return _decided(client, event, presence, contact)
    before = client.requests.get(contact.bare)
    if before is not None and before.presence == presence:
        return silence(client, rules.REQUEST_REPEATED)
    if before is None and len(client.requests) >= policy.requests:
        return silence(client, rules.TOO_MANY_REQUESTS)
    request = Request(presence, event.at)
    after = copied(client, requests=client.requests.set(contact.bare, request))
    return Transition(after, (Tell(SubscriptionRequest(contact, request), rules.REQUEST_TOLD_TO_USER),))


def _decided(client: Client, event: Inbound, presence: Presence, contact: JID) -> Transition:
    approve = event.decision is Decision.APPROVE
    asking = copied(client, requests=client.requests.set(contact.bare, Request(presence, event.at)))
    answer = _to(asking, contact, "subscribed" if approve else "unsubscribed", event.seq)
    rule = rules.REQUEST_APPROVED if approve else rules.REQUEST_DENIED
    effects: tuple[Effect, ...] = (Send(answer, rule),)
    return Transition(copied(client, requests=client.requests.delete(contact.bare)), effects)


# --- decisions that come with the event (§3.1.3) ------------------------------------------------------------

Decide: TypeAlias = Callable[[Presence, Client], Decision]
"""Takes the complete request, with its status, nickname and other content, and the client."""


def authorised_by(decide: Decide) -> Callable[[Client, Event], Event]:
    """Return a function that a host calls before ``reduce``: ``reduce(client, decided(client, event), policy)``.

    The decision becomes a field of the event. So a log of events replays without the function, and the policy
    stays plain data. The function asks ``decide`` about presence of type "subscribe", and about nothing else. What a
    request says about itself (for example, that its sender has moved) is only the sender's claim.

    :param decide: returns ``Decision.APPROVE``, ``Decision.DENY``, or ``Decision.ASK`` to leave it to the user.
    """
    return decider(decide, Client, Inbound)
