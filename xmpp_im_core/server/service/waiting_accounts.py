"""Accounts that wait for an answer of the host, and the events that they hold meanwhile."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from xmpp_im_core.copying import copied
from xmpp_im_core.element import text_size
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import Policy
from xmpp_im_core.record import record
from xmpp_im_core.rules import service as rules
from xmpp_im_core.server.answers import comes_for, error_to_sender
from xmpp_im_core.server.delivery.no_account import no_account
from xmpp_im_core.server.effects import Effect, EndSession, Ignored
from xmpp_im_core.server.events import (
    AccountLoaded,
    Event,
    Inbound,
    LoadFailed,
    OfflineLoaded,
    Outbound,
    OwnershipLost,
    SessionBound,
    SessionEnded,
    StoreFailed,
)
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.state import Account, SessionId, State
from xmpp_im_core.server.visibility import INVISIBLE, visibility
from xmpp_im_core.stanza import Condition, Presence, Stanza

_HELD_SIZE: Final = 768
"""The memory of an event without its stanza, in bytes."""


@record
class Held:
    """An event that an account holds until the host answers."""

    due: ForAccount
    cause: str
    """The ``seq`` of the event of the service that caused it. Events with the same cause stay together."""


@record
class Waiting:
    """An account that waits for an answer of the host, and the events that it holds meanwhile."""

    session: SessionId | None
    """The session for which stored messages are loaded; None if the account itself is loaded."""
    events: FrozenMap[Held] = FrozenMap()
    """By number, in the order of arrival."""
    bytes: int = 0
    """The memory of all held events, in bytes."""

    def holding(self, held: Held) -> Waiting:
        """Return the account with one more event held."""
        return self.holding_all([held], held_size(held.due.event))

    def holding_all(self, new: list[Held], size: int) -> Waiting:
        """Return the account with these events held after the others.

        :param size: the :func:`held_size` of all of them.
        """
        numbers = range(len(self.events), len(self.events) + len(new))
        added = {f"{number:09}": held for number, held in zip(numbers, new, strict=True)}
        return Waiting(self.session, self.events.updated(added), self.bytes + size)

    def is_full(self, size: int, policy: Policy, before: int = 0) -> bool:
        """Whether an event of this size is beyond the limits of what may be held.

        :param before: how many other events are held before it. ``size`` includes theirs.
        """
        return len(self.events) + before >= policy.held_events or self.bytes + size > policy.held_bytes


class NewlyHeld:
    """The events that an account begins to hold while ``serve`` processes one event.

    They are collected in a list: a hundred contacts may answer the probe of an account that waits. To add each of them
    to an immutable :class:`Waiting`, and that to the map of those who wait, took a fifth of a login.
    """

    __slots__ = ("bytes", "events")

    def __init__(self) -> None:
        self.events: list[Held] = []
        self.bytes = 0
        """The memory of these events, in bytes."""

    def add(self, held: Held, size: int) -> None:
        """Hold one more event, of this :func:`held_size`."""
        self.events.append(held)
        self.bytes += size


def held_size(event: Event) -> int:
    """Return an upper bound of the memory of a held event, without the parts that only the host makes, in bytes."""
    if isinstance(event, _OF_STANZAS):
        return _HELD_SIZE + event.stanza.size()
    if isinstance(event, StoreFailed):
        return _HELD_SIZE + held_size(event.event)
    if isinstance(event, SessionBound):
        return _HELD_SIZE + text_size(event.lang or "")
    return _HELD_SIZE


# Tuples, since isinstance(event, A | B) makes the union each time.
_OF_STANZAS: Final = (Outbound, Inbound)
_LOADED: Final = (AccountLoaded, LoadFailed)
_OFFLINE_LOADED: Final = (OfflineLoaded, SessionEnded)


def answers(waiting: Waiting, event: Event) -> bool:
    """Whether this event ends the wait: an answer, or a failed commit of an answer."""
    answer = event.event if isinstance(event, StoreFailed) else event
    if waiting.session is None:
        return isinstance(answer, _LOADED)
    if isinstance(answer, OwnershipLost):
        return True
    return isinstance(answer, _OFFLINE_LOADED) and answer.session == waiting.session


def refused(state: State, event: Event, policy: Policy) -> Effect | None:
    """Refuse an event of a client or another sender because too much is held (RFC 6120 §13.12).

    Return None for a report of the host, which is always held: the host makes only as many as it has facts to report.

    :param state: the state of the account; its initial state while it is loaded.
    """
    if isinstance(event, Outbound | SessionBound):
        return EndSession(event.session, "resource-constraint", rules.TOO_MUCH_HELD)
    return _to_sender(state, event.stanza, policy) if isinstance(event, Inbound) else None


def _to_sender(state: State, stanza: Stanza, policy: Policy) -> Effect:
    """Answer with an error if the sender may see the user's presence, otherwise as if there were no account (§8.1).

    Presence is ignored, since an answer on the user's behalf could change the sender's subscription.
    """
    sender = stanza.from_jid
    if sender is None or not comes_for(stanza, state.jid.bare) or isinstance(stanza, Presence):
        return Ignored(rules.TOO_MUCH_HELD)
    if isinstance(state, Account) and visibility(state, sender, None) is not INVISIBLE:
        return error_to_sender(stanza, Condition.RESOURCE_CONSTRAINT, rules.TOO_MUCH_HELD)
    return copied(no_account(stanza, policy), rule=rules.TOO_MUCH_HELD)


def released(waiting: Waiting, answer: Held) -> list[list[Held]]:
    """Return the answer and the held events in groups, in the order in which they are processed.

    Held events with the same cause are one group. Everything that a group causes is processed before the next group, as
    if the answer had come at once.

    The held events follow an answer, but precede the end of a session, which happened after them. If the commit failed,
    the held events could not be stored, since an answer itself stores nothing.
    """
    event, held = answer.due.event, _groups(waiting)
    if isinstance(event, StoreFailed):
        held = [[_failed(each) for each in group] for group in held]
        if not isinstance(event.event, SessionEnded):
            return [[Held(ForAccount(answer.due.jid, event.event), answer.cause)], *held]
    if isinstance(event, SessionEnded | StoreFailed):
        return [*held, [answer]]
    return [[answer], *held]


def _groups(waiting: Waiting) -> list[list[Held]]:
    """Return the held events in groups of the same cause."""
    return [list(group) for _, group in groupby(waiting.events.in_order(), key=_cause)]


def _cause(held: Held) -> str:
    return held.cause


def _failed(held: Held) -> Held:
    due = held.due
    if isinstance(due.event, StoreFailed):
        return held
    return Held(ForAccount(due.jid, StoreFailed(due.event.at, due.event.seq, due.event)), held.cause)
