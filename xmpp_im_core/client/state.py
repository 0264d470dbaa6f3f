"""The state of one client: its roster, the presence of others, its chat sessions and its open requests (RFC 6121).

All classes are frozen. The roster and the threads of chat sessions are kept between sessions; everything else ends
with the session. A stream that may be resumed has not ended, so a snapshot also holds the presence of others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from itertools import islice, takewhile
from types import MappingProxyType
from typing import ClassVar, Final, final

import attrs
from attrs import field
from attrs.validators import ge, instance_of

from xmpp_im_core.copying import Copiers, copied, copyable
from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.jid import JID
from xmpp_im_core.lru_set import LRUSet
from xmpp_im_core.record import record
from xmpp_im_core.stanza import Message, Presence
from xmpp_im_core.subscription import NONE, Subscription, subscription_state
from xmpp_im_core.text_set import TextSet
from xmpp_im_core.validators import as_jid, is_flag, is_jid, is_optional_text

# --- the roster (§2) ----------------------------------------------------------------------------------------


@record
class Item:
    """A roster item, as the server has last sent it (§2.1.2)."""

    jid: str
    subscription: Subscription = NONE
    """What 'subscription' and 'ask' say. A request that waits for the user's decision is not part of an item."""
    name: str = ""
    groups: tuple[str, ...] = ()
    """Sorted."""
    approved: bool = False
    """Whether the contact is pre-approved (§2.1.2.1)."""
    extensions: tuple[Element, ...] = ()
    """The children of other namespaces."""


def bare_key(key: str) -> str:
    """Return the bare JID of an item's key. Old gateways have made items for full JIDs."""
    return key.partition("/")[0]


@record
class ItemChange:
    """The content of a roster set: everything that a client can say about an item (§2.1.5)."""

    jid: str
    name: str = ""
    groups: tuple[str, ...] = ()
    removes: bool = False


@record
class RosterCache:
    """The roster as this client knows it. Keep it from session to session."""

    items: FrozenMap[Item] = FrozenMap()
    ver: str | None = None
    """The version of the last result or push, an opaque string (§2.6.2)."""
    received: bool = False
    """Whether the client has ever received a roster."""
    _full: tuple[str, ...] | None = field(default=None, init=False, eq=False, repr=False)

    def having(self, jid: str, item: Item | None, ver: str | None) -> RosterCache:
        """Return the roster in this version with this item, or without it if ``item`` is None."""
        items = self.items.delete(jid) if item is None else self.items.set(jid, item)
        after = RosterCache(items, ver, self.received)
        full = self._full_keys()
        if "/" in jid and (jid in self.items) is not (item is not None):
            kept = {*full, jid} if item is not None else {*full} - {jid}
            full = tuple(sorted(kept))
        object.__setattr__(after, "_full", full)
        return after

    def at(self, jid: str) -> tuple[Item, ...]:
        """Return the items of a bare JID: its item, and items that an old gateway has made for its full JIDs."""
        own = self.items.get(jid)
        full = self._full_keys()
        if not full:  # as in nearly every roster
            return () if own is None else (own,)
        resources = f"{jid}/"
        index = bisect_left(full, resources)
        keys = takewhile(lambda key: key.startswith(resources), islice(full, index, None))
        return (*(() if own is None else (own,)), *[self.items[key] for key in keys])

    def _full_keys(self) -> tuple[str, ...]:
        """Return the keys with a resourcepart, sorted. There are few or none, and they are searched only once."""
        if self._full is None:
            object.__setattr__(self, "_full", tuple([key for key in self.items if "/" in key]))
        assert self._full is not None
        return self._full


@record
class Interim:
    """The pushes that arrived between a roster get and its result. They win over the result: they are never older.

    A push changes the roster at once, but not its version. Otherwise a client that kept the version of the push and
    missed the result would never get the other changes.
    """

    items: FrozenMap[Item | None] = FrozenMap()
    """By JID; None for an item that was removed."""
    ver: str | None = None


# --- others (§3, §4) ----------------------------------------------------------------------------------------


@record
class Request:
    """A complete subscription request that waits for the user's decision (§3.1.3)."""

    presence: Presence
    at: datetime


@record
class Resource:
    """The last presence of one resource."""

    name: str
    """The resourcepart; empty if the presence came from the bare JID."""
    presence: Presence

    @property
    def available(self) -> bool:
        """Whether it is available. Unavailable presence and presence errors mean that it is not."""
        return self.presence.type is None


@record
class Heard:
    """The presence of the resources of one bare JID, the latest last."""

    resources: tuple[Resource, ...] = ()

    def available(self) -> tuple[Resource, ...]:
        """Return the available resources, the latest last."""
        return tuple([resource for resource in self.resources if resource.available])

    def resource(self, name: str) -> Resource | None:
        """Return the presence of the resource with this name, or None."""
        for resource in self.resources:
            if resource.name == name:
                return resource
        return None


