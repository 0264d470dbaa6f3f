"""Accounts that wait for the host's answer to a question, and what is held for them meanwhile."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from attrs import frozen

from xmpp_im_core.copying import copied
from xmpp_im_core.element import text_size
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import Policy
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
    SessionBound,
    SessionEnded,
    StoreFailed,
)
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.state import Account, SessionId, State
from xmpp_im_core.server.visibility import NONE, visibility
from xmpp_im_core.stanza import Condition, Presence, Stanza

_HELD_SIZE: Final = 768
"""What an event takes in memory besides its stanza, in bytes."""


@frozen
class Held:
    """An event that an account holds until its question is answered."""

    due: ForAccount
    cause: str
    """The ``seq`` of the event of the service that caused it: what one event causes stays together."""


@frozen
class Waiting:
    """An account whose next event has to be the host's answer, and what has happened to it meanwhile."""

    session: SessionId | None
    """The session that stored messages are loaded for; None: the account itself is being loaded."""
    events: FrozenMap[Held] = FrozenMap()
    """Numbered as they came."""
    bytes: int = 0
    """How many bytes of memory the events take together."""

    def holding(self, held: Held) -> Waiting:
        """Return the account with one more event held."""
        events = self.events.set(f"{len(self.events):09}", held)
        return Waiting(self.session, events, self.bytes + held_size(held.due.event))

    def is_full(self, event: Event, policy: Policy) -> bool:
        """Whether one more event is more than may be held."""
        if len(self.events) >= policy.held_events:
            return True
        return self.bytes + held_size(event) > policy.held_bytes


def held_size(event: Event) -> int:
    """Return how many bytes of memory an event takes at most while it is held, where anybody but the host chooses."""
    if isinstance(event, StoreFailed):
        return _HELD_SIZE + held_size(event.event)
    if isinstance(event, Outbound | Inbound):
        return _HELD_SIZE + event.stanza.size()
    if isinstance(event, SessionBound):
        return _HELD_SIZE + text_size(event.lang or "")
    return _HELD_SIZE


def answers(waiting: Waiting, event: Event) -> bool:
    """Whether this event ends the waiting; what could not be stored of an answer ends it as well."""
    answer = event.event if isinstance(event, StoreFailed) else event
    if waiting.session is None:
        return isinstance(answer, AccountLoaded | LoadFailed)
    return isinstance(answer, OfflineLoaded | SessionEnded) and answer.session == waiting.session


def refused(state: State, event: Event, policy: Policy) -> Effect | None:
    """Refuse what a client or somebody else sends where as much is held as may be (RFC 6120 §13.12).

    None is what the host itself reports: it is held all the same, being no more than there was to report.

    :param state: the account's; while it is being loaded, one of which nothing is known.
    """
    if isinstance(event, Outbound | SessionBound):
        return EndSession(event.session, "resource-constraint", rules.TOO_MUCH_HELD)
    return _to_sender(state, event.stanza, policy) if isinstance(event, Inbound) else None


def _to_sender(state: State, stanza: Stanza, policy: Policy) -> Effect:
    """Answer whoever may see the user's presence with an error, and all others as if there were no user (§8.1).

    Presence is ignored: an answer in the place of the user's could change what the sender is subscribed to.
    """
    sender = stanza.from_jid
    if sender is None or not comes_for(stanza, state.jid.bare) or isinstance(stanza, Presence):
        return Ignored(rules.TOO_MUCH_HELD)
    if isinstance(state, Account) and visibility(state, sender, None) is not NONE:
        return error_to_sender(stanza, Condition.RESOURCE_CONSTRAINT, rules.TOO_MUCH_HELD)
    return copied(no_account(stanza, policy), rule=rules.TOO_MUCH_HELD)


def released(waiting: Waiting, answer: Held) -> list[list[Held]]:
    """Return the answer and the held events, in groups, in the order in which they are to be processed.

    Held events of one cause are one group. Everything that a group causes is processed before the next group, as if the
    answer had come at once.

    Held events follow an answer, but a session's end follows what happened before it. Where the commit
    failed, it was what the held events wanted stored that failed: an answer itself wants nothing stored.
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
    """Return the held events, those of one cause together."""
    return [list(group) for _, group in groupby(waiting.events.values(), key=_cause)]


def _cause(held: Held) -> str:
    return held.cause


def _failed(held: Held) -> Held:
    due = held.due
    if isinstance(due.event, StoreFailed):
        return held
    return Held(ForAccount(due.jid, StoreFailed(due.event.at, due.event.seq, due.event)), held.cause)
