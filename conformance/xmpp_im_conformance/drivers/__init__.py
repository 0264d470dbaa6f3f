"""The drivers by name. Each is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from xmpp_im_conformance.format.worlds import ClientDriver, Driver

NAMES: Final = ("embedded", "live", "stdio")
"""The names of the drivers on the command line."""


class Drivers(NamedTuple):
    """What plays the server, and what plays the client, under one name."""

    server: Driver
    client: ClientDriver | None = None
    about: Callable[[], str] = str
    """Returns what is tested and where, as far as that is known by then."""


def core_drivers() -> Drivers:
    """Return the drivers that run ``xmpp_im_core`` itself."""
    from importlib.metadata import version

    from xmpp_im_conformance.drivers.embedded import Embedded
    from xmpp_im_conformance.drivers.embedded.client import EmbeddedClient

    return Drivers(Embedded(), EmbeddedClient(), lambda: f"xmpp_im_core {version('xmpp_im_core')}")


@contextmanager
def playing(
    driver: str, *, command: str | None, restarts: int | None, timeout: float | None, **live: Any
) -> Iterator[Drivers]:
    """Give the drivers of this name; afterwards the live driver closes its connections, and a program is ended.

    :param command: starts the program of the driver ``stdio``.
    :param restarts: how often that program is started again.
    :param live: the options of the driver ``live``.
    """
    if driver == "stdio":
        from xmpp_im_conformance.drivers.stdio.client import StdioClient
        from xmpp_im_conformance.drivers.stdio.options import stdio_program
        from xmpp_im_conformance.drivers.stdio.server import StdioDriver

        with closing(stdio_program(command, timeout=timeout, restarts=restarts)) as program:
            yield Drivers(StdioDriver(program), StdioClient(program), lambda: program.about)
    elif driver == "live":
        from xmpp_im_conformance.drivers.live import LiveDriver
        from xmpp_im_conformance.drivers.live.options import live_config

        with closing(LiveDriver(live_config(timeout=timeout, **live))) as server:
            yield Drivers(server, about=lambda: server.about)
    else:
        yield core_drivers()