# --- conversations (§5, §6) ---------------------------------------------------------------------------------


@copyable
@final
@record
class Chat:
    """A chat session with one bare JID, or with one occupant of a room (§5.1; XEP-0045 §7.5)."""

    __copiers__: ClassVar[Copiers[Chat]]

    at: datetime
    """When it was last active."""
    thread: str | None = None
    locked: JID | None = None
    """The full JID that messages go to; None: the bare JID."""
    shared_with: JID | None = None
    """The JID to which the client has sent presence because of the session; it gets unavailable presence at the end."""

    def active(self, at: datetime, thread: str | None) -> Chat:
        """Return the session after activity in this thread."""
        return self.__copiers__["at", "thread"](self, at, thread)


@record
class Room:
    """A room that this client is in, or was in (XEP-0045)."""

    leaving: int = field(default=0, validator=ge(0))
    """How often this client has left the room without getting its own unavailable presence back yet."""


class About(Enum):
    """What an IQ of this client is about."""

    ROSTER_GET = "roster get"
    ROSTER_SET = "roster set"
    OTHER = "other"


@record
class Question:
    """An IQ get or set that waits for its answer."""

    to: JID | None
    """The entity that must answer; None for the user's account."""
    at: datetime
    """Since when it waits."""
    about: About = About.OTHER
    change: ItemChange | None = None
    """The change that a roster set asks for."""


@record
class SetsWaiting:
    """How many roster sets wait for their answers, by the JID that they change: counted from the questions."""

    questions: FrozenMap[Question]
    """The questions that it was counted from."""
    by_jid: FrozenMap[int]


_SHOWN: Final = MappingProxyType(
    {(False, False): "none", (True, False): "to", (False, True): "from", (True, True): "both"}
)

# --- the client ---------------------------------------------------------------------------------------------


@record
class Features:
    """The stream features that a client must see before it uses them."""

    roster_versioning: bool = field(default=False, validator=is_flag)
    """§2.6.1: ``<ver xmlns='urn:xmpp:features:rosterver'/>``."""
    pre_approval: bool = field(default=False, validator=is_flag)
    """§3.4.1: ``<sub xmlns='urn:xmpp:features:pre-approval'/>``."""


def _is_full_jid(_: object, attribute: attrs.Attribute[JID], value: JID) -> None:
    is_jid(_, attribute, value)
    if value.is_bare:
        raise ValueError(f"{attribute.name}: {value.full!r} has no resourcepart")


@record
class Bound:
    """The session: the full JID that the server has bound, and what its stream offered.

    :raises ValueError: for a JID without a resourcepart. A string is parsed.
    """

    jid: JID = field(converter=as_jid, validator=_is_full_jid)
    features: Features = field(default=Features(), validator=instance_of(Features))
    lang: str | None = field(default=None, validator=is_optional_text)


def _is_bare_jid(_: object, attribute: attrs.Attribute[JID], value: JID) -> None:
    is_jid(_, attribute, value)
    if not value.is_bare:
        raise ValueError(f"{attribute.name}: {value.full!r} is not a bare JID")


