"""When accounts want to be woken, to repeat subscription requests (RFC 6121 §3.1.2); in memory or not."""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Any, Final

from attrs import define, field

from xmpp_im_core.server.accounts.machine import Beside
from xmpp_im_core.server.effects import Kind, Put, wake_time
from xmpp_im_core.server.service.serving import Served
from xmpp_im_core.server.state import NoAccount, Unloaded

AGAIN: Final = timedelta(hours=1)
"""If an account could not be loaded when it was to be woken, it is woken again after this time."""
_SPARE: Final = 64


@define(eq=False)
class WakeTimes:
    """The time of each account. If an account changes its time, its old entry stays in the heap and is skipped.

    The heap is rebuilt when it has more than twice as many entries as there are times, so it stays bounded.
    """

    times: dict[str, datetime] = field(factory=dict)
    heap: list[tuple[datetime, str]] = field(factory=list)

    def note(self, served: Served[Any]) -> None:
        """Note when the accounts of these steps want to be woken. An account that is not loaded keeps its time."""
        times = self.times
        for step in served.steps:
            state = step.transition.state
            while type(state) is Beside:  # as account_of does, which takes longer
                state = state.inner
            if isinstance(state, Unloaded):
                continue
            at = None if isinstance(state, NoAccount) else state.wake_at
            if times.get(step.jid) != at:  # rare; this comparison runs for each step
                self._set(step.jid, at)

    def expect(self, jid: str, put: Put) -> None:
        """Note the stored time of an account that is not in memory."""
        at = wake_time(put.key)
        if put.kind is Kind.WAKE and at is not None and jid not in self.times:
            self._set(jid, at)

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
        """The earliest time; None if no account wants to be woken."""
        while self.heap and self.times.get(self.heap[0][1]) != self.heap[0][0]:
            heappop(self.heap)
        return self.heap[0][0] if self.heap else None

    def due(self, now: datetime) -> list[str]:
        """Return the accounts whose time has come, the earliest first.

        The next step of each account sets its next time. An account that cannot be loaded has no such step, so each one
        also gets the time :data:`AGAIN` from now.
        """
        accounts: list[str] = []
        while (first := self.first) is not None and first <= now:
            _, jid = heappop(self.heap)
            accounts.append(jid)
        for jid in accounts:
            self._set(jid, now + AGAIN)
        return accounts
