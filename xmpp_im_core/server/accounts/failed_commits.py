"""Events whose changes could not be stored (RFC 6121 §2.3.3)."""

from __future__ import annotations

from typing import assert_never

from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import storage as rules
from xmpp_im_core.server import events
from xmpp_im_core.server.accounts import sessions, stanzas
from xmpp_im_core.server.accounts.wait_errors import answer_later
from xmpp_im_core.server.delivery import failures
from xmpp_im_core.server.effects import Deliver, Effect, Route, Transition, silence
from xmpp_im_core.server.state import Account
from xmpp_im_core.server.subscriptions import resending
from xmpp_im_core.stanza import SUBSCRIPTION_TYPES, Presence


def store_failed(account: Account, event: events.StoreFailed, policy: Policy) -> Transition[Account]:
    """Process an event whose changes could not be stored: usually the answer is an error of type wait.

    The end of a presence session cannot wait: it has happened, whether it can be stored or not. So it takes effect
    and nothing is stored. An event that stores nothing takes effect too: the commit failed because of other events.
    """
    failed = event.event
    match failed:
        case events.Inbound():
            done = stanzas.inbound(account, failed, policy)
            return _later(account, failed) if _wants_storing(failed, done) else done
        case events.Outbound():
            if not _is_unavailable(failed):
                return _later(account, failed)
            return _unstored(stanzas.outbound(account, failed, policy))
        case events.SessionBound():
            return _unstored(sessions.bound(account, failed, policy))
        case events.SessionEnded():
            ended = sessions.ended(account, events.SessionEnded(failed.at, failed.seq, failed.session), policy)
            later = _given_back_later(ended.state, failed, failed.undelivered, policy)
            return Transition(ended.state, (*ended.effects, *later))
        case events.SessionDetached():
            return sessions.detached(account, failed)
        case events.SessionResumed():
            return sessions.resumed(account, failed)
        case events.Undelivered():
            broken = failures.breaking(account, failed)
            return Transition(broken, _given_back_later(broken, failed, (failed.effect,), policy))
        case events.Unroutable():
            return failures.unroutable(account, failed)
        case events.TimePassed():
            return silence(resending.postponed(account, failed), rules.NOT_NOW_IGNORED)
        case events.StoreFailed():
            return silence(account, rules.NOT_NOW_IGNORED)
        case (
            events.AccountLoaded()
            | events.LoadFailed()
            | events.OwnershipLost()
            | events.OfflineLoaded()
            | events.AccountCreated()
            | events.AccountRemoved()
            | events.AccountMoved()
            | events.AdministratorSetItem()
            | events.AdministratorRemovedItem()
            | events.SharedItemsChanged()
        ):
            return _later(account, failed)
    assert_never(failed)


def _later(account: Account, event: events.Event) -> Transition[Account]:
    return Transition(account, (answer_later(account, event),))


def _unstored(done: Transition[Account]) -> Transition[Account]:
    """Return a step that stores nothing."""
    return Transition(done.state, done.effects)


def _wants_storing(event: events.Inbound, done: Transition[Account]) -> bool:
    """Whether this stanza has to be stored here, or causes an answer that has to be stored where it arrives."""
    answered = any(isinstance(effect, Route) for effect in done.effects)
    return bool(done.store) or (event.stanza.type in SUBSCRIPTION_TYPES and answered)


def _given_back_later(
    account: Account, event: events.SessionEnded | events.Undelivered, deliveries: tuple[Deliver, ...], policy: Policy
) -> tuple[Effect, ...]:
    """Process undelivered stanzas again; the sender of one that would have to be stored gets an error of type wait."""
    effects: list[Effect] = []
    for delivery in deliveries:
        again = failures.given_back(account, event, (delivery,), policy)
        later = (answer_later(account, events.Inbound(event.at, event.seq, delivery.stanza)),)
        effects += later if again.store else again.effects
    return tuple(effects)


def _is_unavailable(event: events.Outbound) -> bool:
    return isinstance(event.stanza, Presence) and event.stanza.type == "unavailable"
