"""Stanzas of one account: those that its sessions send, and those that arrive for it (RFC 6121 §8)."""

from __future__ import annotations

from xmpp_im_core.jid import Address, Malformed
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.rules import sessions as session_rules
from xmpp_im_core.server.answers import refuse
from xmpp_im_core.server.delays import DELAY, without_forged_stamps
from xmpp_im_core.server.delivery import blocked, iqs, messages
from xmpp_im_core.server.effects import Transition, silence
from xmpp_im_core.server.events import Inbound, Outbound
from xmpp_im_core.server.presence import dispatch as presence
from xmpp_im_core.server.state import Account
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.stanza import IQ, Condition, Message, Presence


def outbound(account: Account, event: Outbound, policy: Policy) -> Transition[Account]:
    """Process a stanza from one of the account's own sessions.

    The session's full JID becomes its 'from', regardless of what the client wrote there (RFC 6120 §8.1.2.1).
    """
    session = account.session(event.session)
    if session is None:
        return silence(account, session_rules.UNKNOWN_SESSION)
    stanza = event.stanza
    stamped = stanza.stamped(from_=session.address, lang=session.lang if stanza.lang is None else stanza.lang)
    if isinstance(stamped.to, Malformed):
        return refuse(account, stamped, session.id, Condition.JID_MALFORMED, rules.TO_MALFORMED)
    to = stamped.to
    if account.blocked and to is not None and is_blocked(account, to.jid):
        return blocked.outbound(account, stamped, session)
    if isinstance(stamped, Message):
        return messages.outbound(account, stamped, session.id, policy)
    if isinstance(stamped, Presence):
        return presence.outbound(account, event, stamped, session, policy)
    assert isinstance(stamped, IQ)
    return iqs.outbound(account, event, stamped, session, policy)


def inbound(account: Account, event: Inbound, policy: Policy) -> Transition[Account]:
    """Process a stanza that arrived for this account."""
    stanza = event.stanza
    from_, addressed = stanza.from_, stanza.to
    if not isinstance(from_, Address) or not isinstance(addressed, Address) or addressed.jid.bare != account.jid.bare:
        return silence(account, rules.WITHOUT_ADDRESSES)
    sender, to = from_.jid, addressed.jid
    if account.blocked and is_blocked(account, sender):
        return blocked.inbound(account, stanza, to, policy)
    if isinstance(stanza, Message):
        if stanza.payload.first("delay", DELAY) is not None:
            stanza = without_forged_stamps(stanza, account.jid.domain)
        return messages.inbound(account, event, stanza, sender, to, policy)
    if isinstance(stanza, Presence):
        return presence.inbound(account, event, stanza, sender, to, policy)
    assert isinstance(stanza, IQ)
    return iqs.inbound(account, stanza, sender, to, policy)
