"""A relay moves what commits in one database have appended to, and removed from, queues of another one.

A commit stores what another shard is to do as an entry of a *relay queue* of its own shard, in the same transaction. A
relay takes these entries from the beginning of that queue, lets the other shard do what they say, in one transaction,
and removes them.

It does so under a lease of the other shard, and the token of that lease names the entries that were moved last. The
node that claims the lease after a crash removes these first. So each entry is moved once, and entries of one writer are
moved in their order, whatever dies in between. A high-water mark would not do: an entry may appear before one that was
moved already, because many write to a relay queue.

Every node has all relays, and one of them works. The others look at the beginning of the queue from time to time: if
the same entry waits there twice in a row, the one that worked has died or cannot go on, and another one claims.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from xmpp_im_host.log import Outage, failure
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.records import Batch, Entry, Lease
from xmpp_im_host.storage.shards import Moved, load_moved

MOST: Final = 32
"""How many commits are moved at once, at most."""
_SHORTEST_WAIT: Final = 0.002
_LONGEST_WAIT: Final = 0.05
"""The pauses between looks at an empty queue, in seconds."""


def relay_queue(target: int) -> str:
    """Return the name of the queue of what a shard is to do; each other shard has one."""
    return f"relay/{target}"


def relay_lease(source: int) -> int:
    """Return the number of the lease under which what comes from a shard is moved. No partition or node has it."""
    return -1 - source


class Relay:
    """What moves from one shard to another one."""

    def __init__(self, shards: Sequence[Engine], source: int, target: int, patience: float) -> None:
        """Do nothing yet.

        :param shards: the databases, by their numbers.
        :param patience: how long to wait between two looks at what another node is to move, in seconds.
        """
        self._source, self._target = shards[source], shards[target]
        self._queue, self._lease = relay_queue(target), relay_lease(source)
        self._node = f"relay/{uuid4().hex}"
        self._patience = patience
        self._bell = asyncio.Event()
        self._outage = Outage("relay between databases fails", "relay between databases works again", queue=self._queue)

    def wake(self) -> None:
        """Say that something was stored for the other shard."""
        self._bell.set()

    async def run(self) -> None:
        """Move what waits, whenever no other node does. This ends by being cancelled only."""
        while True:
            try:
                await self.watch()
                await self.work()
            except Fenced:  # another node moves now
                self._outage.note(None)
            except (EngineFailed, Unknown) as error:
                self._outage.note(error)
            except Exception as error:  # a fault of an engine must not end the relay
                failure("relay failed", error, queue=self._queue)
            await asyncio.sleep(self._patience)

    async def watch(self) -> None:
        """Wait until nobody moves what waits."""
        before: int | None = None
        while True:
            first = [entry.position for entry in await self._source.entries({self._queue: 0}, 1)]
            if first and first[0] == before:
                return
            before = first[0] if first else None
            await asyncio.sleep(self._patience)

    async def work(self) -> None:
        """Move what waits, and then what comes.

        :raises Fenced: when another node moves.
        :raises EngineFailed: if one of the databases does not answer.
        :raises Unknown: if it is in doubt whether something was moved. Begin again: the lease tells.
        """
        (lease,) = await self._target.claim([self._lease], self._node)
        await self._source.settle(self._queue, _positions(lease.token))
        wait = _SHORTEST_WAIT
        while True:
            self._bell.clear()
            waiting = await self._source.entries({self._queue: 0}, MOST)
            self._outage.note(None)
            if waiting:
                lease = await self._move(lease, waiting)
                wait = _SHORTEST_WAIT
                continue
            try:
                async with asyncio.timeout(wait):
                    await self._bell.wait()
                wait = _SHORTEST_WAIT
            except TimeoutError:
                wait = min(2 * wait, _LONGEST_WAIT)

    async def _move(self, lease: Lease, waiting: Sequence[Entry]) -> Lease:
        token = _token([entry.position for entry in waiting])
        (lease,) = await self._target.commit([lease], _together([load_moved(each.body) for each in waiting], token))
        await self._source.settle(self._queue, _positions(token))
        return lease


def _together(parts: Sequence[Moved], token: str) -> Batch:
    appends = tuple([append for part in parts for append in part.appends])
    return Batch((), appends, tuple([done for part in parts for done in part.done]), token)


def _token(positions: Sequence[int]) -> str:
    return " ".join(map(str, positions))


def _positions(token: str) -> list[int]:
    return [int(each) for each in token.split()]
