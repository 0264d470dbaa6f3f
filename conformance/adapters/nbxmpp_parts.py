"""The connection of the adapter for nbxmpp."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

if find_spec("gi") is None:
    sys.path.append("/usr/lib/python3/dist-packages")  # Debian's directory, which a virtual environment does not search

from bridge import Wire
from gi.repository import GLib
from nbxmpp.client import Client
from nbxmpp.connection import Connection
from nbxmpp.const import ConnectionProtocol, ConnectionType
from nbxmpp.protocol import JID, Iq, Message, NodeProcessed, Presence
from nbxmpp.structs import ServerAddress, StanzaHandler

__all__ = ["JID", "ConnectedClient", "GLib", "Iq", "Message", "NodeProcessed", "Presence", "StanzaHandler"]


class Connected(Connection):
    """A connection with a wire instead of a socket."""

    wire: Wire

    def connect(self) -> None:
        self.notify("connected")

    def send(self, stanza: Any, now: bool = False) -> None:
        self.wire.write(str(stanza).encode())


class ConnectedClient(Client):
    """A client for which the server has no need of a login."""

    is_stream_authenticated = True

    def __init__(self, adapter: Any) -> None:
        super().__init__()
        self._adapter = adapter
        self._current_address = ServerAddress(
            self.domain, None, "127.0.0.1:1", None, ConnectionProtocol.TCP, ConnectionType.PLAIN, None
        )

    def _get_connection(self, *arguments: Any) -> Connection:
        self._adapter.connection = Connected(*arguments)
        self._adapter.connection.wire = self._adapter.wire
        return self._adapter.connection
