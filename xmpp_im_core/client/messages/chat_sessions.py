"""Chat sessions: begin them, lock them to a resource, and end them (RFC 6121 §5.1)."""

from __future__ import annotations

from xmpp_im_core.client.content import thread_id
from xmpp_im_core.client.effects import Effect
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.presence.directed_presence import directed
from xmpp_im_core.client.presence.known_presence import known_absent
from xmpp_im_core.client.state import Chat, Client
from xmpp_im_core.copying import copied
from xmpp_im_core.event import Timed
from xmpp_im_core.jid import JID, address_of
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.stanza import Message, Presence


def with_chat(
    client: Client, event: Timed, jid: str, chat: Chat, policy: ClientPolicy
) -> tuple[Client, tuple[Effect, ...]]:
    """Store a chat session that is active now. If there are too many, end the one that has been idle longest."""
    client = client.with_active_chat(jid, chat)
    effects: tuple[Effect, ...] = ()
    while client.idle.oldest is not None and len(client.chats) > policy.chats:
        client, farewell = without_chat(client, event, client.idle.oldest, policy)
        effects += farewell
    return client, effects


def without_chat(client: Client, event: Timed, jid: str, policy: ClientPolicy) -> tuple[Client, tuple[Effect, ...]]:
    """End a chat session. If it has shared presence, send unavailable presence (§5.1).

    A contact that has got a subscription in the meantime gets none: it may see that the user is available.
    """
    chat = client.chats.get(jid)
    client = copied(client, chats=client.chats.delete(jid), idle=client.idle.without(jid))
    if chat is None or chat.shared_with is None or not client.owes(chat.shared_with.full):
        return client, ()
    if client.subscription(jid).from_:
        return client, ()
    farewell = Presence(address_of(chat.shared_with), None, f"{event.seq}-presence", "unavailable")
    return directed(client, farewell, chat.shared_with, rules.CHAT_PRESENCE_ENDED, policy)


def heard_chat(
    client: Client, event: Timed, message: Message, sender: JID, peer: str, policy: ClientPolicy
) -> tuple[Client, tuple[Effect, ...]]:
    """Update the chat session after a chat message: the message sets its thread, and locks it to the sender.

    If the session is locked to another resource, the message only unlocks it: "until it receives a message from one
    of the peer's full JIDs" is about the next message. A stored message does not lock the session to a resource that
    is no longer available. A session with an occupant of a room needs no lock.

    :param peer: the key of the chat session.
    """
    chat = client.chats.get(peer)
    thread = thread_id(message)
    if chat is None:
        locked, shared_with = None, None
    else:
        thread, locked, shared_with = thread or chat.thread, chat.locked, chat.shared_with
    elsewhere = locked is not None and locked.full != sender.full
    open_ = elsewhere or peer == sender.full or known_absent(client, sender, message)
    active = Chat(event.at, thread, None if open_ else sender, shared_with)
    return with_chat(client, event, peer, active, policy)
