"""What happens to an account: facts in the past tense, each with its time and a number of its own.

``at`` is an aware datetime. ``seq`` is a string that the host never repeats for this account; the ids of
IQs and presence that the server makes begin with it. After it they name what their recipient knows, its own
JID or the resource they come from: an index would tell it how many others there are.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias, final, get_args

import attrs
from attrs import field, frozen
from attrs.validators import instance_of, optional

from xmpp_im_core.event import Decision, Timed
from xmpp_im_core.roster import SharedItem
from xmpp_im_core.server.effects import Damaged, Deliver, FanOut, Put, Route
from xmpp_im_core.server.state import Moved, SessionId
from xmpp_im_core.stanza import Condition, Message, Stanza
from xmpp_im_core.subscription import Subscription
from xmpp_im_core.validators import (
    are_texts,
    is_count,
    is_message,
    is_optional_text,
    is_prepared_bare,
    is_stanza,
    is_text,
    not_empty,
    tuple_of,
    wrong_type,
)


def _is_session(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, SessionId):
        raise wrong_type(attribute.name, "a SessionId", value)
    resource, epoch = tuple[Any, ...](value)
    if not isinstance(resource, str) or not isinstance(epoch, int):
        raise wrong_type(attribute.name, "a SessionId of a str and an int", value)


def _are_sessions(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    _are_session_ids(_, attribute, value)
    for session in value:
        _is_session(_, attribute, session)


_are_session_ids: Final = tuple_of(SessionId, "a SessionId")


def _groups(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    are_texts(_, attribute, value)
    if "" in value or len(set(value)) != len(value):
        raise ValueError(f"{attribute.name}: {value!r}; a group is named once, and not empty (RFC 6121 §2.3.3)")


def _shareable(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    _are_shared_items(_, attribute, value)
    for item in value:
        is_prepared_bare(_, attribute, item.jid)
        is_text(_, attribute, item.name)
        if not isinstance(item.state, Subscription):
            raise wrong_type(attribute.name, "an item whose state is a Subscription", item)
        if item.state.pending_in or item.state.pending_out:
            raise ValueError(f"{attribute.name}: {item!r} has something pending")
        _groups(None, attribute, item.groups)
    if len({item.jid for item in value}) != len(value):
        raise ValueError(f"{attribute.name}: two items for the same JID")


_are_shared_items: Final = tuple_of(SharedItem, "a SharedItem")


def _stored(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    _are_pairs(_, attribute, value)
    for pair in value:
        if len(pair) != 2 or not isinstance(pair[0], str):
            raise wrong_type(attribute.name, "a pair of a str and a Message in each place", pair)
        is_message(_, attribute, pair[1])


_are_pairs: Final = tuple_of(tuple, "a pair")


def is_event(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what is no event of an account."""
    if type(value) not in _EVENTS:
        raise wrong_type(attribute.name, "an event of an account", value)


# --- sessions ---------------------------------------------------------------------------------------------


@frozen
class SessionBound(Timed):
    """A resource was bound. Where the resourcepart was in use already, that session is replaced."""

    session: SessionId = field(validator=_is_session)
    lang: str | None = field(default=None, validator=is_optional_text)


@frozen
class SessionDetached(Timed):
    """The session's stream was lost, but may be resumed: it stays available."""

    session: SessionId = field(validator=_is_session)


@frozen
class SessionResumed(Timed):
    """The detached session has a stream again."""

    session: SessionId = field(validator=_is_session)


@frozen
class SessionEnded(Timed):
    """The session is over, for whatever reason, gracefully or not."""

    session: SessionId = field(validator=_is_session)
    undelivered: tuple[Deliver, ...] = field(default=(), validator=tuple_of(Deliver, "a Deliver"))
    """The deliveries whose stanzas were handed to its stream and are known not to have arrived, in their order.

    Each is processed again, unless another of its sessions is still connected: that one has its stanza, or
    reports the delivery when it ends itself. One that a session has got which is no more is left out by a host that
    knows it, and comes twice else: better repeated than lost.
    """


