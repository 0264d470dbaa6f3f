"""The state of one client: what it knows of its account, of others, and of what it has asked (RFC 6121).

All is plain and frozen. The roster and the chat sessions' threads outlive a session; all else ends with
it. A stream that may yet be resumed has not ended, so a snapshot holds the presence of others too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from itertools import islice, takewhile
from types import MappingProxyType
from typing import Final

import attrs
from attrs import evolve, field, frozen
from attrs.validators import ge, instance_of

from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID
from xmpp_im_core.lru_set import LRUSet
from xmpp_im_core.stanza import Message, Presence
from xmpp_im_core.subscription import NONE, Subscription, subscription_state
from xmpp_im_core.validators import as_jid, is_flag, is_jid, is_optional_text

# --- the roster (§2) ----------------------------------------------------------------------------------------


@frozen
class Item:
    """A roster item as the server last showed it (§2.1.2)."""

    jid: str
    subscription: Subscription = NONE
    """What 'subscription' and 'ask' say; a request that waits for the user is no part of an item."""
    name: str = ""
    groups: tuple[str, ...] = ()
    """Sorted."""
    approved: bool = False
    """Whether the contact is pre-approved (§2.1.2.1)."""
    extensions: tuple[Element, ...] = ()
    """The children of other namespaces."""


def bare_key(key: str) -> str:
    """Return the bare JID that an item is about: an old gateway may have made it for a full one."""
    return key.partition("/")[0]


@frozen
class ItemChange:
    """What a roster set of this client asks for: all that a client can say of an item (§2.1.5)."""

    jid: str
    name: str = ""
    groups: tuple[str, ...] = ()
    removes: bool = False


@frozen
class RosterCache:
    """The roster as this client knows it; the part of the state that is worth keeping from session to session."""

    items: FrozenMap[Item] = FrozenMap()
    ver: str | None = None
    """The version of the last result or push, an opaque string (§2.6.2)."""
    received: bool = False
    """Whether a roster has ever come."""
    _full: tuple[str, ...] | None = field(default=None, init=False, eq=False, repr=False)

    def having(self, jid: str, item: Item | None, ver: str | None) -> RosterCache:
        """Return the roster with this item, or without one where it is None, in this version."""
        items = self.items.delete(jid) if item is None else self.items.set(jid, item)
        after = RosterCache(items, ver, self.received)
        full = self._full_keys()
        if "/" in jid and (jid in self.items) is not (item is not None):
            kept = {*full, jid} if item is not None else {*full} - {jid}
            full = tuple(sorted(kept))
        object.__setattr__(after, "_full", full)
        return after

    def at(self, jid: str) -> tuple[Item, ...]:
        """Return the items of a bare JID: its own one, and those that an old gateway has made for its full JIDs."""
        own = self.items.get(jid)
        full, resources = self._full_keys(), f"{jid}/"
        index = bisect_left(full, resources)
        keys = takewhile(lambda key: key.startswith(resources), islice(full, index, None))
        return (*(() if own is None else (own,)), *[self.items[key] for key in keys])

    def _full_keys(self) -> tuple[str, ...]:
        """Return the keys of items with a resourcepart, sorted: there are few or none. They are sought only once."""
        if self._full is None:
            object.__setattr__(self, "_full", tuple([key for key in self.items if "/" in key]))
        assert self._full is not None
        return self._full


@frozen
class Interim:
    """The pushes that came between a roster get and its result, which they overrule: they are never older.

    They change the roster at once, but not its version: who kept the version of a push and missed the result
    would never be sent what else that had to say.
    """

    items: FrozenMap[Item | None] = FrozenMap()
    """By JID; None: removed."""
    ver: str | None = None


# --- others (§3, §4) ----------------------------------------------------------------------------------------


@frozen
class Request:
    """A subscription request that waits for the user's decision, complete (§3.1.3)."""

    presence: Presence
    at: datetime


@frozen
class Resource:
    """What was last heard from one resource."""

    name: str
    """The resourcepart; empty for an entity that speaks from its bare JID."""
    presence: Presence

    @property
    def available(self) -> bool:
        """Whether it is available: unavailable presence, and a presence error, mean that it is not."""
        return self.presence.type is None


