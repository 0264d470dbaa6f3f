"""What the PostgreSQL engine sends in one go: the statements of a transaction, and what their rows amount to.

All statements of a plan are sent without waiting for answers, so a transaction takes one round trip. A statement that
must prevent the others from being done fails on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, LiteralString, TypeAlias, TypeVar

import psycopg

from xmpp_im_core.record import record

T_co = TypeVar("T_co", covariant=True)

Connection: TypeAlias = psycopg.AsyncConnection[Any]
Rows: TypeAlias = Sequence[tuple[Any, ...]]
Statement: TypeAlias = tuple[LiteralString, Sequence[Any] | Mapping[str, Any]]


def _nothing(results: Sequence[Rows]) -> None:
    return None


@record
class Plan(Generic[T_co]):
    """The statements of a transaction."""

    statements: tuple[Statement, ...]
    read: Callable[[Sequence[Rows]], T_co]
    """Takes the rows of each statement, in the order of the statements, and returns the result of the call."""


def plan_of(*statements: Statement) -> Plan[None]:
    """Return a plan without a result."""
    return Plan(statements, _nothing)


def columns_of(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Return the columns of rows: PostgreSQL takes each as an array, however many rows there are."""
    return [list(column) for column in zip(*rows, strict=True)]


async def perform(db: Connection, plan: Plan[Any], begin: LiteralString) -> Sequence[Rows]:
    """Perform a plan in a transaction, and return the rows of each statement.

    :param begin: what begins the transaction. A plan of one statement is a transaction by itself.
    """
    if len(plan.statements) == 1:
        return [await _rows(await db.execute(*plan.statements[0]))]
    async with db.pipeline():
        await db.execute(begin)
        cursors = await send(db, plan)
        await db.execute("COMMIT")
    return [await _rows(each) for each in cursors]


async def send(db: Connection, plan: Plan[Any]) -> Sequence[psycopg.AsyncCursor[Any]]:
    """Send the statements of a plan in a transaction that is under way."""
    return [await db.execute(*statement) for statement in plan.statements]


async def _rows(cursor: psycopg.AsyncCursor[Any]) -> Rows:
    return await cursor.fetchall() if cursor.description else []
