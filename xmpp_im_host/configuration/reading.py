"""Read a configuration from a TOML file and from flags. Each error names the key and says which values are allowed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from xmpp_im_host.configuration.settings import Configuration
from xmpp_im_host.configuration.values import WrongValue

T = TypeVar("T")

_BEATS: Final = 4
"""How many beats a node must have missed, at least, until it is dead."""


class BadConfiguration(ValueError):
    """The message names the key and says which values are allowed."""


def read_file(file: Path, flags: Mapping[str, Any] | None = None) -> Configuration:
    """Read a TOML file.

    :param flags: values that replace those of the file, by dotted key: ``{"listen.tcp": ["127.0.0.1:5222"]}``.
    :raises BadConfiguration: if the file cannot be read, or a value is not allowed.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfiguration(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfiguration(f"{file}: the file is not in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfiguration(f"{file}: the file is not TOML: {error}") from None
    try:
        return read_configuration(table, flags)
    except BadConfiguration as error:
        raise BadConfiguration(f"{file}: {error}") from None


def read_configuration(table: Mapping[str, Any], flags: Mapping[str, Any] | None = None) -> Configuration:
    """Read a configuration from plain data.

    :param flags: as for :func:`read_file`.
    :raises BadConfiguration: if a key is unknown, or a value is not allowed.
    """
    merged: dict[str, Any] = dict(table)
    for key, value in (flags or {}).items():
        _put(merged, key, value)
    configuration = _read(Configuration, merged, "")
    _check(configuration)
    return configuration


def _put(table: dict[str, Any], key: str, value: Any) -> None:
    first, dot, rest = key.partition(".")
    if not dot:
        table[first] = value
        return
    inner = table.get(first, {})
    if not isinstance(inner, Mapping):
        raise BadConfiguration(f"{first}: a table is needed")
    table[first] = inner = dict(inner)
    _put(inner, rest, value)


def _read(cls: type[T], table: Mapping[str, Any], prefix: str) -> T:
    fields = {each.name: each for each in attrs.fields(cls)}  # type: ignore[arg-type]  # a class of attrs
    for key in table:
        if key not in fields:
            raise BadConfiguration(f"{prefix}{key}: {_unknown(key, list(fields))}")
    return cls(**{key: _value(fields[key], value, f"{prefix}{key}") for key, value in table.items()})


def _value(field: Any, value: Any, key: str) -> Any:
    inner = field.metadata.get("table")
    if inner is not None:
        if not isinstance(value, Mapping):
            raise BadConfiguration(f"{key}: a table is needed: [{key}]")
        return _read(inner, value, f"{key}.")
    try:
        return field.metadata["read"](value)
    except WrongValue as error:
        raise BadConfiguration(f"{key}: {error}") from None


def _unknown(key: str, allowed: list[str]) -> str:
    near = get_close_matches(key, allowed, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"there is no such setting.{meant} There are {', '.join(allowed)}"


def _check(configuration: Configuration) -> None:
    """Refuse values that contradict each other."""
    if configuration.tls.key is not None and configuration.tls.certificate is None:
        raise BadConfiguration("tls.key: tls.certificate is needed too")
    if configuration.in_memory and configuration.database is not None:
        raise BadConfiguration("in_memory: it cannot be combined with database")
    if configuration.in_memory and configuration.engine:
        raise BadConfiguration("in_memory: it cannot be combined with engine")
    node = configuration.node
    if node.dead_seconds < _BEATS * node.beat_seconds:
        raise BadConfiguration(f"node.dead_seconds: at least {_BEATS} times node.beat_seconds is needed")
    twice = set(configuration.domains) & set(configuration.components)
    if twice:
        raise BadConfiguration(f"components: {sorted(twice)[0]} is among domains; a component needs another domain")
    if configuration.plaintext:
        _needs_loopback("plaintext", "listen.tcp", configuration.listen.tcp)
    _needs_loopback(
        "the protocol of components has no encryption", "listen.components", configuration.listen.components
    )
    _needs_loopback("metrics are for this machine", "listen.metrics", configuration.listen.metrics)
    if configuration.tls.certificate is None:
        for name in ("tcp", "tls", "websocket"):
            _needs_loopback("tls.certificate is missing", f"listen.{name}", getattr(configuration.listen, name))


def _needs_loopback(reason: str, key: str, endpoints: Any) -> None:
    for each in endpoints:
        if not each.is_loopback:
            raise BadConfiguration(f"{key}: {each} is not a loopback address, which is needed: {reason}")
