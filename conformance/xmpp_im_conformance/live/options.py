"""The command line's options for the live driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from attrs import evolve

from xmpp_im_conformance.live.config import BadConfig, ComponentConfig, LiveConfig, read_config

_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="live: a TOML file."),
    click.option("--host", help="live: where the server is.  [default: 127.0.0.1]"),
    click.option("--port", type=int, help="live: where clients connect.  [default: 5222]"),
    click.option("--domain", "domains", multiple=True, metavar="NAME=HOST", help="live: its name of a virtual host."),
    click.option("--component", metavar="DOMAIN:PORT:SECRET", help="live: plays remote.example (XEP-0114)."),
    click.option("--register-command", help="live: creates an account; {local}, {domain}, {password} are filled in."),
    click.option("--unregister-command", help="live: removes it."),
    click.option("--timeout", type=float, help="Seconds to wait for an answer.  [default: live 5, stdio 10]"),
)


def live_options(command: _F) -> _F:
    """Give a command the options of the live driver."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def live_config(config: Path | None, domains: tuple[str, ...], component: str | None, **given: object) -> LiveConfig:
    """Return what the options say; they win over the file.

    :raises click.UsageError: where they say nothing sensible.
    """
    try:
        read = LiveConfig() if config is None else read_config(config)
        changes = {name: value for name, value in given.items() if value is not None}
        if component is not None:
            changes["component"] = ComponentConfig.parse(component)
        if domains:
            changes["domains"] = dict([domain.split("=", 1) for domain in domains])
        return evolve(read, **changes)  # type: ignore[arg-type]  # click has seen to the types
    except (BadConfig, ValueError) as problem:
        raise click.UsageError(str(problem)) from problem
