"""What a step returns: the new state, what to store, which effects to perform, what to forget.

A host performs the three tuples in this order:

1. ``store``: committed in one transaction before anything leaves;
2. ``effects``: performed in order; the order holds for each recipient across all kinds of effect;
3. ``forget``: committed last, the removal of what has been handed over.

A crash before the first commit: the event never happened. After it: state is kept, unsent stanzas are lost,
unless the host commits ``effects`` with ``store``. A crash before ``forget`` repeats, never loses. If the first
commit fails: keep the old state, drop the transition, and feed ``StoreFailed(event)``.

Each effect names the rule that it obeys. All effects of a step leave before any stanza caused by them
enters. A ``Route`` to the account's own bare or full JID comes back to it as an inbound event.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Generic, TypeAlias, TypeVar

from attrs import frozen

from xmpp_im_core.rules import Rule
from xmpp_im_core.server.state import SessionId, State
from xmpp_im_core.stanza import IQ, Stanza

S = TypeVar("S", covariant=True)
T = TypeVar("T")


class Kind(Enum):
    """The kinds of record that a step stores, each with its key and the type of its value."""

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
    """Key: the event's ``seq``, so that keys sort as messages came where the host's do. Value: the message."""
    OUTBOX = "outbox"
    """Key: made by the host, unique. Value: a :class:`Deliver`, :class:`Route` or :class:`FanOut` that is to be done.

    No reducer stores one: they belong to a host that keeps an outbox (:mod:`xmpp_im_core.host.outbox`).
    """


OF_ACCOUNTS: Final = tuple([kind for kind in Kind if kind is not Kind.OUTBOX])
"""The kinds of record that an account has."""


@frozen
class Put:
    """Store this value under this key, instead of what stood there."""

    kind: Kind
    key: str
    value: object


@frozen
class Damaged:
    """A record that is stored and cannot be read. It stays where it is; everything else is served without it."""

    kind: Kind
    key: str
    reason: str


@frozen
class Delete:
    """Remove what stands under this key; nothing where nothing does."""

    kind: Kind
    key: str


@frozen
class Clear:
    """Remove everything of this kind that is stored for the account."""

    kind: Kind


StoreOperation: TypeAlias = Put | Delete | Clear


class AddressedAs(Enum):
    """What the delivered stanza has in its 'to'."""

    AS_IT_STANDS = "as it stands"
    """What the stanza has: delivery never rewrites 'to' (RFC 6121 §8.5.2.1.1)."""
    FULL_JID = "full JID"
    """Each session's full JID (roster pushes, §2.1.6)."""


AS_IT_STANDS = AddressedAs.AS_IT_STANDS
FULL_JID = AddressedAs.FULL_JID


@frozen
class Deliver:
    """Write this stanza to the streams of these sessions of the account."""

    stanza: Stanza
    sessions: tuple[SessionId, ...]
    address: AddressedAs
    rule: Rule


@frozen
class Route:
    """Hand this stanza to whoever is responsible for its 'to': this service or another server."""

    stanza: Stanza
    rule: Rule
    session: SessionId | None = None
    """The session whose client has sent it; None: the server has made it."""


@frozen
class FanOut:
    """Route this stanza to each of these bare or full JIDs, with their address as its 'to'."""

    stanza: Stanza
    recipients: tuple[str, ...]
    rule: Rule
    within: Stanza | None = None
    """What recipients at hosted domains get in its place, from ``service``; None: the same as all others."""


@frozen
class EndSession:
    """Close the session's stream with this stream error condition (RFC 6120 §4.9.3)."""

    session: SessionId
    condition: str
    rule: Rule


@frozen
class Delegate:
    """Let the service that the host has for the IQ's namespace answer it, from the account's bare JID."""

    iq: IQ
    rule: Rule


@frozen
class LoadOffline:
    """Load the stored messages for this session; the answer is the account's next event."""

    session: SessionId
    rule: Rule


@frozen
class Ignored:
    """Nothing is sent, by this rule. Hosts skip it; a silence is a result all the same."""

    rule: Rule


Effect: TypeAlias = Deliver | Route | FanOut | EndSession | Delegate | LoadOffline | Ignored
Undeliverable: TypeAlias = Deliver | Route | FanOut


@frozen
class Transition(Generic[S]):
    """The result of a step."""

    state: S
    effects: tuple[Effect, ...] = ()
    store: tuple[StoreOperation, ...] = ()
    forget: tuple[StoreOperation, ...] = ()


Step: TypeAlias = Transition[State]


def silence(state: T, rule: Rule) -> Transition[T]:
    """Return the transition that does nothing, by this rule."""
    return Transition(state, (Ignored(rule),))


def deliver(stanza: Stanza, sessions: tuple[SessionId, ...], rule: Rule) -> Deliver | Ignored:
    """Deliver a stanza as it stands to these sessions; where there are none, the rule is obeyed in silence."""
    return Deliver(stanza, sessions, AS_IT_STANDS, rule) if sessions else Ignored(rule)
