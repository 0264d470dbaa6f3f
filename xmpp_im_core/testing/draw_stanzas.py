"""Draw stanzas for an account: of every kind and type, valid, useless and wrong ones."""

from __future__ import annotations

from typing import Final

from xmpp_im_core.element import element
from xmpp_im_core.jid import address_of, parse_address
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.server.state import State
from xmpp_im_core.stanza import (
    CLIENT,
    IQ,
    IQ_TYPES,
    MESSAGE_TYPES,
    PRESENCE_TYPES,
    AddressLike,
    Condition,
    Message,
    Payload,
    Presence,
    Stanza,
    payload,
    stanza_error,
    write_error,
)
from xmpp_im_core.testing.draw import Draw, choose, several
from xmpp_im_core.testing.state_strategies import ADDRESSES, ENTITIES, PRESENCE_PAYLOADS, RESOURCES

MALFORMED_ADDRESSES: Final = (
    "",
    "@",
    "a@@b",
    "romeo@",
    "x" * 1100,
    "romeo@montague.example/",
    "ro meo@montague.example",
)
"""Values of 'to' or 'from' that are not JIDs."""

_HINTS: Final = "urn:xmpp:hints"
_CHAT_STATES: Final = "http://jabber.org/protocol/chatstates"
_ERROR: Final = payload(write_error(stanza_error(Condition.ITEM_NOT_FOUND)))

MESSAGE_PAYLOADS: Final = (
    payload(),
    payload(element("body", CLIENT, {}, ["Wherefore art thou, Romeo?"])),
    payload(element("body", CLIENT, {}, ["O"]), element("no-store", _HINTS)),
    payload(element("composing", _CHAT_STATES), element("thread", CLIENT, {}, ["t"])),
    payload(element("store", _HINTS), "  mixed & text  "),
    payload(element("x", "urn:a", {"{urn:b}c": "d"}, [element("message", CLIENT, {"to": "nobody"})])),
    payload(element("body", CLIENT, {}, ["X" * 70_000])),
    _ERROR,
)

IQ_PAYLOADS: Final = (
    payload(element("ping", "urn:xmpp:ping")),
    payload(),
    payload(element("query", "jabber:iq:last")),
    payload(element("vCard", "vcard-temp"), element("vCard", "vcard-temp")),
    payload(element("blocklist", "urn:xmpp:blocking")),
    payload(element("block", "urn:xmpp:blocking", {}, [element("item", "urn:xmpp:blocking", {"jid": ENTITIES[0]})])),
    payload(element("block", "urn:xmpp:blocking", {}, [element("item", "urn:xmpp:blocking", {"jid": "@"})])),
    payload(element("unblock", "urn:xmpp:blocking")),
    payload(element("item", ROSTER)),
    payload("no element at all"),
    _ERROR,
)

_MESSAGE_TYPES: Final = (None, *sorted(MESSAGE_TYPES), "Chat", "")
_PRESENCE_TYPES: Final = (None, None, *sorted(PRESENCE_TYPES), "available", "")
_IQ_TYPES: Final = (*sorted(IQ_TYPES), "get", "set", "set", None, "put")


# --- addresses ----------------------------------------------------------------------------------------------


def _own(draw: Draw, state: State) -> AddressLike:
    """One of the account's own addresses, in one of the ways in which it may be written."""
    bare = state.jid.bare
    forms = (bare, *[f"{bare}/{resource}" for resource in RESOURCES], bare.upper(), f"{bare}/nowhere")
    return parse_address(choose(draw, forms))


def _other(draw: Draw) -> AddressLike:
    return parse_address(choose(draw, ADDRESSES))


def _odd(draw: Draw, state: State) -> AddressLike:
    return parse_address(choose(draw, (state.jid.domain, "stranger@unknown.example/x", *MALFORMED_ADDRESSES)))


# --- stanzas ----------------------------------------------------------------------------------------------


def draw_arriving(draw: Draw, state: State) -> Stanza:
    """Draw a stanza that arrives for the account; a few are addressed to another entity."""
    from_ = choose(draw, ("other",) * 12 + ("own", "odd", "none"))
    to = choose(draw, ("own",) * 16 + ("other", "odd", "none"))
    return _stanza(draw, state, _address(draw, state, to), _address(draw, state, from_))


def draw_leaving(draw: Draw, state: State) -> Stanza:
    """Draw a stanza that a client of the account sends: most have no 'from', a few have a false one."""
    to = choose(draw, ("none", "other", "other", "other", "none", "other", "own", "odd"))
    from_ = choose(draw, ("none",) * 12 + ("own", "other"))
    return _stanza(draw, state, _address(draw, state, to), _address(draw, state, from_))


def _address(draw: Draw, state: State, which: str) -> AddressLike:
    if which == "none":
        return None
    if which == "own":
        return _own(draw, state)
    return _other(draw) if which == "other" else _odd(draw, state)


def _stanza(draw: Draw, state: State, to: AddressLike, from_: AddressLike) -> Stanza:
    kind = choose(draw, (Presence, Presence, Presence, Message, IQ))
    id = choose(draw, ("a1", "a2", None, "", "<&>'\""))
    lang = choose(draw, (None, None, "en"))
    others = choose(draw, ((), (), (("{urn:x}y", "z"),)))
    if kind is Message:
        content = choose(draw, MESSAGE_PAYLOADS)
        return Message(
            to=to, from_=from_, id=id, type=choose(draw, _MESSAGE_TYPES), lang=lang, payload=content, attributes=others
        )
    if kind is Presence:
        content = choose(draw, PRESENCE_PAYLOADS)
        return Presence(
            to=to, from_=from_, id=id, type=choose(draw, _PRESENCE_TYPES), lang=lang, payload=content, attributes=others
        )
    if choose(draw, (True, True, False)):
        # Most roster IQs are addressed to the server and have an id.
        mine = choose(draw, (None, None, None, address_of(state.jid), to))
        return IQ(
            to=mine,
            from_=from_,
            id=id or "r1",
            type=choose(draw, _IQ_TYPES),
            lang=lang,
            payload=_roster_payload(draw, state),
            attributes=others,
        )
    return IQ(
        to=to,
        from_=from_,
        id=id,
        type=choose(draw, _IQ_TYPES),
        lang=lang,
        payload=choose(draw, IQ_PAYLOADS),
        attributes=others,
    )


_GROUPS: Final = tuple(element("group", ROSTER, {}, [name] if name else []) for name in ("Friends", "Lovers", ""))


def _roster_payload(draw: Draw, state: State) -> Payload:
    """The payload of a roster get or set."""
    ver = choose(draw, (None, "", "l1:0", "l1:3", "2026:a:2", "l1:99999999999999999999", "l1:٣"))
    items = []
    for _ in range(choose(draw, (1, 1, 1, 0, 2))):
        jid = choose(draw, (*ENTITIES, *ENTITIES, state.jid.bare, "romeo@montague.example/x", "@", ""))
        attributes = {"jid": jid, **choose(draw, _ITEM_ATTRIBUTES)}
        groups = several(draw, (*_GROUPS[:2], *_GROUPS), 2) if choose(draw, (False, True)) else []
        items.append(element("item", ROSTER, attributes, groups))
    query = element("query", ROSTER, {} if ver is None else {"ver": ver}, items)
    return payload(*[query] * choose(draw, (1, 1, 1, 1, 1, 1, 2)))


_ITEM_ATTRIBUTES: Final[tuple[dict[str, str], ...]] = (
    {},
    {"name": "Nurse"},
    {"subscription": "remove"},
    {"subscription": "both", "ask": "subscribe", "approved": "true"},
    {"name": "N" * 1024},
)
