"""Unlocking: when a chat session no longer goes to one resource of the peer (RFC 6121 §5.1)."""

from __future__ import annotations

from xmpp_im_core.client.state import Chat, Client
from xmpp_im_core.copying import copied
from xmpp_im_core.jid import JID
from xmpp_im_core.stanza import Message


def unlocked_by_message(client: Client, sender: JID) -> Client:
    """Unlock after a message of another type than "chat", if it comes from another resource than the locked one."""
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


def unlocked_by_error(client: Client, sent: Message) -> Client:
    """Unlock after a message to the locked resource has come back, from its full or its bare JID."""
    to = sent.to_jid
    chat = None if to is None else client.chats.get(to.bare)
    if to is None or chat is None or chat.locked != to:
        return client
    return _unlocked(client, to.bare, chat)


def _unlocked(client: Client, jid: str, chat: Chat) -> Client:
    return copied(client, chats=client.chats.set(jid, copied(chat, locked=None)))
