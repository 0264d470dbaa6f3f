"""When accounts want to be woken, whether they are in memory or not (RFC 6121 §3.1.2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any, Final

from attrs import define, field

from xmpp_im_core.server.accounts.machine import account_of
from xmpp_im_core.server.service.serving import Served
from xmpp_im_core.server.state import Account, NoAccount, Unloaded

AGAIN: Final = timedelta(hours=1)
"""So long after an account was to be woken and could not be loaded, it is tried again."""
_SPARE: Final = 64


@define(eq=False)
class WakeTimes:
    """Times by account. An account that changes its mind leaves an entry in the heap that is skipped.

    There are never many of those: a client that goes on changing its account's mind does not fill the memory.
    """

    times: dict[str, datetime] = field(factory=dict)
    heap: list[tuple[datetime, str]] = field(factory=list)

    def note(self, served: Served[Any]) -> None:
        """Keep when the accounts of these steps want to be woken; one that could not be loaded keeps its time."""
        times = self.times
        for step in served.steps:
            state = step.transition.state
            if type(state) is not Account:
                state = account_of(state)
            if isinstance(state, Unloaded):
                continue
            at = None if isinstance(state, NoAccount) else state.wake_at
            if times.get(step.jid) != at:  # seldom: this is done for each step
                self._set(step.jid, at)

    def _set(self, jid: str, at: datetime | None) -> None:
        if at is None:
            del self.times[jid]
        else:
            self.times[jid] = at
            heappush(self.heap, (at, jid))
            if len(self.heap) > 2 * len(self.times) + _SPARE:
                self.heap = [(at, jid) for jid, at in self.times.items()]
                heapify(self.heap)

    @property
    def first(self) -> datetime | None:
        """The earliest time, or None."""
        while self.heap and self.times.get(self.heap[0][1]) != self.heap[0][0]:
            heappop(self.heap)
        return self.heap[0][0] if self.heap else None

    def due(self, now: datetime) -> list[str]:
        """Return the accounts whose time has come, the earliest first.

        Each says itself when it wants to be woken next. One that cannot be loaded cannot, so it is woken again.
        """
        accounts: list[str] = []
        while (first := self.first) is not None and first <= now:
            _, jid = heappop(self.heap)
            accounts.append(jid)
        for jid in accounts:
            self._set(jid, now + AGAIN)
        return accounts
