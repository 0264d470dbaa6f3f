"""What a partition has to know before its first step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xmpp_im_core.server import Kind, Put
from xmpp_im_host.cluster import parking
from xmpp_im_host.cluster.actor import COMPONENT, PartitionActor
from xmpp_im_host.hosting import stored_records
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.records import partition_of


async def prepare(actors: Iterable[PartitionActor[Any]], engine: Engine) -> None:
    """Read what partitions have to know before their first step: whom to wake when, components, and moved sessions.

    :raises EngineFailed: if that cannot be read.
    """
    by_partition = {actor.partition: actor for actor in actors}
    partitions = sorted(by_partition)
    for kind in (stored_records.WAKE, COMPONENT, parking.GATEWAY, parking.RESUMPTION):
        after = 0
        while page := await engine.scan(partitions, kind, after):
            after = page[-1].place
            for each in page:
                actor = by_partition[partition_of(each.account)]
                if kind == stored_records.WAKE:
                    actor.wakes.expect(each.account, Put(Kind.WAKE, each.row.key, None))
                elif kind != COMPONENT:
                    parking.restore(actor.queues, each)
                elif each.row.key.isdecimal():
                    known = actor.components.get(each.account, ())
                    number = int(each.row.key)
                    actor.components[each.account] = (*[n for n in known if n != number], number)
    for actor in by_partition.values():
        actor.prepared = True
