"""Servers on loopback: installed if they are missing, started under a directory, and stopped."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Final

import trustme
from attrs import evolve, frozen

from xmpp_im_conformance.drivers.live import ComponentConfig, LiveConfig
from xmpp_im_conformance.format.worlds import HOSTED

_HERE: Final = Path(__file__).resolve().parent / "configurations"
_STARTING: Final = 60.0
_STOPPING: Final = 10.0
_EXPIRES: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""ejabberd sets a timer for the expiry of its certificate, and the default year 3000 is too far away for that timer."""


class NotAvailable(Exception):
    """The server cannot be installed or started. The message says why."""


@frozen
class Server:
    """A server: one packaged by Debian, or that of this repository."""

    name: str
    """Its name, which is that of Debian's package."""
    program: str
    """The program that the package installs."""
    configuration: str
    """The file next to this module whose ``$name`` are filled in."""
    command: Callable[[Path, Path], tuple[Sequence[str], Mapping[str, str]]]
    """Returns the command and its environment for the directory and the configuration file."""
    debian: bool = True
    """Whether Debian packages it. If not, it is installed with the tests."""
    accounts: tuple[str, str] | None = None
    """The commands that create and remove an account, if there are any: ``$file`` is the configuration file."""

    def installed(self) -> None:
        """Install the server if it is missing.

        :raises NotAvailable: if it cannot be installed.
        """
        if self.debian and shutil.which(self.program, path=_PATH) is None:
            install(self.name)
        if shutil.which(self.program, path=_PATH) is None:
            raise NotAvailable(f"{self.name} is not installed")

    @contextmanager
    def running(self, configuration: str | None = None) -> Iterator[LiveConfig]:
        """Start the server under a new directory; stop the server and remove the directory afterwards.

        The server offers TLS. The configuration does not use it, but names the authority to trust.

        :param configuration: the text of another configuration, with the same ``$name``.
        :raises NotAvailable: if it does not start.
        """
        with TemporaryDirectory(prefix=f"{self.name}-") as name:
            directory = Path(name)
            (directory / "data").mkdir()
            authority = certify(HOSTED, directory / "server.pem")
            c2s_port, component_port = _free_ports(2)
            secret = secrets.token_hex(8)
            file = directory / self.configuration
            if configuration is None:
                configuration = (_HERE / self.configuration).read_text(encoding="utf-8")
            text = Template(configuration).substitute(
                directory=directory, c2s_port=c2s_port, component_port=component_port, secret=secret
            )
            file.write_text(text, encoding="utf-8")
            with self._process(directory, file) as process:
                for port in (c2s_port, component_port):
                    _wait_for(port, process, directory / "output.txt")
                component = ComponentConfig(port=component_port, secret=secret)
                yield LiveConfig(port=c2s_port, component=component, tls="never", cafile=str(authority))

    def by_command(self, config: LiveConfig) -> LiveConfig:
        """Return the configuration in which the server's command creates accounts, not in-band registration."""
        assert self.accounts is not None, f"{self.name} has no command for that"
        assert config.cafile is not None, "the server does not run"
        file = shlex.quote(str(Path(config.cafile).with_name(self.configuration)))
        create, remove = [Template(each).substitute(file=file) for each in self.accounts]
        return evolve(config, register_command=create, unregister_command=remove)

    @contextmanager
    def _process(self, directory: Path, file: Path) -> Iterator[subprocess.Popen[bytes]]:
        command, environment = self.command(directory, file)
        with (directory / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=directory,
                env={**os.environ, **environment, "PATH": _PATH},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                _stop(process)


def _prosody(directory: Path, file: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    return ["prosody", "-F", "--config", str(file)], {}


def _host(directory: Path, file: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    return ["xmpp-im-host", "serve", "--config", str(file)], {}


def _ejabberd(directory: Path, file: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    """Start ejabberd without ejabberdctl, which needs the package's user, and a name service that keeps running."""
    found = sorted(Path("/usr/lib").glob("*/ejabberd-*/ebin")) or sorted(Path("/usr/lib").glob("ejabberd-*/ebin"))
    if not found:
        raise NotAvailable("ejabberd is not in the directory of Debian's package")
    mnesia = str(directory / "data").replace('"', "")
    awake = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]  # no thread spins while there is nothing to do
    command = ["erl", "-noinput", *awake, "-pa", str(found[-1]), "-mnesia", "dir", f'"{mnesia}"', "-s", "ejabberd"]
    environment = {
        "EJABBERD_CONFIG_PATH": str(file),
        "EJABBERD_LOG_PATH": str(directory / "ejabberd.log"),
        "SPOOL_DIR": str(directory / "data"),
        "ERL_CRASH_DUMP_BYTES": "0",
    }
    return command, environment


_PROSODYCTL: Final = "prosodyctl --root --config $file"
PROSODY: Final = Server(
    "prosody",
    "prosody",
    "prosody.cfg.lua",
    _prosody,
    accounts=(
        f"{_PROSODYCTL} register {{local}} {{domain}} {{password}}",
        f"{_PROSODYCTL} unregister {{local}} {{domain}}",
    ),
)
EJABBERD: Final = Server("ejabberd", "ejabberdctl", "ejabberd.yml", _ejabberd)
HOST: Final = Server("xmpp-im-host", "xmpp-im-host", "xmpp-im-host.toml", _host, debian=False)
SERVERS: Final = {server.name: server for server in (HOST, PROSODY, EJABBERD)}

# The server of this repository is installed next to the interpreter, Debian's servers in folders of root's PATH.
_PATH: Final = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"


def certify(domains: Sequence[str], file: Path) -> Path:
    """Write a key and a certificate for these domains into one file; return the file of the authority to trust."""
    authority = trustme.CA()
    certificate = authority.issue_cert(*domains, not_after=_EXPIRES)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(file))
    trusted = file.with_name("authority.pem")
    authority.cert_pem.write_to_path(str(trusted))
    return trusted


def install(package: str) -> None:
    """Install a Debian package, without starting its services (``RUNLEVEL``).

    :raises NotAvailable: if it cannot be installed.
    """
    if shutil.which("apt-get") is None:
        raise NotAvailable(f"{package} is not installed, and there is no apt-get to install it")
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    for words in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        command = [*sudo, *environment, "apt-get", "--quiet", *words]
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=600)
        except (OSError, subprocess.SubprocessError) as problem:
            raise NotAvailable(f"{package} cannot be installed: {problem}") from problem


def _free_ports(number: int) -> list[int]:
    """Return distinct ports on which nobody listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_for(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    """Wait until the server listens on a port.

    :raises NotAvailable: if the server ends, or does not listen within a minute.
    """
    until = time.monotonic() + _STARTING
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    said = output.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise NotAvailable(f"the server has not started:\n{said}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and all processes that it has started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOPPING)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
