"""Playing a trace on a server, through any driver, and seeing what its clients see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Final, TypeAlias

from xmpp_im_conformance.format.items import RosterItem
from xmpp_im_conformance.format.worlds import Driver, ServerFailed, Setup, World
from xmpp_im_core.element import Element, element
from xmpp_im_core.roster import ROSTER
from xmpp_im_core.stanza import NotAStanza, Stanza, from_element
from xmpp_im_core.testing import (
    REMOTE,
    USERS,
    Act,
    Connects,
    Disconnects,
    Observation,
    connected_after,
    observation,
    xml_of,
)

Player: TypeAlias = Callable[[Sequence[Act]], tuple[Observation, ...]]
"""Plays a trace on fresh accounts, and returns what was seen after each act. Of an observation that holds no roster
none was looked at."""

PEERS: Final = (f"nurse@{REMOTE}",)
"""The users of another server who take part, if the driver can play it."""

_EXTRAS: Final = frozenset(
    {
        "http://jabber.org/protocol/caps",
        "jabber:x:delay",
        "urn:xmpp:delay",
        "urn:xmpp:occupant-id:0",
        "urn:xmpp:sid:0",
        "vcard-temp:x:update",
    }
)
"""What servers add to presence and messages and RFC 6121 does not define; no act sends any of it."""


def playing_on(driver: Driver, *, peers: bool = False) -> Player:
    """Return what plays traces on a driver's server.

    Only those take part whom an act names; their rosters are looked at in the end, when nothing is changed by that.

    :param peers: whether users of another server take part.
    """

    def play(acts: Sequence[Act]) -> tuple[Observation, ...]:
        users = [user for user in USERS if any(user in _named(act) for act in acts)]
        with closing(driver.world(Setup(dict.fromkeys(users, ()), remote=peers))) as world:
            seen = [_seen_after(world, act) for act in acts]
            rosters = {user: _roster(world, user, connected_after(acts)) for user in users}
            return (*[observation(received) for received in seen[:-1]], observation(seen[-1], rosters))

    return play


def _named(act: Act) -> set[str]:
    """Return the bare JIDs of the user who acts and of those to whom the act is addressed."""
    others = [getattr(act, name, None) for name in ("contact", "to")]
    return {act.user, *[other.partition("/")[0] for other in others if other is not None]}


def _seen_after(world: World, act: Act) -> Mapping[str, list[Stanza]]:
    _do(world, act)
    return {at: _read(at, stanzas) for at, stanzas in world.arrived().items()}


def _roster(world: World, user: str, connected: Sequence[str]) -> list[Element]:
    """Let a client of the user ask for the roster, if there is one: on some servers it takes long to end a session."""
    for client in connected:
        if client.partition("/")[0] == user:
            world.send(client, f"<iq id='{_ASKED}' type='get'><query xmlns='{ROSTER}'/></iq>")
            for stanza in world.arrived().get(client, ()):
                query = stanza.first("query", ROSTER)
                if (stanza.get("id"), stanza.get("type")) == (_ASKED, "result") and query is not None:
                    return [each for each in query.elements if each.name == "item"]
    return _items(world.roster(user))


_ASKED: Final = "roster-in-the-end"


def _do(world: World, act: Act) -> None:
    if isinstance(act, Connects):
        world.connect(act.client)
    elif isinstance(act, Disconnects):
        world.disconnect(act.client, act.clean)
    elif act.is_remote:
        world.remote_send(xml_of(act) or "")
    else:
        world.send(act.client, xml_of(act) or "")


def _read(at: str, stanzas: Sequence[Element]) -> list[Stanza]:
    try:
        return [from_element(_without_extras(stanza)) for stanza in stanzas]
    except NotAStanza as problem:
        raise ServerFailed(f"what {at} got is no stanza: {problem}") from problem


def _without_extras(stanza: Element) -> Element:
    """Leave out what a server has added. That a message was stored is told by a delay, which is looked at."""
    keeps = ("urn:xmpp:delay",) if stanza.name == "message" else ()
    children = [
        child
        for child in stanza.children
        if not isinstance(child, Element) or child.namespace not in _EXTRAS or child.namespace in keeps
    ]
    return element(stanza.name, stanza.namespace, dict(stanza.attributes), children)


def _items(items: Sequence[RosterItem]) -> list[Element]:
    """Return the items that a client sees."""
    return [_element(item) for item in items if item.listed]


def _element(item: RosterItem) -> Element:
    attributes: Mapping[str, str] = {
        "jid": item.jid,
        "subscription": item.subscription,
        **({"ask": "subscribe"} if item.ask else {}),
        **({"name": item.name} if item.name else {}),
        **({"approved": "true"} if item.approved else {}),
    }
    return element("item", ROSTER, attributes, [element("group", ROSTER, {}, [group]) for group in item.groups])
