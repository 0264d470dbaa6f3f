"""Stanzas to an account that does not exist (RFC 6121 §8.5.1), for hosts with or without a ``Service``."""

from __future__ import annotations

from xmpp_im_core.policy import Audience, Policy, UnknownContact
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.rules import presence as presence_rules
from xmpp_im_core.rules import subscriptions as subscription_rules
from xmpp_im_core.server.answers import error_to_sender
from xmpp_im_core.server.delivery.iq_syntax import malformed
from xmpp_im_core.server.delivery.messages import message_to_nobody
from xmpp_im_core.server.effects import Delegate, Effect, Ignored, Route
from xmpp_im_core.stanza import IQ, PRESENCE_TYPES, Condition, Message, Presence, Stanza, to_bare


def _is_served_everywhere(iq: IQ, policy: Policy) -> bool:
    """Whether a service answers this request even if there is no account (RFC 6120 §13.11)."""
    asked = iq.request
    if iq.type not in ("get", "set") or asked is None or asked.namespace == ROSTER:
        return False
    return policy.served.get(asked.namespace) is Audience.EVERYWHERE


def no_account(stanza: Stanza, policy: Policy) -> Effect:
    """Process a stanza to a bare or full JID of this service that has no account.

    If the RFC leaves the choice, strangers get the same answer as from an account without reachable resources. Only
    ``Policy.unknown_contact`` tells more, and only to users of the same domain.
    """
    to = stanza.to_jid
    if to is None or stanza.from_jid is None:
        return Ignored(rules.WITHOUT_ADDRESSES)
    if isinstance(stanza, Message):
        return message_to_nobody(stanza, to, policy)
    if isinstance(stanza, IQ):
        if malformed(stanza):
            return error_to_sender(stanza, Condition.BAD_REQUEST, rules.IQ_MALFORMED)
        if to.resource is None and _is_served_everywhere(stanza, policy):
            return Delegate(stanza, rules.IQ_SERVED_EVERYWHERE)
        return error_to_sender(stanza, Condition.SERVICE_UNAVAILABLE, rules.IQ_TO_NOBODY)
    if stanza.type == "probe":
        reply = Presence(stanza.from_, to_bare(stanza.to), stanza.id, "unsubscribed")
        return Route(reply, presence_rules.PROBE_OF_NOBODY)
    if stanza.type is not None and stanza.type not in PRESENCE_TYPES:
        return error_to_sender(stanza, Condition.BAD_REQUEST, presence_rules.UNKNOWN_TYPE)
    local = stanza.from_jid.domain == to.domain
    if stanza.type == "subscribe" and local and policy.unknown_contact is UnknownContact.ERROR:
        return error_to_sender(stanza, Condition.ITEM_NOT_FOUND, subscription_rules.REQUEST_TO_NOBODY)
    return Ignored(presence_rules.PRESENCE_TO_NO_ACCOUNT)
