"""When accounts want to be woken, whether they are in memory or not (RFC 6121 §3.1.2)."""

from __future__ import annotations

from datetime import datetime
from heapq import heappop, heappush
from typing import Any

from attrs import define, field

from xmpp_im_core.server.machine import account_of
from xmpp_im_core.server.service import Served
from xmpp_im_core.server.state import Account, NoAccount, Unloaded


@define(eq=False)
class Wakes:
    """Times by account. An account that changes its mind leaves an entry in the heap that is skipped."""

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

    @property
    def first(self) -> datetime | None:
        """The earliest time, or None."""
        while self.heap and self.times.get(self.heap[0][1]) != self.heap[0][0]:
            heappop(self.heap)
        return self.heap[0][0] if self.heap else None

    def due(self, now: datetime) -> list[str]:
        """Take out the accounts whose time has come, the earliest first."""
        accounts: list[str] = []
        while (first := self.first) is not None and first <= now:
            _, jid = heappop(self.heap)
            del self.times[jid]
            accounts.append(jid)
        return accounts
