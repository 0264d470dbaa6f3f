"""Directed presence: which entities got it and are owed unavailable presence (RFC 6121 §4.6)."""

from __future__ import annotations

from xmpp_im_core.client.effects import Effect, Send
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.presence.strangers import reclassified
from xmpp_im_core.client.state import Client
from xmpp_im_core.copying import copied
from xmpp_im_core.jid import JID
from xmpp_im_core.rules import Rule
from xmpp_im_core.stanza import Presence


def directed(
    client: Client, presence: Presence, to: JID, rule: Rule, policy: ClientPolicy
) -> tuple[Client, tuple[Effect, ...]]:
    """Send available or unavailable presence to one entity, and update the list of entities that are owed it."""
    owed = {*client.directed, to.full} if presence.type is None else set(client.directed) - {to.full}
    after, forgot = reclassified(copied(client, directed=tuple(sorted(owed))), (to.bare,), policy)
    return after, (Send(presence, rule), *forgot)


def no_longer_owed(client: Client, sender: JID) -> Client:
    """Remove exactly the entity that went unavailable from the list of entities that are owed it (§4.6.1).

    A chat session with the entity counts as one that has shared no presence. The next message shares it again.
    """
    if not client.owes(sender.full):
        return client
    client = copied(client, directed=tuple([entry for entry in client.directed if entry != sender.full]))
    return _unshared(client, sender.full)


def nothing_owed(client: Client) -> Client:
    """Clear the list: the server sends the unavailable broadcast to these entities too (§4.6.3)."""
    for entry in client.directed:
        client = _unshared(client, entry)
    return copied(client, directed=())


def _unshared(client: Client, entry: str) -> Client:
    jid = entry.partition("/")[0]
    chat = client.chats.get(jid)
    if chat is None or chat.shared_with is None or chat.shared_with.full != entry:
        return client
    return copied(client, chats=client.chats.set(jid, copied(chat, shared_with=None)))
