"""Engines that do not answer: what the log says of it, and leases that are renewed however long that takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Final

from xmpp_im_host.log import log
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import Fenced
from xmpp_im_host.storage.records import Lease

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0
"""The pauses between attempts to reach an engine that does not answer, in seconds."""


class Outage:
    """Logs when something begins to fail, and when it works again; not each of thousands of failures."""

    def __init__(self, fails: str = "storage fails", works: str = "storage works again") -> None:
        """Begin with something that works; the texts are what the log says."""
        self._fails, self._works = fails, works
        self._failing = False

    def note(self, error: Exception | None) -> None:
        """Note what the last call raised; None if it succeeded. The loss of a partition is no failure."""
        if isinstance(error, Fenced):
            return
        if error is not None and not self._failing:
            log(logging.ERROR, self._fails, reason=str(error))
        elif error is None and self._failing:
            log(logging.WARNING, self._works)
        self._failing = error is not None


async def renewed(engine: Engine, partitions: Collection[int], node: str, outage: Outage) -> tuple[Lease, ...]:
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
