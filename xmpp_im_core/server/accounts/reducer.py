"""One account: ``reduce(state, event, policy) -> Transition``, and nothing but dispatch (RFC 6121).

Every event gets an answer in every state, and no event raises. The same arguments give the same result,
for ever; the state before stays valid. See ``effects`` for what a host does with the result, and in which
order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from xmpp_im_core.jid import Malformed
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.rules import delivery as delivery_rules
from xmpp_im_core.rules import sessions as rules
from xmpp_im_core.rules import storage as storage_rules
from xmpp_im_core.server.accounts.administration import (
    account_created,
    account_moved,
    account_removed,
    item_removed,
    item_set,
)
from xmpp_im_core.server.accounts.loading import (
    account_loaded,
    answer_later,
    load_failed,
    unreadable_removed,
    while_unloaded,
)
from xmpp_im_core.server.accounts.sessions import session_bound, session_detached, session_ended, session_resumed
from xmpp_im_core.server.answers import comes_for, refuse
from xmpp_im_core.server.delays import without_forged_stamps
from xmpp_im_core.server.delivery.blocked import inbound_from_blocked, outbound_to_blocked
from xmpp_im_core.server.delivery.failures import breaking, given_back, missed, undelivered, unroutable
from xmpp_im_core.server.delivery.iqs import inbound_iq, outbound_iq
from xmpp_im_core.server.delivery.messages import inbound_message, outbound_message
from xmpp_im_core.server.delivery.no_account import no_account
from xmpp_im_core.server.delivery.offline_messages import offline_loaded
from xmpp_im_core.server.effects import Deliver, Effect, EndSession, Ignored, Route, Step, Transition, silence
from xmpp_im_core.server.events import (
    AccountCreated,
    AccountLoaded,
    AccountMoved,
    AccountRemoved,
    AdministratorRemovedItem,
    AdministratorSetItem,
    Event,
    Inbound,
    LoadFailed,
    OfflineLoaded,
    Outbound,
    SessionBound,
    SessionDetached,
    SessionEnded,
    SessionResumed,
    SharedItemsChanged,
    StoreFailed,
    TimePassed,
    Undelivered,
    Unroutable,
)
from xmpp_im_core.server.presence.dispatch import inbound_presence, outbound_presence
from xmpp_im_core.server.rosters.shared_items import shared_items_changed
from xmpp_im_core.server.state import Account, NoAccount, State, Unloaded
from xmpp_im_core.server.subscriptions.resending import postponed, time_passed
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.stanza import IQ, SUBSCRIPTION_TYPES, Condition, Message, Presence


def reduce(state: State, event: Event, policy: Policy = DEFAULT) -> Step:
    """Take one event of an account.

    :param state: the account's state; for an account not known yet, ``NoAccount(jid)``.
    :param event: what happened to it.
    :param policy: the choices of the service.
    :return: the new state, and what to store, to perform and to forget.
    """
    if type(state) is Account:
        step: Step = _ACCOUNT[type(event)](state, event, policy)
        return step
    if type(state) is Unloaded:
        return _unloaded(state, event, policy)
    assert isinstance(state, NoAccount)
    return _no_account(state, event, policy)


# --- an account -------------------------------------------------------------------------------------------


def outbound(account: Account, event: Outbound, policy: Policy) -> Transition[Account]:
    """Process a stanza from one of the account's own sessions.

    It is stamped with the session's full JID, whatever address the client claimed (RFC 6120 §8.1.2.1).
    """
    session = account.session(event.session)
    if session is None:
        return silence(account, rules.UNKNOWN_SESSION)
    stanza = event.stanza
    stamped = stanza.stamped(from_=session.address, lang=session.lang if stanza.lang is None else stanza.lang)
    if isinstance(stamped.to, Malformed):
        return refuse(account, stamped, session.id, Condition.JID_MALFORMED, delivery_rules.TO_MALFORMED)
    to = stamped.to_jid
    if to is not None and is_blocked(account, to):
        return outbound_to_blocked(account, stamped, session)
    if isinstance(stamped, Message):
        return outbound_message(account, stamped, session.id, policy)
    if isinstance(stamped, Presence):
        return outbound_presence(account, event, stamped, session, policy)
    assert isinstance(stamped, IQ)
    return outbound_iq(account, event, stamped, session, policy)


def inbound(account: Account, event: Inbound, policy: Policy) -> Transition[Account]:
    """Process a stanza that arrived for this account."""
    stanza = event.stanza
    sender, to = stanza.from_jid, stanza.to_jid
    if sender is None or to is None or to.bare != account.jid.bare:
        return silence(account, delivery_rules.WITHOUT_ADDRESSES)
    if is_blocked(account, sender):
        return inbound_from_blocked(account, stanza, to, policy)
    if isinstance(stanza, Message):
        message = without_forged_stamps(stanza, account.jid.domain)
        return inbound_message(account, event, message, sender, to, policy)
    if isinstance(stanza, Presence):
        return inbound_presence(account, event, stanza, sender, to, policy)
    assert isinstance(stanza, IQ)
    return inbound_iq(account, stanza, sender, to, policy)


def store_failed(account: Account, event: StoreFailed, policy: Policy) -> Step:
    """Process an event of which nothing could be stored: an error of type wait, and nothing changes.

    The end of a presence session cannot wait: it has happened, whatever the storage says. So it takes
    effect, with nothing stored. What has happened and is not to be stored here takes effect too: that the
    commit failed was the matter of other events.
    """
    failed = event.event
    if isinstance(failed, StoreFailed):
        return silence(account, storage_rules.NOT_NOW_IGNORED)
    if isinstance(failed, SessionEnded):
        done = reduce(account, SessionEnded(failed.at, failed.seq, failed.session), policy)
        assert isinstance(done.state, Account)
        later = _given_back_later(done.state, failed, failed.undelivered, policy)
        return Transition(done.state, (*done.effects, *later))
    if isinstance(failed, Undelivered):
        broken = breaking(account, failed)
        return Transition(broken, _given_back_later(broken, failed, (failed.effect,), policy))
    if isinstance(failed, SessionBound) or _is_farewell(failed):
        done = reduce(account, failed, policy)
        return Transition(done.state, done.effects)
    if isinstance(failed, Inbound):
        done = inbound(account, failed, policy)
        if not _wants_storing(failed, done):
            return done
    if isinstance(failed, SessionDetached | SessionResumed | Unroutable):
        return reduce(account, failed, policy)
    if isinstance(failed, TimePassed):
        return silence(postponed(account, failed), storage_rules.NOT_NOW_IGNORED)
    return Transition(account, (answer_later(account, failed),))


def _wants_storing(event: Inbound, done: Transition[Account]) -> bool:
    """Whether anything has to be stored of what arrived, be it where an answer in the user's name arrives."""
    answered = any(isinstance(effect, Route) for effect in done.effects)
    return bool(done.store) or (event.stanza.type in SUBSCRIPTION_TYPES and answered)


