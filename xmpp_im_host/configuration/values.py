"""The kinds of values: each reader takes what stands in the file, and returns a value or raises :class:`WrongValue`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from xmpp_im_core.jid import InvalidJID, parse_jid

Reader: TypeAlias = Callable[[Any], Any]


class WrongValue(ValueError):
    """The message says which values are allowed."""


@frozen
class Endpoint:
    """An address to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can connect."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and reached by no other."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def setting(read: Reader, default: Any, help: str) -> Any:
    """Return the field of a setting.

    :param read: reads the value that stands in the file.
    :param help: what the setting means, in one sentence.
    """
    return field(default=default, metadata={"read": read, "help": help})


def truth(value: Any) -> bool:
    """Read a boolean."""
    if not isinstance(value, bool):
        raise WrongValue("true or false is needed")
    return value


def whole(low: int, high: int) -> Reader:
    """Return a reader of integers from ``low`` to ``high``."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise WrongValue(f"an integer from {low} to {high} is needed")
        return value

    return read


def seconds(low: float, high: float) -> Reader:
    """Return a reader of times from ``low`` to ``high`` seconds."""
    return number(low, high, "a number of seconds")


def number(low: float, high: float, what: str = "a number") -> Reader:
    """Return a reader of numbers from ``low`` to ``high``."""

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise WrongValue(f"{what} from {low:g} to {high:g} is needed")
        return float(value)

    return read


def label(value: Any) -> str:
    """Read a name for operators: a short text in one line."""
    if not isinstance(value, str) or len(value) > _LONGEST_LABEL or not value.isprintable():
        raise WrongValue(f"a text in one line of at most {_LONGEST_LABEL} characters is needed")
    return value


def choice(*allowed: str) -> Reader:
    """Return a reader of one of these words."""

    def read(value: Any) -> str:
        if value not in allowed:
            raise WrongValue(f"one of {', '.join(allowed)} is needed")
        return str(value)

    return read


def path(value: Any) -> Path:
    """Read the path of a file."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise WrongValue("the path of a file is needed")
    return Path(value).expanduser()


def postgres(value: Any) -> tuple[str, ...]:
    """Read the URI of a PostgreSQL database, or a list of them. Messages do not repeat it: it may hold a password."""
    given = value if isinstance(value, list | tuple) else [value]
    found = tuple([_uri(each) for each in given if each != ""])
    if len(set(found)) < len(found):
        raise WrongValue("the same database is named twice")
    return found


def _uri(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith(("postgres://", "postgresql://")):
        raise WrongValue("a URI that begins with postgresql:// is needed, or a list of several, or an empty text")
    return value


def domain(value: Any) -> str:
    """Read a domain, and prepare it."""
    try:
        found = parse_jid(value) if isinstance(value, str) else None
    except InvalidJID as error:
        raise WrongValue(f"{value!r} is not a domain: {error}") from None
    if found is None or found.local is not None or found.resource is not None:
        raise WrongValue(f'a domain such as "capulet.example" is needed, not {value!r}')
    return found.domain


def endpoint(value: Any) -> Endpoint:
    """Read ``HOST:PORT``; an IPv6 address stands in brackets. Port 0 is any free port."""
    wrong = WrongValue(f'an address such as "127.0.0.1:5222" or "[::1]:5222" is needed, not {value!r}')
    if not isinstance(value, str):
        raise wrong
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not colon or not host or not port.isdecimal() or not port.isascii() or int(port) > 65_535:
        raise wrong
    if (":" in host) is not bracketed or any(each.isspace() for each in host):
        raise wrong
    return Endpoint(host, int(port))


def several(read: Reader, least: int = 0) -> Reader:
    """Return a reader of lists; each entry is read by ``read``."""

    def read_list(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or len(value) < least:
            raise WrongValue("a list is needed" if not least else f"a list of at least {least} is needed")
        return tuple(dict.fromkeys([read(each) for each in value]))

    return read_list


def secrets_of_domains(value: Any) -> Mapping[str, str]:
    """Read a table of domains and their secrets. The message names no secret."""
    if not isinstance(value, Mapping):
        raise WrongValue('a table is needed, such as "irc.capulet.example" = "the secret"')
    found: dict[str, str] = {}
    for name, secret in value.items():
        if not isinstance(secret, str) or len(secret) < SHORTEST_SECRET:
            raise WrongValue(f"the secret of {name} must be a string of at least {SHORTEST_SECRET} characters")
        found[domain(name)] = secret
    return found


SHORTEST_SECRET: Final = 8
_LONGEST_LABEL: Final = 100
