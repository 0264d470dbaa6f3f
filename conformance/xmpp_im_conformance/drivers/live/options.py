"""What the command line's options say of a live server."""

from __future__ import annotations

from pathlib import Path

import click
from attrs import evolve

from xmpp_im_conformance.drivers.live.config import (
    BadConfig,
    ComponentConfig,
    FederationConfig,
    LiveConfig,
    read_config,
)


def live_config(
    config: Path | None,
    domains: tuple[str, ...],
    component: str | None,
    federation: str | None = None,
    **given: object,
) -> LiveConfig:
    """Return what the options say; they win over the file.

    :raises click.UsageError: if they say nothing sensible.
    """
    try:
        read = LiveConfig() if config is None else read_config(config)
        changes = {name: value for name, value in given.items() if value is not None}
        if component is not None:
            changes["component"] = ComponentConfig.parse(component)
        if federation is not None:
            changes["federation"] = FederationConfig.parse(federation)
        if domains:
            changes["domains"] = dict([domain.split("=", 1) for domain in domains])
        return evolve(read, **changes)  # type: ignore[arg-type]  # click has seen to the types
    except (BadConfig, ValueError) as problem:
        raise click.UsageError(str(problem)) from problem
