"""What an account is in memory is what its records say: a process that dies at any moment loses nothing.

After each event the driver loads the account once more from its records, and compares. So each scenario also shows
that the core stores what it changes, in whatever order the events come.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import evolve, fields

from xmpp_im_core.host import Stored
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.policy import Policy
from xmpp_im_core.server import Account, Kind, NoAccount, reduce
from xmpp_im_core.server.effects import wake_time
from xmpp_im_core.server.subscriptions.resending import first_due


def not_stored(jid: str, account: Account | None, stored: Stored, policy: Policy, at: datetime) -> tuple[str, ...]:
    """Return the names of the fields that are not as the records of an account say.

    :param account: the account in memory, whose sessions are saved; None if there is no account.
    """
    loaded = reduce(NoAccount(parse_jid(jid)), stored.loaded(at, "loaded again"), policy).state
    if account is None:
        return ("existence",) if isinstance(loaded, Account) else ()
    if not isinstance(loaded, Account):
        return ("existence",)
    if account.roster.shared:  # the service shows its items again, and their versions begin anew
        loaded = evolve(loaded, roster=account.roster)
    otherwise = _OTHERWISE if policy.keep_sessions else _OTHERWISE | _OF_SESSIONS
    names = [each.name for each in fields(Account) if each.eq and each.name not in otherwise]
    different = [name for name in names if getattr(account, name) != getattr(loaded, name)]
    if sorted(account.processed) != sorted(loaded.processed):
        different.append("processed")
    if not _wakes_in_time(account, loaded, stored, policy):
        different.append("wake_at")
    return tuple(different)


_OTHERWISE: Final = frozenset({"unsaved", "processed", "wake_at"})
"""The fields that are not simply equal: of what was processed, the records have no order among each other."""

_OF_SESSIONS: Final = frozenset({"sessions", "replaced"})
"""The fields that are stored only if the policy keeps sessions."""


def _wakes_in_time(account: Account, loaded: Account, stored: Stored, policy: Policy) -> bool:
    """Whether both are woken when something is due, and a host that has not loaded the account wakes it too.

    To be woken earlier does no harm.
    """
    due, wakes = first_due(account, policy), [put for put in stored.records if put.kind is Kind.WAKE]
    if len(wakes) > 1:
        return False
    times = [account.wake_at, loaded.wake_at, *[wake_time(put.key) for put in wakes]]
    return due is None or (bool(wakes) and all(at is not None and at <= due for at in times))