# --- stanzas ----------------------------------------------------------------------------------------------


def _holds_stanza(event: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse an effect without a stanza: effects are made for every stanza, and looked at only if they come back."""
    is_stanza(event, attribute, value.stanza)
    if isinstance(value, Deliver):
        _are_sessions(event, attribute, value.sessions)


@final
@frozen
class Outbound(Timed):
    """A session of this account sent a stanza."""

    session: SessionId = field(validator=_is_session)
    stanza: Stanza = field(validator=is_stanza)


@final
@frozen
class Inbound(Timed):
    """A stanza for this account arrived; the host has proved the domain of its 'from'."""

    stanza: Stanza = field(validator=is_stanza)
    decision: Decision = field(default=Decision.ASK, validator=instance_of(Decision))
    """Counts for presence of type "subscribe" alone."""


@frozen
class Undelivered(Timed):
    """A delivery failed for these of its sessions: their streams are gone, and their ``SessionEnded`` comes too.

    Until their ends come, or one is resumed, nothing that failed is tried on them again. The delivery is processed
    again, unless another of its sessions is still connected (see ``SessionEnded.undelivered``).
    """

    effect: Deliver = field(validator=[instance_of(Deliver), _holds_stanza])
    sessions: tuple[SessionId, ...] = field(validator=_are_sessions)


@frozen
class Unroutable(Timed):
    """A stanza could not be routed; ``recipients`` names those of a fan-out to whom it could not."""

    effect: Route | FanOut = field(validator=[instance_of((Route, FanOut)), _holds_stanza])
    condition: Condition = field(default=Condition.REMOTE_SERVER_NOT_FOUND, validator=instance_of(Condition))
    recipients: tuple[str, ...] = field(default=(), validator=are_texts)


# --- storage and time -------------------------------------------------------------------------------------


@frozen
class AccountLoaded(Timed):
    """Everything that was stored for the account, as it was put; of the messages for an absent user their number."""

    records: tuple[Put, ...] = field(validator=tuple_of(Put, "a Put"))
    offline: int = field(default=0, validator=is_count)
    """How many records of kind ``OFFLINE`` there are; they are asked for when somebody can take them."""
    offline_bytes: int = field(default=0, validator=is_count)
    """How many bytes their messages take together (``Stanza.size``); 0 if the storage does not know."""
    damaged: tuple[Damaged, ...] = field(default=(), validator=tuple_of(Damaged, "a Damaged"))
    """The records of the account that are stored and cannot be read: what is served is served without them."""


@frozen
class LoadFailed(Timed):
    """The account could not be loaded."""


@frozen
class StoreFailed(Timed):
    """What the step of this event wanted stored could not be; the state is still that before the event."""

    event: Event = field(validator=is_event)


@frozen
class OfflineLoaded(Timed):
    """The stored messages, each with the key it was put under, in the order they came."""

    session: SessionId = field(validator=_is_session)
    messages: tuple[tuple[str, Message], ...] = field(validator=_stored)


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

    to: Moved | None = field(validator=optional(instance_of(Moved)))


@frozen
class AdministratorSetItem(Timed):
    """An administrator added or updated an item of the user's roster.

    :raises ValueError: for what a roster set could not ask for either (§2.3.3): what is no prepared bare JID, a group
        named twice or by an empty name. The limits of ``Policy`` bind users alone.
    """

    jid: str = field(validator=is_prepared_bare)
    name: str = field(default="", validator=is_text)
    groups: tuple[str, ...] = field(default=(), validator=_groups)


@frozen
class AdministratorRemovedItem(Timed):
    """An administrator removed an item of the user's roster."""

    jid: str = field(validator=is_prepared_bare)


@frozen
class SharedItemsChanged(Timed):
    """The service shows these items in the roster, and no others; after loading it shows none until this says so.

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
    | AdministratorSetItem
    | AdministratorRemovedItem
    | SharedItemsChanged
)

_EVENTS: Final = frozenset(get_args(Event))
