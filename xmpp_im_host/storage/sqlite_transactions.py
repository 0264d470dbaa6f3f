"""Transactions of SQLite: jobs that wait share one, and an error of one job undoes that job alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from xmpp_im_host.storage.errors import DatabaseFull, EngineFailed, Unknown
from xmpp_im_host.storage.worker_thread import Job


def write_together(db: sqlite3.Connection, jobs: Sequence[Job[Any]]) -> None:
    """Perform jobs that write, in one transaction. If it fails, each job gets its own, so that only the cause fails."""
    try:
        db.execute("BEGIN IMMEDIATE")
        for job in jobs:
            _write(db, job, len(jobs) > 1)
    except Exception as error:
        _undo(db)
        _retry(db, jobs, translated(error))
        return
    try:
        db.execute("COMMIT")
    except sqlite3.Error as error:
        _undo(db)
        _retry(db, jobs, in_doubt(error))


def _write(db: sqlite3.Connection, job: Job[Any], shared: bool) -> None:
    """Do one job. Its error undoes it, and is raised only if the whole transaction is undone with it."""
    job.error = None
    if not shared:
        job.result = job.work(db)
        return
    db.execute("SAVEPOINT job")
    try:
        job.result = job.work(db)
    except Exception as error:
        if not db.in_transaction:  # SQLite has undone everything, as it does if the disk is full
            raise
        job.error = translated(error)
        db.execute("ROLLBACK TO job")
    db.execute("RELEASE job")


def _retry(db: sqlite3.Connection, jobs: Sequence[Job[Any]], error: Exception) -> None:
    if len(jobs) == 1 or isinstance(error, Unknown):
        for job in jobs:
            job.error = error
        return
    for job in jobs:
        write_together(db, [job])


def _undo(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("ROLLBACK")


def read_together(db: sqlite3.Connection, jobs: Sequence[Job[Any]]) -> None:
    """Perform jobs that read, as of one moment. An error concerns one job alone."""
    try:
        db.execute("BEGIN")
        for job in jobs:
            try:
                job.result = job.work(db)
            except Exception as error:
                job.error = translated(error)
        db.execute("COMMIT")
    except sqlite3.Error as error:
        _undo(db)
        for job in jobs:
            job.error = job.error or translated(error)


# --- errors -----------------------------------------------------------------------------------------------------


def translated(error: Exception) -> Exception:
    """Return the error of the engine that stands for an error of SQLite. Other errors are returned as they are."""
    if isinstance(error, UnicodeError):
        return EngineFailed(f"a text cannot be stored: {error}")
    if not isinstance(error, sqlite3.Error):
        return error
    if _code(error) == sqlite3.SQLITE_FULL:
        return DatabaseFull(f"SQLite: {error}")
    return EngineFailed(f"SQLite: {error}")


def in_doubt(error: sqlite3.Error) -> Exception:
    """Return the error of the engine for an error of COMMIT.

    If the operating system has not confirmed that the log is on the disk, it may be there nevertheless.
    """
    if _code(error) == sqlite3.SQLITE_IOERR:
        return Unknown(f"SQLite: {error}")
    return translated(error)


def _code(error: sqlite3.Error) -> int:
    """Return the primary code of an error: the lowest byte of the extended one."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
