"""The note in each database that says which of the databases of a server it is.

A partition is in the database that its number and the number of databases choose. If a server found its databases in
another order, or not all of them, it would not find its accounts there. So it does not start then.

The note is an entry of a queue that nobody reads otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.errors import DatabaseRefused
from xmpp_im_host.storage.records import PARTITIONS

_QUEUE: Final = "layout"


async def check_layout(engines: Sequence[Engine]) -> None:
    """Note in new databases which one each of them is; refuse those that are another one already.

    :param engines: the databases of a server, in their order.
    :raises DatabaseRefused: if one of them is in another place, of another server, or already has accounts of a server
        with one database.
    """
    server = uuid4().hex
    for number, engine in enumerate(engines):
        place = f"{number + 1} of {len(engines)}"
        noted, at = await _noted(engine, server, place)
        if at != place:
            raise DatabaseRefused(f"database {place} is number {at}: name all databases, always in the same order")
        if number and noted != server:
            raise DatabaseRefused(f"database {place} belongs to another server than the first one")
        server = noted


async def _noted(engine: Engine, server: str, place: str) -> tuple[str, str]:
    """Return the server and the place that a database has noted. If it has noted nothing, it notes these."""
    found = await engine.entries({_QUEUE: 0})
    if not found:
        if place != "1 of 1" and await engine.scan(range(PARTITIONS), "roster", limit=1):
            return server, "1 of 1"
        await engine.append(_QUEUE, _QUEUE, 1, f"{server} {place}".encode())
        found = await engine.entries({_QUEUE: 0})
    noted, _, at = found[0].body.decode().partition(" ")
    return noted, at
