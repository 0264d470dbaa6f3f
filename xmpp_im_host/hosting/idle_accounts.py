"""Accounts without sessions that are still in memory: the longest unused leave first."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from attrs import define, field

from xmpp_im_core.server import Account, account_of
from xmpp_im_core.server.service.serving import Served


@define(eq=False)
class IdleAccounts:
    """When each idle account was last used, the longest unused first."""

    most: int
    """How many may stay in memory."""
    seconds: float
    """How long each may stay."""
    used: OrderedDict[str, float] = field(factory=OrderedDict, init=False)

    def note(self, served: Served[Any], now: float) -> None:
        """Note which accounts these steps have used, and which of them have no session now."""
        for step in served.steps:
            state = account_of(step.transition.state)
            if isinstance(state, Account) and not state.sessions:
                self.keep(step.jid, now)
            elif self.used:
                self.used.pop(step.jid, None)

    @property
    def too_many(self) -> bool:
        """Whether more accounts are idle than may stay in memory."""
        return len(self.used) > self.most

    def keep(self, jid: str, now: float) -> None:
        """Note that an account is used now, or cannot leave yet."""
        self.used[jid] = now
        self.used.move_to_end(jid)

    def next_due(self, now: float) -> str | None:
        """Remove and return the account that is to leave next; None if all may stay."""
        if not self.used:
            return None
        jid, at = next(iter(self.used.items()))
        if not self.too_many and now - at < self.seconds:
            return None
        del self.used[jid]
        return jid
