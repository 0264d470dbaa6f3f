"""The records that a step stores: each change once, under names that do not change, and nothing besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from xmpp_im_conformance.drivers.embedded.promises.broken import Step, promise
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Account, Clear, Kind, Put, StoreFailed
from xmpp_im_core.server.effects import Delete, StoreOperation
from xmpp_im_core.server.events import OfflineLoaded, OwnershipLost
from xmpp_im_core.server.state import LastUnavailable

_NAMES: Final = {kind: kind.name.lower().replace("_", "-") for kind in Kind}
"""What kinds of record are called in a storage: an upgrade must find the records of before."""

_TIME: Final = len("2026-01-01T00:00:00.000000+00:00")
_SOON: Final = timedelta(minutes=1)
"""An account whose sessions could not be stored wants to be woken after this time at the latest."""


def check_records(step: Step, policy: Policy) -> None:
    """See that a step stores what it changes, each record once."""
    store, forget = step.transition.store, step.transition.forget
    for each in (*store, *forget):
        promise(each.kind.value == _NAMES[each.kind], "the name of a kind of record does not change", each.kind)
        if isinstance(each, Put) and isinstance(each.value, LastUnavailable):
            promise(each.value.presence.type == "unavailable", "unavailable presence is kept", each)
        if isinstance(each, Put) and each.kind is Kind.WAKE:
            promise(len(each.key) == _TIME, "keys of times are equally long, so they sort as the times do", each)
    once = Counter([(type(each), each.kind, each.key) for each in (*store, *forget) if not isinstance(each, Clear)])
    promise(_saves(step) or all(n == 1 for n in once.values()), "what a step stores it stores once", store, forget)
    for n, each in enumerate(store):
        later = isinstance(each, Clear) and any(other.kind is each.kind for other in store[:n])
        promise(not later, "no record is removed by the step that puts it", store)
    if isinstance(step.event, StoreFailed):
        promise(not store and not forget, "the answer to a failed commit stores nothing", step.event, store, forget)
    if isinstance(step.before, Account) and isinstance(step.after, Account):
        _check_sessions(step.before, step.after, step, policy)
        _check_wake(step.before, step.after, step)


def _saves(step: Step) -> bool:
    """Whether a step stores once more what the account has learnt while it could not be stored."""
    return isinstance(step.before, Account) and step.before.unsaved


def _check_sessions(before: Account, after: Account, step: Step, policy: Policy) -> None:
    """See that the records of sessions follow the sessions. They are stored again as a whole after a failure."""
    sessions = _changed(
        {each.id.resource: each for each in before.sessions}, {e.id.resource: e for e in after.sessions}
    )
    replaced = _changed(dict.fromkeys(map(_key, before.replaced)), dict.fromkeys(map(_key, after.replaced)))
    saves = before.unsaved and not after.unsaved
    if isinstance(step.event, StoreFailed):
        unsaved = before.unsaved or (policy.keep_sessions and bool(sessions or replaced))
        promise(after.unsaved == unsaved, "a step that may not store the sessions leaves them unsaved", step.event)
        if unsaved:
            _check_soon(before, after, step)
        return
    if isinstance(step.event, OfflineLoaded):
        promise(not step.transition.store, "the answer with stored messages stores nothing", step.transition.store)
        return
    promise(not after.unsaved or after is before, "the step after a failure saves the sessions", step.event)
    if saves:
        found = {each.key for each in step.transition.store if isinstance(each, Put) and each.kind is Kind.SESSION}
        all_of_them = {each.id.resource for each in after.sessions} if policy.keep_sessions else set[str]()
        promise(found == all_of_them, "the step after a failure stores all sessions", found)
    elif policy.keep_sessions:
        promise(_keys(step.transition.store, Kind.SESSION) == sessions, "each changed session is stored", step.event)
        promise(_keys(step.transition.store, Kind.REPLACED) == replaced, "each end that is expected is stored", step)


def _check_soon(before: Account, after: Account, step: Step) -> None:
    at, wake_at = step.event.at, after.wake_at
    soon = (
        wake_at is not None and wake_at - at <= _SOON and (before.unsaved or wake_at >= min(at, before.wake_at or at))
    )
    promise(soon, "an account with unsaved sessions wants to be woken soon", at, wake_at)
    earlier = before.wake_at is None or before.wake_at <= at or (wake_at is not None and wake_at <= before.wake_at)
    promise(earlier, "an account that is woken soon is not woken later than it has asked for", before.wake_at, wake_at)


def _check_wake(before: Account, after: Account, step: Step) -> None:
    """See that the record of waking changes in the commit of the step that changes the time, and in no other."""
    found = [each for each in step.transition.store if each.kind is Kind.WAKE]
    saves = before.unsaved and not after.unsaved
    if isinstance(step.event, StoreFailed | OfflineLoaded | OwnershipLost):
        return
    changes = before.wake_at != after.wake_at or saves
    promise(
        bool(found) == (changes and bool(before.wake_at or after.wake_at)), "each new time to wake is stored", found
    )
    puts = [each for each in found if isinstance(each, Put)]
    promise(len(puts) == (changes and after.wake_at is not None), "one time to wake is stored", found)
    clears = [each for each in found if isinstance(each, Clear)]
    promise(bool(clears) == (changes and before.wake_at is not None), "an earlier time to wake is removed", found)


def _changed(before: dict[str, object], after: dict[str, object]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key, _changed) != after.get(key, _changed)}


def _keys(store: Iterable[StoreOperation], kind: Kind) -> set[str]:
    return {each.key for each in store if isinstance(each, Put | Delete) and each.kind is kind}


def _key(id: tuple[str, int]) -> str:
    resource, epoch = id
    return f"{epoch}/{resource}"
