"""A server that the vectors are run on: read from its folder, installed, started on loopback and stopped."""

from __future__ import annotations

import secrets
import shlex
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Any, Final

import cattrs
import trustme
from attrs import evolve, field, frozen
from cattrs import transform_error
from cattrs.errors import BaseValidationError
from cattrs.v import format_exception

from interop.machine import PATH, NotAvailable, certify, free_ports, install
from interop.processes import Processes
from xmpp_im_conformance.drivers.live import LiveConfig
from xmpp_im_conformance.drivers.live.config import BadConfig, config_of
from xmpp_im_conformance.format.worlds import HOSTED, REMOTE

_READER: Final = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)


class BadServer(ValueError):
    """A folder describes no server. The message names the file and says why."""


@frozen(kw_only=True)
class Accounts:
    """The server's commands for accounts. ``{local}``, ``{domain}`` and ``{password}`` stand for the account."""

    create: str
    remove: str
    always: bool = False
    """Whether accounts cannot be created in-band (XEP-0077), which is faster."""


@frozen(kw_only=True)
class Server:
    """The keys of ``server.toml``. In each text, ``$name`` stands for what the harness has chosen.

    There are ``$directory``, where the server may write, ``$secret``, that of the component, and ``$x_port`` for each
    port ``x``. In a command they are quoted for the shell.

    The port ``c2s`` is where clients connect, ``component`` where components do, ``s2s`` where other servers do, and
    ``remote`` where the scenario listens as ``remote.example``, and ``names`` where it tells in the DNS where that is.
    """

    folder: Path
    program: str
    """The program that shows that the server is installed."""
    command: tuple[str, ...]
    """A line for the shell, or one for each process. The process stays in the foreground."""
    packages: tuple[str, ...] = ()
    """Debian's packages of the server; none if Debian has none."""
    templates: tuple[str, ...]
    """The files of the folder that are filled in and written into ``$directory``."""
    prepare: tuple[str, ...] = ()
    """Commands that end before the server is started, such as one that makes a database."""
    ports: tuple[str, ...] = ("c2s", "component")
    """The ports that the harness chooses."""
    instances: int = 1
    """How many servers share the vectors of a run: for one that spends its time waiting for its own processes."""
    environment: Mapping[str, str] = field(factory=dict)
    accounts: Accounts | None = None
    live: Mapping[str, Any] = field(factory=dict)
    """The options of the driver (``LiveConfig``), without the ports, the secret and the certificates."""
    federation: Server | None = None
    """The server where ``remote.example`` is another server instead of a component; None if it is not prepared."""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    def installed(self) -> None:
        """Install the server if it is missing.

        :raises NotAvailable: if it cannot be installed.
        """
        if self.packages and shutil.which(self.program, path=PATH) is None:
            install(*self.packages)
        if shutil.which(self.program, path=PATH) is None:
            raise NotAvailable(f"{self.name} is not installed: there is no program {self.program}")

    @contextmanager
    def running(self, configuration: str | None = None, *, by_command: bool = False) -> Iterator[LiveConfig]:
        """Start the server under a new directory; stop the server and remove the directory afterwards.

        :param configuration: what takes the place of the first template.
        :param by_command: create accounts by the server's command, also if they can be created in-band.
        :raises NotAvailable: if it does not start.
        """
        with self.started(configuration, by_command=by_command) as running:
            yield running.config

    @contextmanager
    def started(self, configuration: str | None = None, *, by_command: bool = False) -> Iterator[Running]:
        """Do what ``running`` does, and give more."""
        with TemporaryDirectory(prefix=f"{self.name}-") as name:
            directory = Path(name)
            (directory / "data").mkdir()
            issuer = trustme.CA()
            authority = certify(HOSTED, directory / "server.pem", issuer)
            certify([REMOTE], directory / "remote.pem", issuer)
            filling = Filling.of(directory, self.ports)
            for template in self.templates:
                text = self.text_of(template) if configuration is None else configuration
                (directory / template).write_text(filling.of_text(text), encoding="utf-8")
                configuration = None
            environment = {key: filling.of_text(each) for key, each in self.environment.items()}
            processes = Processes([*map(filling.of_command, self.command)], directory, environment)
            try:
                processes.prepare([*map(filling.of_command, self.prepare)])
                processes.start([filling.port(port) for port in _OF_THE_SERVER if port in self.ports])
                yield Running(self.config(filling, authority, by_command=by_command), processes.ends)
            finally:
                processes.stop()

    def text_of(self, template: str) -> str:
        """Return a template as it is in the folder."""
        return (self.folder / template).read_text(encoding="utf-8")

    def config(self, filling: Filling, authority: Path, *, by_command: bool = False) -> LiveConfig:
        """Return how the driver reaches the server."""
        options = {**self.live, "port": filling.port("c2s"), "cafile": str(authority)}
        if "component" in self.ports:
            named = {"domain": REMOTE, **options.get("component", {})}
            options["component"] = {**named, "port": filling.port("component"), "secret": filling.chosen["secret"]}
        if "remote" in self.ports:
            options["federation"] = {
                **options.get("federation", {}),
                "port": filling.port("s2s"),
                "listen": filling.port("remote"),
                "certificate": str(authority.with_name("remote.pem")),
                **({"names": filling.port("names")} if "names" in self.ports else {}),
            }
        if self.accounts is not None and (by_command or self.accounts.always):
            options["register_command"] = filling.of_command(self.accounts.create)
            options["unregister_command"] = filling.of_command(self.accounts.remove)
        return config_of(options, "live")


