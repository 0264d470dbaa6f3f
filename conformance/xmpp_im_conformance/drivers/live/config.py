"""Where the server under test is, and how it is talked to."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import cattrs
from attrs import field, frozen
from cattrs.errors import BaseValidationError, CattrsError, ForbiddenExtraKeysError
from cattrs.v import format_exception, transform_error

from xmpp_im_conformance.drivers.live.tolerance import MAY_ADD
from xmpp_im_conformance.format.forgiving import Forgiven
from xmpp_im_conformance.format.markup import BadXML, read_xml
from xmpp_im_conformance.format.placeholders import BadPlaceholder
from xmpp_im_conformance.format.worlds import HOSTED, REMOTE

_READER: Final = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)


class BadConfig(ValueError):
    """The configuration is not one; the message says why."""


@frozen(kw_only=True)
class ComponentConfig:
    """The port of the server for components (XEP-0114), through which the scenario plays ``remote.example``."""

    port: int
    secret: str = field(repr=False)
    domain: str = REMOTE
    host: str | None = None
    """Where the port is, if not where clients connect."""

    @classmethod
    def parse(cls, text: str) -> ComponentConfig:
        """Read ``DOMAIN:PORT:SECRET``.

        :raises BadConfig: if it is not of that form.
        """
        domain, _, rest = text.partition(":")
        port, _, secret = rest.partition(":")
        wrong = "DOMAIN" if not domain else "PORT" if not port.isdecimal() else "SECRET" if not secret else ""
        if wrong:  # what stands there is not told: the secret may stand in another's place
            raise BadConfig(f"a component is DOMAIN:PORT:SECRET, and {wrong} is missing or wrong")
        return cls(domain=domain, port=int(port), secret=secret)


@frozen(kw_only=True)
class FederationConfig:
    """The port of the server for other servers (RFC 6120), and where the scenario listens as ``remote.example``."""

    port: int
    listen: int
    """The port on which the scenario listens; the server has to look for ``domain`` there."""
    domain: str = REMOTE
    host: str | None = None
    """Where the server's port is, if not where clients connect."""
    listen_host: str = "127.0.0.1"
    names: int | None = None
    """The port on which the scenario answers in the DNS where ``domain`` is, for servers that can ask there."""
    certificate: str | None = None
    """A PEM file with the key and the certificate of ``domain``; without one, the scenario offers no TLS."""
    proof: Literal["best", "external", "dialback"] = "best"
    """How the two servers prove who they are. Best: by SASL EXTERNAL where the other end offers it."""

    def __attrs_post_init__(self) -> None:
        if self.proof == "external" and self.certificate is None:
            raise BadConfig("federation: proof is 'external', and there is no certificate")

    @classmethod
    def parse(cls, text: str) -> FederationConfig:
        """Read ``DOMAIN:PORT:LISTEN``.

        :raises BadConfig: if it is not of that form.
        """
        domain, *ports = text.split(":")
        if not domain or len(ports) != 2 or not all(port.isdecimal() for port in ports):
            raise BadConfig(f"federation is DOMAIN:PORT:LISTEN with two numbers of ports, not {text!r}")
        return cls(domain=domain, port=int(ports[0]), listen=int(ports[1]))


@frozen(kw_only=True)
class ForgiveConfig:
    """A difference that is forgiven. If it says nothing but ``stanza``, such a stanza may come in addition."""

    says: str
    """The difference, in words, for the report."""
    stanza: str
    """The stanzas that it concerns, as XML: what is not stated there is free, as in the step ``absent``.

    ``{var:at}`` is the client that gets the stanza.
    """
    attribute: str = ""
    """The attribute that may differ. In ``from`` and ``to`` only the resource may."""
    child: str = ""
    """The child that may be there or missing, or differ, as XML: its name and namespace count."""
    missing: bool = False
    """Whether the stanza may be missing where it is expected."""
    before: str = ""
    """The stanza may come before such ones, as XML, that are expected first. It is expected nevertheless."""

    def __attrs_post_init__(self) -> None:
        given = [name for name in ("attribute", "child", "missing", "before") if getattr(self, name)]
        if len(given) > 1:
            raise BadConfig(f"forgive, {self.says!r}: it says {' and '.join(given)}; write one for each")
        self.rule()

    def rule(self) -> Forgiven:
        """Return what the steps use.

        :raises BadConfig: if something is no XML.
        """
        try:
            child = read_xml(self.child) if self.child else None
            named = None if child is None else (child.name, child.namespace)
            return Forgiven(
                says=self.says,
                stanza=read_xml(self.stanza),
                attribute=self.attribute,
                child=named,
                missing=self.missing,
                before=read_xml(self.before) if self.before else None,
            )
        except (BadXML, BadPlaceholder) as problem:
            raise BadConfig(f"forgive, {self.says!r}: {problem}") from problem


