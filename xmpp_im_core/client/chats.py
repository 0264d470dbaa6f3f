"""Chat sessions: thread, and the resource that messages are locked to (RFC 6121 §5.1)."""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from xmpp_im_core.client.content import Content
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.state import Chat, Client
from xmpp_im_core.jid import JID


def with_chat(client: Client, jid: str, chat: Chat, policy: ClientPolicy) -> Client:
    """Keep a chat session; of too many the one idle longest is forgotten."""
    chats = client.chats.set(jid, chat)
    if len(chats) > policy.chats:
        oldest = min(chats, key=lambda other: (chats[other].at, other == jid, other))
        chats = chats.delete(oldest)
    return evolve(client, chats=chats)


def heard_chat(client: Client, sender: JID, content: Content, at: datetime, policy: ClientPolicy) -> Client:
    """Take a chat message into account: it locks a session that is not locked, and names its thread.

    From another resource than the locked one it unlocks, and does not lock anew: "until it receives a
    message from one of the peer's full JIDs" is about the next one.
    """
    chat = client.chats.get(sender.bare) or Chat(at)
    thread = chat.thread if content.thread is None else content.thread.id
    locked = None if chat.locked not in (None, sender) or sender.is_bare else sender
    return with_chat(client, sender.bare, Chat(at, thread, locked, chat.shared_with), policy)


def unlocked_by_message(client: Client, sender: JID) -> Client:
    """Unlock after a message that belongs to no chat, where it is from another resource than the locked one."""
    chat = client.chats.get(sender.bare)
    if chat is None or chat.locked is None or chat.locked == sender:
        return client
    return _unlocked(client, sender.bare, chat)


def unlocked_by_presence(client: Client, sender: JID) -> Client:
    """Unlock after presence from any resource of the peer, the locked one included."""
    chat = client.chats.get(sender.bare)
    if chat is None or chat.locked is None:
        return client
    return _unlocked(client, sender.bare, chat)


def unlocked_by_error(client: Client, sender: JID) -> Client:
    """Unlock after an error from the locked resource: what is sent there does not arrive."""
    chat = client.chats.get(sender.bare)
    if chat is None or chat.locked != sender:
        return client
    return _unlocked(client, sender.bare, chat)


def _unlocked(client: Client, jid: str, chat: Chat) -> Client:
    return evolve(client, chats=client.chats.set(jid, evolve(chat, locked=None)))
