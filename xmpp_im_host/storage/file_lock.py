"""A lock on a database file: one process uses the file at a time.

The lock is on a file next to the database. Closing any descriptor of the database itself would remove the locks that
SQLite has on it. The kernel releases the lock when the process ends, however it ends.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, LOCK_NB, flock

from xmpp_im_host.storage.errors import DatabaseRefused


class FileLock:
    """The lock; it is held from the construction until :meth:`release`."""

    def __init__(self, path: str) -> None:
        """Take the lock of a database file.

        :raises DatabaseRefused: if another process, or another engine of this one, has it.
        """
        name = f"{path}-lock"
        try:
            self._file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseRefused(f"{name} cannot be opened: {error.strerror}") from None
        try:
            flock(self._file, LOCK_EX | LOCK_NB)
        except OSError:
            owner = os.read(self._file, 20).decode("ascii", "replace").strip()
            os.close(self._file)
            raise DatabaseRefused(f"{path} is in use by another server, process {owner or 'unknown'}") from None
        os.truncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Release the lock. The file stays: removing it would let two processes lock two files of the same name."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
