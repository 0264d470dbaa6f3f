"""Loading an account, and its events while it could not be loaded (RFC 6121 §2.2, §2.3.3).

Unknown is not none: an account that could not be loaded never answers "not subscribed", and never sends a stanza that
changes the state of a peer.
"""

from __future__ import annotations

from collections.abc import Iterable

from xmpp_im_core.copying import copied
from xmpp_im_core.jid import Address, Malformed, parse_address
from xmpp_im_core.policy import Policy
from xmpp_im_core.roster import Contact, Roster, RosterHead, roster_of
from xmpp_im_core.rules import administration as administration_rules
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import sessions as session_rules
from xmpp_im_core.rules import storage as rules
from xmpp_im_core.server.accounts import sessions
from xmpp_im_core.server.accounts.kept_sessions import unsaved, with_kept_sessions
from xmpp_im_core.server.accounts.wait_errors import answer_later
from xmpp_im_core.server.accounts.wake_records import first_wake
from xmpp_im_core.server.delivery.failures import missed
from xmpp_im_core.server.effects import (
    OF_ACCOUNTS,
    Clear,
    Damaged,
    Effect,
    EndSession,
    Ignored,
    Kind,
    LoadOffline,
    Put,
    Transition,
    silence,
    wake_time,
)
from xmpp_im_core.server.events import AccountLoaded, Event, Inbound, SessionBound, SessionEnded, Undelivered
from xmpp_im_core.server.presence.broadcasting import session_gone
from xmpp_im_core.server.state import Account, LastUnavailable, Moved, NoAccount, Notice, Session, State, Unloaded
from xmpp_im_core.server.subscriptions.resending import first_due
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import NONE, subscription_state


def account_loaded(state: NoAccount | Unloaded, event: AccountLoaded, policy: Policy) -> Transition[State]:
    """Build the account from its stored records. If there is no roster head, the account does not exist."""
    heads = [put.value for put in event.records if put.kind is Kind.ROSTER]
    head = heads[-1] if heads else _head_again(event)
    if not isinstance(head, RosterHead):
        if not isinstance(state, Unloaded):
            return silence(state, rules.NOTHING_LOADED)
        ended = [EndSession(each.id, "not-authorized", session_rules.ACCOUNT_GONE) for each in state.sessions]
        return Transition(_nobody(state), (Ignored(rules.NOTHING_LOADED), *ended))
    contacts: dict[str, Contact] = {}
    last: LastUnavailable | None = None
    moved: Moved | None = None
    for put in event.records:
        if isinstance(put.value, Contact):
            address = parse_address(put.value.jid)
            if isinstance(address, Address):  # a record that names nobody stays where it is stored
                bare, contact = address.jid.bare, sound(put.value)
                contacts[bare] = contact if contact.jid == bare else copied(contact, jid=bare)
        elif isinstance(put.value, LastUnavailable):
            last = put.value
        elif isinstance(put.value, Moved):
            moved = put.value
    own = contacts.get(state.jid.bare)
    if own is not None:  # users get their own presence without a subscription (§4.2.2); with one it would arrive twice
        contacts[own.jid] = Contact(own.jid, NONE, own.listed, own.name, own.groups, version=own.version)
    listed = [parse_address(put.key) for put in event.records if put.kind is Kind.BLOCKED]
    blocked = tuple(sorted({each.jid.full for each in listed if isinstance(each, Address)}))
    newest = max([0, head.version, *[contact.version for contact in contacts.values()]])  # none is later
    horizon = min(max(head.horizon, 0), newest)
    if head.sharing:  # a client may have shared items at the stored version: it needs the whole roster
        newest = horizon = newest + 1
    head = RosterHead(head.lineage, newest, horizon)
    account = Account(state.jid, roster_of(head, contacts), (), last, moved, blocked)
    account = account.noticing(_notices(event)).storing(event.offline, event.offline_bytes if event.offline else 0)
    processed = [put.key for put in event.records if put.kind is Kind.PROCESSED]
    account = account.remembering(tuple(processed[max(0, len(processed) - policy.remembered_events) :]))
    account = account.waking(first_wake(event.records, first_due(account, policy)))
    if policy.keep_sessions:
        account = with_kept_sessions(account, event.records)
    known = silence(account, rules.LOADED)
    if isinstance(state, Unloaded):
        known = _meanwhile(account, state, event)
    return _asking_for_stored(known, policy)


