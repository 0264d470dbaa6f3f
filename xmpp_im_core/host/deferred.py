"""A host whose storage answers later: it asks for commits and reads, and their ends are fed back.

It performs no I/O and starts nothing: after each call take its :meth:`DeferredHost.requests`, have them done (in a
thread, in a task, in a transaction for several), and answer each one. Meanwhile all accounts that a commit does not
concern go on. An event that concerns an account whose last step is still being committed waits for it.
"""

from __future__ import annotations

from collections import deque
from typing import TypeVar, overload

from xmpp_im_core.host.claims import Claims
from xmpp_im_core.host.loop import Loop
from xmpp_im_core.host.ports import Clock, Ids, Messages, Operations, Stored, Wire
from xmpp_im_core.host.requests import Commit, ReadAccount, ReadMessages, Request
from xmpp_im_core.host.turn import Turn
from xmpp_im_core.policy import DEFAULT, Policy
from xmpp_im_core.server.effects import LoadOffline
from xmpp_im_core.server.events import LoadFailed, OfflineLoaded
from xmpp_im_core.server.service.events import ForAccount
from xmpp_im_core.server.service.serving import Load, Service, serve

S = TypeVar("S")


class DeferredHost(Loop[S]):
    """A server without its I/O, around a storage that answers later."""

    def __init__(
        self,
        service: Service[S],
        wire: Wire,
        clock: Clock,
        ids: Ids,
        policy: Policy = DEFAULT,
        *,
        outbox: bool = False,
        at_once: int = 1000,
    ) -> None:
        """Begin as :class:`~xmpp_im_core.host.loop.Loop` says; with an outbox, call ``recover`` first."""
        super().__init__(service, wire, clock, ids, policy, outbox=outbox, at_once=at_once)
        self._claims = Claims()
        self._ended: deque[tuple[Commit, bool]] = deque()
        self._freed: deque[str] = deque()
        """Accounts that an event has given back, and that others may have waited for."""
        self._asked: list[Request] = []
        self._number = 0
        self._waiting = 0

    # --- requests and their answers -----------------------------------------------------------------------

    def requests(self) -> list[Request]:
        """Take out what has been asked for since the last call."""
        asked, self._asked = self._asked, []
        return asked

    def committed(self, commit: Commit) -> None:
        """Go on with an event: what it wanted stored is durable.

        :raises ValueError: if this commit has been answered: its stanzas would be sent twice.
        """
        self._end_commit(commit, True)

    @overload
    def read(self, request: ReadAccount, found: Stored) -> None: ...
    @overload
    def read(self, request: ReadMessages, found: Messages) -> None: ...
    def read(self, request: ReadAccount | ReadMessages, found: Stored | Messages) -> None:
        """Take what was read from the storage."""
        if isinstance(request, ReadAccount) != isinstance(found, Stored):
            raise TypeError(f"found: {type(found).__name__} does not answer {type(request).__name__}")
        if isinstance(found, Stored):
            self.feed(ForAccount(request.account, found.loaded(*self.stamp())))
        elif isinstance(request, ReadMessages):
            self.feed(ForAccount(request.account, OfflineLoaded(*self.stamp(), request.session, found)))

    def failed(self, request: Request) -> None:
        """Take note that a request could not be done: nothing was stored, or nothing could be read.

        :raises ValueError: if it is a commit that has been answered.
        """
        if isinstance(request, ReadAccount):
            self.feed(ForAccount(request.account, LoadFailed(*self.stamp())))
        elif isinstance(request, ReadMessages):
            self.feed(ForAccount(request.account, OfflineLoaded(*self.stamp(), request.session, ())))
        else:
            self._end_commit(request, False)

    def _end_commit(self, commit: Commit, done: bool) -> None:
        if commit.answered:
            raise ValueError("commit: it has been answered already")
        commit.answered = True
        self._ended.append((commit, done))
        self.run()

    @property
    def waiting(self) -> int:
        """How many events have been fed and not been processed, those that wait for a commit included."""
        return len(self._inbox) + len(self._ended) + self._waiting

    @property
    def ready(self) -> bool:
        """Whether :meth:`run` has something to do; what waits for a commit does not count."""
        return bool(self._inbox or self._ended or self._freed)

    # --- the loop -----------------------------------------------------------------------------------------

    def _step(self) -> bool:
        if self._go_on():
            return True
        if not self._ended:
            return super()._step()
        commit, done = self._ended.popleft()
        if commit.last:
            self._finished(commit.turn)
        elif done:
            self._committed(commit.turn)
        else:
            self._failed(commit.turn)
        return True

    def _take(self, turn: Turn) -> None:
        assert turn.event is not None
        if not turn.number:
            self._number += 1
            turn.number = self._number
        served = serve(self.service, turn.event, self.policy)
        if self._claims and not self._claims.free_for(turn, concerned := served.concerned() | turn.accounts):
            self._waiting += 1
            self._claims.wait(turn, concerned)
        else:
            turn.accounts = frozenset()
            self._begin(turn, served)

    def _commit(self, turn: Turn, operations: Operations) -> None:
        assert turn.served is not None
        self._claims.take(turn, turn.served.concerned())
        self._asked.append(Commit(operations, turn, last=False))

    def _forget(self, turn: Turn, operations: Operations) -> None:
        if self.outbox is not None and not turn.failed:  # only the outbox changes, and no account waits for that
            self._asked.append(Commit(operations, Turn(None), last=True))
            self._finished(turn)
            return
        if not turn.accounts and turn.served is not None:
            self._claims.take(turn, turn.served.concerned())
        self._asked.append(Commit(operations, turn, last=True))

    def _failed(self, turn: Turn) -> None:
        freed = self._claims.give_back(turn)
        turn.accounts = freed  # what has waited for these goes on waiting for its answer
        super()._failed(turn)
        self._freed.extend(sorted(freed))

    def _finished(self, turn: Turn) -> None:
        self._freed.extend(sorted(self._claims.give_back(turn)))
        super()._finished(turn)

    def _go_on(self) -> bool:
        """Process the oldest event that has waited for an account that is free now; return whether there was one."""
        while self._freed:
            turn = self._claims.next(self._freed[0])
            if turn is None:
                self._freed.popleft()
                continue
            self._waiting -= 1
            self._freed.extend(sorted(turn.accounts))
            turn.accounts = frozenset()
            self._take(turn)
            return True
        return False

    def _load(self, account: str, effect: Load | LoadOffline) -> None:
        if isinstance(effect, Load):
            self._asked.append(ReadAccount(account))
        else:
            self._asked.append(ReadMessages(account, effect.session))
