"""The state of one account: what a server keeps for a user (RFC 6121 §2.2, §3, §4).

``reduce`` takes one of three: ``Account``, ``NoAccount`` and ``Unloaded``. All are plain, frozen values.

Volatile and durable data share one record. What must outlive the process leaves each step as ``store``; the sessions
do only with ``Policy.keep_sessions``, and are gone after a restart otherwise.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final, NamedTuple, TypeAlias, final

from attrs import field

from xmpp_im_core.copying import OF, Copiers, copied, copyable
from xmpp_im_core.element import TEXT_SIZE, text_size
from xmpp_im_core.jid import JID, Address, address_of
from xmpp_im_core.record import record
from xmpp_im_core.roster import Roster
from xmpp_im_core.stanza import Presence
from xmpp_im_core.validators import is_flag, is_text

_SESSION_SIZE: Final = 1024
"""The memory of a session without its characters and its presence, in bytes."""


class SessionId(NamedTuple):
    """One session of one resource.

    The host chooses the epoch and never repeats it for a resource. So the late end of a replaced session is never taken
    for the end of the new session.
    """

    resource: str
    epoch: int


class Taken(NamedTuple):
    """Upper bounds of the memory of a session, in bytes."""

    own: int
    """For the session with its address, its language and its presence."""
    directed: int
    """For its directed-presence list."""


@copyable
@final
@record
class Session:
    """A connected resource (RFC 6121 §2.2, RFC 6120 §7).

    It is *available* while ``presence`` holds its last broadcast presence, and *interested* once it has requested the
    roster. Neither implies the other.
    """

    id: SessionId
    address: Address
    """The full JID, as an address to stamp."""
    lang: str | None = None
    """The language of its stream, for stanzas without xml:lang (RFC 6120 §8.1.5)."""
    interested: bool = False
    presence: Presence | None = None
    """The last presence without 'to', stamped with the full JID; None while it is not available."""
    priority: int = 0
    directed: tuple[str, ...] = ()
    """The recipients of its directed presence, full or bare JIDs as addressed, sorted (§4.6.1)."""
    attached: bool = True
    """False while its stream is lost and may be resumed."""
    knows_blocklist: bool = False
    """Whether it has requested the block list, and so gets its pushes (XEP-0191 §3.2)."""
    broken: bool = False
    """Whether a delivery to it has failed: its stream is gone, and its ``SessionEnded`` will come."""
    counted: Taken | None = field(default=None, eq=False, repr=False)
    """A cache of :attr:`taken`."""
    __copiers__: ClassVar[Copiers[Session]]

    @property
    def taken(self) -> Taken:
        """Its memory. :meth:`showing` and :meth:`with_directed` count only the part that they change."""
        if self.counted is not None:
            return self.counted
        return Taken(session_size(self.address, self.lang, self.presence), entries_size(self.directed))

    @property
    def available(self) -> bool:
        """Whether it has a presence session (§4.1)."""
        return self.presence is not None

    def asking_roster(self) -> Session:
        """Return the session as an interested resource (§2.2)."""
        return copied(self, interested=True)

    def showing(self, presence: Presence | None) -> Session:
        """Return the session with this last broadcast presence; None ends its presence session (§4.1, §4.6.1)."""
        own = session_size(self.address, self.lang, presence)
        if presence is None:
            return copied(self, presence=None, priority=0, directed=(), counted=Taken(own, 0))
        taken = Taken(own, self.taken.directed)
        return self.__copiers__["presence", "priority", "counted"](self, presence, presence.priority, taken)

    def with_directed(self, directed: tuple[str, ...]) -> Session:
        """Return the session with this directed-presence list, sorted."""
        return copied(self, directed=directed, counted=Taken(self.taken.own, entries_size(directed)))

    def directing_to(self, entry: str) -> Session:
        """Return the session with one more entry in its directed-presence list."""
        place = bisect_left(self.directed, entry)
        directed = (*self.directed[:place], entry, *self.directed[place:])
        return copied(self, directed=directed, counted=Taken(self.taken.own, self.taken.directed + entry_size(entry)))

    def with_stream(self, attached: bool) -> Session:
        """Return the session with a stream, or without one but resumable. In both cases it takes deliveries again."""
        return copied(self, attached=attached, broken=False)

    def breaking(self) -> Session:
        """Return the session as one that takes no more deliveries."""
        return copied(self, broken=True)

    def asking_blocklist(self) -> Session:
        """Return the session as one that gets the pushes of the block list (XEP-0191 §3.2)."""
        return copied(self, knows_blocklist=True)


@record
class LastUnavailable:
    """The last unavailable presence that ended a user's presence, and when (§4.3.2)."""

    presence: Presence
    at: datetime