def _meanwhile(account: Account, before: Unloaded, event: AccountLoaded) -> Transition[Account]:
    """Add what happened while the account was not loaded: sessions that are connected, and sessions that have ended.

    Loading stores nothing, so the account is unsaved afterwards.
    """
    effects: list[Effect] = [Ignored(rules.LOADED)]
    for session in before.sessions:  # first those in memory: each end is told to the user's other resources (§4.5.2)
        if account.resource(session.id.resource) is None:
            account = account.with_session(session)
    for id in before.ended:  # then the ends: a session that was bound later may have the resource of one of them
        gone = account.session(id)
        if gone is not None:
            ended = session_gone(account, gone, event.seq, event.at)
            account = ended.state
            effects += [*ended.effects, Ignored(rules.ENDED_MEANWHILE)]
    for session in before.sessions:
        if session.id in before.ended or account.session(session.id) is not None:
            continue
        older = account.resource(session.id.resource)
        if older is not None:
            ended = session_gone(account, older, event.seq, event.at)
            account = ended.state.replacing((*ended.state.replaced, older.id))
            effects += [*ended.effects, EndSession(older.id, "conflict", session_rules.REPLACED)]
        account = account.with_session(session)
    left = [id for id in (*account.replaced, *before.replaced) if id not in before.ended]
    account = account.replacing(tuple(dict.fromkeys(left)))
    if before.sessions or before.ended or before.replaced:
        account = unsaved(account, event.at)
    return Transition(account, tuple(effects))


def _asking_for_stored(loaded: Transition[Account], policy: Policy) -> Transition[State]:
    """Ask for the stored messages for a session that should have them already: the process died, or they were in doubt.

    While a session can receive messages, none is stored.
    """
    account = loaded.state
    if not account.offline or not policy.offline_messages:
        return Transition(account, loaded.effects)
    for session in account.sessions:
        if session.presence is not None and session.priority >= 0 and not session.broken:
            asked = LoadOffline(session.id, delivery_rules.OFFLINE_FLUSHED)
            return Transition(account, (*loaded.effects, asked))
    return Transition(account, loaded.effects)


def _nobody(state: Unloaded) -> NoAccount:
    """Return the state of an account that does not exist, whose sessions are still to end."""
    ending = (*[session.id for session in state.sessions], *state.replaced)
    return NoAccount(state.jid, tuple([id for id in ending if id not in state.ended]))


def ownership_lost(account: Account, policy: Policy) -> Transition[State]:
    """Forget what is not certain any more. The sessions stay in memory only if they are not stored."""
    if policy.keep_sessions:
        return silence(Unloaded(account.jid), rules.OWNERSHIP_LOST)
    return silence(Unloaded(account.jid, account.sessions, account.replaced), rules.OWNERSHIP_LOST)


def _head_again(event: AccountLoaded) -> RosterHead | None:
    """Return a head for a roster whose stored head cannot be read, with a lineage that no client knows.

    Return None if there is no account: no record of a roster's head is stored, readable or damaged.
    """
    if not any(each.kind is Kind.ROSTER for each in event.damaged):
        return None
    return RosterHead(event.seq, 0, 0)


def unusable(records: Iterable[Put]) -> tuple[Damaged, ...]:
    """Return the readable records that loading leaves out, and why.

    A contact or a blocked JID that cannot be prepared names nobody. Another version of Unicode may have allowed it.
    """
    found: list[Damaged] = []
    for put in records:
        if put.kind is Kind.WAKE and wake_time(put.key) is None:
            found.append(Damaged(put.kind, put.key, "the key is not a time with an offset from UTC"))
        jid = put.value.jid if isinstance(put.value, Contact) else put.key if put.kind is Kind.BLOCKED else None
        address = None if jid is None else parse_address(jid)
        if isinstance(address, Malformed):
            found.append(Damaged(put.kind, put.key, address.reason))
    return tuple(found)


def _notices(event: AccountLoaded) -> tuple[Notice, ...]:
    kept = {put.key: put.value for put in event.records if isinstance(put.value, Presence)}
    return tuple([Notice(key, kept[key]) for key in sorted(kept)])


