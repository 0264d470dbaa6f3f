"""Chat sessions: they begin, are locked to a resource by its messages, and end (RFC 6121 §5.1)."""

from __future__ import annotations

from attrs import evolve

from xmpp_im_core.client.content import Content
from xmpp_im_core.client.effects import Effect
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.presence.directed_presence import directed
from xmpp_im_core.client.presence.known_presence import known_absent
from xmpp_im_core.client.presence.rooms import peer_of
from xmpp_im_core.client.state import Chat, Client
from xmpp_im_core.event import Timed
from xmpp_im_core.jid import JID, address_of
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.stanza import Message, Presence


def with_chat(
    client: Client, event: Timed, jid: str, chat: Chat, policy: ClientPolicy
) -> tuple[Client, tuple[Effect, ...]]:
    """Keep a chat session that is active now; of too many the one idle longest is over."""
    client = evolve(client, chats=client.chats.set(jid, chat), idle=client.idle.with_newest(jid))
    effects: tuple[Effect, ...] = ()
    while client.idle.oldest is not None and len(client.idle) > policy.chats:
        client, farewell = without_chat(client, event, client.idle.oldest, policy)
        effects += farewell
    return client, effects


def without_chat(client: Client, event: Timed, jid: str, policy: ClientPolicy) -> tuple[Client, tuple[Effect, ...]]:
    """End a chat session, and with unavailable presence the directed presence that was sent because of it (§5.1).

    A contact who has got a subscription since does not get that: the contact may see now that the user is available.
    """
    chat = client.chats.get(jid)
    client = evolve(client, chats=client.chats.delete(jid), idle=client.idle.without(jid))
    if chat is None or chat.shared_with is None or not client.owes(chat.shared_with.full):
        return client, ()
    if client.subscription(jid).from_:
        return client, ()
    farewell = Presence(address_of(chat.shared_with), None, f"{event.seq}-presence", "unavailable")
    return directed(client, farewell, chat.shared_with, rules.CHAT_PRESENCE_ENDED, policy)


def heard_chat(
    client: Client, event: Timed, message: Message, sender: JID, content: Content, policy: ClientPolicy
) -> tuple[Client, tuple[Effect, ...]]:
    """Take a chat message into account: it locks a session that is not locked, and names its thread.

    From another resource than the locked one it unlocks, and does not lock anew: "until it receives a
    message from one of the peer's full JIDs" is about the next one. A stored message does not lock to a resource that
    is not there. The session with an occupant of a room needs no lock.
    """
    peer = peer_of(client, sender, message)
    chat = client.chats.get(peer) or Chat(event.at)
    thread = chat.thread if content.thread is None else content.thread.id
    open_ = peer == sender.full or chat.locked not in (None, sender) or known_absent(client, sender, message)
    active = Chat(event.at, thread, None if open_ else sender, chat.shared_with)
    return with_chat(client, event, peer, active, policy)
