"""The servers as they are measured: their configurations are those of ``interop/servers/``, with some differences.

Passwords are stored as keys of SCRAM, as a server in use has them. With the configuration for the vectors, ejabberd
computes the version of a roster from all its items at each change; here it stores the version. xmpp-im-host does not
ping silent clients, as the others do not.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from interop.machine import NotAvailable
from interop.server import Server

MEASURED: Final = ("xmpp-im-host", "prosody", "ejabberd")
_CHANGES: Final[Mapping[str, Mapping[str, str]]] = {
    "xmpp-im-host": {"[limits]": "[limits]\nidle_seconds = 86400\n"},
    "prosody": {'authentication = "internal_plain"': 'authentication = "internal_hashed"'},
    "ejabberd": {
        "auth_password_format: plain": "auth_password_format: scram",
        "store_current_id: false": "store_current_id: true",
    },
}


def configuration(server: Server) -> str:
    """Return the configuration of a server while it is measured."""
    text = server.text_of(server.templates[0])
    for before, after in _CHANGES.get(server.name, {}).items():
        if before not in text:
            raise ValueError(f"the configuration of {server.name} has no {before!r}")
        text = text.replace(before, after)
    return text


def version_of(server: Server) -> str:
    """Return the version of a server."""
    if server.packages:
        command = ["dpkg-query", "-W", "-f", "${Version}", server.packages[0]]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if not found:
            raise NotAvailable(f"{server.name} is no package of this machine")
        return re.sub(r"^\d+:", "", found)
    python = ".".join(map(str, sys.version_info[:3]))
    try:
        loop = f"uvloop {version('uvloop')}"
    except PackageNotFoundError:
        loop = "without uvloop"
    return f"{version(server.name)} (Python {python}, {loop})"
