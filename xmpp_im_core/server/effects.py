"""What a step returns: the new state, what to store, which effects to perform, what to forget.

A host performs the three tuples in this order:

1. ``store``: commit it in one transaction before you perform any effect.
2. ``effects``: perform them in order. For each recipient, keep this order across all kinds of effect.
3. ``forget``: commit it last. It removes records whose content has been delivered.

If the host crashes before the first commit, the event has not happened. If it crashes after it, the state is kept and
the unsent stanzas are lost, unless the host commits ``effects`` together with ``store``. If it crashes before
``forget``, stanzas are delivered again and none is lost. If the first commit fails, keep the old state, drop the
transition, and feed ``StoreFailed(event)``.

Each effect names the rule that causes it. Perform all effects of a step before you feed any stanza that they cause. A
``Route`` to the account's own bare or full JID comes back to it as an inbound event.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

from xmpp_im_core.record import record
from xmpp_im_core.rules import Rule
from xmpp_im_core.server.state import SessionId, State
from xmpp_im_core.stanza import IQ, Stanza

S = TypeVar("S", covariant=True)
T = TypeVar("T")


class Kind(Enum):
    """The kinds of record that a step stores. Each has a key, and a value of one type."""

    ROSTER = "roster"
    """Key: empty. Value: :class:`~xmpp_im_core.roster.RosterHead`."""
    CONTACT = "contact"
    """Key: the contact's bare JID. Value: :class:`~xmpp_im_core.roster.Contact`."""
    LAST_UNAVAILABLE = "last-unavailable"
    """Key: empty. Value: :class:`~xmpp_im_core.server.state.LastUnavailable`."""
    MOVED = "moved"
    """Key: empty. Value: :class:`~xmpp_im_core.server.state.Moved`."""
    BLOCKED = "blocked"
    """Key: a blocked JID. Value: None."""
    NOTICE = "notice"
    """Key: the event's ``seq``. Value: the presence stanza that the user has not been told of yet."""
    OFFLINE = "offline"
    """Key: the event's ``seq``, so keys sort in the order of arrival if the host's ``seq`` do. Value: the message."""
    SESSION = "session"
    """Key: the resourcepart. Value: the :class:`~xmpp_im_core.server.state.Session`.

    This kind and the next two are stored only with ``Policy.keep_sessions``.
    """
    REPLACED = "replaced"
    """Key: the epoch, a slash and the resourcepart. Value: a replaced session whose end is still to come."""
    ENABLED = "enabled"
    """Key: the name of an extension, a slash and the resourcepart. Value: the session that has enabled it."""
    WAKE = "wake"
    """Key: when the account wants to be woken (:func:`wake_key`), so keys sort by time. Value: None.

    An account has one at most. An index of the kind and the key finds the accounts to wake, loaded or not.
    """
    PROCESSED = "processed"
    """Key: an event that was processed, as in ``Account.processed``. Value: None.

    Stored only with ``Policy.store_remembered_events``.
    """
    OUTBOX = "outbox"
    """Key: made by the host, unique. Value: a :class:`Deliver`, :class:`Route` or :class:`FanOut` to perform.

    Only a host that keeps an outbox stores such a record, never a reducer (:mod:`xmpp_im_core.host.outbox`).
    """


OF_ACCOUNTS: Final = tuple([kind for kind in Kind if kind is not Kind.OUTBOX])
"""The kinds of record that an account has."""


@record
class Put:
    """Store this value under this key. It replaces an earlier value."""

    kind: Kind
    key: str
    value: object


def wake_key(at: datetime) -> str:
    """Return the key of the record that an account wants to be woken at this time: in UTC, always equally long."""
    try:
        in_utc = at.astimezone(UTC)
    except OverflowError:  # later than UTC can express
        in_utc = datetime.max.replace(tzinfo=UTC)
    return in_utc.isoformat(timespec="microseconds")


def wake_time(key: str) -> datetime | None:
    """Return the time in the key of a record of kind ``WAKE``; None if it is no time."""
    try:
        at = datetime.fromisoformat(key)
    except ValueError:
        return None
    return None if at.utcoffset() is None else at


@record
class Damaged:
    """A stored record that cannot be read. It stays in the storage, and the account is served without it."""

    kind: Kind
    key: str
    reason: str


@record
class Delete:
    """Remove the value under this key, if there is one."""

    kind: Kind
    key: str


@record
class Clear:
    """Remove all records of this kind of the account."""

    kind: Kind


StoreOperation: TypeAlias = Put | Delete | Clear


class AddressedAs(Enum):
    """The 'to' of the delivered stanza."""

    AS_IT_STANDS = "as it stands"
    """The 'to' of the original stanza: delivery never rewrites it (RFC 6121 §8.5.2.1.1)."""
    FULL_JID = "full JID"
    """The full JID of each session (roster pushes, §2.1.6)."""


AS_IT_STANDS = AddressedAs.AS_IT_STANDS
FULL_JID = AddressedAs.FULL_JID


@record
class Deliver:
    """Write this stanza to the streams of these sessions of the account."""

    stanza: Stanza
    sessions: tuple[SessionId, ...]
    """At least one."""
    address: AddressedAs
    rule: Rule


@record
class Route:
    """Send this stanza to the server that is responsible for its 'to', which may be this service."""

    stanza: Stanza
    rule: Rule
    session: SessionId | None = None
    """The session whose client has sent it; None if the server has made it."""


@record
class FanOut:
    """Route this stanza to each of these bare or full JIDs, which becomes its 'to'."""

    stanza: Stanza
    recipients: tuple[str, ...]
    """At least one."""
    rule: Rule
    within: Stanza | None = None
    """The stanza that ``serve`` sends instead to recipients at hosted domains; None if it is the same.

    A fan-out that leaves ``serve`` is divided, so its host need not look at this field.
    """


@record
class EndSession:
    """Close the session's stream with this stream error condition (RFC 6120 §4.9.3)."""

    session: SessionId
    condition: str
    rule: Rule


@record
class Delegate:
    """Let the host's service for the namespace of this IQ answer it, from the account's bare JID."""

    iq: IQ
    rule: Rule


@record
class LoadOffline:
    """Load the stored messages for this session. The answer has to be the next event of the account."""

    session: SessionId
    rule: Rule


@record
class Ignored:
    """This rule demands that nothing is sent. A host skips this effect; it exists to name the rule."""

    rule: Rule


Effect: TypeAlias = Deliver | Route | FanOut | EndSession | Delegate | LoadOffline | Ignored
Undeliverable: TypeAlias = Deliver | Route | FanOut


class EffectId(NamedTuple):
    """The identity of an effect. It is the same again if the same event is processed again from the same state."""

    seq: str
    """The ``seq`` of the event that was fed."""
    number: int
    """The place of the effect in ``effects`` of the result."""

    def __str__(self) -> str:
        return f"{self.seq}:{self.number:06}"


@record
class Transition(Generic[S]):
    """The result of a step."""

    state: S
    effects: tuple[Effect, ...] = ()
    store: tuple[StoreOperation, ...] = ()
    forget: tuple[StoreOperation, ...] = ()


Step: TypeAlias = Transition[State]


def silence(state: T, rule: Rule) -> Transition[T]:
    """Return the transition that does nothing, because of this rule."""
    return Transition(state, (Ignored(rule),))


def deliver(stanza: Stanza, sessions: tuple[SessionId, ...], rule: Rule) -> Deliver | Ignored:
    """Deliver a stanza unchanged to these sessions. If there are none, nothing is sent."""
    return Deliver(stanza, sessions, AS_IT_STANDS, rule) if sessions else Ignored(rule)
