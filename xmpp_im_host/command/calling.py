"""Perform a call: by the running server through its control socket, or else on the database itself."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import sleep
from typing import Any, Final

import click

from xmpp_im_host.configuration import Configuration
from xmpp_im_host.operations import control
from xmpp_im_host.operations.control import CallFailed, NotRunning
from xmpp_im_host.server import offline
from xmpp_im_host.storage.errors import DatabaseRefused, EngineFailed

_TRIES: Final = 10
_PAUSE: Final = 0.2


def call(configuration: Configuration, name: str, /, **arguments: Any) -> Any:
    """Return the result of a call; a refusal ends the command with its message."""
    try:
        for _ in range(_TRIES):
            with suppress(NotRunning):
                return control.ask(configuration.beside(".control"), name, arguments)
            try:
                return asyncio.run(_on_the_database(configuration, name, arguments))
            except DatabaseRefused as error:  # a server may have opened it just now, and not yet its control socket
                refused = error
            sleep(_PAUSE)
        raise refused
    except (CallFailed, DatabaseRefused, EngineFailed, OSError) as error:
        raise click.ClickException(str(error)) from None


async def _on_the_database(configuration: Configuration, name: str, arguments: dict[str, Any]) -> Any:
    async with offline(configuration) as calls:
        return await calls(name, arguments)
