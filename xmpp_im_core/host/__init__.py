"""The loop around the pure core that every host needs: a server, or a client, without its I/O.

``Host`` is for a storage that answers at once: each call returns when all is done. ``DeferredHost`` asks for commits
and reads, and is told when they have ended. ``ClientHost`` is the loop of the client half. They write to a ``Wire``
that you implement, and get the time and ids from functions that you pass; nothing here performs I/O.
"""

from __future__ import annotations

from xmpp_im_core.host.client_host import ClientHost, ClientWire
from xmpp_im_core.host.deferred_host import DeferredHost
from xmpp_im_core.host.immediate_host import Host
from xmpp_im_core.host.importing import import_records
from xmpp_im_core.host.interfaces import Clock, Ids, Messages, Operations, Storage, StorageFailed, Stored, Wire
from xmpp_im_core.host.loop import Loop
from xmpp_im_core.host.memory_storage import MemoryStorage
from xmpp_im_core.host.storage_requests import Commit, ReadAccount, ReadMessages, Request

__all__ = [
    "ClientHost",
    "ClientWire",
    "Clock",
    "Commit",
    "DeferredHost",
    "Host",
    "Ids",
    "Loop",
    "MemoryStorage",
    "Messages",
    "Operations",
    "ReadAccount",
    "ReadMessages",
    "Request",
    "Storage",
    "StorageFailed",
    "Stored",
    "Wire",
    "import_records",
]
