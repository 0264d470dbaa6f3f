"""Creating and removing accounts (RFC 6121 §2.5.2, §3.2, §3.3: what a removed account owes its contacts)."""

from __future__ import annotations

from xmpp_im_core.jid import parse_address
from xmpp_im_core.roster import Roster
from xmpp_im_core.rules import sessions as rules
from xmpp_im_core.server.broadcasting import session_gone
from xmpp_im_core.server.effects import Clear, Effect, EndSession, Ignored, Kind, Put, Route, Transition
from xmpp_im_core.server.events import AccountCreated, AccountRemoved
from xmpp_im_core.server.state import Account, NoAccount, State
from xmpp_im_core.stanza import Presence


def account_created(state: NoAccount, event: AccountCreated) -> Transition[State]:
    """Return a new account with an empty roster."""
    account = Account(state.jid, Roster(event.lineage))
    store = (Put(Kind.ROSTER, "", account.roster.head),)
    return Transition(account, (Ignored(rules.CREATED),), store)


def account_removed(account: Account, event: AccountRemoved) -> Transition[State]:
    """Take the account away: its sessions end, its contacts are told, and nothing of it stays stored.

    Each contact hears what the removal of its roster item would tell it (§2.5.2), and whoever waits for an
    answer to a request gets a denial. Unavailable presence comes first, from each resource that ends.
    """
    left: Account = account
    send: list[Effect] = []
    for n, session in enumerate(account.sessions):
        gone = session_gone(left, session, f"{event.seq}-{n}", event.at)
        left = gone.state
        send += gone.send
        send.append(EndSession(session.id, "not-authorized", rules.ACCOUNT_GONE))
    for n, contact in enumerate(account.roster.contacts.values()):
        to, state = parse_address(contact.jid), contact.state
        if state.to or state.pending_out:
            stanza = Presence(to, account.address, f"{event.seq}-unsubscribe-{n}", "unsubscribe")
            send.append(Route(stanza, rules.UNSUBSCRIBED_BY_REMOVAL))
        if state.from_ or state.pending_in:
            stanza = Presence(to, account.address, f"{event.seq}-unsubscribed-{n}", "unsubscribed")
            send.append(Route(stanza, rules.CANCELLED_BY_REMOVAL))
    return Transition(
        NoAccount(account.jid), tuple(send or [Ignored(rules.REMOVED)]), tuple([Clear(kind) for kind in Kind])
    )
