"""Rooms (XEP-0045): each occupant is a separate entity. Its full JID names it; the room's bare JID does not.

A client is in a room, or is entering it, while it owes the room an unavailable presence. When it leaves, it forgets
what it knows of the occupants, because the room sends it no further presence.
"""

from __future__ import annotations

from typing import Final

from xmpp_im_core.client.effects import Effect
from xmpp_im_core.client.presence.directed_presence import no_longer_owed
from xmpp_im_core.client.presence.known_presence import forgotten, without_resource
from xmpp_im_core.client.state import Client, Room
from xmpp_im_core.copying import copied
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID, Address, parse_address
from xmpp_im_core.rules import client_presence as rules
from xmpp_im_core.stanza import Message, Presence, Stanza

MUC: Final = "http://jabber.org/protocol/muc"
MUC_USER: Final = "http://jabber.org/protocol/muc#user"

_SELF_PRESENCE: Final = "110"
_NEW_NICKNAME: Final = "303"


def is_occupant(client: Client, jid: JID, stanza: Stanza | None = None) -> bool:
    """Whether a full JID is an occupant of a room: this client knows the room, or the stanza shows it."""
    if jid.resource is None:
        return False
    return jid.bare in client.rooms or (stanza is not None and shows_room(stanza))


def shows_room(stanza: Stanza) -> bool:
    """Whether a stanza shows that its sender is an occupant of a room."""
    return stanza.payload.has("x", MUC_USER)


def peer_of(client: Client, jid: JID, stanza: Stanza | None = None) -> str:
    """Return the key of the chat session with an entity: the full JID of an occupant, else the bare JID."""
    return jid.full if is_occupant(client, jid, stanza) else jid.bare


def is_own_occupant(client: Client, jid: JID) -> bool:
    """Whether this occupant is the client itself, and is present in the room."""
    heard = client.presences.get(jid.bare)
    resource = None if heard is None else heard.resource(jid.resource or "")
    return resource is not None and resource.available and _SELF_PRESENCE in _statuses(resource.presence)


# --- entering -----------------------------------------------------------------------------------------------


def entering_room(client: Client, presence: Presence, to: JID) -> Client:
    """Record a room if this client's presence enters it (XEP-0045 §7.2)."""
    if to.is_bare or to.bare in client.rooms or not presence.payload.has("x", MUC):
        return client
    return _inside(client, to.bare)


def noted(client: Client, stanza: Stanza, sender: JID) -> Client:
    """Record a room if a stanza shows that its sender is one, and this client has sent presence there.

    Only rooms send ``<x xmlns='http://jabber.org/protocol/muc#user'/>`` and messages of type "groupchat". Presence that
    the client shared because of a chat session has not entered a room.
    """
    groupchat = isinstance(stanza, Message) and stanza.type == "groupchat"
    if not groupchat and not shows_room(stanza):
        return client
    if sender.is_bare or sender.bare in client.rooms or sender.bare == client.jid.bare:
        return client
    chat = client.chats.get(sender.bare)
    if (chat is not None and chat.shared_with is not None) or not client.owes_any(sender.bare):
        return client
    return _inside(client, sender.bare)


def _inside(client: Client, jid: str) -> Client:
    """Record that a bare JID is a room. A chat session with the bare JID ends: it was with some occupant.

    Presence that the client sent because of that session stays: from now on it is presence in the room.
    """
    if jid in client.chats:
        client = client.without_chats((jid,))
    return copied(client, rooms=client.rooms.set(jid, Room()))


# --- leaving ------------------------------------------------------------------------------------------------


def leaving_room(client: Client, jid: str) -> tuple[Client, tuple[Effect, ...]]:
    """Record that this client leaves a room, by unavailable presence to any of its JIDs (XEP-0045 §7.14).

    Presence from the room that arrives before the client's own unavailable presence was sent before the client left.
    """
    room = client.rooms.get(jid)
    if room is None:
        return client, ()
    after = copied(_outside(client, jid), rooms=client.rooms.set(jid, Room(room.leaving + 1)))
    return forgotten(after, jid, rules.ROOM_LEFT)


def leaving_all_rooms(client: Client) -> Client:
    """Record that this client leaves all its rooms, by its broadcast of unavailable presence (§4.6.3)."""
    rooms = {jid: Room(room.leaving + 1) if client.owes_any(jid) else room for jid, room in client.rooms.items()}
    occupants = [key for key in client.chats if "/" in key]
    return copied(client, rooms=FrozenMap(rooms)).without_chats(occupants)