@frozen
class Heard:
    """What was heard from the resources of one bare JID, the latest last."""

    resources: tuple[Resource, ...] = ()

    def available(self) -> tuple[Resource, ...]:
        """Return the available resources, the latest last."""
        return tuple([resource for resource in self.resources if resource.available])

    def resource(self, name: str) -> Resource | None:
        """Return what was heard from the resource of this name, or None where nothing was."""
        for resource in self.resources:
            if resource.name == name:
                return resource
        return None


# --- conversations (§5, §6) ---------------------------------------------------------------------------------


@frozen
class Chat:
    """A chat session with one bare JID, or with one occupant of a room (§5.1; XEP-0045 §7.5)."""

    at: datetime
    """When it was last active."""
    thread: str | None = None
    locked: JID | None = None
    """The full JID that messages go to; None: the bare JID."""
    shared_with: JID | None = None
    """Whom presence was sent to because of the session, and who is owed an unavailable at its end."""


@frozen
class Room:
    """A room that this client is in, or was in (XEP-0045)."""

    leaving: int = field(default=0, validator=ge(0))
    """How often this client has left it without having had its own unavailable presence back."""


class About(Enum):
    """What an IQ of this client asked for."""

    ROSTER_GET = "roster get"
    ROSTER_SET = "roster set"
    OTHER = "other"


@frozen
class Question:
    """An IQ get or set that waits for its answer."""

    to: JID | None
    """Who must answer; None: the user's account."""
    at: datetime
    """Since when it waits."""
    about: About = About.OTHER
    change: ItemChange | None = None
    """What a roster set asks for."""


_SHOWN: Final = MappingProxyType(
    {(False, False): "none", (True, False): "to", (False, True): "from", (True, True): "both"}
)

# --- the client ---------------------------------------------------------------------------------------------


@frozen
class Features:
    """The stream features that a client must have seen before it uses them."""

    roster_versioning: bool = field(default=False, validator=is_flag)
    """§2.6.1: ``<ver xmlns='urn:xmpp:features:rosterver'/>``."""
    pre_approval: bool = field(default=False, validator=is_flag)
    """§3.4.1: ``<sub xmlns='urn:xmpp:features:pre-approval'/>``."""


def _is_full_jid(_: object, attribute: attrs.Attribute[JID], value: JID) -> None:
    is_jid(_, attribute, value)
    if value.is_bare:
        raise ValueError(f"{attribute.name}: {value.full!r} has no resourcepart")


@frozen
class Bound:
    """The session: the full JID that the server has bound, and what its stream offered.

    :raises ValueError: for what is no full JID; it may be given as a string.
    """

    jid: JID = field(converter=as_jid, validator=_is_full_jid)
    features: Features = field(default=Features(), validator=instance_of(Features))
    lang: str | None = field(default=None, validator=is_optional_text)


def _is_bare_jid(_: object, attribute: attrs.Attribute[JID], value: JID) -> None:
    is_jid(_, attribute, value)
    if not value.is_bare:
        raise ValueError(f"{attribute.name}: {value.full!r} is not a bare JID")


