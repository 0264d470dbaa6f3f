"""Messages for absent users, stored and delivered later (XEP-0160, XEP-0203, XEP-0334)."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.element import Element
from xmpp_im_core.jid import JID
from xmpp_im_core.policy import Policy
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import blocking as blocking_rules
from xmpp_im_core.rules import delivery as rules
from xmpp_im_core.server.answers import error_to_sender
from xmpp_im_core.server.delays import DELAY, delayed
from xmpp_im_core.server.effects import Delete, Effect, Ignored, Kind, Put, Transition, deliver, silence
from xmpp_im_core.server.events import Inbound, OfflineLoaded
from xmpp_im_core.server.state import Account, SessionId
from xmpp_im_core.server.visibility import INVISIBLE, is_blocked, visibility
from xmpp_im_core.stanza import CLIENT, Condition, Message

HINTS: Final = "urn:xmpp:hints"
CHAT_STATES: Final = "http://jabber.org/protocol/chatstates"

_METADATA: Final = frozenset(
    {
        ("thread", CLIENT),
        ("x", "jabber:x:event"),  # XEP-0022, the predecessor of chat states; old clients send both
        ("x", "jabber:x:delay"),  # XEP-0091, the predecessor of XEP-0203
        ("delay", DELAY),
        ("private", "urn:xmpp:carbons:2"),
        ("origin-id", "urn:xmpp:sid:0"),
        ("stanza-id", "urn:xmpp:sid:0"),
    }
)
"""The elements that may accompany a chat state and are not worth storing."""


def keep_offline(
    account: Account, event: Inbound, message: Message, sender: JID, rule: Rule, policy: Policy
) -> Transition[Account]:
    """Store a message with a stamp of the time of its arrival (XEP-0203)."""
    if not worth_storing(message):
        return silence(account, rules.NOT_STORED)
    if message.size() > policy.offline_message_size:
        return Transition(account, (_not_stored(account, message, sender, rules.TOO_LARGE_TO_STORE),))
    if account.offline >= policy.offline_message_count:
        return Transition(account, (_not_stored(account, message, sender, rules.TOO_MANY_STORED),))
    stamped = delayed(message, event.at, account.jid.domain)
    stored = account.offline_bytes + stamped.size()
    if stored > policy.offline_bytes:
        return Transition(account, (_not_stored(account, message, sender, rules.TOO_MUCH_STORED),))
    put = Put(Kind.OFFLINE, event.seq, stamped)
    return Transition(account.storing(account.offline + 1, stored), (Ignored(rule),), (put,))


def _not_stored(account: Account, message: Message, sender: JID, rule: Rule) -> Effect:
    """Answer a message beyond a limit with an error, if the sender may see the user's presence (§8.1, §8.5.2.2.1)."""
    if visibility(account, sender, None) is INVISIBLE:
        return Ignored(rule)
    return error_to_sender(message, Condition.SERVICE_UNAVAILABLE, rule)


def worth_storing(message: Message) -> bool:
    """Whether to store a message: not if a hint forbids it, nor if it has only a chat state (XEP-0160 §3, XEP-0334)."""
    content = message.payload
    if content.first("no-store", HINTS) is not None:
        return False
    if content.first("store", HINTS) is not None:
        return True
    tells_of_chat_state = any(child.namespace == CHAT_STATES for child in content.elements)
    return not tells_of_chat_state or any(_is_content(child) for child in content.elements)


def _is_content(child: Element) -> bool:
    """Whether a child is neither a chat state nor metadata of the message that carries it."""
    if child.namespace in (CHAT_STATES, HINTS):
        return False
    return (child.name, child.namespace) not in _METADATA


def offline_loaded(account: Account, event: OfflineLoaded) -> Transition[Account]:
    """Deliver the stored messages to the resource that has become reachable, and forget them.

    If that resource has ended meanwhile, or has a negative priority now, the messages stay stored. Messages of
    entities that the user has blocked since are dropped (XEP-0191 §3.3).
    """
    session = account.session(event.session)
    if session is None or session.presence is None or session.priority < 0:
        return silence(account, rules.OFFLINE_NOT_WANTED)
    if not event.messages:
        return silence(account, rules.NOTHING_STORED)
    effects = tuple([_delivered(account, message, session.id) for _, message in event.messages])
    left = _without_stored(account, [message for _, message in event.messages])
    return Transition(left, effects, (), tuple([Delete(Kind.OFFLINE, key) for key, _ in event.messages]))


def _without_stored(account: Account, delivered: list[Message]) -> Account:
    """Return the account without these stored messages. If none is left, their total size is 0."""
    left = max(account.offline - len(delivered), 0)
    size = account.offline_bytes - sum([message.size() for message in delivered])
    return account.storing(left, max(size, 0) if left else 0)


def _delivered(account: Account, message: Message, session: SessionId) -> Effect:
    sender = message.from_jid
    if sender is not None and is_blocked(account, sender):
        return Ignored(blocking_rules.MESSAGE_AS_TO_NOBODY)
    return deliver(message, (session,), rules.OFFLINE_DELIVERED)