def is_void(client: Client, sender: JID) -> bool:
    """Whether the room sent presence of this JID before the client left, so that it no longer counts."""
    room = client.rooms.get(sender.bare)
    return room is not None and room.leaving > 0 and not client.owes_any(sender.bare)


def is_own_end(client: Client, presence: Presence, sender: JID) -> bool:
    """Whether a room says that the client itself is no longer in it.

    The room does so when the client leaves or is removed, and when the room is destroyed. A client that changes its
    nickname stays. An old room does not mark the client's own presence. Then the client's presence is the one from
    the only JID of the room to which the client owes unavailable presence.
    """
    statuses = _statuses(presence)
    if sender.bare not in client.rooms or _NEW_NICKNAME in statuses:
        return False
    return _SELF_PRESENCE in statuses or (client.owes(sender.full) and _owed(client, sender.bare) == [sender.full])


def room_ended(client: Client, sender: JID) -> tuple[Client, tuple[Effect, ...]]:
    """Forget the occupants of a room that the client is no longer in.

    If the client has entered again since it left, the room's answer to its leaving arrives before the presence of the
    new stay.
    """
    jid, room = sender.bare, client.rooms[sender.bare]
    if room.leaving > 1 or (room.leaving and client.owes_any(jid)):
        after = copied(client, rooms=client.rooms.set(jid, Room(room.leaving - 1)))
    else:
        after = copied(_outside(client, jid), rooms=client.rooms.delete(jid))
    return forgotten(without_resource(after, sender), jid, rules.ROOM_LEFT)


def occupant_gone(client: Client, presence: Presence, sender: JID) -> Client:
    """Record that an entity is unavailable, in a room or elsewhere. The client owes it no unavailable presence.

    The chat session with an occupant is over, because somebody else may take the nickname. If the client itself has
    changed its nickname, it owes the room its unavailable presence under the new one.
    """
    if sender.full in client.chats and not sender.is_bare:
        client = client.without_chats((sender.full,))
    renamed = sender.bare in client.rooms and _NEW_NICKNAME in _statuses(presence)
    if not renamed or not client.owes(sender.full):
        return no_longer_owed(client, sender)
    new = _new_nickname(presence, sender)
    owed = {*client.directed} if new is None else {*client.directed, new.full} - {sender.full}
    return copied(client, directed=tuple(sorted(owed)))


def not_entered(client: Client, sender: JID) -> Client:
    """Record that a room has not accepted presence to this occupant's JID, unless the client is that occupant.

    The client owes no unavailable presence there, because the nickname is not the client's.
    """
    if sender.bare not in client.rooms or not client.owes(sender.full) or is_own_occupant(client, sender):
        return client
    client = copied(client, directed=tuple([entry for entry in client.directed if entry != sender.full]))
    if client.owes_any(sender.bare) or client.rooms[sender.bare].leaving:
        return client
    return copied(client, rooms=client.rooms.delete(sender.bare))


def _outside(client: Client, jid: str) -> Client:
    """Remove all entries of a room from the directed list, and end the chat sessions with its occupants."""
    owed = set(_owed(client, jid))
    occupants = [key for key in client.chats if key.startswith(f"{jid}/")]
    left = tuple([entry for entry in client.directed if entry not in owed])
    return copied(client, directed=left).without_chats(occupants)


def _owed(client: Client, jid: str) -> list[str]:
    """Return the JIDs of a room to which this client has sent presence and owes unavailable presence."""
    return [entry for entry in client.directed if entry == jid or entry.startswith(f"{jid}/")]


# --- what a room says of presence ---------------------------------------------------------------------------


def _statuses(presence: Presence) -> frozenset[str]:
    """Return the status codes that a room has added to presence (XEP-0045 §15.6)."""
    x = presence.payload.first("x", MUC_USER)
    return frozenset() if x is None else frozenset([status.get("code") or "" for status in x.all("status")])


def _new_nickname(presence: Presence, sender: JID) -> JID | None:
    """Return the new JID of the client, if unavailable presence shows its new nickname."""
    x = presence.payload.first("x", MUC_USER)
    item = None if x is None else x.first("item")
    address = None if item is None else parse_address(f"{sender.bare}/{item.get('nick') or ''}")
    return address.jid if isinstance(address, Address) else None
