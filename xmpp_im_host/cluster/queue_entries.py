"""The entries of queues, and their form as bytes: what the other modules import."""

from __future__ import annotations

from xmpp_im_host.cluster.entry_reading import (
    DamagedEntry,
    EntryReader,
    load_entry,
    load_gateway_entry,
    load_partition_entry,
)
from xmpp_im_host.cluster.entry_records import (
    Called,
    ComponentConnected,
    ComponentLost,
    Counts,
    Deposit,
    Fed,
    ForComponent,
    Forgotten,
    GatewayEnded,
    GatewayEntry,
    Missing,
    Park,
    Parked,
    PartitionEntry,
    Perform,
    QueueEntry,
    Replied,
    SessionGone,
    Taken,
    Wanted,
)
from xmpp_im_host.cluster.entry_writing import dump_entry
from xmpp_im_host.cluster.own_entries import OwnEntries

__all__ = [
    "Called",
    "ComponentConnected",
    "ComponentLost",
    "Counts",
    "DamagedEntry",
    "Deposit",
    "EntryReader",
    "Fed",
    "ForComponent",
    "Forgotten",
    "GatewayEnded",
    "GatewayEntry",
    "Missing",
    "OwnEntries",
    "Park",
    "Parked",
    "PartitionEntry",
    "Perform",
    "QueueEntry",
    "Replied",
    "SessionGone",
    "Taken",
    "Wanted",
    "dump_entry",
    "load_entry",
    "load_gateway_entry",
    "load_partition_entry",
]
