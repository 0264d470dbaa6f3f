"""Sending a request again that nobody has answered (RFC 6121 §3.1.2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from xmpp_im_core.jid import parse_address, prepared_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact
from xmpp_im_core.rules import subscriptions as rules
from xmpp_im_core.server.effects import Effect, Kind, Put, Route, StoreOperation, Transition, silence
from xmpp_im_core.server.events import TimePassed
from xmpp_im_core.server.state import Account
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.stanza import Presence

AFTER_FAILURE: Final = timedelta(minutes=1)
"""How long to wait until what could not be stored is tried again: storage that fails is not asked without pause."""


def waking_for(account: Account, contact: Contact, policy: Policy) -> Account:
    """Return the account with a ``wake_at`` no later than this contact's request is due to be sent again."""
    if policy.resend_requests_after is None or contact.asked is None:
        return account
    due = _due(contact.asked, policy.resend_requests_after)
    if account.wake_at is not None and account.wake_at <= due:
        return account
    return account.waking(due)


def time_passed(account: Account, event: TimePassed, policy: Policy) -> Transition[Account]:
    """Send the requests again that have waited for the configured time, each with an 'id' (§3.1.2)."""
    roster, wait = account.roster, policy.resend_requests_after
    effects: list[Effect] = []
    store: list[StoreOperation] = []
    due: list[datetime] = []
    for contact in account.roster.contacts.values():
        asked = contact.asked
        if asked is None or wait is None or not _waits(account, contact):
            continue
        if _due(asked, wait) <= event.at:
            asked = event.at
            repeated = contact.asked_at(asked)
            roster = roster.noted(repeated)
            store.append(Put(Kind.CONTACT, contact.jid, repeated))
            id = f"{event.seq}-subscribe-{contact.jid}"
            request = Presence(parse_address(contact.jid), account.address, id, "subscribe")
            effects.append(Route(request, rules.REQUEST_RESENT))
        due.append(_due(asked, wait))
    later = account.with_roster(roster).waking(min(due, default=None))
    if not effects:
        return silence(later, rules.NOTHING_TO_RESEND)
    return Transition(later, tuple(effects), tuple(store))


def postponed(account: Account, event: TimePassed) -> Account:
    """Return the account, to be woken again a minute after what was to be sent could not be stored."""
    if account.wake_at is None or account.wake_at > event.at:
        return account
    return account.waking(_due(event.at, AFTER_FAILURE))


def first_due(account: Account, policy: Policy) -> datetime | None:
    """Return when the first of an account's unanswered requests is due to be sent again; None: no time."""
    wait = policy.resend_requests_after
    if wait is None:
        return None
    asked = [c.asked for c in account.roster.contacts.unordered() if c.asked is not None and _waits(account, c)]
    return min([_due(each, wait) for each in asked], default=None)


def _waits(account: Account, contact: Contact) -> bool:
    """Whether a request is to be sent again: the contact is not blocked, and shown by the user's own item."""
    return contact.jid not in account.roster.shared and not (
        account.blocked and is_blocked(account, prepared_jid(contact.jid))
    )


def _due(asked: datetime, wait: timedelta) -> datetime:
    """Return when a request is due again: at the end of time, where that would lie beyond it."""
    try:
        return asked + wait
    except OverflowError:
        return datetime.max.replace(tzinfo=asked.tzinfo)
