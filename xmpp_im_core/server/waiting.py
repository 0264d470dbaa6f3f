"""Accounts that wait for the host's answer to a question, and what is held for them meanwhile."""

from __future__ import annotations

from attrs import frozen

from xmpp_im_core.server.events import AccountLoaded, Event, LoadFailed, OfflineLoaded, SessionEnded, StoreFailed
from xmpp_im_core.server.service_events import ForAccount
from xmpp_im_core.server.state import SessionId


@frozen
class Waiting:
    """An account whose next event has to be the host's answer, and what has happened to it meanwhile."""

    session: SessionId | None
    """The session that stored messages are loaded for; None: the account itself is being loaded."""
    events: tuple[ForAccount, ...] = ()


def answers(waiting: Waiting, event: Event) -> bool:
    """Whether this event ends the waiting; what could not be stored of an answer ends it as well."""
    answer = event.event if isinstance(event, StoreFailed) else event
    if waiting.session is None:
        return isinstance(answer, AccountLoaded | LoadFailed)
    return isinstance(answer, OfflineLoaded | SessionEnded) and answer.session == waiting.session


def released(waiting: Waiting, due: ForAccount) -> list[ForAccount]:
    """Return the answer and the held events in the order in which they are to be processed.

    Held events follow an answer, but a session's end follows what happened before it. Where the commit
    failed, it was what the held events wanted stored that failed: an answer itself wants nothing stored.
    """
    event, held = due.event, list(waiting.events)
    if isinstance(event, StoreFailed):
        held = [_failed(each) for each in held]
        if not isinstance(event.event, SessionEnded):
            return [ForAccount(due.jid, event.event), *held]
    if isinstance(event, SessionEnded | StoreFailed):
        return [*held, due]
    return [due, *held]


def _failed(held: ForAccount) -> ForAccount:
    event = held.event
    if isinstance(event, StoreFailed):
        return held
    return ForAccount(held.jid, StoreFailed(event.at, event.seq, event))
