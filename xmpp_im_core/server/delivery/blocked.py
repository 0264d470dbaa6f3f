"""Stanzas from and to entities that the user blocks (XEP-0191 §3.3)."""

from __future__ import annotations

from xmpp_im_core.element import element
from xmpp_im_core.jid import JID
from xmpp_im_core.policy import BlockedMessages, Policy
from xmpp_im_core.rules import blocking as rules
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import presence as presence_rules
from xmpp_im_core.server.answers import error_to_sender
from xmpp_im_core.server.delivery.iq_syntax import malformed
from xmpp_im_core.server.delivery.messages import message_to_nobody
from xmpp_im_core.server.effects import (
    AS_IT_STANDS,
    Deliver,
    Ignored,
    Transition,
    silence,
)
from xmpp_im_core.server.state import Account, Session
from xmpp_im_core.stanza import (
    IQ,
    PRESENCE_TYPES,
    Condition,
    ErrorType,
    Message,
    Presence,
    Stanza,
    StanzaError,
    error_reply,
    may_be_answered,
)

BLOCKING_ERRORS = "urn:xmpp:blocking:errors"


def inbound(account: Account, stanza: Stanza, to: JID, policy: Policy) -> Transition[Account]:
    """Process a stanza from a blocked entity, to whom the user must seem to be offline (XEP-0191 §3.3).

    A stanza that breaks the syntax gets an error, as from any sender: silence would tell the sender that it is blocked.
    """
    if isinstance(stanza, Presence) and stanza.type is not None and stanza.type not in PRESENCE_TYPES:
        return Transition(account, (error_to_sender(stanza, Condition.BAD_REQUEST, presence_rules.UNKNOWN_TYPE),))
    if isinstance(stanza, IQ) and malformed(stanza):
        return Transition(account, (error_to_sender(stanza, Condition.BAD_REQUEST, delivery_rules.IQ_MALFORMED),))
    if isinstance(stanza, Presence):
        return silence(account, rules.PRESENCE_IGNORED)
    if isinstance(stanza, IQ):
        return Transition(account, (error_to_sender(stanza, Condition.SERVICE_UNAVAILABLE, rules.IQ_REFUSED),))
    if policy.blocked_messages is BlockedMessages.ERROR:
        refused = error_to_sender(stanza, Condition.SERVICE_UNAVAILABLE, rules.MESSAGE_REFUSED)
        return Transition(account, (refused,))
    assert isinstance(stanza, Message)
    return Transition(account, (message_to_nobody(stanza, to, policy), Ignored(rules.MESSAGE_AS_TO_NOBODY)))


def outbound(account: Account, stanza: Stanza, session: Session) -> Transition[Account]:
    """Refuse the user's stanza to a blocked entity; nothing changes (XEP-0191 §3.3)."""
    if not may_be_answered(stanza):
        return silence(account, rules.OUTBOUND_REFUSED)
    application = (element("blocked", BLOCKING_ERRORS),)
    error = StanzaError(Condition.NOT_ACCEPTABLE, ErrorType.CANCEL, application=application)
    reply = error_reply(stanza, error)
    return Transition(account, (Deliver(reply, (session.id,), AS_IT_STANDS, rules.OUTBOUND_REFUSED),))