def _given_back_later(
    account: Account, event: SessionEnded | Undelivered, deliveries: tuple[Deliver, ...], policy: Policy
) -> tuple[Effect, ...]:
    """Return what becomes of undelivered stanzas: where one was to be stored, its sender is asked to wait."""
    effects: list[Effect] = []
    for delivery in deliveries:
        again = given_back(account, event, (delivery,), policy)
        later = (answer_later(account, Inbound(event.at, event.seq, delivery.stanza)),)
        effects += later if again.store else again.effects
    return tuple(effects)


def _is_farewell(event: Event) -> bool:
    return isinstance(event, Outbound) and isinstance(event.stanza, Presence) and event.stanza.type == "unavailable"


def _ignored_here(account: Account, event: Event, policy: Policy) -> Step:
    return silence(account, storage_rules.ACCOUNT_THERE)


# The events' classes and their reducers correspond one to one, which the type of a mapping cannot say.
_Reducer: TypeAlias = Callable[[Account, Any, Policy], Any]

_ACCOUNT: Final[Mapping[type, _Reducer]] = MappingProxyType(
    {
        SessionBound: session_bound,
        SessionDetached: lambda account, event, policy: session_detached(account, event),
        SessionResumed: lambda account, event, policy: session_resumed(account, event),
        SessionEnded: session_ended,
        Outbound: outbound,
        Inbound: inbound,
        Undelivered: undelivered,
        Unroutable: lambda account, event, policy: unroutable(account, event),
        AccountLoaded: _ignored_here,
        LoadFailed: _ignored_here,
        StoreFailed: store_failed,
        OfflineLoaded: lambda account, event, policy: offline_loaded(account, event),
        TimePassed: time_passed,
        AccountCreated: _ignored_here,
        AccountRemoved: lambda account, event, policy: account_removed(account, event),
        AccountMoved: lambda account, event, policy: account_moved(account, event),
        AdministratorSetItem: item_set,
        AdministratorRemovedItem: item_removed,
        SharedItemsChanged: shared_items_changed,
    }
)


# --- no account, or one that could not be loaded ------------------------------------------------------------


def _no_account(state: NoAccount, event: Event, policy: Policy) -> Step:
    if isinstance(event, AccountCreated):
        return account_created(state, event)
    if isinstance(event, AccountLoaded):
        return account_loaded(state, event, policy)
    if isinstance(event, LoadFailed):
        return load_failed(state)
    if isinstance(event, Inbound) and not comes_for(event.stanza, state.jid.bare):
        return silence(state, delivery_rules.WITHOUT_ADDRESSES)
    if isinstance(event, Inbound):
        return Transition(state, (no_account(event.stanza, policy),))
    if isinstance(event, SessionBound):
        return Transition(state, (EndSession(event.session, "not-authorized", rules.ACCOUNT_GONE),))
    if isinstance(event, Undelivered | SessionEnded):
        answers = [no_account(stanza, policy) for stanza in missed(event, state.jid.bare, ())]
        return Transition(state, (*answers, Ignored(rules.NO_ACCOUNT)))
    if isinstance(event, StoreFailed) and isinstance(event.event, Inbound | SessionBound | Undelivered | SessionEnded):
        return _no_account(state, event.event, policy)  # of these nothing is stored here
    return silence(state, rules.NO_ACCOUNT)


def _unloaded(state: Unloaded, event: Event, policy: Policy) -> Step:
    if isinstance(event, AccountLoaded):
        return account_loaded(state, event, policy)
    if isinstance(event, LoadFailed):
        return load_failed(state)
    if isinstance(event, AccountRemoved):
        return unreadable_removed(state)
    return while_unloaded(state, event.event if isinstance(event, StoreFailed) else event, policy)