@frozen
class Filling:
    """What the harness has chosen for one run of a server, and fills in for ``$name``."""

    chosen: Mapping[str, str]

    @classmethod
    def of(cls, directory: Path, ports: Sequence[str]) -> Filling:
        """Choose free ports and a secret."""
        numbers = {f"{port}_port": str(each) for port, each in zip(ports, free_ports(len(ports)), strict=True)}
        return cls({"directory": str(directory), "secret": secrets.token_hex(8), **numbers})

    def of_text(self, text: str) -> str:
        """Return a text with everything filled in."""
        return Template(text).substitute(self.chosen)

    def of_command(self, command: str) -> str:
        """Return a command with everything filled in, quoted for the shell."""
        return Template(command).substitute({key: shlex.quote(each) for key, each in self.chosen.items()})

    def port(self, name: str) -> int:
        """Return a chosen port."""
        return int(self.chosen[f"{name}_port"])


@frozen
class Running:
    """A server that runs."""

    config: LiveConfig
    ends: list[str]
    """The processes that have ended by themselves and were started again, one line each; it grows."""


_FEDERATED: Final = ["c2s", "s2s", "remote", "names"]
"""The ports where ``remote.example`` is another server."""
_OF_THE_SERVER: Final = ("c2s", "component", "s2s")
"""The ports at which the server listens."""

FILE: Final = "server.toml"
"""The name of the file in a server's folder."""


def read_server(folder: Path) -> Server:
    """Read the folder of a server.

    :raises BadServer: if a key is unknown, missing or wrong, or a template is missing, or it is not TOML.
    """
    file = folder / FILE
    try:
        data = {**tomllib.loads(file.read_text(encoding="utf-8")), "folder": str(folder)}
        instead = data.pop("federation", None)
        server = _READER.structure(data, Server)
        if instead is not None:
            federated = _READER.structure({**data, "ports": _FEDERATED, **_with_forgiven(instead, data)}, Server)
            server = evolve(server, federation=federated)
    except BaseValidationError as problem:
        raise BadServer(f"{file}: {'; '.join(transform_error(problem, format_exception=_in_words))}") from None
    except (OSError, ValueError) as problem:
        raise BadServer(f"{file}: {problem}") from problem
    for each in (server, *([] if server.federation is None else [server.federation])):
        missing = [template for template in each.templates if not (folder / template).is_file()]
        if missing:
            raise BadServer(f"{file}: there is no template {', '.join(missing)} beside it")
        try:
            _try(each)
        except (BadConfig, KeyError, ValueError) as problem:
            raise BadServer(f"{file}: {problem}") from None
    return server


def _with_forgiven(instead: object, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the keys of ``federation``, where a server is forgiven the same unless they say what it is forgiven."""
    if not isinstance(instead, dict):
        raise ValueError("'federation' is a table")
    live, other = data.get("live"), instead.get("live")
    if not isinstance(live, dict) or not isinstance(other, dict) or "forgive" not in live:
        return instead
    return {**instead, "live": {"forgive": live["forgive"], **other}}


def _try(server: Server) -> None:
    """Fill in everything and build the configuration once, so that a mistake shows before the server is started."""
    filling = Filling({"directory": "/tmp", "secret": "s", **{f"{port}_port": "1" for port in server.ports}})
    for text in [*map(server.text_of, server.templates), *server.environment.values()]:
        filling.of_text(text)
    for command in (*server.command, *server.prepare):
        filling.of_command(command)
    server.config(filling, Path("/tmp/authority.pem"), by_command=server.accounts is not None)


def _in_words(problem: BaseException, expected: type | None) -> str:
    return str(problem) if isinstance(problem, TypeError) else format_exception(problem, expected)


def _text(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise TypeError("it is a text")
    return value


def _texts(value: object, _: object) -> tuple[str, ...]:
    """Read a list of texts, or one text alone."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise TypeError("it is a text, or a list of texts")
    return tuple(texts)


_READER.register_structure_hook(str, _text)
_READER.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _texts)
