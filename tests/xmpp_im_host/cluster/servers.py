"""Several servers in one process, on one engine that they share: the nodes of a cluster, each with its listeners."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Mapping
from itertools import count
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from xmpp_im_host.cluster.cluster_host import ClusterHost
from xmpp_im_host.cluster.queue_names import gateway_queues
from xmpp_im_host.configuration import read_configuration
from xmpp_im_host.server import XMPPServer
from xmpp_im_host.storage.engine import Engine
from xmpp_im_host.storage.memory_engine import MemoryEngine

T = TypeVar("T")

PATIENCE: Final = 30.0
"""Only a fault makes a test wait for so long."""
DOMAIN: Final = "montague.example"
PACE: Final = {"beat_seconds": 0.1, "dead_seconds": 0.8}


class NodeServer:
    """One server, with what a client of the tests needs to connect to it."""

    def __init__(self, cluster: Cluster, server: XMPPServer) -> None:
        self.cluster, self.server = cluster, server
        self.domain = server.configuration.domains[0]
        self.cafile = str(server.network.tls.certificate)
        self.host, self.port = server.address().host, server.address().port

    @property
    def node(self) -> ClusterHost:
        assert isinstance(self.server.host, ClusterHost)
        return self.server.host

    @property
    def number(self) -> int:
        assert self.node.life is not None
        return self.node.life.number

    def owns(self) -> frozenset[int]:
        """Return the partitions that this node holds."""
        life = self.node.life
        return frozenset() if life is None else life.owner.held

    def until(self, holds: Any) -> None:
        self.cluster.until(holds)

    def waiting(self) -> int:
        """Return how many entries wait in the queues of the gateway."""
        queues = dict.fromkeys(gateway_queues(self.number), 0)
        return len(self.cluster.run(self.node.engine.entries(queues)))

    def until_nothing_waits(self) -> None:
        """Wait until the queues of the gateway are empty."""
        deadline = time.monotonic() + PATIENCE
        while self.waiting():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def crash(self) -> None:
        """Let the node end as if its process was killed: nobody is told."""

        async def crash() -> None:
            self.node.abandon()
            self.server.network.forget()
            for link in list(self.server.network.links.all):
                link.transport.abort()
            self.server.listeners.close()

        self.cluster.run(crash())

    def stop(self) -> None:
        """Stop the server as an operator does."""
        self.cluster.stop(self)


class Cluster:
    """Servers on one engine, in the event loop of one thread; from ``with`` until the block is left."""

    def __init__(self, engine: Engine | None = None, uri: str = "", folder: str = "", **settings: Any) -> None:
        """Begin without servers.

        :param engine: what they share; by default an engine in memory.
        :param uri: the database that each of them opens in its place.
        :param folder: where their files are then.
        """
        self.settings, self.uri, self.folder = settings, uri, folder
        self.shared = None if uri else engine or MemoryEngine()
        self.servers: list[NodeServer] = []
        self._numbers = count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cluster", daemon=True)

    @property
    def engine(self) -> Engine:
        assert self.shared is not None
        return self.shared

    @property
    def memory(self) -> MemoryEngine:
        assert isinstance(self.shared, MemoryEngine)
        return self.shared

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for server in list(self.servers):
            self.stop(server)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop of the servers."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def until(self, holds: Any) -> None:
        """Wait until something holds; it is looked at in the loop of the servers."""

        async def wait() -> None:
            async with asyncio.timeout(PATIENCE):
                while not holds():
                    await asyncio.sleep(0.005)

        self.run(wait())

    def start(self, **settings: Any) -> NodeServer:
        """Start a node."""
        usual: dict[str, Any] = {"domains": [DOMAIN], "plaintext": True, "drain_seconds": 1, "node": PACE}
        if self.uri:
            usual |= {"engine": self.uri, "database": f"{self.folder}/node{next(self._numbers)}.sqlite"}
        else:
            usual["in_memory"] = True
        given = {**usual, "listen": {"tcp": ["127.0.0.1:0"]}, **self.settings, **settings}

        async def start() -> NodeServer:
            server = XMPPServer(read_configuration(given), self.shared)
            await server.__aenter__()
            return NodeServer(self, server)

        found = self.run(start())
        self.servers.append(found)
        return found

    def two(self, accounts: Mapping[str, str] | None = None, **settings: Any) -> tuple[NodeServer, NodeServer]:
        """Start two nodes, and wait until both own partitions and all have owners."""
        first, second = self.start(**settings), self.start(**settings)
        self.until(lambda: first.owns() and second.owns() and len(first.owns() | second.owns()) == 256)
        for account, password in (accounts or {}).items():
            self.run(first.server.administration.create(f"{account}@{first.domain}", password))
        return first, second

    def stop(self, server: NodeServer) -> None:
        self.servers.remove(server)
        self.run(server.server.__aexit__(None, None, None))
