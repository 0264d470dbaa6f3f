"""What a gateway appends to the queues of partitions, grouped into commits under the lease of its node.

Everything is committed in the order in which it was asked for, so what one session or component sends stays in order.
What has to be done together is in one commit: an event, and the removal of the entries that it answers.

If the engine fails, commits are tried again until it works. Clients are not left without an answer meanwhile: what may
be refused is refused when it has waited too long, unless it is in a commit that is under way. Such a commit may
be done, so only its own end decides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from time import monotonic
from typing import Final

from attrs import define

from xmpp_im_host.cluster.committing import Committer, Outcome
from xmpp_im_host.cluster.turns import Turns
from xmpp_im_host.hosting.outages import FIRST_PAUSE, LONGEST_PAUSE
from xmpp_im_host.log import failure
from xmpp_im_host.storage.records import Append

MOST: Final = 256
"""The maximum number of requests in a commit."""
MOST_SETTLED: Final = 2_000
"""The maximum number of settled entries in a commit."""
SETTLING: Final = 0.1
"""How long settled entries wait for others, in seconds, if nothing else has to be committed."""

Place = tuple[str, int]
"""The queue and the position of an entry."""
Done = Callable[[], None]


@define(eq=False)
class _Asked:
    """A request that waits for its commit."""

    entries: Sequence[tuple[str, bytes]]
    settled: Collection[Place]
    done: Done | None
    refuse: Done | None
    since: float


class Appender:
    """The commits of the gateway of a node."""

    def __init__(
        self,
        committer: Committer,
        lease: int,
        ended: Done,
        *,
        patience: float = 2.0,
        phase: float = 0.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Begin with nothing to commit; :meth:`run` commits.

        :param committer: holds the lease of the node.
        :param lease: the number of that lease.
        :param ended: called once, when somebody else has claimed the lease: the node has ended.
        :param patience: after how many seconds what waits is refused, if it may be.
        :param phase: see :class:`~xmpp_im_host.cluster.turns.Turns`.
        """
        self.committer, self._lease, self._ended = committer, lease, ended
        self.patience, self._clock = patience, clock
        self._asked: deque[_Asked] = deque()
        self._settled: deque[Place] = deque()
        self._under_way = 0
        self._together = 0
        """How many requests were in the last commit."""
        self.over = False
        """Whether the node has ended: nothing that waits will ever be done."""
        self._turns = Turns(phase)
        self._settling = False
        """Whether settled entries wait for others."""
        self._watching = False
        """Whether :meth:`_watch` is called soon."""
        self._stopped = False

    @property
    def waiting(self) -> int:
        """How many requests are not durable yet."""
        return len(self._asked) + self._under_way

    # --- requests -----------------------------------------------------------------------------------------------

    def append(
        self,
        entries: Sequence[tuple[str, bytes]],
        settled: Collection[Place] = (),
        done: Done | None = None,
        refuse: Done | None = None,
    ) -> None:
        """Append entries, and remove others in the same commit.

        :param entries: each with its queue.
        :param settled: the entries to remove.
        :param done: called when that is durable.
        :param refuse: called instead of ``done`` if it has waited too long, and certainly is not done. None if it must
            not be refused.
        """
        self._asked.append(_Asked(entries, settled, done, refuse, self._clock()))
        self._turns.bell.set()
        self._watch_soon()

    def settle(self, place: Place) -> None:
        """Remove an entry soon: it needs nothing more."""
        self._settled.append(place)
        if not self._settling:
            self._settling = True
            asyncio.get_running_loop().call_later(SETTLING, self._settle_now)
        elif len(self._settled) >= MOST_SETTLED:
            self._settle_now()

    def _settle_now(self) -> None:
        self._settling = False
        self._turns.bell.set()

    # --- commits ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Commit until the node has ended."""
        try:
            await self._run()
        finally:
            self._stopped = True

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._turns.bell.wait()
            self._turns.bell.clear()
            while self._asked or (self._settled and not self._settling):
                self._turns.begin()
                outcome = await self._commit_next()
                if outcome.lost:
                    self.over = True
                    self._ended()
                    return
                if outcome.done:
                    pause = FIRST_PAUSE
                    await self._turns.end(self._together)
                    continue
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _commit_next(self) -> Outcome:
        group = [self._asked.popleft() for _ in range(min(MOST, len(self._asked)))]
        settled = [self._settled.popleft() for _ in range(min(MOST_SETTLED, len(self._settled)))]
        appends = [Append(queue, "", body=body) for each in group for queue, body in each.entries]
        removed = [*[place for each in group for place in each.settled], *settled]
        self._under_way = self._together = len(group)
        outcome = await self.committer.commit([self._lease], appends=appends, done=removed)
        self._under_way = 0
        if outcome.done:
            for each in group:
                _call(each.done)
        elif not outcome.lost:
            self._asked.extendleft(reversed(group))
            self._settled.extendleft(reversed(settled))
            self._refuse_late()
            self._watch_soon()
        return outcome

    def _watch_soon(self) -> None:
        """Refuse from time to time what has waited too long, as long as anything waits."""
        if self._asked and not (self._watching or self._stopped):
            self._watching = True
            asyncio.get_running_loop().call_later(self.patience / 4, self._watch)

    def _watch(self) -> None:
        self._watching = False
        if not self._stopped:
            self._refuse_late()
            self._watch_soon()

    def _refuse_late(self) -> None:
        limit = self._clock() - self.patience
        if not self._asked or self._asked[0].since > limit:
            return
        late = [each for each in self._asked if each.refuse is not None and each.since <= limit]
        if late:
            refused = set(map(id, late))
            self._asked = deque([each for each in self._asked if id(each) not in refused])
            for each in late:
                _call(each.refuse)

    async def drained(self) -> None:
        """Wait until everything that was asked for is durable, or the node has ended."""
        while not self.over and (self._asked or self._settled or self._under_way):
            self._settle_now()
            await asyncio.sleep(FIRST_PAUSE / 10)


def _call(callback: Done | None) -> None:
    """Call back. A fault of one caller must not concern the others."""
    if callback is not None:
        try:
            callback()
        except Exception as error:
            failure("callback failed", error)
