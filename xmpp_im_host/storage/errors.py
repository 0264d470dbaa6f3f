"""What an engine raises. Every error of a database becomes one of these."""

from __future__ import annotations

from collections.abc import Iterable


class EngineFailed(Exception):
    """The engine could not do what was asked, and nothing has changed. The same call may succeed later."""


class DatabaseFull(EngineFailed):
    """There is no room for what was to be stored, on the disk or within a limit of the database."""


class Fenced(EngineFailed):
    """Nothing has changed: these partitions have been claimed by somebody else, so the lease has ended.

    The owner forgets the accounts of these partitions: it no longer knows their state. Claiming again would fence the
    new owner, so it is only done on purpose.
    """

    def __init__(self, partitions: Iterable[int]) -> None:
        self.partitions = frozenset(partitions)
        super().__init__(f"the lease has ended of the partitions {', '.join(map(str, sorted(self.partitions)))}")


class Unknown(Exception):
    """It is in doubt whether a commit was done, for example because the connection to the database broke during it.

    Renew the leases of its partitions. After that the commit cannot be done any more, and ``Lease.token`` says whether
    it was done: it is then the token of the batch.
    """


class DatabaseRefused(Exception):
    """The database cannot be used by this process. The message says why, and what can be done."""
