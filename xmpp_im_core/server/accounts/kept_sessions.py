"""The records of sessions, so that they outlive the process that owns their account (RFC 6121 §4.5.2).

With ``Policy.keep_sessions`` each step stores what it changes in the sessions of the account, and in the list of
replaced sessions whose end is still to come. The next owner loads them with the account: probes get true answers, and
the end of a session that has died with its process tells everybody who knew of it.

A step that must not store anything (a failed commit, or loading) may still change sessions. The account is then
``unsaved``: its next step stores all its sessions. It wants to be woken soon, so that there is a next step.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from xmpp_im_core.copying import copied
from xmpp_im_core.policy import Policy
from xmpp_im_core.server.effects import Clear, Delete, Kind, Put, StoreOperation, Transition
from xmpp_im_core.server.events import Event, OfflineLoaded, StoreFailed
from xmpp_im_core.server.state import Account, Session, SessionId, State
from xmpp_im_core.server.subscriptions.resending import AFTER_FAILURE


def keeping_sessions(
    before: Account, after: Account, event: Event, step: Transition[State], policy: Policy
) -> Transition[State]:
    """Return a step with the operations that store what it has changed in the sessions.

    :param after: the account that the step leaves.
    """
    same = after.sessions is before.sessions and after.replaced is before.replaced
    if isinstance(event, StoreFailed):
        if same:
            return step
        return Transition(unsaved(after, event.at), step.effects, step.store, step.forget)
    if before.unsaved and not isinstance(event, OfflineLoaded):  # an answer to the account stores nothing
        operations = _everything(after, policy)
        return Transition(copied(after, unsaved=False), step.effects, (*step.store, *operations), step.forget)
    if same:
        return step
    return Transition(after, step.effects, (*step.store, *_changes(before, after)), step.forget)


def unsaved(account: Account, at: datetime) -> Account:
    """Return the account as one whose sessions are not what is stored. It wants to be woken soon."""
    try:
        soon = at + AFTER_FAILURE
    except OverflowError:
        soon = at
    wake_at = soon if account.wake_at is None else min(soon, account.wake_at)
    return copied(account, unsaved=True, wake_at=wake_at)


def _changes(before: Account, after: Account) -> list[StoreOperation]:
    earlier = {session.id.resource: session for session in before.sessions}
    operations: list[StoreOperation] = []
    for session in after.sessions:
        known = earlier.pop(session.id.resource, None)
        if known is not session and known != session:
            operations.append(Put(Kind.SESSION, session.id.resource, session))
    operations += [Delete(Kind.SESSION, resource) for resource in earlier]
    operations += [_replaced(id) for id in after.replaced if id not in before.replaced]
    operations += [Delete(Kind.REPLACED, _key(id)) for id in before.replaced if id not in after.replaced]
    return operations


def _everything(account: Account, policy: Policy) -> list[StoreOperation]:
    operations: list[StoreOperation] = []
    if account.last_unavailable is not None:
        operations.append(Put(Kind.LAST_UNAVAILABLE, "", account.last_unavailable))
    if policy.keep_sessions:
        operations += [Clear(Kind.SESSION), Clear(Kind.REPLACED)]
        operations += [Put(Kind.SESSION, session.id.resource, session) for session in account.sessions]
        operations += [_replaced(id) for id in account.replaced]
    return operations


def _replaced(id: SessionId) -> Put:
    return Put(Kind.REPLACED, _key(id), id)


def _key(id: SessionId) -> str:
    return f"{id.epoch}/{id.resource}"


def with_kept_sessions(account: Account, records: Iterable[Put]) -> Account:
    """Return a loaded account with its stored sessions. A record that belongs to another address has no session."""
    sessions: dict[str, Session] = {}
    replaced: list[SessionId] = []
    for put in records:
        value = put.value
        if isinstance(value, Session) and value.address.jid.bare == account.jid.bare:
            sessions[value.id.resource] = value
        elif put.kind is Kind.REPLACED and isinstance(value, SessionId):
            replaced.append(value)
    kept = tuple([sessions[resource] for resource in sorted(sessions)])
    return account.with_sessions(kept).replacing(tuple(sorted(replaced)))
