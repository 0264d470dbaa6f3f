"""One account: ``reduce(state, event, policy) -> Transition``. This module only dispatches (RFC 6121).

The same inputs always give the same outputs, and ``reduce`` never raises: every event gets an answer in every state.
The earlier state stays valid. See ``effects`` for what a host does with the result, and in which order.
"""

from __future__ import annotations

from typing import assert_never

from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import sessions as session_rules
from xmpp_im_core.rules import storage as storage_rules
from xmpp_im_core.server import events
from xmpp_im_core.server.accounts import administration, failed_commits, loading, sessions, stanzas
from xmpp_im_core.server.accounts.kept_sessions import keeping_sessions
from xmpp_im_core.server.accounts.processed_events import came_before, remembering
from xmpp_im_core.server.accounts.wake_records import storing_wake
from xmpp_im_core.server.answers import comes_for
from xmpp_im_core.server.delivery import failures, offline_messages
from xmpp_im_core.server.delivery.no_account import no_account
from xmpp_im_core.server.effects import EndSession, Ignored, Step, Transition, silence
from xmpp_im_core.server.events import Inbound, Outbound
from xmpp_im_core.server.rosters import shared_items
from xmpp_im_core.server.state import Account, NoAccount, State, Unloaded
from xmpp_im_core.server.subscriptions import resending


def reduce(state: State, event: events.Event, policy: Policy = DEFAULT) -> Step:
    """Process one event of an account.

    :param state: the state of the account; ``NoAccount(jid)`` if it is not known yet.
    :param event: what happened to the account.
    :param policy: the choices of the service.
    :return: the new state, what to store, the effects to perform, and what to forget.
    """
    # Nearly all events are stanzas of existing accounts, so the fastest comparison finds them. Matching a class takes
    # the interpreter many more instructions.
    if type(state) is not Account:
        return _without_account(state, event, policy)
    if state.processed and came_before(state, event):
        return silence(state, storage_rules.PROCESSED)
    step = _of_account(state, event, policy)
    after = step.state
    if type(after) is Account:
        if policy.keep_sessions or state.unsaved:
            step = keeping_sessions(state, after, event, step, policy)
        if after.wake_at is not state.wake_at or state.unsaved:
            step = storing_wake(state, after, event, step)
    return remembering(state, event, step, policy) if step.store or step.forget else step


def _of_account(state: Account, event: events.Event, policy: Policy) -> Step:
    if type(event) is Inbound:
        return stanzas.inbound(state, event, policy)
    if type(event) is Outbound:
        return stanzas.outbound(state, event, policy)
    match event:
        case events.SessionBound():
            return sessions.bound(state, event, policy)
        case events.SessionEnded():
            return sessions.ended(state, event, policy)
        case events.SessionDetached():
            return sessions.detached(state, event)
        case events.SessionResumed():
            return sessions.resumed(state, event)
        case events.Undelivered():
            return failures.undelivered(state, event, policy)
        case events.Unroutable():
            return failures.unroutable(state, event)
        case events.OfflineLoaded():
            return offline_messages.offline_loaded(state, event)
        case events.TimePassed():
            return resending.time_passed(state, event, policy)
        case events.SharedItemsChanged():
            return shared_items.changed(state, event, policy)
        case events.AdministratorSetItem():
            return administration.item_set(state, event, policy)
        case events.AdministratorRemovedItem():
            return administration.item_removed(state, event, policy)
        case events.AccountMoved():
            return administration.account_moved(state, event)
        case events.AccountRemoved():
            return administration.account_removed(state, event)
        case events.OwnershipLost():
            return loading.ownership_lost(state, policy)
        case events.StoreFailed(event=events.OwnershipLost()):
            return loading.ownership_lost(state, policy)
        case events.StoreFailed():
            return failed_commits.store_failed(state, event, policy)
        case events.AccountCreated() | events.AccountLoaded() | events.LoadFailed():
            return silence(state, storage_rules.ACCOUNT_THERE)
    assert_never(event)


def _without_account(state: NoAccount | Unloaded, event: events.Event, policy: Policy) -> Step:
    if isinstance(state, NoAccount):
        return _no_account(state, event, policy)
    if isinstance(state, Unloaded):
        return _unloaded(state, event, policy)
    assert_never(state)


def _no_account(state: NoAccount, event: events.Event, policy: Policy) -> Step:
    """Process an event of an account that does not exist, or is not loaded yet."""
    match event:
        case events.Inbound():
            if not comes_for(event.stanza, state.jid.bare):
                return silence(state, delivery_rules.WITHOUT_ADDRESSES)
            return Transition(state, (no_account(event.stanza, policy),))
        case events.SessionBound():
            return Transition(state, (EndSession(event.session, "not-authorized", session_rules.ACCOUNT_GONE),))
        case events.Undelivered() | events.SessionEnded():
            gone = event.sessions if isinstance(event, events.Undelivered) else (event.session,)
            left = tuple([id for id in state.ending if id not in gone])  # each of these may still report a stanza
            answers = [no_account(stanza, policy) for stanza in failures.missed(event, state.jid.bare, left)]
            after = state if left == state.ending else NoAccount(state.jid, left)
            return Transition(after, (*answers, Ignored(session_rules.NO_ACCOUNT)))
        case events.AccountLoaded():
            return loading.account_loaded(state, event, policy)
        case events.LoadFailed():
            return loading.load_failed(state)
        case events.AccountCreated():
            return administration.account_created(state, event)
        case events.StoreFailed(
            event=events.Inbound() | events.SessionBound() | events.Undelivered() | events.SessionEnded() as failed
        ):
            return _no_account(state, failed, policy)  # these store nothing here
        case (
            events.StoreFailed()
            | events.OwnershipLost()
            | events.Outbound()
            | events.SessionDetached()
            | events.SessionResumed()
            | events.Unroutable()
            | events.OfflineLoaded()
            | events.TimePassed()
            | events.SharedItemsChanged()
            | events.AdministratorSetItem()
            | events.AdministratorRemovedItem()
            | events.AccountMoved()
            | events.AccountRemoved()
        ):
            return silence(state, session_rules.NO_ACCOUNT)
    assert_never(event)


def _unloaded(state: Unloaded, event: events.Event, policy: Policy) -> Step:
    """Process an event of an account that could not be loaded."""
    match event:
        case events.AccountLoaded():
            return loading.account_loaded(state, event, policy)
        case events.LoadFailed():
            return loading.load_failed(state)
        case events.AccountRemoved():
            return loading.unreadable_removed(state)
        case events.OwnershipLost():
            return silence(state, storage_rules.OWNERSHIP_LOST)
        case events.StoreFailed():
            return loading.while_unloaded(state, event.event, policy)
        case _:
            return loading.while_unloaded(state, event, policy)
