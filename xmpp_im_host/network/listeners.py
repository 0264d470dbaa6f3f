"""Open and close the listening sockets."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Sequence

from xmpp_im_host.configuration import Endpoint
from xmpp_im_host.log import log

_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

_BACKLOG = 1024


class CannotListen(Exception):
    """The message names the setting and the address, and says why."""


def check_loop(name: str) -> None:
    """Refuse a loop that is not asyncio's own for a listener on which TLS begins with the first byte.

    On uvloop a connection reads before it can be paused. Its first bytes, those of the handshake, often come before the
    link has begun TLS.

    :param name: the name of the setting in ``listen``.
    :raises CannotListen: if it is another loop.
    """
    loop = type(asyncio.get_running_loop())
    if not issubclass(loop, asyncio.BaseEventLoop):
        raise CannotListen(f"listen.{name}: the event loop of asyncio is needed, not {loop.__module__}.{loop.__name__}")


class Listeners:
    """The listening sockets of a server."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._opened: list[tuple[str, Endpoint, Callable[[], asyncio.Protocol]]] = []
        self.addresses: dict[str, list[Endpoint]] = {}
        """The addresses with their real ports, by the name of the setting."""

    async def open(
        self,
        name: str,
        endpoints: Sequence[Endpoint],
        make: Callable[[], asyncio.Protocol],
    ) -> None:
        """Listen on addresses.

        An IPv6 loopback address that the machine lacks is left out if another address of the list is open.

        :param name: the name of the setting in ``listen``.
        :raises CannotListen: if one of the addresses cannot be opened.
        """
        opened = self.addresses.setdefault(name, [])
        for endpoint in endpoints:
            try:
                server = await asyncio.get_running_loop().create_server(
                    make, endpoint.host, endpoint.port, backlog=_BACKLOG
                )
            except OSError as error:
                if opened and endpoint.is_loopback and error.errno in _ABSENT:
                    log(logging.WARNING, "address left out", address=endpoint, reason=error.strerror)
                    continue
                raise CannotListen(f"listen.{name}: {endpoint}: {error.strerror or error}") from None
            self.add(name, server)
            self._opened += [(name, Endpoint(*each.getsockname()[:2]), make) for each in server.sockets]

    async def reopen(self) -> None:
        """Listen again on the same addresses and ports, after :meth:`close`.

        :raises CannotListen: if one of them cannot be opened.
        """
        self.close()
        opened, self._opened, self._servers = self._opened, [], []
        self.addresses.clear()
        for name, endpoint, make in opened:
            await self.open(name, [endpoint], make)

    def add(self, name: str, server: asyncio.Server) -> None:
        """Note an open server."""
        self._servers.append(server)
        for each in server.sockets:
            host, port = each.getsockname()[:2]
            self.addresses.setdefault(name, []).append(Endpoint(host, port))
            log(logging.INFO, "listening", listener=name, address=Endpoint(host, port))

    def close(self) -> None:
        """Accept no more connections."""
        for server in self._servers:
            server.close()
