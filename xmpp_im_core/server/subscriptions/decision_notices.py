"""Notices of a contact's decision for the user, delivered now or later (RFC 6121 §3.1.6, §3.2.3, §3.3.3).

An approval, a cancellation and an unsubscribe are delivered to the interested resources. If there is none, the server
"MAY" keep them and "then deliver the notification when the account next has an available resource"; the policy decides.
"""

from __future__ import annotations

from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import blocking as blocking_rules
from xmpp_im_core.rules import subscriptions as rules
from xmpp_im_core.server.effects import Delete, Effect, Ignored, Kind, Put, StoreOperation, deliver
from xmpp_im_core.server.state import Account, Notice, Session
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.stanza import Presence


def notify(
    account: Account, seq: str, stanza: Presence, rule: Rule, policy: Policy
) -> tuple[Account, tuple[Effect, ...], tuple[StoreOperation, ...]]:
    """Deliver a notice to the interested resources, keep it for later, or drop it.

    Return the account, the effects, and what to store.
    """
    interested = account.interested()
    if interested:
        return account, (deliver(stanza, interested, rule),), ()
    notice = Notice(f"{len(account.notices):06}-{seq}", stanza)
    if not _is_kept(account, notice, policy):
        return account, (Ignored(rule), Ignored(rules.NOTICE_DROPPED)), ()
    kept = account.noticing((*account.notices, notice))
    return kept, (Ignored(rule), Ignored(rules.NOTICE_KEPT)), (Put(Kind.NOTICE, notice.key, stanza),)


def _is_kept(account: Account, notice: Notice, policy: Policy) -> bool:
    if len(account.notices) >= policy.notices or notice.stanza.size() > policy.request_size:
        return False
    return sum([each.size for each in account.notices]) + notice.size <= policy.notice_bytes


def deliver_notices(
    account: Account, session: Session
) -> tuple[Account, tuple[Effect, ...], tuple[StoreOperation, ...]]:
    """Deliver the kept notices to a resource that has become available.

    Notices of contacts that the user has blocked since are dropped (XEP-0191 §3.3). Return the account without the
    notices, the effects, and what to forget.
    """
    effects = tuple([_delivered(account, notice.stanza, session) for notice in account.notices])
    return account.noticing(()), effects, tuple([Delete(Kind.NOTICE, notice.key) for notice in account.notices])


def _delivered(account: Account, notice: Presence, session: Session) -> Effect:
    sender = notice.from_jid
    if sender is not None and is_blocked(account, sender):
        return Ignored(blocking_rules.PRESENCE_IGNORED)
    return deliver(notice, (session.id,), rules.NOTICE_DELIVERED)