@frozen
class Client:
    """Everything that a client knows.

    :raises ValueError: for what is no bare JID; it may be given as a string.
    """

    jid: JID = field(converter=as_jid, validator=_is_bare_jid)
    """The account's bare JID."""
    roster: RosterCache = field(default=RosterCache(), validator=instance_of(RosterCache))
    chats: FrozenMap[Chat] = FrozenMap()
    """By the other's bare JID; with an occupant of a room by its full JID."""
    idle: LRUSet = LRUSet()
    """The JIDs in ``chats``, the one idle longest first."""
    sent: tuple[Message, ...] = ()
    """The last messages sent that have an id, the latest last: what errors are matched to."""
    bound: Bound | None = None
    interested: bool = False
    """Whether this session has asked for the roster, and so receives pushes (§2.2)."""
    interim: Interim | None = None
    """There from a roster get to its result, should that ever come."""
    presence: Presence | None = None
    """The last broadcast presence of this client; None while it is not available (§4.1)."""
    leaving: int = 0
    """How often this client has gone unavailable without having had its unavailable presence back yet (§4.5.2)."""
    directed: tuple[str, ...] = ()
    """Whom this client has sent directed presence to and owes an unavailable, sorted (§4.6)."""
    rooms: FrozenMap[Room] = FrozenMap()
    """The rooms that this client is in, or has left with the room's answer to come, by bare JID."""
    sent_presences: tuple[Presence, ...] = ()
    """The last presence stanzas of this session that have an id, the latest last, as ``sent`` has messages."""
    questions: FrozenMap[Question] = FrozenMap()
    """By id."""
    wanted: FrozenMap[ItemChange] = FrozenMap()
    """What roster sets of this session have asked for, by JID, until a push shows what became of it."""
    presences: FrozenMap[Heard] = FrozenMap()
    """By bare JID; that of the user's own resources is among them."""
    strangers: LRUSet = LRUSet()
    """The bare JIDs in ``presences`` that nothing vouches for, the one heard longest ago first."""
    requests: FrozenMap[Request] = FrozenMap()
    """By the requester's bare JID."""
    asked: tuple[str, ...] = ()
    """The bare JIDs that this session has sent a request to and that have not answered, sorted."""

    def subscription(self, jid: str) -> Subscription:
        """Return which of the nine states of Appendix A a bare JID is in, as far as this client knows."""
        shown = [item.subscription for item in self.roster.at(jid)]
        to, from_ = any(state.to for state in shown), any(state.from_ for state in shown)
        pending_out = any(state.pending_out for state in shown) or jid in self.asked
        return subscription_state(_SHOWN[to, from_], pending_out, jid in self.requests)

    def owes(self, jid: str) -> bool:
        """Whether this client has sent directed presence to exactly this JID and owes it an unavailable (§4.6)."""
        index = bisect_left(self.directed, jid)
        return self.directed[index : index + 1] == (jid,)

    def owes_any(self, jid: str) -> bool:
        """Whether it owes an unavailable to a bare JID or to any of its resources."""
        resources = f"{jid}/"
        index = bisect_left(self.directed, resources)
        return self.owes(jid) or any(entry.startswith(resources) for entry in self.directed[index : index + 1])

    def is_stranger(self, jid: str) -> bool:
        """Whether nothing vouches for a bare JID: neither the roster nor presence sent to it; nor is it the user's."""
        return jid != self.jid.bare and not self.roster.at(jid) and not self.owes_any(jid)

    def resources(self, jid: str) -> tuple[Resource, ...]:
        """Return the available resources of a bare JID, the best first (§4.7.2.3).

        The best is the one of the highest priority, and of several the one heard last.
        """
        heard = self.presences.get(jid)
        latest_first = heard.available()[::-1] if heard is not None else ()
        return tuple(sorted(latest_first, key=lambda resource: -resource.presence.priority))

    def best(self, jid: str) -> Resource | None:
        """Return the best available resource of a bare JID, or None."""
        return next(iter(self.resources(jid)), None)

    def other_resources(self) -> tuple[Resource, ...]:
        """Return the available resources of the user's own account but this one, the best first."""
        own = None if self.bound is None else self.bound.jid.resource
        return tuple([resource for resource in self.resources(self.jid.bare) if resource.name != own])

    def next_ver(self) -> str | None:
        """Return the 'ver' that the next roster get would have: that of the last push, or "" (§2.6.2, §2.6.3).

        None where the server does not advertise roster versioning.
        """
        if self.bound is None or not self.bound.features.roster_versioning:
            return None
        return self.roster.ver or ""

    def without_chats(self, jids: Iterable[str]) -> Client:
        """Return the client without its chat sessions with these JIDs; what they have shared of presence stays."""
        chats, idle = self.chats, self.idle
        for jid in jids:
            chats, idle = chats.delete(jid), idle.without(jid)
        return evolve(self, chats=chats, idle=idle)

    def without_session(self) -> Client:
        """Return the client after its session: the roster and the threads of chat sessions are left.

        Those with occupants of rooms are over: in the next session somebody else may have the nickname.
        """
        kept = self.without_chats([jid for jid in self.chats if "/" in jid])
        chats = {jid: evolve(chat, locked=None, shared_with=None) for jid, chat in kept.chats.items()}
        return Client(self.jid, self.roster, FrozenMap(chats), kept.idle, self.sent)
