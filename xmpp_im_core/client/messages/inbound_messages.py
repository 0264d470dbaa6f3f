"""Inbound messages of each type, their chat sessions, errors and copies (RFC 6121 §5)."""

from __future__ import annotations

from xmpp_im_core.carbon_copies import CARBONS
from xmpp_im_core.client.chat_locks import unlocked_by_error, unlocked_by_message
from xmpp_im_core.client.effects import Tell, Transition
from xmpp_im_core.client.events import Inbound
from xmpp_im_core.client.messages.chat_sessions import heard_chat
from xmpp_im_core.client.messages.received_carbons import carbon_of, read_carbon
from xmpp_im_core.client.notifications import MessageFailed, MessageReceived, message_received
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.presence.rooms import MUC_USER, noted, peer_of, shows_room
from xmpp_im_core.client.returned_errors import answered_message
from xmpp_im_core.client.state import Client
from xmpp_im_core.jid import JID
from xmpp_im_core.rules import client as session_rules
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.stanza import Message


def inbound_message(
    client: Client, event: Inbound, message: Message, sender: JID | None, policy: ClientPolicy
) -> Transition:
    """Process a message by its type. An absent or unknown type counts as "normal" (§5.2.2).

    :param sender: None if the 'from' is not a JID.
    """
    if sender is None:
        return from_no_jid(client, message)
    namespaces = message.payload.namespaces()  # one look for what nearly no message has
    wrapper = carbon_of(message) if CARBONS in namespaces else None
    if wrapper is not None:
        return read_carbon(client, wrapper, sender)
    kind = message.kind
    if kind == "error":
        return message_error(client, message, sender)
    told = _told(client, message)
    from_room = MUC_USER in namespaces and shows_room(message)
    if from_room or kind == "groupchat":
        client = noted(client, message, sender)
    if kind == "chat":
        peer = peer_of(client, sender, message if from_room else None)
        after, ended = heard_chat(client, event, message, sender, peer, policy)
        return Transition(after, (Tell(told, rules.CHAT_RECEIVED), *ended))
    after = client if kind == "groupchat" else unlocked_by_message(client, sender)
    rule = rules.MESSAGE_RECEIVED if message.type == kind else rules.UNTYPED_MESSAGE_RECEIVED
    return Transition(after, (Tell(told, rule),))


def _told(client: Client, message: Message) -> MessageReceived:
    return message_received(message, None if client.bound is None else client.bound.lang)


def from_no_jid(client: Client, message: Message) -> Transition:
    """Tell the application of a message whose 'from' is not a JID. It belongs to no chat session."""
    failed = message.kind == "error"
    told = MessageFailed(message.error, message, None) if failed else _told(client, message)
    return Transition(client, (Tell(told, session_rules.FROM_MALFORMED),))


def message_error(client: Client, message: Message, sender: JID) -> Transition:
    """Tell the application which message came back. An error is never answered (RFC 6120 §8.3.1)."""
    sent = answered_message(client, message, sender)
    failed = MessageFailed(message.error, message, sent)
    rule = rules.ERROR_UNMATCHED if sent is None else rules.ERROR_MATCHED
    after = client if sent is None else unlocked_by_error(client, sent)
    return Transition(after, (Tell(failed, rule),))
