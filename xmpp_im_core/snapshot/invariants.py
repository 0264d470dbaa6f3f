"""What a loaded state must fulfil: else it is the snapshot of nothing that ever was.

Records of a storage are not judged here: loading an account gives each impossible combination a meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from xmpp_im_core.client.state import Client
from xmpp_im_core.roster import Contact, SharedItem
from xmpp_im_core.server.accounts.machine import Beside, Machine, account_of
from xmpp_im_core.server.state import Account, Session, State, Unloaded
from xmpp_im_core.snapshot.errors import Refused
from xmpp_im_core.snapshot.values import prepared

S = TypeVar("S")


def check_jid(item: Contact | SharedItem) -> None:
    """A contact is known by a prepared bare JID."""
    if not prepared(item.jid).is_bare:
        raise Refused(f"{item.jid!r} is not a bare JID")


def check_contacts(contacts: Sequence[Contact], version: int) -> None:
    """A roster has one contact for each JID, whose request and time of asking stand where the state has them."""
    sorted_once([contact.jid for contact in contacts], "contacts")
    for contact in contacts:
        if (contact.request is not None) != contact.state.pending_in:
            raise Refused(f"{contact.jid}: a request stands exactly in the pending-in states")
        if contact.asked is not None and not contact.state.pending_out:
            raise Refused(f"{contact.jid}: 'asked' stands only in the pending-out states")
        if not 0 <= contact.version <= version:
            raise Refused(f"{contact.jid}: its version is not from 0 to the roster's, {version}")


def check_session(session: Session) -> None:
    """A session has the full JID of its resource, and a priority only while it is available."""
    if session.address.jid.resource != session.id.resource:
        raise Refused(f"{session.address.written!r} is not the address of resource {session.id.resource!r}")
    if session.priority != (0 if session.presence is None else session.presence.priority):
        raise Refused("its priority is not that of its presence")
    for entry in session.directed:
        prepared(entry)
    sorted_once(session.directed, "directed")


def check_account(account: Account) -> None:
    """An account is known by its bare JID; its sessions are its own, one for each resource."""
    _bare_with_sessions(account)
    for entry in account.blocked:
        prepared(entry)
    sorted_once(account.blocked, "blocked")
    if account.offline < 0:
        raise Refused(f"offline: {account.offline} messages are no number that can be stored")
    if account.offline_bytes < 0 or (account.offline_bytes and not account.offline):
        raise Refused(f"offline_bytes: {account.offline_bytes} is no size of {account.offline} messages")


def check_unloaded(state: Unloaded) -> None:
    """An account that could not be loaded has a bare JID, and sessions of its own."""
    _bare_with_sessions(state)


def check_client(client: Client) -> None:
    """The session of a client is one of its account; each chat has its place."""
    if client.bound is not None and client.bound.jid.to_bare() != client.jid:
        raise Refused(f"the session {client.bound.jid} is not one of {client.jid}")
    if sorted(client.idle) != list(client.chats):
        raise Refused("idle: not the JIDs of the chat sessions")


def _bare_with_sessions(state: Account | Unloaded) -> None:
    if not state.jid.is_bare:
        raise Refused(f"{state.jid} is not a bare JID")
    sorted_once([session.id.resource for session in state.sessions], "sessions")
    for session in state.sessions:
        if session.address.jid.bare != state.jid.bare:
            raise Refused(f"the session {session.address.written!r} is not one of {state.jid}")


def check_service(domains: Sequence[str], accounts: Mapping[str, object]) -> None:
    """A service hosts prepared domains, and keeps the state of each account under its bare JID."""
    for domain in domains:
        prepared(domain)
    for jid, state in accounts.items():
        account = _account_of(state)
        if account.jid.full != jid:
            raise Refused(f"the state of {account.jid} stands under {jid!r}")


def check_extensions(state: object, machine: Machine[S]) -> None:
    """A state belongs to a machine that has the same extensions around the account, in the same order."""
    used = _extensions(machine.start(_account_of(state).jid))
    kept = _extensions(state)
    if kept != used:
        raise Refused(f"the state is of {_named(kept)}, the machine has {_named(used)}")


def _named(extensions: Sequence[str]) -> str:
    return f"an account with {', '.join(extensions)}" if extensions else "a plain account"


def _extensions(state: object) -> tuple[str, ...]:
    """Return the names of the extensions that keep a state, the outermost first."""
    return (state.name, *_extensions(state.inner)) if isinstance(state, Beside) else ()


def _account_of(state: object) -> State:
    try:
        return account_of(state)
    except TypeError:
        raise Refused(f"{type(state).__name__} is no state of an account") from None


def sorted_once(keys: Sequence[str], name: str) -> None:
    """Refuse keys that are not in order, or repeated."""
    for before, after in pairwise(keys):
        if before >= after:
            raise Refused(f"{name}: {after!r} is repeated or not in its place after {before!r}")
