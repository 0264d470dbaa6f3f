"""Telling the user of a contact's decision, at once or later (RFC 6121 §3.1.6, §3.2.3, §3.3.3).

An approval, a cancellation and an unsubscribe are delivered to the interested resources. Where there is none,
the server "MAY" keep them "for delivery when the user next has an available resource", which the policy
decides.
"""

from __future__ import annotations

from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import subscriptions as rules
from xmpp_im_core.server.effects import Delete, Effect, Ignored, Kind, Put, StoreOperation, deliver
from xmpp_im_core.server.state import Account, Notice, Session
from xmpp_im_core.stanza import Presence


def notify(
    account: Account, seq: str, stanza: Presence, rule: Rule, policy: Policy
) -> tuple[Account, tuple[Effect, ...], tuple[StoreOperation, ...]]:
    """Deliver a notice to the interested resources, or keep it for later, or neither.

    Return the account, the effects, and what to store.
    """
    interested = account.interested()
    if interested:
        return account, (deliver(stanza, interested, rule),), ()
    if len(account.notices) >= policy.notices or stanza.payload.size() > policy.request_size:
        return account, (Ignored(rule), Ignored(rules.NOTICE_DROPPED)), ()
    kept = account.noticing((*account.notices, Notice(seq, stanza)))
    return kept, (Ignored(rule), Ignored(rules.NOTICE_KEPT)), (Put(Kind.NOTICE, seq, stanza),)


def deliver_notices(
    account: Account, session: Session
) -> tuple[Account, tuple[Effect, ...], tuple[StoreOperation, ...]]:
    """Deliver the notices that were kept to a resource that has become available.

    Return the account without them, the effects, and what to forget.
    """
    if not account.notices:
        return account, (), ()
    send = tuple([deliver(notice.stanza, (session.id,), rules.NOTICE_DELIVERED) for notice in account.notices])
    return account.noticing(()), send, tuple([Delete(Kind.NOTICE, notice.key) for notice in account.notices])
