"""A connection in libpq's pipeline mode, which performs groups of statements in the order in which they are sent.

A node performs hundreds of transactions in a second, and what a cursor does for each statement takes longer than all
else that the node does for it. So this calls libpq itself (``psycopg.pq``): each statement is prepared when it is used
for the first time, all statements of a group are sent at once, and the event loop is asked once for their answers.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, LiteralString, TypeAlias, TypeVar

import psycopg
from attrs import define, field
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGresult

from xmpp_im_core.record import record
from xmpp_im_host.storage.postgres_values import Rows, dumped, loaded

T = TypeVar("T")
Connection: TypeAlias = psycopg.AsyncConnection[Any]
Statement: TypeAlias = tuple[LiteralString, Sequence[Any]]

_BINARY: Final = int(Format.BINARY)
_DONE: Final = int(ExecStatus.COMMAND_OK)
_ROWS: Final = int(ExecStatus.TUPLES_OK)
_SYNC: Final = int(ExecStatus.PIPELINE_SYNC)
_FAILED: Final = int(ExecStatus.FATAL_ERROR)


@record
class Bound:
    """A statement with its parameters as they are sent."""

    sql: LiteralString
    values: Sequence[bytes | None]
    formats: Sequence[int]


def bound(statement: Statement | Bound) -> Bound:
    """Return a statement as it is sent.

    :raises UnicodeError: if a text cannot be sent.
    """
    if isinstance(statement, Bound):
        return statement
    values = [dumped(each) for each in statement[1]]
    return Bound(statement[0], [each.data for each in values], [each.format for each in values])


@define(eq=False)
class _Group:
    """Statements that were sent, with one answer for all of them."""

    answered: Callable[[Sequence[Rows] | Exception], None]
    wanted: list[bool] = field(factory=list)
    """For each statement whether its rows are wanted. They are not when a statement is prepared."""
    results: list[PGresult | None] = field(factory=list)
    """The result of each statement; None if it is of a kind that has no rows."""
    error: psycopg.Error | None = None

    def rows(self) -> Sequence[Rows] | Exception:
        if self.error is not None:
            return self.error
        try:
            pairs = zip(self.results, self.wanted, strict=True)
            return [() if result is None else loaded(result) for result, is_wanted in pairs if is_wanted]
        except Exception as error:
            return error


class Pipeline:
    """A connection that this takes over."""

    def __init__(self, db: Connection) -> None:
        """Take an idle connection over."""
        self._db, self._pg, self._file = db, db.pgconn, db.pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._names: dict[str, bytes] = {}
        """The names of the statements that are prepared."""
        self._groups: deque[_Group] = deque()
        """What is not answered yet."""
        self._failed = False
        self._idle: Callable[[], None] | None = None
        self._ready = select.poll()
        self._ready.register(self._file, select.POLLIN)
        self._pg.enter_pipeline_mode()
        self._loop.add_reader(self._file, self._read)

    @property
    def broken(self) -> bool:
        """Whether the connection is lost or closed: what was not answered may have been done."""
        return self._file < 0 or self._pg.status != ConnStatus.OK

    @property
    def usable(self) -> bool:
        """Whether more can be sent.

        After an error a transaction may be open, and statements may not be prepared that were to be.
        """
        return not (self._failed or self.broken)

    @property
    def ended(self) -> bool:
        """Whether the server has ended a connection on which it had nothing to do: then no call is in doubt.

        There is nothing to read otherwise, or so seldom that a new connection is made for no reason.
        """
        return self.broken or (not self._groups and bool(self._ready.poll(0)))

    # --- sending ------------------------------------------------------------------------------------------------

    async def perform(self, statements: Sequence[Statement | Bound]) -> Sequence[Rows]:
        """Perform statements, and return the rows of each. If one fails, those after it are not done.

        If this is cancelled, they are performed nevertheless: see :meth:`when_idle`.

        :raises psycopg.Error: if one of them fails, or the connection breaks.
        :raises UnicodeError: if a text cannot be sent. Nothing was sent then.
        """
        answer: asyncio.Future[Sequence[Rows]] = self._loop.create_future()
        self.send([bound(each) for each in statements], partial(resolve, answer))
        return await answer

    def send(self, statements: Sequence[Bound], answered: Callable[[Sequence[Rows] | Exception], None]) -> None:
        """Send statements in one go.

        :param answered: called with the rows of each statement, or with the error of the first one that has failed.
        :raises psycopg.Error: if the connection is broken.
        """
        group = _Group(answered)
        for each in statements:
            name = self._names.get(each.sql)
            if name is None:
                name = self._names[each.sql] = b"%d" % len(self._names)
                self._pg.send_prepare(name, each.sql.encode())
                group.wanted.append(False)
            self._pg.send_query_prepared(name, each.values, each.formats, _BINARY)
            group.wanted.append(True)
        self._pg.pipeline_sync()
        self._groups.append(group)
        if self._pg.flush():
            self._loop.add_writer(self._file, self._write)

    def _write(self) -> None:
        """Go on with sending. The answers are read meanwhile, so the server never waits for this to read them."""
        try:
            if not self._pg.flush():
                self._loop.remove_writer(self._file)
        except psycopg.Error as error:
            self._lose(error)

    # --- answers ------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            self._pg.consume_input()
            after_end = False
            while self._groups and not self._pg.is_busy():
                result = self._pg.get_result()
                if result is not None:
                    self._take(result)
                elif after_end:
                    break
                after_end = result is None  # it ends the results of one statement; two of them mean that no more came
        except psycopg.Error as error:
            self._lose(error)

    def _take(self, result: PGresult) -> None:
        group, status = self._groups[0], result.status
        if status == _DONE:
            group.results.append(None)
        elif status == _ROWS:
            group.results.append(result)
        elif status == _SYNC:
            self._groups.popleft()
            group.answered(group.rows())
            self._note_idle()
        elif status == _FAILED and group.error is None:  # those after it are not done
            self._failed = True
            group.error = _error_of(result)

    def _lose(self, error: psycopg.Error) -> None:
        """Note that the connection is lost."""
        self._stop()
        groups, self._groups = self._groups, deque()
        for group in groups:
            group.answered(group.error or error)
        self._note_idle()

    def when_idle(self, callback: Callable[[], None]) -> None:
        """Call back when everything is answered."""
        self._idle = callback
        self._note_idle()

    def _note_idle(self) -> None:
        if not self._groups and self._idle is not None:
            callback, self._idle = self._idle, None
            callback()

    def _stop(self) -> None:
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            self._loop.remove_writer(self._file)
            self._file = -1

    def close(self) -> None:
        """Close the connection. What is not answered fails, and may still be done."""
        self._lose(psycopg.OperationalError("the connection was closed"))
        self._pg.finish()


def resolve(answer: asyncio.Future[T], result: T | Exception) -> None:
    """Give an answer, if anybody still waits for it."""
    if answer.done():
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)


def _error_of(result: PGresult) -> psycopg.Error:
    """Return what a statement has failed with."""
    state = result.error_field(DiagnosticField.SQLSTATE) or b""
    try:
        kind = psycopg.errors.lookup(state.decode())
    except KeyError:
        kind = psycopg.DatabaseError
    return kind(result.error_message.decode(errors="replace"))
