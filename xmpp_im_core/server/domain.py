"""Stanzas to the service itself: ``domainpart`` or ``domainpart/resourcepart`` (RFC 6121 §8.4; RFC 6120 §10.5)."""

from __future__ import annotations

from xmpp_im_core.rules import service as rules
from xmpp_im_core.server.answers import error_to_sender
from xmpp_im_core.server.effects import Delegate, Effect, Ignored, Route
from xmpp_im_core.server.iqs import malformed
from xmpp_im_core.stanza import IQ, PRESENCE_TYPES, Condition, Message, Presence, Stanza, to_bare


def to_the_domain(stanza: Stanza) -> Effect:
    """Process a stanza to a hosted domain: "handle the stanza as appropriate", or an error (RFC 6120 §10.5.1).

    IQs are the host's, requests and the answers to its own alike. A domain has no presence and no messages.

    :param stanza: with a well-formed 'from', and a 'to' without localpart.
    """
    if isinstance(stanza, IQ):
        if malformed(stanza):
            return error_to_sender(stanza, Condition.BAD_REQUEST, rules.DOMAIN_IQ_MALFORMED)
        return Delegate(stanza, rules.DOMAIN_IQ)
    if isinstance(stanza, Message):
        return error_to_sender(stanza, Condition.SERVICE_UNAVAILABLE, rules.DOMAIN_MESSAGE)
    if stanza.type in ("subscribe", "probe"):
        # a request without an answer would stay pending, and be sent again, for ever
        denial = Presence(stanza.from_bare, to_bare(stanza.to), stanza.id, "unsubscribed")
        return Route(denial, rules.DOMAIN_DENIES)
    if stanza.type is not None and stanza.type not in PRESENCE_TYPES:
        return error_to_sender(stanza, Condition.BAD_REQUEST, rules.DOMAIN_PRESENCE_UNKNOWN)
    return Ignored(rules.DOMAIN_PRESENCE)
