"""Checks of loaded states. A state that no host can reach is refused.

Records of a storage are not checked here: the event that loads an account gives each impossible combination a meaning.
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
    """Check that the JID of an item is a prepared bare JID."""
    if not prepared(item.jid).is_bare:
        raise Refused(f"{item.jid!r} is not a bare JID")


def check_contacts(contacts: Sequence[Contact], version: int) -> None:
    """Check that each JID has one contact, and that its request, its time and its version agree with its state.

    :param version: the version of the roster.
    """
    sorted_once([contact.jid for contact in contacts], "contacts")
    for contact in contacts:
        if (contact.request is not None) != contact.state.pending_in:
            raise Refused(f"{contact.jid}: there must be a request exactly if the state is pending in")
        if contact.asked is not None and not contact.state.pending_out:
            raise Refused(f"{contact.jid}: 'asked' is allowed only if the state is pending out")
        if not 0 <= contact.version <= version:
            raise Refused(f"{contact.jid}: its version is not between 0 and the roster's, {version}")


def check_session(session: Session) -> None:
    """Check the full JID of a session, its priority, and the addresses to which it sent directed presence."""
    if session.address.jid.resource != session.id.resource:
        raise Refused(f"{session.address.written!r} is not the address of resource {session.id.resource!r}")
    if session.priority != (0 if session.presence is None else session.presence.priority):
        raise Refused("its priority is not that of its presence")
    for entry in session.directed:
        prepared(entry)
    sorted_once(session.directed, "directed")


def check_account(account: Account) -> None:
    """Check the bare JID of an account, its sessions, its block list and its counts of stored messages."""
    _bare_with_sessions(account)
    for entry in account.blocked:
        prepared(entry)
    sorted_once(account.blocked, "blocked")
    if account.offline < 0:
        raise Refused(f"offline: {account.offline} messages cannot be stored")
    if account.offline_bytes < 0 or (account.offline_bytes and not account.offline):
        raise Refused(f"offline_bytes: {account.offline_bytes} cannot be the size of {account.offline} messages")


def check_unloaded(state: Unloaded) -> None:
    """Check the bare JID and the sessions of an account that could not be loaded."""
    _bare_with_sessions(state)


def check_client(client: Client) -> None:
    """Check that the session of a client is one of its account, and that each chat has its place in ``idle``."""
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
    """Check that the domains are prepared, and that each account is stored under its bare JID."""
    for domain in domains:
        prepared(domain)
    for jid, state in accounts.items():
        account = _account_of(state)
        if account.jid.full != jid:
            raise Refused(f"the state of {account.jid} is stored under {jid!r}")


def check_extensions(state: object, machine: Machine[S]) -> None:
    """Check that a state has the extensions of this machine, in the same order."""
    used = _extensions(machine.start(_account_of(state).jid))
    kept = _extensions(state)
    if kept != used:
        raise Refused(f"the state belongs to {_named(kept)}, the machine runs {_named(used)}")


def _named(extensions: Sequence[str]) -> str:
    return f"an account with {', '.join(extensions)}" if extensions else "a plain account"


def _extensions(state: object) -> tuple[str, ...]:
    """Return the names of the extensions that keep a state, the outermost first."""
    return (state.name, *_extensions(state.inner)) if isinstance(state, Beside) else ()


def _account_of(state: object) -> State:
    try:
        return account_of(state)
    except TypeError:
        raise Refused(f"{type(state).__name__} is not a state of an account") from None


def sorted_once(keys: Sequence[str], name: str) -> None:
    """Check that keys are sorted and distinct.

    :param name: the name of the field, for the message.
    """
    for before, after in pairwise(keys):
        if before >= after:
            raise Refused(f"{name}: {after!r} is repeated or not in its place after {before!r}")