@record
class Notice:
    """A contact's decision that has not been delivered to the user yet (§3.1.6, §3.2.3, §3.3.3)."""

    key: str
    """The key of its record."""
    stanza: Presence
    size: int = field(init=False, eq=False, repr=False)
    """How many bytes of memory it takes at most."""

    @size.default
    def _size(self) -> int:
        return TEXT_SIZE + text_size(self.key) + self.stanza.size()


@record
class Moved:
    """The user's new address, for the answers to contacts' probes (§4.3.2, rule 2)."""

    address: str = field(validator=is_text)
    permanently: bool = field(validator=is_flag)


class Reach(NamedTuple):
    """The resources that a message to the bare JID can reach, sorted (§8.5.2.1.1)."""

    all: tuple[SessionId, ...]
    """The available resources with a priority that is not negative."""
    most_available: tuple[SessionId, ...]
    """Those of the highest priority; if any resource has a stream, only those with a stream count (§8.5.4).

    All resources of that priority get the message, since all are equally available.
    """


def reach_of(sessions: tuple[Session, ...]) -> Reach:
    """Return which of these sessions a message can reach."""
    reachable = [each for each in sessions if each.presence is not None and each.priority >= 0]
    attached = [each for each in reachable if each.attached] or reachable
    highest = max([each.priority for each in attached], default=0)
    return Reach(
        tuple([each.id for each in reachable]), tuple([each.id for each in attached if each.priority == highest])
    )


class Summary(NamedTuple):
    """What follows from the sessions of an account, and is asked for more often than they change."""

    sessions: tuple[Session, ...]
    """The sessions that it was made from."""
    available: tuple[SessionId, ...]
    reach: Reach
    own: int
    """The memory of the sessions without their directed-presence lists, in bytes."""
    directed: int
    """The memory of their directed-presence lists, in bytes."""

    def after(self, sessions: tuple[Session, ...], old: Session, new: Session) -> Summary:
        """Return the summary of the sessions after one of them has changed, without looking at the others."""
        if (old.presence is None) is (new.presence is None):
            if old.priority != new.priority or old.attached is not new.attached:
                available, reach = self.available, reach_of(sessions)
            else:
                available, reach = self.available, self.reach
        else:
            available, reach = _available(sessions), reach_of(sessions)
        before, after = old.taken, new.taken
        own, directed = self.own + after.own - before.own, self.directed + after.directed - before.directed
        return Summary(sessions, available, reach, own, directed)


def summary_of(sessions: tuple[Session, ...]) -> Summary:
    """Return the summary of these sessions."""
    taken = [session.taken for session in sessions]
    own, directed = sum([each.own for each in taken]), sum([each.directed for each in taken])
    return Summary(sessions, _available(sessions), reach_of(sessions), own, directed)


def _available(sessions: tuple[Session, ...]) -> tuple[SessionId, ...]:
    return tuple([session.id for session in sessions if session.presence is not None])


_FEW: Final = 4
"""Up to this many sessions are searched one by one, which is faster than to halve them again and again."""


