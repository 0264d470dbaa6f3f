"""Two nodes of xmpp-im-host on one engine in memory, behind one port: every other connection goes to the same node.

    python -m interop.two_nodes CONFIGURATION

So the users and components of one scenario are on different nodes, and their accounts have different owners.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import Protocol
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path

from attrs import evolve

from xmpp_im_host.cluster.cluster_host import ClusterHost
from xmpp_im_host.configuration import Configuration, Endpoint, Listen, read_file
from xmpp_im_host.network.client_link import ClientLink
from xmpp_im_host.network.component_driver import ComponentLink
from xmpp_im_host.network.network import Network
from xmpp_im_host.operations.log_format import set_up
from xmpp_im_host.server import XMPPServer
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import PARTITIONS
from xmpp_im_host.streams.settings import ComponentSettings

_NODES = 2


async def serve(configuration: Configuration) -> None:
    """Run the nodes until this is cancelled."""
    engine = MemoryEngine()
    listen, components = configuration.listen, ComponentSettings(dict(configuration.components))
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                XMPPServer(
                    evolve(
                        configuration, listen=Listen(tcp=()), database=configuration.database_file.with_suffix(f".{n}")
                    ),
                    engine,
                )
            )
            for n in range(_NODES)
        ]
        while len(frozenset().union(*[_owned(server) for server in servers])) < PARTITIONS:
            await asyncio.sleep(0.01)
        clients, others = cycle(servers), cycle(servers)
        await _open(listen.tcp, lambda: ClientLink(next(clients).network))
        await _open(listen.components, lambda: ComponentLink(_network(next(others)), components))
        await asyncio.Event().wait()


def _network(server: XMPPServer) -> Network:
    return server.network


def _owned(server: XMPPServer) -> frozenset[int]:
    assert isinstance(server.host, ClusterHost)
    return frozenset(server.host.partitions())


async def _open(endpoints: tuple[Endpoint, ...], make: Callable[[], Protocol]) -> None:
    for endpoint in endpoints:
        await asyncio.get_running_loop().create_server(make, endpoint.host, endpoint.port)


def main() -> None:
    """Read the configuration, and run."""
    configuration = read_file(Path(sys.argv[1]), {})
    set_up(configuration.log_format, configuration.log_level)
    asyncio.run(serve(configuration))


if __name__ == "__main__":
    main()
