"""Engines that do not answer: what the log says of it, and leases that are renewed however long that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from xmpp_im_host.log import Outage
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import Fenced
from xmpp_im_host.storage.records import Lease

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0
"""The pauses between attempts to reach an engine that does not answer, in seconds."""


class StorageOutage(Outage):
    """Logs when the storage begins to fail, and when it works again."""

    def __init__(self) -> None:
        """Begin with a storage that works."""
        super().__init__("storage fails", "storage works again")

    def note(self, error: Exception | None) -> None:
        """Note what the last call raised; None if it succeeded. The loss of a partition is no failure."""
        if not isinstance(error, Fenced):
            super().note(error)


async def renewed(engine: Engine, partitions: Collection[int], node: str, outage: StorageOutage) -> tuple[Lease, ...]:
    """Renew leases, however long that takes: it ends the doubt about a commit.

    :raises Fenced: if another node has claimed one of the partitions.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return await engine.renew(sorted(partitions), node)
        except Fenced:
            raise
        except Exception as failed:
            outage.note(failed)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
