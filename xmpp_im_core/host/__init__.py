"""Hosts: the loop around the pure core that every server and every client needs, without I/O.

* ``Host`` is for a storage that answers at once: each call returns when all is done.
* ``DeferredHost`` is for a storage that answers later: it requests commits and reads, and you report when they are
  done.
* ``ClientHost`` is the loop of the client half.

You implement the ``Wire`` to which they write, and pass the functions that return the time and ids.
"""

from __future__ import annotations

from xmpp_im_core.host.client_host import ClientHost, ClientWire
from xmpp_im_core.host.deferred_host import DeferredHost
from xmpp_im_core.host.immediate_host import Host
from xmpp_im_core.host.importing import import_records
from xmpp_im_core.host.interfaces import (
    Clock,
    CommitInDoubt,
    Ids,
    IndexedStorage,
    Messages,
    Operations,
    Storage,
    StorageFailed,
    Stored,
    Wire,
)
from xmpp_im_core.host.loop import Loop
from xmpp_im_core.host.memory_storage import MemoryStorage
from xmpp_im_core.host.storage_requests import Commit, ReadAccount, ReadMessages, StorageRequest

__all__ = [
    "ClientHost",
    "ClientWire",
    "Clock",
    "Commit",
    "CommitInDoubt",
    "DeferredHost",
    "Host",
    "Ids",
    "IndexedStorage",
    "Loop",
    "MemoryStorage",
    "Messages",
    "Operations",
    "ReadAccount",
    "ReadMessages",
    "Storage",
    "StorageFailed",
    "StorageRequest",
    "Stored",
    "Wire",
    "import_records",
]