@copyable
@final
@record
class Client:
    """Everything that a client knows.

    :raises ValueError: for a JID with a resourcepart. A string is parsed.
    """

    __copiers__: ClassVar[Copiers[Client]]

    jid: JID = field(converter=as_jid, validator=_is_bare_jid)
    """The account's bare JID."""
    roster: RosterCache = field(default=RosterCache(), validator=instance_of(RosterCache))
    chats: FrozenMap[Chat] = FrozenMap()
    """By the peer's bare JID; for an occupant of a room, by the full JID."""
    idle: LRUSet = LRUSet()
    """The keys of ``chats``, the session that has been idle longest first."""
    sent: tuple[Message, ...] = ()
    """The last sent messages with an id, the latest last. The client matches errors to them."""
    bound: Bound | None = None
    interested: bool = False
    """Whether this session has requested the roster, so that it gets pushes (§2.2)."""
    interim: Interim | None = None
    """Set while a roster get waits for its result."""
    presence: Presence | None = None
    """The last broadcast presence of this client; None while the client is not available (§4.1)."""
    leaving: int = 0
    """How often this client has gone unavailable without getting its unavailable presence back yet (§4.5.2)."""
    directed: tuple[str, ...] = ()
    """The JIDs to which this client has sent directed presence and owes unavailable presence, sorted (§4.6)."""
    rooms: FrozenMap[Room] = FrozenMap()
    """The rooms that this client is in, or has left before the room has answered, by bare JID."""
    sent_presences: tuple[Presence, ...] = ()
    """The last sent presence stanzas of this session with an id, the latest last. The client matches errors to them."""
    questions: FrozenMap[Question] = FrozenMap()
    """By id."""
    wanted: FrozenMap[ItemChange] = FrozenMap()
    """The changes that roster sets of this session have asked for, by JID, until a push shows the result."""
    presences: FrozenMap[Heard] = FrozenMap()
    """By bare JID; the user's own resources are among them."""
    strangers: LRUSet = LRUSet()
    """The bare JIDs in ``presences`` that are strangers, the one heard longest ago first."""
    requests: FrozenMap[Request] = FrozenMap()
    """By the requester's bare JID."""
    asked: TextSet = TextSet()
    """The bare JIDs to which this session has sent a request that is not answered yet."""
    sets: SetsWaiting | None = field(default=None, eq=False, repr=False)
    """A cache of :func:`~xmpp_im_core.client.questions.sets_waiting`. It is up to date if it has these questions."""

    def with_active_chat(self, jid: str, chat: Chat) -> Client:
        """Return the client with this chat session, as the one that was active last."""
        return self.__copiers__["chats", "idle"](self, self.chats.set(jid, chat), self.idle.with_newest(jid))

    def with_heard(self, jid: str, *resources: Resource) -> Client:
        """Return the client with exactly this presence of a bare JID, the latest last."""
        return self.__copiers__["presences",](self, self.presences.set(jid, Heard(resources)))

    def with_sent(self, messages: tuple[Message, ...], presences: tuple[Presence, ...]) -> Client:
        """Return the client with these as the last that it has sent."""
        return self.__copiers__["sent", "sent_presences"](self, messages, presences)

    def with_pushed(self, roster: RosterCache, interim: Interim | None) -> Client:
        """Return the client with its roster after a push."""
        return self.__copiers__["roster", "interim"](self, roster, interim)

    def subscription(self, jid: str) -> Subscription:
        """Return the subscription state of a bare JID (Appendix A), as far as this client knows."""
        shown = [item.subscription for item in self.roster.at(jid)]
        to, from_ = any(state.to for state in shown), any(state.from_ for state in shown)
        pending_out = any(state.pending_out for state in shown) or jid in self.asked
        return subscription_state(_SHOWN[to, from_], pending_out, jid in self.requests)

    def owes(self, jid: str) -> bool:
        """Whether this client owes exactly this JID unavailable presence, after directed presence (§4.6)."""
        index = bisect_left(self.directed, jid)
        return self.directed[index : index + 1] == (jid,)

    def owes_any(self, jid: str) -> bool:
        """Whether this client owes unavailable presence to a bare JID or to any of its resources."""
        resources = f"{jid}/"
        index = bisect_left(self.directed, resources)
        return self.owes(jid) or any(entry.startswith(resources) for entry in self.directed[index : index + 1])

    def is_stranger(self, jid: str) -> bool:
        """Whether a bare JID is a stranger: not the user, not in the roster, and without presence from this client."""
        return jid != self.jid.bare and not self.roster.at(jid) and not self.owes_any(jid)

    def resources(self, jid: str) -> tuple[Resource, ...]:
        """Return the available resources of a bare JID, the best first (§4.7.2.3).

        The best has the highest priority. If several have it, the one heard last is the best.
        """
        heard = self.presences.get(jid)
        latest_first = heard.available()[::-1] if heard is not None else ()
        return tuple(sorted(latest_first, key=lambda resource: -resource.presence.priority))

    def best(self, jid: str) -> Resource | None:
        """Return the best available resource of a bare JID, or None."""
        return next(iter(self.resources(jid)), None)

    def other_resources(self) -> tuple[Resource, ...]:
        """Return the other available resources of the user's account, the best first."""
        own = None if self.bound is None else self.bound.jid.resource
        return tuple([resource for resource in self.resources(self.jid.bare) if resource.name != own])

    def next_ver(self) -> str | None:
        """Return the 'ver' of the next roster get: the version of the last push or result, or "" (§2.6.2, §2.6.3).

        None if the server does not advertise roster versioning.
        """
        if self.bound is None or not self.bound.features.roster_versioning:
            return None
        return self.roster.ver or ""

    def without_chats(self, jids: Iterable[str]) -> Client:
        """Return the client without the chat sessions with these JIDs. Presence that they have shared stays shared."""
        chats, idle = self.chats, self.idle
        for jid in jids:
            chats, idle = chats.delete(jid), idle.without(jid)
        return copied(self, chats=chats, idle=idle)

    def without_session(self) -> Client:
        """Return the client after its session: only the roster and the threads of chat sessions stay.

        Chat sessions with occupants of rooms end: in the next session somebody else may have the nickname.
        """
        kept = self.without_chats([jid for jid in self.chats if "/" in jid])
        chats = {jid: copied(chat, locked=None, shared_with=None) for jid, chat in kept.chats.items()}
        return Client(self.jid, self.roster, FrozenMap(chats), kept.idle, self.sent)