@frozen(kw_only=True)
class LiveConfig:
    """A server under test. Its virtual hosts are named as in the scenarios, unless ``domains`` says otherwise."""

    host: str = "127.0.0.1"
    port: int = 5222
    domains: Mapping[str, str] = field(factory=dict)
    """The server's names for ``capulet.example`` and ``montague.example``, if it hosts others."""
    component: ComponentConfig | None = None
    """Plays the other server. Without it or ``federation``, vectors that need another server are not applicable."""
    federation: FederationConfig | None = None
    """Plays the other server without a component port: between servers."""
    remote_accounts: str | None = None
    """A domain of the server whose accounts play the other server, where the steps are such that users can do that."""
    register_command: str | None = field(default=None, repr=False)
    """Creates an account: ``{local}``, ``{domain}`` and ``{password}`` are filled in. None: in-band (XEP-0077)."""
    unregister_command: str | None = field(default=None, repr=False)
    """Removes it; needed where ``register_command`` is given and accounts cannot be removed in-band."""
    tls: Literal["when-offered", "required", "never"] = "when-offered"
    cafile: str | None = None
    """Whom to trust instead of the system's authorities. Without it any certificate will do on loopback."""
    mechanisms: tuple[str, ...] = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-1")
    """The SASL mechanisms that may be used, the first that is offered. No password is sent without TLS but on loopback.

    PLAIN is the first, since SCRAM costs the server and this process thousands of hashes at each of the many logins,
    and the server was told the password when it created the account, over a connection of the same kind.
    """
    features: frozenset[str] = frozenset()
    """What the server has switched on in addition to what it says itself (``priority-override`` and so on)."""
    without: frozenset[str] = frozenset()
    """What it says that it has, and that is not to be tested."""
    may_add: frozenset[str] = MAY_ADD
    """The namespaces of what the server may add to stanzas: it is removed where the scenario does not name them."""
    forgive: tuple[ForgiveConfig, ...] = ()
    """The differences of the server behind which scenarios go on. Each one that occurs is counted and reported."""
    orderly: bool = False
    """Whether the server does all that follows from a stanza before it reads the next one of anybody: one thread, that
    waits for nothing meanwhile. Then a step needs one request to each client, and no rounds of them."""
    timeout: float = 5.0
    """The seconds after which an answer is not waited for any longer."""
    patience: float = 30.0
    """The seconds that a part of the server which has worked, and is gone, is waited for."""

    def __attrs_post_init__(self) -> None:
        ways = {"component": self.component, "federation": self.federation, "remote_accounts": self.remote_accounts}
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            raise BadConfig(f"the other server is played in one way, not by {' and '.join(given)}")
        strangers = self.domains.keys() - set(HOSTED)
        if strangers:
            raise BadConfig(f"the scenarios' domains are {' and '.join(HOSTED)}, not {', '.join(sorted(strangers))}")
        for name in ("register_command", "unregister_command"):
            command = getattr(self, name)
            if command is not None:
                _check(name, command)

    def domain(self, name: str) -> str:
        """Return what the server calls a hosted domain of the scenarios."""
        return self.domains.get(name, name)

    @property
    def remote(self) -> ComponentConfig | FederationConfig | None:
        """How ``remote.example`` is played; None if it is not."""
        return self.component or self.federation

    @property
    def hosted(self) -> tuple[str, ...]:
        """The domains that the server hosts: one, if both of the scenarios are mapped to it."""
        return tuple(dict.fromkeys([self.domain(name).lower() for name in HOSTED]))


def filled_in(command: str, **words: str) -> list[str]:
    """Return the words of a command, with what stands for an account."""
    return [word.format_map(words) for word in shlex.split(command)]


def _check(name: str, command: str) -> None:
    """See that a command can be filled in. It is not told, since it may hold a token.

    :raises BadConfig: if it cannot.
    """
    try:
        filled = filled_in(command, local="juliet", domain=HOSTED[0], password="rose")
    except (AttributeError, LookupError, ValueError):
        raise BadConfig(
            f"{name}: it cannot be split into words, or has braces other than {{local}}, {{domain}} and {{password}}"
            " (a brace itself is written twice)"
        ) from None
    if not filled:
        raise BadConfig(f"{name}: it is empty")


def read_config(file: Path) -> LiveConfig:
    """Read a TOML file: its keys are the fields of :class:`LiveConfig`, ``component`` is a table.

    :raises BadConfig: if it is not TOML, or a key is unknown or of the wrong type.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise BadConfig(f"{file}: {problem}") from problem
    return config_of(data, str(file))


def config_of(data: Mapping[str, Any], source: str) -> LiveConfig:
    """Return the configuration that has these fields.

    :param source: where the data was read, for messages.
    :raises BadConfig: if a key is unknown or of the wrong type.
    """
    try:
        return _READER.structure(data, LiveConfig)
    except (BaseValidationError, CattrsError) as problem:
        raise BadConfig(f"{source}: {'; '.join(transform_error(problem, format_exception=_without_value))}") from None


def _without_value(problem: BaseException, expected: type | None) -> str:
    """Say what is wrong with a value, and not what the value is: it may be a secret."""
    if isinstance(problem, BadConfig):
        return str(problem)
    if isinstance(problem, KeyError | ForbiddenExtraKeysError):
        return format_exception(problem, expected)
    return f"the value is not of the type {getattr(expected, '__name__', expected)}"
