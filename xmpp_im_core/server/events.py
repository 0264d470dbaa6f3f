"""What happens to an account: facts in the past tense, each with its time and a number of its own.

``at`` is an aware datetime. ``seq`` is a string that the host never repeats for this account; the ids of
IQs and presence that the server makes begin with it. After it they name what their recipient knows, its own
JID or the resource they come from: an index would tell it how many others there are.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs
from attrs import field, frozen
from attrs.validators import ge

from xmpp_im_core.event import Decision, Timed, not_empty
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.roster import SharedItem
from xmpp_im_core.server.effects import Deliver, FanOut, Put, Route
from xmpp_im_core.server.state import Moved, SessionId
from xmpp_im_core.stanza import Condition, Message, Stanza


def _prepared_bare(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if parse_jid(value).bare != value:
        raise ValueError(f"{attribute.name}: {value!r} is no prepared bare JID")


def _groups(_: object, attribute: attrs.Attribute[Any], value: tuple[str, ...]) -> None:
    if "" in value or len(set(value)) != len(value):
        raise ValueError(f"{attribute.name}: {value!r}; a group is named once, and not empty (RFC 6121 §2.3.3)")


def _shareable(_: object, attribute: attrs.Attribute[tuple[SharedItem, ...]], value: tuple[SharedItem, ...]) -> None:
    for item in value:
        if parse_jid(item.jid).bare != item.jid or item.state.pending_in or item.state.pending_out:
            raise ValueError(f"{attribute.name}: {item!r} has no prepared bare JID, or something pending")
        _groups(None, attribute, item.groups)
    if len({item.jid for item in value}) != len(value):
        raise ValueError(f"{attribute.name}: two items for the same JID")


# --- sessions ---------------------------------------------------------------------------------------------


@frozen
class SessionBound(Timed):
    """A resource was bound. Where the resourcepart was in use already, that session is replaced."""

    session: SessionId
    lang: str | None = None


@frozen
class SessionDetached(Timed):
    """The session's stream was lost, but may be resumed: it stays available."""

    session: SessionId


@frozen
class SessionResumed(Timed):
    """The detached session has a stream again."""

    session: SessionId


@frozen
class SessionEnded(Timed):
    """The session is over, for whatever reason, gracefully or not."""

    session: SessionId
    undelivered: tuple[Deliver, ...] = ()
    """The deliveries whose stanzas were handed to its stream and are known not to have arrived, in their order.

    Each is processed again, unless another of its sessions is still connected: that one has its stanza, or
    reports the delivery when it ends itself. One that a session has got which is no more is left out by a host that
    knows it, and comes twice else: better repeated than lost.
    """


# --- stanzas ----------------------------------------------------------------------------------------------


@frozen
class Outbound(Timed):
    """A session of this account sent a stanza."""

    session: SessionId
    stanza: Stanza


@frozen
class Inbound(Timed):
    """A stanza for this account arrived; the host has proved the domain of its 'from'."""

    stanza: Stanza
    decision: Decision = Decision.ASK
    """Counts for presence of type "subscribe" alone."""


@frozen
class Undelivered(Timed):
    """A delivery failed for these of its sessions: their streams are gone, and their ``SessionEnded`` comes too.

    Until their ends come, or one is resumed, nothing that failed is tried on them again. The delivery is processed
    again, unless another of its sessions is still connected (see ``SessionEnded.undelivered``).
    """

    effect: Deliver
    sessions: tuple[SessionId, ...]


@frozen
class Unroutable(Timed):
    """A stanza could not be routed; ``recipients`` names those of a fan-out to whom it could not."""

    effect: Route | FanOut
    condition: Condition = Condition.REMOTE_SERVER_NOT_FOUND
    recipients: tuple[str, ...] = ()


# --- storage and time -------------------------------------------------------------------------------------


@frozen
class AccountLoaded(Timed):
    """Everything that was stored for the account, as it was put; of the messages for an absent user their number."""

    records: tuple[Put, ...]
    offline: int = field(default=0, validator=ge(0))
    """How many records of kind ``OFFLINE`` there are; they are asked for when somebody can take them."""


@frozen
class LoadFailed(Timed):
    """The account could not be loaded."""


@frozen
class StoreFailed(Timed):
    """What the step of this event wanted stored could not be; the state is still that before the event."""

    event: Event


@frozen
class OfflineLoaded(Timed):
    """The stored messages, each with the key it was put under, in the order they came."""

    session: SessionId
    messages: tuple[tuple[str, Message], ...]


@frozen
class TimePassed(Timed):
    """It is now ``at`` (the state's ``wake_at`` has come)."""


# --- administration ---------------------------------------------------------------------------------------


@frozen
class AccountCreated(Timed):
    """The account was created. ``lineage`` tells its roster's versions from those of any earlier account."""

    lineage: str = field(validator=not_empty)


@frozen
class AccountRemoved(Timed):
    """The account was removed."""


@frozen
class AccountMoved(Timed):
    """The user has moved to another address, or is back (None)."""

    to: Moved | None


@frozen
class ItemSet(Timed):
    """An administrator added or updated an item of the user's roster.

    :raises ValueError: for what a roster set could not ask for either (§2.3.3): what is no prepared bare JID, a group
        named twice or by an empty name. The limits of ``Policy`` bind users alone.
    """

    jid: str = field(validator=_prepared_bare)
    name: str = ""
    groups: tuple[str, ...] = field(default=(), validator=_groups)


@frozen
class ItemRemoved(Timed):
    """An administrator removed an item of the user's roster."""

    jid: str = field(validator=_prepared_bare)


@frozen
class OverlayChanged(Timed):
    """The service shows these items in the roster, and no others: to be said after each loading too.

    :raises ValueError: for an item whose JID is no prepared bare JID or has another item, of which something is
        pending, or with a group named twice or by an empty name (§2.3.3).
    """

    items: tuple[SharedItem, ...] = field(default=(), validator=_shareable)


Event: TypeAlias = (
    SessionBound
    | SessionDetached
    | SessionResumed
    | SessionEnded
    | Outbound
    | Inbound
    | Undelivered
    | Unroutable
    | AccountLoaded
    | LoadFailed
    | StoreFailed
    | OfflineLoaded
    | TimePassed
    | AccountCreated
    | AccountRemoved
    | AccountMoved
    | ItemSet
    | ItemRemoved
    | OverlayChanged
)
