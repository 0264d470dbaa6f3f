"""The drivers by name. Each is imported when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from xmpp_im_conformance.format.worlds import Driver

NAMES: Final = ("embedded", "live", "stdio")
"""The names of the drivers on the command line."""


def core_driver(arrangement: str | None = None) -> Driver:
    """Return the driver that runs ``xmpp_im_core`` itself.

    :param arrangement: how it keeps the accounts of a server; "all": each vector is played in each arrangement.
    """
    from xmpp_im_conformance.drivers.embedded import Embedded
    from xmpp_im_conformance.drivers.embedded.arrangements import ARRANGEMENTS

    if arrangement is None:
        return Embedded()
    return Embedded(arrangements=tuple(ARRANGEMENTS) if arrangement == "all" else (arrangement,))


def driver_of(
    name: str,
    *,
    arrangement: str,
    command: str | None,
    restarts: int | None,
    timeout: float | None,
    **live: Any,
) -> Driver:
    """Return the driver of this name. It is to be closed: it has connections, or a program.

    :param arrangement: how the driver ``embedded`` keeps the accounts of a server.
    :param command: starts the program of the driver ``stdio``.
    :param restarts: how often that program is started again.
    :param live: the options of the driver ``live``.
    """
    if name == "stdio":
        from xmpp_im_conformance.drivers.stdio.driver import StdioDriver
        from xmpp_im_conformance.drivers.stdio.options import stdio_program

        return StdioDriver(stdio_program(command, timeout=timeout, restarts=restarts))
    if name == "live":
        from xmpp_im_conformance.drivers.live import LiveDriver
        from xmpp_im_conformance.drivers.live.options import live_config

        return LiveDriver(live_config(timeout=timeout, **live))
    return core_driver(arrangement)
