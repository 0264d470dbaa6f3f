"""Sending unanswered requests again (RFC 6121 §3.1.2)."""

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
"""The pause before another attempt after a failed commit, so that a failing storage is not flooded."""


def waking_for(account: Account, asked: datetime, policy: Policy) -> Account:
    """Return the account with a ``wake_at`` that is not later than the next time to send a request again.

    :param asked: when the request was sent.
    """
    if policy.resend_requests_after is None:
        return account
    due = _due(asked, policy.resend_requests_after)
    if account.wake_at is not None and account.wake_at <= due:
        return account
    return account.waking(due)


def time_passed(account: Account, event: TimePassed, policy: Policy) -> Transition[Account]:
    """Send the requests again that have been unanswered for the configured time, each with an 'id' (§3.1.2)."""
    roster, wait = account.roster, policy.resend_requests_after
    effects: list[Effect] = []
    store: list[StoreOperation] = []
    due: list[datetime] = []
    for contact, asked in _asked(account):
        if wait is None or not _waits(account, contact):
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
    """Return the account with a ``wake_at`` one minute after a failed commit of repeated requests."""
    if account.wake_at is None or account.wake_at > event.at:
        return account
    return account.waking(_due(event.at, AFTER_FAILURE))


def first_due(account: Account, policy: Policy) -> datetime | None:
    """Return when the first unanswered request is due to be sent again, or None if there is none."""
    wait = policy.resend_requests_after
    if wait is None:
        return None
    return min([_due(asked, wait) for contact, asked in _asked(account) if _waits(account, contact)], default=None)


def _asked(account: Account) -> list[tuple[Contact, datetime]]:
    """Return the contacts whom the user has asked, and when, sorted by JID. The roster has an index of these few."""
    contacts = [account.roster.contacts[jid] for jid in account.roster.asked]
    return [(contact, contact.asked) for contact in contacts if contact.asked is not None]


def _waits(account: Account, contact: Contact) -> bool:
    """Whether a request may be sent again: the contact is not blocked, and no shared item hides it."""
    return contact.jid not in account.roster.shared and not (
        account.blocked and is_blocked(account, prepared_jid(contact.jid))
    )


def _due(asked: datetime, wait: timedelta) -> datetime:
    """Return when a request is due again; the latest possible datetime, if that would be later."""
    try:
        return asked + wait
    except OverflowError:
        return datetime.max.replace(tzinfo=asked.tzinfo)
