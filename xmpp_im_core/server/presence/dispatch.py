"""Dispatch of presence by type and address (RFC 6121 §3, §4, §4.7.1, §8.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from xmpp_im_core.jid import JID, Address
from xmpp_im_core.policy import Policy
from xmpp_im_core.record import unchecked
from xmpp_im_core.roster import Contact, SharedItem
from xmpp_im_core.rules import administration as administration_rules
from xmpp_im_core.rules import presence as rules
from xmpp_im_core.rules import subscriptions as subscription_rules
from xmpp_im_core.server.answers import error_to_sender, refuse
from xmpp_im_core.server.effects import AS_IT_STANDS, Deliver, Route, Transition, deliver, silence
from xmpp_im_core.server.events import Inbound, Outbound
from xmpp_im_core.server.presence.broadcasting import outbound_available, outbound_unavailable
from xmpp_im_core.server.presence.directed import heard_unavailable, outbound_directed
from xmpp_im_core.server.presence.probes import inbound_probe
from xmpp_im_core.server.presence.syntax import breaks_syntax, leaving
from xmpp_im_core.server.state import Account, Session
from xmpp_im_core.server.subscriptions.approving import inbound_subscribed, outbound_subscribed
from xmpp_im_core.server.subscriptions.cancelling import inbound_unsubscribed, outbound_unsubscribed
from xmpp_im_core.server.subscriptions.requesting import inbound_subscribe, outbound_subscribe
from xmpp_im_core.server.subscriptions.unsubscribing import inbound_unsubscribe, outbound_unsubscribe
from xmpp_im_core.server.visibility import INVISIBLE, visibility
from xmpp_im_core.stanza import PRESENCE_TYPES, SUBSCRIPTION_TYPES, Condition, Presence, to_bare

OutboundRule: TypeAlias = Callable[[Account, Outbound, Presence, Contact, Policy], Transition[Account]]
InboundRule: TypeAlias = Callable[[Account, Inbound, Presence, Contact, Policy], Transition[Account]]


# --- outbound ---------------------------------------------------------------------------------------------


def outbound(
    account: Account, event: Outbound, presence: Presence, session: Session, policy: Policy
) -> Transition[Account]:
    """Process presence that the user's client sent.

    :param presence: stamped with the full JID; its 'to' is absent or well-formed.
    """
    type = presence.type
    if type is not None and type not in PRESENCE_TYPES:
        return refuse(account, presence, session.id, Condition.BAD_REQUEST, rules.UNKNOWN_TYPE)
    if type is None and breaks_syntax(presence):
        return refuse(account, presence, session.id, Condition.BAD_REQUEST, rules.INVALID_PRESENCE)
    if type == "unavailable":
        presence = leaving(presence)
    if not isinstance(presence.to, Address):
        return _without_to(account, event, presence, session, policy)
    if type in SUBSCRIPTION_TYPES:
        return outbound_subscription(account, event, presence, presence.to, session, policy)
    if type == "probe":
        return Transition(account, (Route(presence, rules.CLIENT_PROBE_ROUTED, session.id),))
    if type == "error":
        return Transition(account, (Route(presence, rules.ERROR_ROUTED, session.id),))
    return outbound_directed(account, event, presence, presence.to.jid, session, policy)


def _without_to(
    account: Account, event: Outbound, presence: Presence, session: Session, policy: Policy
) -> Transition[Account]:
    type = presence.type
    if type is None:
        return outbound_available(account, event, presence, session, policy)
    if type == "unavailable":
        return outbound_unavailable(account, event, presence, session, policy)
    if type in SUBSCRIPTION_TYPES:
        return refuse(account, presence, session.id, Condition.BAD_REQUEST, subscription_rules.NO_CONTACT_NAMED)
    return silence(account, rules.CLIENT_PROBE_WITHOUT_TO if type == "probe" else rules.ERROR_WITHOUT_TO)


def outbound_subscription(
    account: Account, event: Outbound, presence: Presence, to: Address, session: Session, policy: Policy
) -> Transition[Account]:
    """Process one of the four subscription types: bare JID to bare JID (§3, §3.1.2).

    A full JID in 'to' is cut to the bare JID. §3.1.2 demands that for "subscribe"; the RFC is silent on the others.
    """
    contact_jid = to.jid.bare
    if contact_jid == account.jid.bare:
        return silence(account, subscription_rules.OWN_JID)
    if contact_jid in account.roster.shared:
        return refuse(account, presence, session.id, Condition.NOT_ALLOWED, administration_rules.SHARED_NOT_YOURS)
    stamped = presence.stamped(to=to_bare(to), from_=account.address)
    contact = account.roster.contacts.get(contact_jid) or Contact(contact_jid, listed=False)
    request = _outbound(event.at, event.seq, event.session, presence)  # an error goes to the full JID
    return _OUTBOUND[presence.type](account, request, stamped, contact, policy)


_outbound: Final = unchecked(Outbound)
"""An outbound event that is made of a checked one, and of a stanza of the account."""

_OUTBOUND: Final[Mapping[str | None, OutboundRule]] = MappingProxyType(
    {
        "subscribe": outbound_subscribe,
        "subscribed": outbound_subscribed,
        "unsubscribe": outbound_unsubscribe,
        "unsubscribed": outbound_unsubscribed,
    }
)


# --- inbound ----------------------------------------------------------------------------------------------


def inbound(
    account: Account, event: Inbound, presence: Presence, sender: JID, to: JID, policy: Policy
) -> Transition[Account]:
    """Process presence that arrived for the user (§8.5.2.1.2, §8.5.2.2.2, §8.5.3)."""
    type = presence.type
    if type is None or type == "unavailable":
        return inbound_notification(account, presence, sender, to)
    if type in SUBSCRIPTION_TYPES:
        return inbound_subscription(account, event, presence, sender, to, policy)
    if type == "probe":
        return inbound_probe(account, event, presence, sender, to, policy)
    if type == "error":
        return inbound_error(account, presence, to)
    return Transition(account, (error_to_sender(presence, Condition.BAD_REQUEST, rules.UNKNOWN_TYPE),))


def inbound_notification(account: Account, presence: Presence, sender: JID, to: JID) -> Transition[Account]:
    """Deliver available or unavailable presence to all available resources, or to the one in its 'to'.

    The sender need not be in the roster: the client decides what it shows (§4.2.4).
    """
    after = heard_unavailable(account, sender, to) if presence.type == "unavailable" else account
    if to.resource is None:
        rule = rules.UNAVAILABLE_DELIVERED if presence.type else rules.AVAILABLE_DELIVERED
        available = account.available()
        if not available:
            return silence(after, rules.PRESENCE_TO_NOBODY)
        return Transition(after, (Deliver(presence, available, AS_IT_STANDS, rule),))
    session = account.resource(to.resource)
    if session is None:
        return silence(after, rules.PRESENCE_UNMATCHED)
    return Transition(after, (deliver(presence, (session.id,), rules.PRESENCE_TO_RESOURCE),))


def inbound_error(account: Account, presence: Presence, to: JID) -> Transition[Account]:
    """Deliver a presence error to the resource in its 'to', or to all available resources; never answer it (§4.4.2).

    If no resource is available, all connected ones get it, since one of them may have sent the request (§3.1.2).
    """
    if to.resource is None:
        told = account.available() or tuple([each.id for each in account.sessions])
        return Transition(account, (deliver(presence, told, rules.ERROR_DELIVERED),))
    session = account.resource(to.resource)
    sessions = () if session is None else (session.id,)
    return Transition(account, (deliver(presence, sessions, rules.ERROR_DELIVERED),))


def inbound_subscription(
    account: Account, event: Inbound, presence: Presence, sender: JID, to: JID, policy: Policy
) -> Transition[Account]:
    """Process one of the four subscription types (§3; §8.5.3).

    A "subscribe" to a full JID is cut to the bare JID; the answer is the same whether the resource is connected or not.
    The other types to a full JID are ignored if the resource is not connected. If it is, they are processed as if sent
    to the bare JID, but without an auto-reply, which would reveal that it is connected. An "unsubscribe" from an entity
    that may not see the resource is always ignored, since the answer to its next one would reveal that too.
    """
    if sender.bare == account.jid.bare:
        return silence(account, subscription_rules.OWN_JID)
    shared = account.roster.shared.get(sender.bare)
    if shared is not None:
        return _from_shared(account, event, presence, shared)
    contact = account.roster.contacts.get(sender.bare) or Contact(sender.bare, listed=False)
    addressed_bare = to.resource is None
    if not addressed_bare:
        session = account.resource(to.resource)
        hidden = presence.type == "unsubscribe" and visibility(account, sender, session) is INVISIBLE
        if presence.type != "subscribe" and (session is None or hidden):
            return silence(account, subscription_rules.UNMATCHED_FULL_JID)
        presence = presence.stamped(to=account.address)
    if presence.type == "unsubscribe":
        return inbound_unsubscribe(account, event, presence, contact, policy, answer=addressed_bare)
    return _INBOUND[presence.type](account, event, presence, contact, policy)


def _from_shared(account: Account, event: Inbound, presence: Presence, shared: SharedItem) -> Transition[Account]:
    """Answer a request that a shared item grants. No other subscription stanza affects a shared item."""
    if presence.type == "subscribe" and shared.state.from_:
        reply = Presence(presence.from_bare, account.address, f"{event.seq}-subscribed", "subscribed")
        return Transition(account, (Route(reply, administration_rules.SHARED_GRANTED),))
    return silence(account, administration_rules.SHARED_NOT_THEIRS)


_INBOUND: Final[Mapping[str | None, InboundRule]] = MappingProxyType(
    {
        "subscribe": inbound_subscribe,
        "subscribed": inbound_subscribed,
        "unsubscribed": inbound_unsubscribed,
    }
)
