"""The engine: what the host demands of a database.

Accounts are divided into :data:`~xmpp_im_host.storage.records.PARTITIONS` partitions, by their bare JID. A partition
has one owner at a time, which holds its lease. Only the owner changes the rows of its accounts, and each commit proves
that the lease still stands. So two processes that both believe to own an account cannot both change it, whatever the
clocks and the network do.

An engine has *rows*, which belong to accounts, and *queues*, through which nodes hand stanzas to each other.

=============  ===========================================================================================
``claim``      Makes a node the owner of partitions, and ends the earlier leases.
``renew``      Gives the owner new leases, and ends every doubt about its earlier commits.
``load``       Reads rows of one account, and counts others.
``scan``       Reads the rows of one kind, of all accounts of some partitions.
``commit``     Performs a batch: changes of rows, appended and removed entries. Atomic and durable.
``append``     Appends one entry to a queue. Durable, and done once however often it is called.
``entries``    Reads what waits in queues.
``settle``     Removes entries from a queue without a lease.
``join``       Gives a node a number that no other one has had.
``beat``       Says that a node is alive, and tells about all nodes.
``leave``      Forgets a node.
``direct``     Says what a node is to do.
=============  ===========================================================================================

Every method may raise :class:`~xmpp_im_host.storage.errors.EngineFailed`: then nothing has changed. A method that
writes may raise :class:`~xmpp_im_host.storage.errors.Unknown`: then it is in doubt whether it was done. Every method
except ``commit`` may be called again in that case; for ``commit``, ``renew`` ends the doubt. Methods may be called at
the same time, from one event loop. Cancelling a call does not undo it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from xmpp_im_host.storage.records import Batch, Entry, Found, Lease, Listed, Node


class Engine(Protocol):
    """A database with leases, rows and queues."""

    writers: int
    """How many commits are worth doing at the same time. More of them are allowed and wait."""
    shards: int
    """In how many databases the engine is. The leases of one commit must all be in one: their numbers leave the same
    remainder when they are divided by this."""

    # --- leases ----------------------------------------------------------------------------------------------------

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """Become the owner of these partitions: every earlier lease of them has ended when this returns.

        A commit that was under way with an earlier lease is either done by then or never will be. The token of each
        new lease says which was the last.

        :param partitions: numbers of partitions, or of nodes; see :func:`~xmpp_im_host.storage.records.node_lease`.
        :param node: a name that no other process has or has had, so that nobody is taken for an earlier owner.
        :return: a lease for each partition, in the given order.
        """

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """Do what ``claim`` does, but only if this node is the owner already.

        This is for an owner that does not know whether its last commit was done; see
        :class:`~xmpp_im_host.storage.errors.Unknown`. It may be called again if it is in doubt itself.

        :param partitions: all of one shard.
        :return: a new lease for each partition, in the given order.
        :raises Fenced: if another node has claimed one of the partitions; nothing has changed.
        """

    # --- rows ---------------------------------------------------------------------------------------------------

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        """Read the rows of an account, as of one moment after the call began: never from before a finished commit.

        :param lease: a lease of the partition of the account; None for a reader that does not own the account. Such a
            reader must not conclude anything from the rows that a later commit could contradict.
        :param kinds: the kinds of row to return. Rows of other kinds are left out.
        :param counted: the kinds to be counted without being returned.
        :raises Fenced: if the lease has ended.
        """

    async def scan(self, partitions: Collection[int], kind: str, after: int = 0, limit: int = 1000) -> Sequence[Listed]:
        """Read the next rows of one kind in these partitions. Those of one partition are in the order in which they
        were written last.

        Needs no lease. To read all, go on after the place of the last one, until a result is empty. Rows that are
        written meanwhile may be found again.

        :param kind: one of :data:`~xmpp_im_host.storage.records.LISTED`.
        :raises ValueError: if the kind is another one.
        """

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        """Perform a batch, all of it or nothing. It is durable when this returns: it survives a loss of power.

        Two commits that concern a partition are done in the order in which they were called only if the second is
        called after the first has returned.

        If the engine has several databases, the queues of the other ones change soon after this has returned: once,
        and in the order of the commits of each lease.

        :param leases: one for each partition of which the batch changes rows; all of one shard.
        :return: the leases with the batch's token, in the given order; use these from now on.
        :raises Fenced: if one of the leases has ended; nothing has changed.
        :raises EngineFailed: if nothing has changed for any other reason.
        :raises Unknown: if the batch may have been performed.
        :raises ValueError: if the batch changes a row of a partition for which no lease is given, or the leases are
            in several databases.
        """

    # --- queues -------------------------------------------------------------------------------------------------

    async def append(self, queue: str, source: str, n: int, body: bytes) -> None:
        """Append an entry. It is durable when this returns.

        If the queue has had an entry of this source with this or a higher number, removed or not, nothing is done. So
        after an error call this again with the same number: the entry is there once. A source appends its entries in
        the order of their numbers, the next one only when the one before it is durable or in the same batch.
        """

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        """Read the first entries of these queues, each queue's in the order of their positions.

        Positions grow along what a source appends, and along what the commits under a lease and under its successors
        append. An entry that is found once is found until it is removed, but those of others may appear before it
        later: they have got their positions earlier and are committed later. So a reader may remember up to where it
        has read a queue only if the queue has one writer at a time.

        :param queues: each queue with the position after which to read; 0 is the beginning.
        :param limit: how many entries to return at most, of all queues together.
        """

    async def settle(self, queue: str, positions: Collection[int]) -> None:
        """Remove entries from a queue, because they have been handed over. Those that are gone do not matter.

        This is for a queue that belongs to no partition. What an owner consumes is in ``Batch.done``, so that it is
        removed together with the changes that it causes.
        """

    # --- nodes --------------------------------------------------------------------------------------------------

    async def join(self, name: str) -> int:
        """Note a new node, and return its number: 1 or more, and higher than any number before.

        :param name: what operators call it.
        """

    async def beat(self, number: int, report: str) -> Sequence[Node]:
        """Count the beats of a node up by one, and return all nodes in the order of their numbers.

        The result lacks the node itself if it has been forgotten. The number 0 is nobody's: then this only reads.

        :param report: what the node says about itself, as JSON.
        """

    async def leave(self, number: int) -> None:
        """Forget a node. This ends no lease. The number is never given again."""

    async def direct(self, number: int, *, weight: float | None = None, draining: bool | None = None) -> None:
        """Change what a node is to do; None leaves it as it is. Nothing is done if there is no such node."""

    async def aclose(self) -> None:
        """Finish the calls that are under way, and close the database."""
