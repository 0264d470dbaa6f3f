"""Delivering messages (RFC 6121 §8.5; Table 1)."""

from __future__ import annotations

from xmpp_im_core.jid import JID
from xmpp_im_core.policy import MessagesToSeveral, Policy, UnmatchedFullJID
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.server.answers import error_to_sender, refuse
from xmpp_im_core.server.delivery.message_table import (
    BARE,
    MATCHED,
    MESSAGE_TABLE,
    NEGATIVE,
    NO_ACTIVE,
    ONE,
    SEVERAL,
    UNMATCHED,
    MessageAction,
    MessageCell,
    Situation,
)
from xmpp_im_core.server.delivery.offline_messages import keep_offline
from xmpp_im_core.server.effects import AS_IT_STANDS, Deliver, Effect, Ignored, Route, Transition, deliver, silence
from xmpp_im_core.server.events import Inbound
from xmpp_im_core.server.state import Account, Reach, SessionId
from xmpp_im_core.server.visibility import INVISIBLE, visibility
from xmpp_im_core.stanza import Condition, Message


def outbound(account: Account, message: Message, session: SessionId, policy: Policy) -> Transition[Account]:
    """Process a message that the user's client sent. Without 'to' it goes to the user's bare JID (§8.2)."""
    if not policy.messaging:
        return refuse(account, message, session, Condition.SERVICE_UNAVAILABLE, rules.NO_MESSAGING)
    if message.to is None:
        return Transition(account, (Route(message.stamped(to=account.address), rules.MESSAGE_WITHOUT_TO, session),))
    return Transition(account, (Route(message, rules.MESSAGE_ROUTED, session),))


def inbound(
    account: Account, event: Inbound, message: Message, sender: JID, to: JID, policy: Policy
) -> Transition[Account]:
    """Process an inbound message by its cell of Table 1."""
    if not policy.messaging:
        return Transition(account, (error_to_sender(message, Condition.SERVICE_UNAVAILABLE, rules.NO_MESSAGING),))
    session = None if to.resource is None else account.resource(to.resource)
    kind = message.kind
    if kind == "error":
        if session is None:
            return silence(account, rules.ERROR_MESSAGE_IGNORED)
        return Transition(account, (deliver(message, (session.id,), rules.ERROR_MESSAGE_DELIVERED),))
    target = BARE if to.resource is None else UNMATCHED if session is None else MATCHED
    if target is UNMATCHED and _is_lenient(kind, policy):
        target = BARE
    reach = account.reach
    situation = _situation(account, reach)
    if session is not None:  # "available or connected" (§8.5.3.1); Table 1 has only active resources
        rule = rules.MESSAGE_TO_CONNECTED
        if situation is not NO_ACTIVE:
            rule = MESSAGE_TABLE[situation, target, kind].rule
        return Transition(account, (Deliver(message, (session.id,), AS_IT_STANDS, rule),))
    cell = MESSAGE_TABLE[situation, target, kind]
    if cell.to_all:
        return Transition(account, (Deliver(message, reach.all, AS_IT_STANDS, cell.rule),))
    return _perform(account, reach, event, message, sender, cell, policy)


def _is_lenient(kind: str, policy: Policy) -> bool:
    """Whether a message of this kind to a full JID without a resource is treated as if to the bare JID (§8.5.3.2.1)."""
    return policy.unmatched_full_jid is UnmatchedFullJID.LENIENT and kind in ("normal", "chat")


def _situation(account: Account, reach: Reach) -> Situation:
    """Return the situation for Table 1. A connected resource that is not available does not count."""
    if len(reach.all) > 1:
        return SEVERAL
    if reach.all:
        return ONE
    return NEGATIVE if account.available() else NO_ACTIVE


def _perform(
    account: Account,
    reach: Reach,
    event: Inbound,
    message: Message,
    sender: JID,
    cell: MessageCell,
    policy: Policy,
) -> Transition[Account]:
    """Choose one of the actions that the cell permits, and perform it."""
    permitted = cell.permitted
    if MessageAction.MOST_AVAILABLE in permitted:
        choice = policy.chat_to_several if message.kind == "chat" else policy.normal_to_several
        chosen = reach.all if choice is MessagesToSeveral.ALL else reach.most_available
        return Transition(account, (deliver(message, chosen, cell.rule),))
    if MessageAction.STORE in permitted and policy.offline_messages:
        return keep_offline(account, event, message, sender, cell.rule, policy)
    if MessageAction.SILENCE not in permitted or (MessageAction.ERROR in permitted and _may_know(account, sender)):
        return Transition(account, (error_to_sender(message, Condition.SERVICE_UNAVAILABLE, cell.rule),))
    return silence(account, cell.rule)


def _may_know(account: Account, sender: JID) -> bool:
    """Whether an error may tell the sender that the resource is not there (§8.1)."""
    return visibility(account, sender, None) is not INVISIBLE


def message_to_nobody(message: Message, to: JID, policy: Policy) -> Effect:
    """Process a message to an account that does not exist (§8.5.1).

    A service that stores messages for absent users does not answer strangers, so it must not answer here either. A
    service that answers them with errors answers here too. Otherwise strangers could find out which accounts exist
    (RFC 6120 §13.11).
    """
    if not policy.messaging:
        return error_to_sender(message, Condition.SERVICE_UNAVAILABLE, rules.NO_MESSAGING)
    if message.kind == "error":
        return Ignored(rules.ERROR_MESSAGE_IGNORED)
    bare = to.resource is None or _is_lenient(message.kind, policy)
    target = BARE if bare else UNMATCHED
    cell = MESSAGE_TABLE[Situation.NO_ACCOUNT, target, message.kind]
    stores = MessageAction.STORE in MESSAGE_TABLE[NO_ACTIVE, target, message.kind].permitted
    bounces = MessageAction.SILENCE not in cell.permitted or (stores and not policy.offline_messages)
    if bounces:
        return error_to_sender(message, Condition.SERVICE_UNAVAILABLE, cell.rule)
    return Ignored(cell.rule)