@copyable
@final
@record
class Account:
    """Everything a server keeps for one user."""

    jid: JID
    roster: Roster
    sessions: tuple[Session, ...] = ()
    """The connected resources, one per resourcepart, sorted by it."""
    last_unavailable: LastUnavailable | None = None
    moved: Moved | None = None
    blocked: tuple[str, ...] = ()
    """The block list (XEP-0191), prepared JIDs, sorted."""
    wake_at: datetime | None = None
    """When the host has to report that time has passed; None if it need not."""
    notices: tuple[Notice, ...] = ()
    """The notices for the next available resource, in the order of arrival."""
    offline: int = 0
    """The number of messages that are stored for the user (§8.5.2.2.1). Only the storage has the messages."""
    replaced: tuple[SessionId, ...] = ()
    """The replaced sessions whose ``SessionEnded`` has not come yet, the oldest first."""
    offline_bytes: int = 0
    """The total size of the stored messages in bytes (``Stanza.size``), as far as the storage has told."""
    processed: tuple[str, ...] = ()
    """The last events that changed what is stored, the oldest first (``Policy.remembered_events``)."""
    unsaved: bool = False
    """Whether its sessions may differ from their records: its next step stores them."""
    summed: Summary | None = field(default=None, eq=False, repr=False)
    """A cache of :attr:`summary`: it is up to date if it was made from these sessions. A copy of the account keeps it.

    Messages are many, and most of them change nothing in the account.
    """
    address: Address = field(init=False, eq=False, repr=False, metadata={OF: "jid"})

    @address.default
    def _bare_address(self) -> Address:
        return address_of(self.jid)

    __copiers__: ClassVar[Copiers[Account]]

    def session(self, id: SessionId) -> Session | None:
        """Return the session of this id, or None if it is unknown or has been replaced."""
        sessions = self.sessions
        if len(sessions) > _FEW:
            sessions = _of_resource(sessions, id.resource)
        for session in sessions:
            if session.id == id:
                return session
        return None

    def resource(self, resource: str | None) -> Session | None:
        """Return the connected resource of this name, or None."""
        sessions = self.sessions
        if len(sessions) > _FEW and resource is not None:
            sessions = _of_resource(sessions, resource)
        for session in sessions:
            if session.id.resource == resource:
                return session
        return None

    @property
    def summary(self) -> Summary:
        """What follows from the sessions."""
        summary = self.summed
        if summary is None or summary.sessions is not self.sessions:
            summary = summary_of(self.sessions)
            object.__setattr__(self, "summed", summary)  # a guarded record does not allow a plain assignment
        return summary

    @property
    def reach(self) -> Reach:
        """The resources that a message to the bare JID can reach."""
        summary = self.summed  # every message asks, so this spares the call of ``summary``
        return (self.summary if summary is None or summary.sessions is not self.sessions else summary).reach

    def interested(self) -> tuple[SessionId, ...]:
        """Return the interested resources (§2.2), sorted. They get roster pushes."""
        return tuple([session.id for session in self.sessions if session.interested])

    def available(self) -> tuple[SessionId, ...]:
        """Return the available resources (§2.2), sorted. They get presence and subscription requests."""
        summary = self.summed  # as in ``reach``
        return (self.summary if summary is None or summary.sessions is not self.sessions else summary).available

    def presences(self) -> Iterator[Presence]:
        """Yield the last broadcast presence of each available resource, sorted by resource."""
        for session in self.sessions:
            if session.presence is not None:
                yield session.presence

    def with_roster(self, roster: Roster) -> Account:
        """Return the account with another roster."""
        return self.__copiers__["roster",](self, roster)

    def with_sessions(self, sessions: tuple[Session, ...]) -> Account:
        """Return the account with other sessions."""
        return copied(self, sessions=sessions)

    def waking(self, at: datetime | None) -> Account:
        """Return the account with this ``wake_at``."""
        return self.__copiers__["wake_at",](self, at)

    def left_at(self, last: LastUnavailable) -> Account:
        """Return the account with this last unavailable presence."""
        return copied(self, last_unavailable=last)

    def moving(self, moved: Moved | None) -> Account:
        """Return the account with this new address of the user, or with none."""
        return copied(self, moved=moved)

    def blocking(self, blocked: tuple[str, ...]) -> Account:
        """Return the account with this block list, sorted."""
        return self.__copiers__["blocked",](self, blocked)

    def noticing(self, notices: tuple[Notice, ...]) -> Account:
        """Return the account with these notices."""
        return self.__copiers__["notices",](self, notices)

    def storing(self, offline: int, size: int) -> Account:
        """Return the account with this number of stored messages, and their total size in bytes."""
        return copied(self, offline=offline, offline_bytes=size)

    @property
    def session_bytes(self) -> int:
        """The memory of all connected resources without their directed-presence lists, in bytes."""
        return self.summary.own

    @property
    def directed_bytes(self) -> int:
        """The memory of all directed-presence lists, in bytes."""
        return self.summary.directed

    def replacing(self, replaced: tuple[SessionId, ...]) -> Account:
        """Return the account with these replaced sessions, whose ends have not come yet."""
        return copied(self, replaced=replaced)

    def remembering(self, processed: tuple[str, ...]) -> Account:
        """Return the account with these events remembered."""
        return self.__copiers__["processed",](self, processed)

    def with_session(self, session: Session) -> Account:
        """Return the account with this session, which replaces the one of the same resource, if any."""
        sessions, resource = self.sessions, session.id.resource
        place = bisect_left(sessions, resource, key=_by_resource)
        if place == len(sessions) or sessions[place].id.resource != resource:
            return self.with_sessions((*sessions[:place], session, *sessions[place:]))
        changed = (*sessions[:place], session, *sessions[place + 1 :])
        summary = self.summed
        if summary is None or summary.sessions is not sessions:
            return self.with_sessions(changed)
        return self.__copiers__["sessions", "summed"](self, changed, summary.after(changed, sessions[place], session))

    def without_session(self, id: SessionId) -> Account:
        """Return the account without this session."""
        return self.with_sessions(tuple([session for session in self.sessions if session.id != id]))


