"""What a gateway appends to the queues of partitions, grouped into commits under the lease of its node.

Everything is committed in the order in which it was asked for, so what one session or component sends stays in order.
What has to be done together is in one commit: an event, and the removal of the entries that it answers. Commits are
under the lease of the node alone, or part of the transactions of its owner: see
:meth:`~xmpp_im_host.cluster.committing.Committer.commit_together`.

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
from xmpp_im_host.storage.records import Append, Batch

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
        turns: Turns | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Begin with nothing to commit; :meth:`run` commits.

        :param committer: holds the lease of the node.
        :param lease: the number of that lease.
        :param ended: called once, when somebody else has claimed the lease: the node has ended.
        :param patience: after how many seconds what waits is refused, if it may be.
        :param turns: when it commits; by default whenever it likes.
        """
        self.committer, self.lease, self._ended = committer, lease, ended
        self.patience, self._clock = patience, clock
        self._asked: deque[_Asked] = deque()
        self._settled: deque[Place] = deque()
        self._under_way: tuple[list[_Asked], list[Place]] | None = None
        """The requests and the settled entries that are being committed."""
        self._landed = asyncio.Event()
        """Set unless a transaction of others with a part of this is under way."""
        self._landed.set()
        self._alone = False
        """Whether only this is to commit what waits: it may be the cause of a failure."""
        self.over = False
        """Whether the node has ended: nothing that waits will ever be done."""
        self._turns = Turns() if turns is None else turns
        self._settling = False
        """Whether settled entries wait for others."""
        self._watching = False
        """Whether :meth:`_watch` is called soon."""
        self._stopped = False

    @property
    def waiting(self) -> int:
        """How many requests are not durable yet."""
        return len(self._asked) + (0 if self._under_way is None else len(self._under_way[0]))

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

    def _due(self) -> bool:
        """Whether there is something to commit now."""
        return not self.over and (bool(self._asked) or (bool(self._settled) and not self._settling))

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self.over:
            await self._turns.bell.wait()
            self._turns.bell.clear()
            while self._due():
                await self._until_next()
                if not self._due():
                    break
                outcome = await self._commit_next()
                if outcome.done:
                    pause = FIRST_PAUSE
                elif self._due():
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        self._ended()

    async def _until_next(self) -> None:
        """Wait until the next commit may begin. Transactions of others that have a part of this count too."""
        while True:
            await self._landed.wait()
            if len(self._asked) >= MOST:
                return
            await self._turns.wait()
            if self._landed.is_set():
                return

    async def _commit_next(self) -> Outcome:
        batch = self._take()
        outcome = await self.committer.commit([self.lease], appends=batch.appends, done=batch.done)
        self._alone = not outcome.done
        self._note(outcome)
        return outcome

    def _take(self) -> Batch:
        """Begin a turn with what waits."""
        self._turns.begin()
        group = [self._asked.popleft() for _ in range(min(MOST, len(self._asked)))]
        settled = [self._settled.popleft() for _ in range(min(MOST_SETTLED, len(self._settled)))]
        self._under_way = group, settled
        appends = [Append(queue, "", body=body) for each in group for queue, body in each.entries]
        removed = [*[place for each in group for place in each.settled], *settled]
        return Batch(appends=tuple(appends), done=tuple(removed))

    def _note(self, outcome: Outcome) -> None:
        """End the turn with what has become of it."""
        assert self._under_way is not None
        (group, settled), self._under_way = self._under_way, None
        self._turns.finish(len(group))
        self.over = self.lease in outcome.lost
        if outcome.done:
            for each in group:
                _call(each.done)
        elif not self.over:
            self._asked.extendleft(reversed(group))
            self._settled.extendleft(reversed(settled))
            self._refuse_late()
            self._watch_soon()

    # --- transactions of others ---------------------------------------------------------------------------------

    def board(self) -> Batch | None:
        """See :class:`~xmpp_im_host.cluster.committing.Passenger`."""
        if self.over or self._stopped or self._alone or self._under_way is not None:
            return None
        if not (self._asked or self._settled):
            return None
        self._landed.clear()
        return self._take()

    def land(self, outcome: Outcome) -> None:
        """See :class:`~xmpp_im_host.cluster.committing.Passenger`."""
        self._alone = not outcome.done
        self._note(outcome)
        self._landed.set()
        if self.over or self._due():
            self._turns.bell.set()

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
        while not self.over and (self._asked or self._settled or self._under_way is not None):
            self._settle_now()
            await asyncio.sleep(FIRST_PAUSE / 10)


def _call(callback: Done | None) -> None:
    """Call back. A fault of one caller must not concern the others."""
    if callback is not None:
        try:
            callback()
        except Exception as error:
            failure("callback failed", error)
