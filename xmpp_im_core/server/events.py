"""What happens to an account: facts in the past tense, each with a time and a unique number.

``at`` is an aware datetime. ``seq`` is a string that the host never repeats for this account. The ids of the IQs and
presence that the server makes begin with it. The rest of such an id is something that the recipient knows: its own
JID, or the resource that sends the stanza. An index instead would reveal the number of other recipients.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias, final, get_args

import attrs
from attrs import field
from attrs.validators import instance_of, optional

from xmpp_im_core.event import Decision, Timed, is_decision
from xmpp_im_core.record import record
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
    parts: tuple[Any, ...] = value
    resource, epoch = parts
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
    """Refuse a value that is not an event of an account."""
    if type(value) not in _EVENTS:
        raise wrong_type(attribute.name, "an event of an account", value)


# --- sessions ---------------------------------------------------------------------------------------------


@record
class SessionBound(Timed):
    """A resource was bound. If the resourcepart was in use, this session replaces the earlier one."""

    session: SessionId = field(validator=_is_session)
    lang: str | None = field(default=None, validator=is_optional_text)


@record
class SessionDetached(Timed):
    """The session has lost its stream, which may be resumed. Its availability does not change."""

    session: SessionId = field(validator=_is_session)


@record
class SessionResumed(Timed):
    """The detached session has a stream again."""

    session: SessionId = field(validator=_is_session)


@record
class SessionEnded(Timed):
    """The session has ended, for any reason."""

    session: SessionId = field(validator=_is_session)
    undelivered: tuple[Deliver, ...] = field(default=(), validator=tuple_of(Deliver, "a Deliver"))
    """The deliveries that were written to its stream and did not arrive, in their order.

    They are effects, not identities of effects: the core keeps no stanza that it has sent, so the host keeps them.

    Each is processed again, unless another of its sessions is still connected: that session has the stanza, or reports
    the delivery when it ends. If you know that another session that has ended received it, leave it out; otherwise it
    is delivered again. A duplicate is better than a loss.
    """


# --- stanzas ----------------------------------------------------------------------------------------------


def _holds_stanza(event: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse an effect without a stanza. Effects are checked only here, when they come back, since that is rare."""
    is_stanza(event, attribute, value.stanza)
    if isinstance(value, Deliver):
        _are_sessions(event, attribute, value.sessions)


@final
@record
class Outbound(Timed):
    """A session of this account sent a stanza."""

    session: SessionId = field(validator=_is_session)
    stanza: Stanza = field(validator=is_stanza)


@final
@record
class Inbound(Timed):
    """A stanza for this account arrived. The host has verified the domain of its 'from'."""

    stanza: Stanza = field(validator=is_stanza)
    decision: Decision = field(default=Decision.ASK, validator=is_decision)
    """Applies only to presence of type "subscribe"."""


@record
class Undelivered(Timed):
    """A delivery failed for these sessions, whose streams are gone. Their ``SessionEnded`` events follow.

    Until a session ends or is resumed, no failed delivery is tried on it again. The delivery is processed again, unless
    another of its sessions is still connected (see ``SessionEnded.undelivered``).
    """

    effect: Deliver = field(validator=[instance_of(Deliver), _holds_stanza])
    sessions: tuple[SessionId, ...] = field(validator=_are_sessions)


@record
class Unroutable(Timed):
    """A stanza could not be routed. For a fan-out, ``recipients`` are those to whom it could not be routed."""

    effect: Route | FanOut = field(validator=[instance_of((Route, FanOut)), _holds_stanza])
    condition: Condition = field(default=Condition.REMOTE_SERVER_NOT_FOUND, validator=instance_of(Condition))
    recipients: tuple[str, ...] = field(default=(), validator=are_texts)


# --- storage and time -------------------------------------------------------------------------------------


@record
class AccountLoaded(Timed):
    """The account was loaded: all its stored records, but only the number and size of its offline messages."""

    records: tuple[Put, ...] = field(validator=tuple_of(Put, "a Put"))
    offline: int = field(default=0, validator=is_count)
    """The number of records of kind ``OFFLINE``, which are loaded when a resource can receive them."""
    offline_bytes: int = field(default=0, validator=is_count)
    """The total size of their messages in bytes (``Stanza.size``); 0 if the storage does not know it."""
    damaged: tuple[Damaged, ...] = field(default=(), validator=tuple_of(Damaged, "a Damaged"))
    """The stored records that cannot be read. The account is served without them."""


@record
class LoadFailed(Timed):
    """The account could not be loaded."""


@record
class OwnershipLost(Timed):
    """What is known of the account is not certain any more: a commit is in doubt, or another process may own it now.

    The account goes back to not loaded, and tells nobody. Its next event loads it again: the host must read what is
    stored after this event. With ``Policy.keep_sessions`` the stored sessions count then; otherwise the sessions stay
    in memory as they are. A wait for stored messages ends, and the held events wait for the account. If the account is
    being loaded already, this event is held like any other.
    """


@record
class StoreFailed(Timed):
    """The ``store`` of the step of this event could not be committed. The state is the one before the event."""

    event: Event = field(validator=is_event)


@record
class OfflineLoaded(Timed):
    """The stored messages were loaded: each with its key, in the order of arrival."""

    session: SessionId = field(validator=_is_session)
    messages: tuple[tuple[str, Message], ...] = field(validator=_stored)


@record
class TimePassed(Timed):
    """It is now ``at`` (the state's ``wake_at`` has come)."""


# --- administration ---------------------------------------------------------------------------------------


@record
class AccountCreated(Timed):
    """The account was created. ``lineage`` distinguishes its roster versions from those of any earlier account."""

    lineage: str = field(validator=not_empty)


@record
class AccountRemoved(Timed):
    """The account was removed."""


@record
class AccountMoved(Timed):
    """The user has moved to another address, or has moved back (None)."""

    to: Moved | None = field(validator=optional(instance_of(Moved)))


@record
class AdministratorSetItem(Timed):
    """An administrator added or updated an item of the user's roster.

    The limits of ``Policy`` apply only to users.

    :raises ValueError: if a roster set could not ask for this either (§2.3.3): the JID is not a prepared bare JID, or a
        group is repeated or empty.
    """

    jid: str = field(validator=is_prepared_bare)
    name: str = field(default="", validator=is_text)
    groups: tuple[str, ...] = field(default=(), validator=_groups)


@record
class AdministratorRemovedItem(Timed):
    """An administrator removed an item of the user's roster."""

    jid: str = field(validator=is_prepared_bare)


@record
class SharedItemsChanged(Timed):
    """The service shows exactly these items in the roster. After loading it shows none until this event comes.

    :raises ValueError: if a JID is not a prepared bare JID or has two items, if a state is pending, or if a group of an
        item is repeated or empty (§2.3.3).
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
    | OwnershipLost
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
