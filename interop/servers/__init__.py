"""The servers that the vectors are run on: a folder for each. README.md says how to add one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from interop.machine import NotAvailable, certify, install
from interop.server import FILE, Server, read_server

FOLDER: Final = Path(__file__).resolve().parent
SERVERS: Final = {file.parent.name: read_server(file.parent) for file in sorted(FOLDER.glob(f"*/{FILE}"))}
"""The servers by name."""
HOST: Final = SERVERS["xmpp-im-host"]
PROSODY: Final = SERVERS["prosody"]

__all__ = ["FOLDER", "HOST", "PROSODY", "SERVERS", "NotAvailable", "Server", "certify", "install"]
