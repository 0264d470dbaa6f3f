"""What the PostgreSQL engine sends in one go: the statements of a transaction, and what their rows amount to.

All statements of a plan are sent without waiting for answers, so a transaction takes one round trip. A statement that
must prevent the others from being done fails on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

from xmpp_im_core.record import record
from xmpp_im_host.storage.postgres_pipeline import Pipeline, Statement, bound
from xmpp_im_host.storage.postgres_values import Rows

T_co = TypeVar("T_co", covariant=True)

# Each statement sees what was committed before it began: one that has waited for a lock has to see who had it.
_BEGIN: Final = bound(("BEGIN ISOLATION LEVEL READ COMMITTED", ()))
_COMMIT: Final = bound(("COMMIT", ()))


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


async def perform(db: Pipeline, plan: Plan[Any]) -> Sequence[Rows]:
    """Perform a plan in a transaction, and return the rows of each statement."""
    if len(plan.statements) == 1:  # it is a transaction by itself
        return await db.perform(plan.statements)
    return (await db.perform([_BEGIN, *plan.statements, _COMMIT]))[1:-1]
