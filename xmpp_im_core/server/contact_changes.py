"""A change of a contact: in the account, in the storage, and as a roster push (RFC 6121 §2.1.6, §2.6.3)."""

from __future__ import annotations

from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact, Roster, item_size
from xmpp_im_core.roster_query import roster_content
from xmpp_im_core.rules import Rule
from xmpp_im_core.server.effects import FULL_JID, Delete, Deliver, Ignored, Kind, Put, StoreOperation
from xmpp_im_core.server.state import Account, SessionId
from xmpp_im_core.stanza import IQ


def modify(account: Account, contact: Contact, policy: Policy) -> tuple[Account, Contact, tuple[StoreOperation, ...]]:
    """Put a contact whose roster item has changed into the account.

    Return the account, the contact with its new version, and what to store.
    """
    roster, contact = account.roster.modified(contact)
    roster, gone = roster.forgetting(policy.tombstones)
    store: tuple[StoreOperation, ...] = (
        Put(Kind.CONTACT, contact.jid, contact),
        *[Delete(Kind.CONTACT, jid) for jid in gone],
        Put(Kind.ROSTER, "", roster.head),
    )
    return account.with_roster(roster), contact, store


def has_no_room_for(roster: Roster, contact: Contact, policy: Policy) -> bool:
    """Whether the roster has no room for this contact as a new item: in number or in memory.

    :param contact: the contact as it is now, in the roster or not.
    """
    if contact.listed:
        return False
    growth = item_size(contact, listed=True) - item_size(contact)  # a tombstone takes as much already
    return roster.listed >= policy.roster_items or roster.item_bytes + growth > policy.roster_bytes


def note(account: Account, contact: Contact) -> tuple[Account, tuple[StoreOperation, ...]]:
    """Put a contact whose roster item has not changed into the account. There is no new version and no push."""
    roster = account.roster.noted(contact)
    if contact.jid in roster.contacts:
        return account.with_roster(roster), (Put(Kind.CONTACT, contact.jid, contact),)
    return account.with_roster(roster), (Delete(Kind.CONTACT, contact.jid),)


def push(account: Account, contact: Contact, id: str, policy: Policy, rule: Rule) -> Deliver | Ignored:
    """Push a contact's item to all interested resources (§2.1.6).

    Nothing is pushed if there is no interested resource, or if a shared item hides the contact's item.
    """
    if contact.jid in account.roster.shared:
        return Ignored(rule)
    return push_item(account, contact, contact.version, id, policy, rule)


def push_item(account: Account, item: Contact, version: int, id: str, policy: Policy, rule: Rule) -> Deliver | Ignored:
    """Push an item to all interested resources, with this version of the roster."""
    return push_to(account.interested(), account.roster, item, version, id, policy, rule)


def push_to(
    sessions: tuple[SessionId, ...],
    roster: Roster,
    item: Contact,
    version: int,
    id: str,
    policy: Policy,
    rule: Rule,
) -> Deliver | Ignored:
    """Push an item to these sessions, with this version of the roster."""
    if not sessions:
        return Ignored(rule)
    ver = f"{roster.lineage}:{version}" if policy.roster_versioning else None
    return Deliver(IQ(None, None, id, "set", None, roster_content((item,), ver)), sessions, FULL_JID, rule)
