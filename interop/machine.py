"""What the servers need of this machine: packages, free ports, and a certificate."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import trustme

PATH: Final = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
"""The server of this repository is installed next to the interpreter, Debian's servers in folders of root's PATH."""
_EXPIRES: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""ejabberd sets a timer for the expiry of its certificate, and the default year 3000 is too far away for that timer."""


class NotAvailable(Exception):
    """The server cannot be installed or started. The message says why."""


def install(*packages: str) -> None:
    """Install Debian packages, without starting their services (``RUNLEVEL``).

    :raises NotAvailable: if they cannot be installed.
    """
    names = " and ".join(packages)
    if shutil.which("apt-get") is None:
        raise NotAvailable(f"{names} is not installed, and there is no apt-get to install it")
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        command = [*sudo, *environment, "apt-get", "--quiet", *words]
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=600)
        except (OSError, subprocess.SubprocessError) as problem:
            raise NotAvailable(f"{names} cannot be installed: {problem}") from problem


def certify(domains: Sequence[str], file: Path, authority: trustme.CA | None = None) -> Path:
    """Write a key and a certificate for these domains into one file; return the file of the authority to trust.

    :param authority: who issues it; a new one, if none is given.
    """
    authority = trustme.CA() if authority is None else authority
    certificate = authority.issue_cert(*domains, not_after=_EXPIRES)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(file))
    trusted = file.with_name("authority.pem")
    authority.cert_pem.write_to_path(str(trusted))
    return trusted


def free_ports(number: int) -> list[int]:
    """Return distinct ports on which nobody listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
