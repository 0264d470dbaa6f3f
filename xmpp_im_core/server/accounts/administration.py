"""What an administrator does to an account (RFC 6121 §2.5.2, §3.2, §3.3, §4.3.2)."""

from __future__ import annotations

from xmpp_im_core.jid import parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Roster
from xmpp_im_core.rules import administration as rules
from xmpp_im_core.rules import sessions as session_rules
from xmpp_im_core.server.effects import (
    OF_ACCOUNTS,
    Clear,
    Delete,
    Effect,
    EndSession,
    Ignored,
    Kind,
    Put,
    Route,
    StoreOperation,
    Transition,
    silence,
)
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountMoved,
    AccountRemoved,
    AdministratorRemovedItem,
    AdministratorSetItem,
)
from xmpp_im_core.server.presence.broadcasting import session_gone
from xmpp_im_core.server.rosters.items import put_item, remove_item
from xmpp_im_core.server.state import Account, NoAccount, State
from xmpp_im_core.stanza import Presence


def account_created(state: NoAccount, event: AccountCreated) -> Transition[State]:
    """Return a new account with an empty roster."""
    account = Account(state.jid, Roster(event.lineage))
    store = (Put(Kind.ROSTER, "", account.roster.head),)
    return Transition(account, (Ignored(rules.CREATED),), store)


def account_removed(account: Account, event: AccountRemoved) -> Transition[State]:
    """Remove the account: its sessions end, its contacts are told, and everything that is stored for it is removed.

    Each contact gets what the removal of its roster item would send (§2.5.2), and a contact whose request is pending
    gets a denial. Unavailable presence comes first, from each resource that ends.
    """
    left: Account = account
    effects: list[Effect] = []
    for session in account.sessions:
        gone = session_gone(left, session, event.seq, event.at)
        left = gone.state
        effects += gone.effects
        effects.append(EndSession(session.id, "not-authorized", session_rules.ACCOUNT_GONE))
    for contact in account.roster.contacts.values():
        to, state = parse_address(contact.jid), contact.state
        if state.to or state.pending_out:
            stanza = Presence(to, account.address, f"{event.seq}-unsubscribe-{contact.jid}", "unsubscribe")
            effects.append(Route(stanza, rules.UNSUBSCRIBED_BY_REMOVAL))
        if state.from_ or state.pending_in:
            stanza = Presence(to, account.address, f"{event.seq}-unsubscribed-{contact.jid}", "unsubscribed")
            effects.append(Route(stanza, rules.CANCELLED_BY_REMOVAL))
    ending = (*[session.id for session in account.sessions], *account.replaced)
    return Transition(
        NoAccount(account.jid, ending),
        tuple(effects or [Ignored(rules.REMOVED)]),
        tuple([Clear(kind) for kind in OF_ACCOUNTS]),
    )


def account_moved(account: Account, event: AccountMoved) -> Transition[Account]:
    """Record the user's new address, for contacts who probe (§4.3.2, rule 2), or that there is none."""
    operation: StoreOperation = Delete(Kind.MOVED, "") if event.to is None else Put(Kind.MOVED, "", event.to)
    return Transition(account.moving(event.to), (Ignored(rules.MOVED),), (operation,))


def item_set(account: Account, event: AdministratorSetItem, policy: Policy) -> Transition[Account]:
    """Add or update an item as if the user had (§2.3.2, §2.4.2), without the limits, which apply to users only."""
    return put_item(account, event.jid, event.name, event.groups, event.seq, policy)


def item_removed(account: Account, event: AdministratorRemovedItem, policy: Policy) -> Transition[Account]:
    """Remove an item as if the user had (§2.5.2)."""
    contact = account.roster.contacts.get(event.jid)
    if contact is None or not contact.listed:
        return silence(account, rules.UNKNOWN_ITEM)
    return remove_item(account, contact, event.seq, policy)
