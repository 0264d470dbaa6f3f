"""Stanzas to the service itself: ``domainpart`` or ``domainpart/resourcepart`` (RFC 6121 §8.4; RFC 6120 §10.5)."""

from __future__ import annotations

from xmpp_im_core.jid import parse_address
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server.answers import comes_for, error_to_sender
from xmpp_im_core.server.delivery.iq_syntax import malformed
from xmpp_im_core.server.effects import Delegate, Effect, Ignored, Route
from xmpp_im_core.stanza import (
    IQ,
    PRESENCE_TYPES,
    Condition,
    Message,
    Presence,
    Stanza,
    error_reply,
    may_be_answered,
    stanza_error,
    to_bare,
)


def to_no_jid(stanza: Stanza, domain: str) -> Effect:
    """Answer a stanza whose 'to' is not a JID (RFC 6121 §3.1.3; RFC 6120 §8.3.3.8).

    :param domain: a hosted domain, the 'from' of the answer.
    """
    if stanza.from_jid is None:
        return Ignored(delivery_rules.WITHOUT_ADDRESSES)
    if not may_be_answered(stanza):
        return Ignored(rules.TO_MALFORMED)
    reply = error_reply(stanza, stanza_error(Condition.JID_MALFORMED))
    return Route(reply.stamped(from_=parse_address(domain)), rules.TO_MALFORMED)


def to_the_domain(stanza: Stanza, domain: str) -> Effect:
    """Process a stanza to a hosted domain: "handle the stanza as appropriate", or an error (RFC 6120 §10.5.1).

    The host gets all IQs: requests, and answers to its own requests. A domain has no presence and no messages.
    """
    if not comes_for(stanza, domain):
        return Ignored(delivery_rules.WITHOUT_ADDRESSES)
    if isinstance(stanza, IQ):
        if malformed(stanza):
            return error_to_sender(stanza, Condition.BAD_REQUEST, rules.DOMAIN_IQ_MALFORMED)
        return Delegate(stanza, rules.DOMAIN_IQ)
    if isinstance(stanza, Message):
        return error_to_sender(stanza, Condition.SERVICE_UNAVAILABLE, rules.DOMAIN_MESSAGE)
    if stanza.type in ("subscribe", "probe"):
        # without an answer the request would stay pending, and be sent again and again
        denial = Presence(stanza.from_bare, to_bare(stanza.to), stanza.id, "unsubscribed")
        return Route(denial, rules.DOMAIN_DENIES)
    if stanza.type is not None and stanza.type not in PRESENCE_TYPES:
        return error_to_sender(stanza, Condition.BAD_REQUEST, rules.DOMAIN_PRESENCE_UNKNOWN)
    return Ignored(rules.DOMAIN_PRESENCE)
