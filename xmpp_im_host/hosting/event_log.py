"""A log of the last events of each account in memory, for ``inspect``: it explains what happened and why."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from attrs import define, field

from xmpp_im_core.explain import explain_step
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.server import Machine
from xmpp_im_core.server.service.serving import Handled, Served

S = TypeVar("S")


@define(eq=False)
class EventLog(Generic[S]):
    """The last steps of each account in memory, each with the state before it. States share what is equal in them."""

    machine: Machine[S]
    most: int
    """How many steps of each account are kept."""
    _steps: dict[str, deque[tuple[S, Handled[S]]]] = field(factory=dict, init=False)

    def note(self, served: Served[S]) -> None:
        """Note these steps. An account that does not exist is not kept."""
        for step in served.steps:
            steps = self._steps.get(step.jid)
            if steps is None:
                if step.jid not in served.state.accounts:
                    continue
                steps = self._steps[step.jid] = deque(maxlen=self.most)
            before = steps[-1][1].transition.state if steps else self.machine.start(parse_jid(step.jid))
            steps.append((before, step))

    def forget(self, jid: str) -> None:
        """Forget an account that leaves the memory."""
        self._steps.pop(jid, None)

    def explained(self, jid: str) -> tuple[str, ...]:
        """Explain the last events of an account, the oldest first."""
        return tuple(
            [str(explain_step(state, step.event, step.transition)) for state, step in self._steps.get(jid, ())]
        )
