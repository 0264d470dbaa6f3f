"""The drivers there are, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.metadata import version
from typing import Any, Final

from attrs import frozen

from xmpp_im_conformance.client_driver import ClientDriver
from xmpp_im_conformance.driver import Driver
from xmpp_im_conformance.embedded import Embedded
from xmpp_im_conformance.embedded_client import EmbeddedClient
from xmpp_im_conformance.live import LiveDriver
from xmpp_im_conformance.live.options import live_config
from xmpp_im_conformance.stdio.client import StdioClient
from xmpp_im_conformance.stdio.options import stdio_program
from xmpp_im_conformance.stdio.server import StdioDriver


@frozen
class Drivers:
    """What plays the server, and what plays the client, under one name."""

    server: Driver
    client: ClientDriver | None = None
    about: Callable[[], str] = str
    """Says what is tested and where, as far as that is known by then."""


DRIVERS: Final[Mapping[str, Drivers]] = {
    "embedded": Drivers(Embedded(), EmbeddedClient(), lambda: f"xmpp_im_core {version('xmpp_im_core')}")
}

NAMES: Final = (*sorted(DRIVERS), "live", "stdio")
"""All drivers, by the names that they have on the command line."""


@contextmanager
def playing(driver: str, timeout: float | None, stdio: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[Drivers]:
    """Give the drivers of this name; afterwards the live one lets go of the server, and the program ends.

    :param stdio: the values of ``stdio_options``.
    :param live: the values of ``live_options``, but for the timeout.
    """
    if driver == "stdio":
        with closing(stdio_program(timeout=timeout, **stdio)) as program:
            yield Drivers(StdioDriver(program), StdioClient(program), lambda: program.about)
    elif driver == "live":
        with closing(LiveDriver(live_config(timeout=timeout, **live))) as server:
            yield Drivers(server, about=lambda: server.about)
    else:
        yield DRIVERS[driver]
