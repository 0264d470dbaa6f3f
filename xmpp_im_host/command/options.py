"""The options that several commands share: they choose the configuration."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from xmpp_im_host.configuration import BadConfiguration, Configuration, read_configuration, read_file

CONFIG = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="XMPP_IM_HOST_CONFIG",
    show_envvar=True,
    help="A TOML file; the README describes its keys.",
)
DATABASE = click.option("--database", metavar="FILE", help="The file of the database.")
ENGINE = click.option(
    "--engine",
    "engines",
    metavar="URI",
    multiple=True,
    help="A PostgreSQL database instead: postgresql://USER@HOST/NAME; may be given several times.",
)
DOMAIN = click.option("--domain", "domains", multiple=True, help="A domain to host; may be given several times.")


def configured(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose the configuration, and pass it as the first argument."""

    @CONFIG
    @DATABASE
    @ENGINE
    @DOMAIN
    @functools.wraps(function)
    def wrapper(config: Path | None, **given: Any) -> Any:
        flags = chosen(given.pop("database"), given.pop("engines"), given.pop("domains"))
        return function(configuration(config, flags), **given)

    return wrapper


def chosen(database: str | None, engines: tuple[str, ...], domains: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings that these options give."""
    flags: dict[str, Any] = {} if database is None else {"database": database}
    if engines:
        flags["engine"] = list(engines)
    if domains:
        flags["domains"] = list(domains)
    return flags


def configuration(file: Path | None, flags: dict[str, Any]) -> Configuration:
    """Read the configuration; an error ends the command with its message."""
    try:
        return read_configuration({}, flags) if file is None else read_file(file, flags)
    except BadConfiguration as error:
        raise click.ClickException(str(error)) from None
