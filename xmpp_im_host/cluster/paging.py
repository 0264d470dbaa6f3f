"""Reading queues and rows to their end, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.records import Entry, Listed

PAGE: Final = 1000
"""How many entries or rows are read at a time."""


async def waiting(engine: Engine, queue: str, after: int = 0) -> Sequence[Entry]:
    """Return what waits in a queue after a position.

    :raises EngineFailed: if that cannot be read.
    """
    found: list[Entry] = []
    while page := await engine.entries({queue: found[-1].position if found else after}, PAGE):
        found += page
    return found


async def listed(engine: Engine, partition: int, kind: str) -> Sequence[Listed]:
    """Return the rows of a kind in a partition.

    :raises EngineFailed: if they cannot be read.
    """
    found: list[Listed] = []
    while page := await engine.scan([partition], kind, found[-1].place if found else 0, PAGE):
        found += page
    return found