def session_size(address: Address, lang: str | None, presence: Presence | None) -> int:
    """Return an upper bound of the memory of a session without its directed-presence list, in bytes."""
    return _SESSION_SIZE + 4 * text_size(address.written) + text_size(lang or "") + (presence.size() if presence else 0)


def entry_size(jid: str) -> int:
    """Return an upper bound of the memory of one address in a list, in bytes."""
    return TEXT_SIZE + text_size(jid)


def entries_size(jids: tuple[str, ...]) -> int:
    """Return an upper bound of the memory of the addresses in a list, in bytes."""
    joined = "".join(jids)
    if joined.isascii():  # then the size of the characters is their number, and a long list need not be searched
        return TEXT_SIZE * len(jids) + len(joined)
    return sum([entry_size(jid) for jid in jids])


def _of_resource(sessions: tuple[Session, ...], resource: str) -> tuple[Session, ...]:
    """Return the session of a resource alone, or another one if the resource has none."""
    place = bisect_left(sessions, resource, key=_by_resource)
    return sessions[place : place + 1]


def _by_resource(session: Session) -> str:
    return session.id.resource


@record
class NoAccount:
    """No account exists at this bare JID (RFC 6121 §8.5.1)."""

    jid: JID
    ending: tuple[SessionId, ...] = ()
    """The sessions of an account that was removed whose ``SessionEnded`` has not come yet."""


@record
class Unloaded:
    """Loading the account failed, or what was loaded is not certain any more (``OwnershipLost``).

    Its content is unknown, so it sends nothing that changes the state of a peer. Its next event loads it again.
    """

    jid: JID
    sessions: tuple[Session, ...] = ()
    """The connected resources, as in :class:`Account`. Nothing else of the account is known."""
    replaced: tuple[SessionId, ...] = ()
    """As in :class:`Account`, if the account was known before."""
    ended: tuple[SessionId, ...] = ()
    """The sessions that have ended meanwhile and that others may know: they are told when the account is loaded."""


State: TypeAlias = Account | NoAccount | Unloaded
