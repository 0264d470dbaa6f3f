"""An engine on PostgreSQL 14 or newer, for a server that outlives its machine.

Each call is one transaction, sent in one go. One that writes has a connection that no other call uses, so commits do
not wait for each other. Those that only read are one statement each; all of them share one connection, and do not wait
for commits. A connection that breaks is replaced by the next call. If it breaks while a call that writes waits for the
answer, the call raises :class:`~xmpp_im_host.storage.errors.Unknown`.

A node that is stopped, or cut off, in the middle of a transaction holds its locks. A call that waits for a lock for
some seconds ends the transactions that wait for their clients as long, and tries once more. So another node can claim
what the lost one owned.

How durable a commit is follows from ``synchronous_commit`` and ``synchronous_standby_names`` of the database.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import psycopg

from xmpp_im_host.storage import postgres_nodes, postgres_queues
from xmpp_im_host.storage import postgres_statements as statements
from xmpp_im_host.storage.errors import DatabaseFull, DatabaseRefused, EngineFailed, Fenced, Unknown
from xmpp_im_host.storage.postgres_connections import Connections, Connector, SharedConnection
from xmpp_im_host.storage.postgres_pipeline import Pipeline
from xmpp_im_host.storage.postgres_plans import Plan, perform
from xmpp_im_host.storage.postgres_schema import migrate
from xmpp_im_host.storage.postgres_values import Rows
from xmpp_im_host.storage.records import Append, Batch, Entry, Found, Lease, Listed, Node, check_leases, check_listed

T = TypeVar("T")

_OLDEST: Final = 140_000
_FEW: Final = 16
"""How many entries of each queue are read at first."""


class PostgresEngine:
    """The engine. :meth:`open` makes one; use it with ``async with``, or call :meth:`aclose`."""

    def __init__(
        self, conninfo: str, *, writers: int = 4, lock_seconds: float = 5.0, answer_seconds: float = 30.0
    ) -> None:
        """Note where the database is; :meth:`open` connects.

        :param conninfo: a URI or key words, as libpq reads them. Its environment variables and files count too.
        :param writers: how many commits are done at the same time.
        :param lock_seconds: how long a call waits for a lock, and how long others may do nothing in a transaction.
        :param answer_seconds: how long a call waits for the answer of a database that is silent.
        """
        self.writers, self.shards = writers, 1
        self._lock_seconds, self._answer_seconds = lock_seconds, answer_seconds
        self._connector = Connector(conninfo, lock_seconds)
        self._writing = Connections(self._connector, writers)
        self._reading = SharedConnection(self._connector)

    @classmethod
    async def open(
        cls, conninfo: str, *, writers: int = 4, lock_seconds: float = 5.0, answer_seconds: float = 30.0
    ) -> Self:
        """Connect, and give the database the schema of this release; see ``__init__``.

        :raises DatabaseRefused: if the database cannot be used: it is too old, of a later release or of another
            program, or it cannot be reached. The message has no password.
        """
        engine = cls(conninfo, writers=writers, lock_seconds=lock_seconds, answer_seconds=answer_seconds)
        try:
            async with await engine._connector.connect() as db:
                if db.info.server_version < _OLDEST:
                    raise DatabaseRefused("PostgreSQL 14 or newer is needed")
                await migrate(db, engine._connector.connect)
        except (psycopg.Error, OSError) as error:
            await engine.aclose()
            raise DatabaseRefused(f"the database cannot be used: {_reason(error)}") from None
        except BaseException:
            await engine.aclose()
            raise
        return engine

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """See :meth:`Engine.aclose`."""
        await self._writing.aclose()
        await self._reading.aclose()

    # --- leases -------------------------------------------------------------------------------------------------

    async def claim(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """See :meth:`Engine.claim`."""
        return await self._write(statements.claim(tuple(partitions), node))

    async def renew(self, partitions: Iterable[int], node: str) -> tuple[Lease, ...]:
        """See :meth:`Engine.renew`."""
        wanted = tuple(partitions)
        try:
            return await self._write(statements.renew(wanted, node))
        except CheckFailed:
            raise Fenced(await self._read(statements.lost(wanted, node)) or wanted) from None

    # --- rows ---------------------------------------------------------------------------------------------------

    async def load(
        self, lease: Lease | None, account: str, kinds: Collection[str], counted: Collection[str] = ()
    ) -> Found:
        """See :meth:`Engine.load`."""
        return await self._read(statements.load(lease, account, kinds, counted))

    async def scan(self, partitions: Collection[int], kind: str, after: int = 0, limit: int = 1000) -> Sequence[Listed]:
        """See :meth:`Engine.scan`."""
        check_listed(kind)
        return await self._read(statements.scan(partitions, kind, after, limit))

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        """See :meth:`Engine.commit`."""
        check_leases(leases, batch)
        held = tuple(leases)
        try:
            return await self._write(statements.commit(held, batch))
        except CheckFailed:
            ended = await self._read(statements.ended(held))
            raise Fenced(ended or [each.partition for each in held]) from None

    # --- queues -------------------------------------------------------------------------------------------------

    async def append(self, queue: str, source: str, n: int, body: bytes) -> None:
        """See :meth:`Engine.append`."""
        await self._write(postgres_queues.append(Append(queue, source, n, body)))

    async def entries(self, queues: Mapping[str, int], limit: int = 1000) -> Sequence[Entry]:
        """See :meth:`Engine.entries`.

        Many queues have few entries each, as a rule, so few of each are read at first. If that is not enough, the
        longer queues are read once more from where their readers are: an entry may have appeared there meanwhile.
        """
        each = max(_FEW, limit // max(1, len(queues)))
        found = await self._read(postgres_queues.entries(queues, each, limit))
        if len(found) >= limit:
            return found
        lengths = Counter([entry.queue for entry in found])
        longer = {queue: queues[queue] for queue, length in lengths.items() if length == each}
        if not longer:
            return found
        rest = tuple([entry for entry in found if entry.queue not in longer])
        left = limit - len(rest)
        return *rest, *await self._read(postgres_queues.entries(longer, left, left))

    async def settle(self, queue: str, positions: Collection[int]) -> None:
        """See :meth:`Engine.settle`."""
        await self._write(postgres_queues.settle(queue, positions))

    # --- nodes --------------------------------------------------------------------------------------------------

    async def join(self, name: str) -> int:
        """See :meth:`Engine.join`."""
        return await self._write(postgres_nodes.join(name))

    async def beat(self, number: int, report: str) -> Sequence[Node]:
        """See :meth:`Engine.beat`."""
        return await self._write(postgres_nodes.beat(number, report))

    async def leave(self, number: int) -> None:
        """See :meth:`Engine.leave`."""
        await self._write(postgres_nodes.leave(number))

    async def direct(self, number: int, *, weight: float | None = None, draining: bool | None = None) -> None:
        """See :meth:`Engine.direct`."""
        await self._write(postgres_nodes.direct(number, weight, draining))

    # --- transactions -------------------------------------------------------------------------------------------

    async def _write(self, plan: Plan[T]) -> T:
        """Do something in a transaction. If this is cancelled, what was sent is done nevertheless."""
        try:
            return await self._done(plan)
        except LockTaken:
            await self._read(statements.end_stuck(self._lock_seconds))
            return await self._done(plan)

    async def _done(self, plan: Plan[T]) -> T:
        try:
            async with self._writing.lent() as db:
                results = await self._performed(db, plan)
        except (psycopg.Error, OSError, UnicodeError) as error:
            raise translated(error) from error
        return plan.read(results)

    async def _performed(self, db: Pipeline, plan: Plan[Any]) -> Sequence[Rows]:
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await perform(db, plan)
        except (psycopg.Error, OSError) as error:
            if db.broken or isinstance(error, TimeoutError):
                raise Unknown(f"PostgreSQL: {_reason(error)}") from error
            raise

    async def _read(self, plan: Plan[T]) -> T:
        """Perform a statement that only reads."""
        (statement,) = plan.statements
        try:
            async with asyncio.timeout(self._answer_seconds):
                rows = await self._reading.perform(statement)
        except (psycopg.Error, OSError, UnicodeError) as error:
            if isinstance(error, TimeoutError):
                self._reading.drop()
            raise translated(error) from error
        return plan.read([rows])


class LockTaken(EngineFailed):
    """Another transaction has held a lock for too long."""


class CheckFailed(EngineFailed):
    """The transaction has ended itself, because a lease has ended."""


# --- errors -----------------------------------------------------------------------------------------------------


def translated(error: Exception) -> Exception:
    """Return the error of the engine that stands for an error of PostgreSQL."""
    if isinstance(error, UnicodeError):
        return EngineFailed(f"a text cannot be stored: {error}")
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return LockTaken(f"PostgreSQL: {_reason(error)}")
    if isinstance(error, psycopg.errors.DivisionByZero):
        return CheckFailed("a lease has ended")
    if isinstance(error, psycopg.errors.DiskFull):
        return DatabaseFull(f"PostgreSQL: {_reason(error)}")
    return EngineFailed(f"PostgreSQL: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Return the first line of what an error says: it has no password."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
