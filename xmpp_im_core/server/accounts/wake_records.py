"""The record of when an account wants to be woken, so that a host knows it of accounts that are not in memory.

The record changes whenever ``Account.wake_at`` does, in the commit of the same step. Only a failed commit and loading
move ``wake_at`` without it, to an earlier time. After a failed commit the record is too early, and an account that is
woken too early sends nothing. After loading there may be no record: the step that saves what has changed meanwhile
stores one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from xmpp_im_core.server.effects import Clear, Kind, Put, StoreOperation, Transition, wake_key, wake_time
from xmpp_im_core.server.events import Event, StoreFailed
from xmpp_im_core.server.state import Account, State


def storing_wake(before: Account, after: Account, event: Event, step: Transition[State]) -> Transition[State]:
    """Return a step with the operations that store the new ``wake_at``, if it differs from the earlier one.

    :param after: the account that the step leaves; ``step`` may have saved it already.
    """
    saves = before.unsaved and isinstance(step.state, Account) and not step.state.unsaved
    if (after.wake_at == before.wake_at and not saves) or isinstance(event, StoreFailed):
        return step
    operations: list[StoreOperation] = [] if before.wake_at is None else [Clear(Kind.WAKE)]
    if after.wake_at is not None:
        operations.append(Put(Kind.WAKE, wake_key(after.wake_at), None))
    return Transition(step.state, step.effects, (*step.store, *operations), step.forget)


def first_wake(records: Iterable[Put], due: datetime | None) -> datetime | None:
    """Return when an account that was loaded wants to be woken: at the stored time, or when something is due earlier.

    So a stored time that is too early does not stay: the step that processes it stores the next one.
    """
    stored = [wake_time(put.key) for put in records if put.kind is Kind.WAKE]
    return min([at for at in (*stored, due) if at is not None], default=None)