def sound(contact: Contact) -> Contact:
    """Return a loaded contact whose fields agree with its state.

    A storage may hold an impossible combination of fields. Each of them gets a meaning here, so that none raises. If
    the state is pending in but the request is missing, the user cannot be asked: the state becomes not pending in.
    """
    state = contact.state
    if contact.request is None and state.pending_in:
        state = subscription_state(state.subscription, state.pending_out)
    listed = contact.listed or state.to or state.from_ or state.pending_out or contact.approved
    agrees = listed == contact.listed and contact.version >= 0
    if agrees and contact.request is None and contact.asked is None:
        return contact if state is contact.state else contact.becoming(state)  # nearly all: they need no copy
    agreeing = contact.becoming(state)
    return agreeing if agrees else copied(agreeing, listed=listed, version=max(contact.version, 0))


def unreadable_removed(state: Unloaded) -> Transition[State]:
    """Remove an account that could not be loaded: its sessions end and its records are removed. No contact is told."""
    ended = [EndSession(each.id, "not-authorized", session_rules.ACCOUNT_GONE) for each in state.sessions]
    return Transition(
        _nobody(state),
        (*ended, Ignored(administration_rules.REMOVED)),
        tuple([Clear(kind) for kind in OF_ACCOUNTS]),
    )


def load_failed(state: NoAccount | Unloaded) -> Transition[State]:
    """Record that the account could not be loaded."""
    return silence(state if isinstance(state, Unloaded) else Unloaded(state.jid), rules.LOAD_FAILED)


def while_unloaded(state: Unloaded, event: Event, policy: Policy) -> Transition[State]:
    """Process an event of an account that could not be loaded.

    Requests of its sessions, inbound messages, inbound IQ requests and subscription requests get errors of type wait.
    All other presence is ignored. Sessions may begin and end. The sender of an undelivered stanza gets an error too.
    """
    if isinstance(event, SessionBound):
        return _bound(state, event, policy)
    if isinstance(event, SessionEnded):
        ended = _ended(state, event, policy)
        return Transition(ended, (*_missed_later(ended, event), Ignored(rules.ENDED_UNLOADED)))
    if isinstance(event, Undelivered):
        return Transition(state, _missed_later(state, event) or (Ignored(rules.NOT_NOW_IGNORED),))
    return Transition(state, (answer_later(state, event),))


def _bound(state: Unloaded, event: SessionBound, policy: Policy) -> Transition[State]:
    """Note a new session. It cannot replace a session that others see: nobody could be told of its end now."""
    in_use = next((each for each in state.sessions if each.id.resource == event.session.resource), None)
    if in_use is not None and in_use.id != event.session and _is_seen(in_use):
        closed = EndSession(event.session, "internal-server-error", rules.IN_USE_UNLOADED)
        return Transition(state, (closed,))
    bound = sessions.bound(Account(state.jid, Roster(""), state.sessions), event, policy)
    after = copied(state, sessions=bound.state.sessions)
    return Transition(after, (*bound.effects, Ignored(rules.BOUND_UNLOADED)))


def _ended(state: Unloaded, event: SessionEnded, policy: Policy) -> Unloaded:
    """Note the end of a session. If others may know of the session, they are told when the account is loaded."""
    session = next((each for each in state.sessions if each.id == event.session), None)
    if event.session in state.ended:
        return state
    if (session is not None and _is_seen(session)) or (session is None and policy.keep_sessions):
        return copied(state, ended=(*state.ended, event.session)[-2 * policy.sessions :])
    return copied(
        state,
        sessions=tuple([each for each in state.sessions if each.id != event.session]),
        replaced=tuple([id for id in state.replaced if id != event.session]),
    )


def _is_seen(session: Session) -> bool:
    return session.available or bool(session.directed)


def _missed_later(state: Unloaded, event: Undelivered | SessionEnded) -> tuple[Effect, ...]:
    """Answer the senders of undelivered stanzas, which cannot be delivered elsewhere while the account is unknown."""
    gone = event.sessions if isinstance(event, Undelivered) else ()
    left = tuple([each.id for each in state.sessions if each.id not in (*gone, *state.ended)])
    return tuple(
        [answer_later(state, Inbound(event.at, event.seq, stanza)) for stanza in missed(event, state.jid.bare, left)]
    )
