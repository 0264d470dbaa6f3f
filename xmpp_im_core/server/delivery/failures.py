"""Stanzas that could not be delivered or routed (RFC 6121 §3.1.2, §8.3, §8.5; RFC 6120 §10.4)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.rules import subscriptions as subscription_rules
from xmpp_im_core.server.answers import comes_for, error_to_sender
from xmpp_im_core.server.delivery import blocked, messages
from xmpp_im_core.server.effects import (
    AS_IT_STANDS,
    Deliver,
    Effect,
    Route,
    StoreOperation,
    Transition,
    deliver,
    silence,
)
from xmpp_im_core.server.events import Inbound, SessionEnded, Undelivered, Unroutable
from xmpp_im_core.server.state import Account, SessionId
from xmpp_im_core.server.visibility import is_blocked
from xmpp_im_core.stanza import (
    SUBSCRIPTION_TYPES,
    Condition,
    Message,
    Presence,
    Stanza,
    error_reply,
    may_be_answered,
    stanza_error,
)


def undelivered(account: Account, event: Undelivered, policy: Policy) -> Transition[Account]:
    """Process a delivery that failed for some or all of its sessions, as if those were not connected (§8.5)."""
    return given_back(breaking(account, event), event, (event.effect,), policy)


def breaking(account: Account, event: Undelivered) -> Account:
    """Mark the sessions of a failed delivery as broken: no delivery is tried on them again before they end.

    So a chain of failed deliveries ends: after each failure there are fewer sessions to try.
    """
    for id in event.sessions:
        session = account.session(id)
        if session is not None and not session.broken:
            account = account.with_session(session.breaking())
    return account


def given_back(
    account: Account, event: Undelivered | SessionEnded, deliveries: tuple[Deliver, ...], policy: Policy
) -> Transition[Account]:
    """Process each of these deliveries again, as if the broken sessions were not connected."""
    left = account.with_sessions(tuple([session for session in account.sessions if not session.broken]))
    effects: list[Effect] = []
    store: list[StoreOperation] = []
    for n, delivery in enumerate(deliveries):
        again = processed_again(left, event, delivery, n, policy)
        left = again.state
        effects += again.effects
        store += again.store
    return Transition(left.with_sessions(account.sessions), tuple(effects), tuple(store))


def processed_again(
    account: Account, event: Undelivered | SessionEnded, effect: Deliver, index: int, policy: Policy
) -> Transition[Account]:
    """Process the stanza of a failed delivery again, unless another of its sessions is still connected.

    A connected session has the stanza, or reports the delivery when it ends. If none is connected, perhaps no session
    has received the stanza, so it is processed again: a duplicate is better than a loss.

    :param account: the account without the sessions that did not receive the stanza.
    :param index: the position of the delivery in the event; each stored message needs a unique key.
    """
    if any(account.session(id) is not None for id in effect.sessions):
        return silence(account, rules.DELIVERED_TO_SOME)
    if effect.address is not AS_IT_STANDS:
        return silence(account, rules.PUSH_LOST)
    stanza = effect.stanza
    sender, to = stanza.from_jid, stanza.to_jid
    if sender is None or to is None or to.bare != account.jid.bare:
        return silence(account, rules.LOST)  # the server itself made it for that session
    if is_blocked(account, sender):
        return blocked.inbound(account, stanza, to, policy)
    if isinstance(stanza, Message):
        return messages.inbound(
            account, Inbound(event.at, f"{event.seq}-{index:04}", stanza), stanza, sender, to, policy
        )
    if stanza.type in ("get", "set"):  # no other resource answers the request
        return Transition(account, (error_to_sender(stanza, Condition.SERVICE_UNAVAILABLE, rules.IQ_UNMATCHED),))
    return silence(account, rules.LOST)


def missed(event: Undelivered | SessionEnded, bare: str, left: tuple[SessionId, ...]) -> list[Stanza]:
    """Return the undelivered messages and IQs whose senders expect an answer, if the account is not known.

    :param bare: the account's bare JID.
    :param left: the sessions that are still connected.
    """
    effects = (event.effect,) if isinstance(event, Undelivered) else event.undelivered
    return [
        effect.stanza
        for effect in effects
        if effect.address is AS_IT_STANDS
        and not isinstance(effect.stanza, Presence)
        and comes_for(effect.stanza, bare)
        and not any(id in left for id in effect.sessions)
    ]


def unroutable(account: Account, event: Unroutable) -> Transition[Account]:
    """Tell the user's client which stanza could not be routed, if it has to know (§3.1.2, §8.3; RFC 6120 §10.4.3).

    A subscription request stays pending: only an approval, a denial or the user ends it (Appendix A).
    """
    effect = event.effect
    if not isinstance(effect, Route):
        return silence(account, rules.PRESENCE_LOST)
    stanza = effect.stanza
    if not may_be_answered(stanza):
        return silence(account, rules.ANSWER_LOST)
    reply = error_reply(stanza, stanza_error(event.condition))
    if isinstance(stanza, Presence) and not _is_missed(effect, stanza):
        return silence(account, rules.PRESENCE_LOST)
    if stanza.type in SUBSCRIPTION_TYPES and isinstance(stanza, Presence):
        return Transition(account, (_to_user(reply, account, effect.session, _UNROUTABLE[stanza.type]),))
    session = account.resource(stanza.from_jid.resource) if stanza.from_jid is not None else None
    if session is None:
        return silence(account, rules.ANSWER_LOST)
    return Transition(account, (Deliver(reply, (session.id,), AS_IT_STANDS, rules.UNROUTABLE),))


def _is_missed(effect: Route, presence: Presence) -> bool:
    """Whether the user has to know that this presence did not arrive: the user has sent it, or the request it repeats.

    The server's own answers do not count, and a probe causes no error (§4.3).
    """
    if effect.session is None:
        return presence.type in ("subscribe", "unsubscribe")
    return presence.type != "probe"


def _to_user(reply: Stanza, account: Account, sender: SessionId | None, rule: Rule) -> Effect:
    """Deliver an error to the available resources and to the sender of the stanza, or to all if there are none."""
    told = [each.id for each in account.sessions if each.available or each.id == sender]
    return deliver(reply, tuple(told or [each.id for each in account.sessions]), rule)


_UNROUTABLE: Final = MappingProxyType(
    {
        "subscribe": subscription_rules.REQUEST_UNROUTABLE,
        "unsubscribe": subscription_rules.UNSUBSCRIBE_UNROUTABLE,
        "subscribed": subscription_rules.ANSWER_UNROUTABLE,
        "unsubscribed": subscription_rules.ANSWER_UNROUTABLE,
    }
)
