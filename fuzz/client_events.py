"""Draw events of a client: valid and invalid stanzas from its server, and actions of its user."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from xmpp_im_core import client as user
from xmpp_im_core.element import Element, element
from xmpp_im_core.jid import JID, address_of, parse_address, parse_jid
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server import NoAccount
from xmpp_im_core.stanza import CLIENT, IQ, Condition, Message, Presence, Stanza, payload, stanza_error, write_error
from xmpp_im_core.testing.draw_stanzas import draw_arriving, draw_leaving
from xmpp_im_core.testing.state_strategies import ADDRESSES, JULIET, NOON

_FULL: Final = JULIET.with_resource("balcony")
_JIDS: Final = tuple([parse_jid(text) for text in (*ADDRESSES, "room@rooms.example", "room@rooms.example/nick")])
_TEXTS: Final = ((), (user.Text("Soft!"),), (user.Text("a", "en"), user.Text("b", "de")))
_ERRORS: Final = tuple(
    [
        payload(write_error(stanza_error(condition)))
        for condition in (Condition.CONFLICT, Condition.RECIPIENT_UNAVAILABLE, Condition.RESOURCE_CONSTRAINT)
    ]
)
_ITEMS: Final = (
    {"jid": "romeo@montague.example", "subscription": "both", "name": "Romeo"},
    {"jid": "nurse@capulet.example", "subscription": "from"},
    {"jid": "nurse@capulet.example", "subscription": "remove"},
    {"jid": "gateway.example/registered", "subscription": "both"},
    {"jid": "@"},
    {"subscription": "to"},
    {"jid": "tybalt@capulet.example", "ask": "subscribe", "approved": "true"},
    {"jid": "user@host.example:5222", "subscription": "both"},
)
_OCCUPANTS: Final = tuple([parse_address(f"room@rooms.example/{nick}") for nick in ("romeo", "tybalt", "♥️", "")])


def _roster(chance: Random) -> Element:
    items = [element("item", ROSTER, item) for item in chance.sample(_ITEMS, chance.randrange(4))]
    attributes = {"ver": chance.choice(("v1", "v2", ""))} if chance.random() < 0.7 else {}
    return element("query", ROSTER, attributes, items)


def _from_server(chance: Random, client: user.Client) -> Stanza:
    """Draw an answer to a question of the client, a roster push, a stanza from a room, or any other stanza."""
    drawn = chance.random()
    asked = list(client.questions)
    if drawn < 0.25 and asked:
        type = chance.choice(("result", "error"))
        content = payload(_roster(chance)) if type == "result" else chance.choice(_ERRORS)
        return IQ(address_of(_FULL), None, chance.choice(asked), type, None, content)
    if drawn < 0.4:
        sender = chance.choice((None, parse_address(JULIET.bare), parse_address("mallory@evil.example")))
        return IQ(address_of(_FULL), sender, f"p{chance.random()}", "set", None, payload(_roster(chance)))
    if drawn < 0.6:
        occupant = chance.choice(_OCCUPANTS)
        if chance.random() < 0.5:
            shown = chance.choice((None, "unavailable", "error"))
            return Presence(address_of(_FULL), occupant, None, shown, None, chance.choice((payload(), *_ERRORS)))
        kind = chance.choice(("chat", "groupchat", "error", None))
        body = payload(element("body", CLIENT, {}, ["hark"]), element("thread", CLIENT, {}, ["t"]))
        return Message(address_of(_FULL), occupant, "m", kind, None, body)
    return draw_arriving(chance, NoAccount(JULIET))


def _jid(chance: Random) -> JID:
    return chance.choice(_JIDS)


def draw_client_event(chance: Random, client: user.Client, seq: str) -> user.Event:
    """Draw an event that may happen to a client."""
    drawn = chance.random()
    if client.bound is None or drawn < 0.005:
        return user.SessionBound(NOON, seq, user.Bound(_FULL, user.Features(chance.random() < 0.5, True)))
    if drawn < 0.55:
        return user.Inbound(NOON, seq, _from_server(chance, client), chance.choice(tuple(user.Decision)))
    return chance.choice(_WANTS)(chance, client, seq)


_WANTS: Final[tuple[Callable[[Random, user.Client, str], user.Event], ...]] = (
    lambda chance, client, seq: user.GetRoster(NOON, seq),
    lambda chance, client, seq: user.SetItem(NOON, seq, _jid(chance), "name", chance.choice((None, (), ("a", "b")))),
    lambda chance, client, seq: user.RemoveItem(NOON, seq, _jid(chance)),
    lambda chance, client, seq: user.Subscribe(NOON, seq, _jid(chance)),
    lambda chance, client, seq: user.Unsubscribe(NOON, seq, _jid(chance)),
    lambda chance, client, seq: user.Approve(NOON, seq, _jid(chance)),
    lambda chance, client, seq: user.Deny(NOON, seq, _jid(chance)),
    lambda chance, client, seq: user.SetPresence(NOON, seq, chance.choice((None, user.Show.AWAY)), to=_perhaps(chance)),
    lambda chance, client, seq: user.GoUnavailable(NOON, seq, to=_perhaps(chance)),
    lambda chance, client, seq: user.SendMessage(
        NOON, seq, _jid(chance), chance.choice(_TEXTS), chance.choice(tuple(user.MessageType))
    ),
    lambda chance, client, seq: user.Reply(NOON, seq, _message(chance), chance.choice(_TEXTS)),
    lambda chance, client, seq: user.EndChat(NOON, seq, _jid(chance)),
    lambda chance, client, seq: user.SendIQ(NOON, seq, user.Asking.GET, element("q", "urn:q"), _perhaps(chance)),
    lambda chance, client, seq: user.GiveUp(NOON, seq, chance.choice([*client.questions, "none"])),
    lambda chance, client, seq: user.Outbound(NOON, seq, draw_leaving(chance, NoAccount(JULIET))),
    lambda chance, client, seq: user.SessionEnded(NOON, seq) if chance.random() < 0.05 else user.GetRoster(NOON, seq),
)


def _perhaps(chance: Random) -> JID | None:
    return _jid(chance) if chance.random() < 0.5 else None


def _message(chance: Random) -> Message:
    while True:
        stanza = draw_arriving(chance, NoAccount(JULIET))
        if isinstance(stanza, Message):
            return stanza
