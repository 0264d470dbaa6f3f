"""A node in this process, on an engine in memory, with clients on connections in memory: what a message takes.

    python -m benchmarks.cluster.in_process [--clients 60] [--rounds 40]

Each message takes its whole way: the client's bytes are read, the stanza becomes an entry of a partition, is processed,
becomes an entry of the recipient's partition, is processed again, becomes an entry of the gateway, is written to the
recipient, and is removed when the recipient acknowledges it (XEP-0198). The engine does almost nothing, so nearly all
of the processor time is the node's own; the clients take a tenth. The least of all rounds counts.
"""

from __future__ import annotations

import argparse
import asyncio
import selectors
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Self, TypeVar

from attrs import define, field

from benchmarks.cluster.clients import Client, Measured
from benchmarks.cluster.users import DOMAIN, PASSWORD, account
from xmpp_im_host.cluster.cluster_host import ClusterHost
from xmpp_im_host.configuration import read_configuration
from xmpp_im_host.credentials import FEWEST_ITERATIONS, Credentials
from xmpp_im_host.network.client_link import ClientLink
from xmpp_im_host.server import XMPPServer
from xmpp_im_host.storage.memory_engine import MemoryEngine
from xmpp_im_host.storage.records import Batch, Lease

T = TypeVar("T")

_NEVER: Final = 86_400
"""Seconds. What a node does from time to time is left out."""
_WARM_UP: Final = 5
_LOOK: Final = 0.005
"""How long to wait between two looks whether everything has arrived, in seconds."""
_LIMITS: Final = {
    "idle_seconds": _NEVER,
    "logins_per_address": 100_000,
    "stanzas_per_second": 1_000_000,
    "stanzas_burst": 1_000_000,
    "bytes_per_second": 1 << 30,
    "bytes_burst": 1 << 30,
}


class CountingEngine(MemoryEngine):
    """Counts what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    async def commit(self, leases: Collection[Lease], batch: Batch) -> tuple[Lease, ...]:
        """Count, and commit."""
        counts = self.counts
        counts["commits"] += 1
        counts["rows"] += len(batch.changes)
        counts["entries"] += len(batch.appends)
        counts["bytes"] += sum([len(each.body) for each in batch.appends])
        counts["removed"] += len(batch.done)
        return await super().commit(leases, batch)


class End(asyncio.Transport):
    """One end of a connection in memory."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 5)})
        self.protocol, self.open = protocol, True
        self.other: End

    def write(self, data: Any) -> None:
        """Let the other end receive the data soon."""
        if self.open:
            asyncio.get_running_loop().call_soon(self.other.protocol.data_received, bytes(data))

    def close(self) -> None:
        """Close both ends."""
        for end in (self, self.other):
            if end.open:
                end.open = False
                asyncio.get_running_loop().call_soon(end.protocol.connection_lost, None)

    def abort(self) -> None:
        """Close both ends."""
        self.close()

    def write_eof(self) -> None:
        """Do nothing: the connection is closed soon."""

    def can_write_eof(self) -> bool:
        """Whether one direction can be closed."""
        return False

    def is_closing(self) -> bool:
        """Whether the connection is closed."""
        return not self.open

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return what receives."""
        return self.protocol

    def pause_reading(self) -> None:
        """Do nothing: nobody sends too much here."""

    def resume_reading(self) -> None:
        """Do nothing."""


def connect(one: asyncio.Protocol, other: asyncio.Protocol) -> None:
    """Connect two protocols with each other."""
    first, second = End(one), End(other)
    first.other, second.other = second, first
    one.connection_made(first)
    other.connection_made(second)


class _StillSelector(selectors.DefaultSelector):
    """Says that the time of a wait has passed, instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready."""
        if timeout is None:
            return super().select()
        found = super().select(0)
        if not found:
            self.now += timeout
        return found


class StillLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes only while it has nothing to do: a slow machine polls as often as a fast one."""

    def __init__(self) -> None:
        self._still = _StillSelector()
        super().__init__(self._still)

    def time(self) -> float:
        """Return the time in seconds."""
        return self._still.now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Call it at once: while a thread works, the time of this loop would go by much faster than the thread."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


@define(eq=False)
class Town:
    """A node and its clients; from ``async with`` until the block is left."""

    users: int
    engine: CountingEngine = field(factory=CountingEngine)
    measured: Measured = field(factory=Measured)
    clients: Sequence[Client] = ()
    _server: XMPPServer = field(init=False)

    async def __aenter__(self) -> Self:
        given: dict[str, Any] = {
            "domains": [DOMAIN],
            "in_memory": True,
            "plaintext": True,
            "drain_seconds": 1,
            "listen": {"tcp": ["127.0.0.1:0"]},
            "limits": _LIMITS,
            "node": {"beat_seconds": 60, "dead_seconds": 600},
        }
        self._server = XMPPServer(read_configuration(given), self.engine)
        await self._server.__aenter__()
        keys = Credentials.of(PASSWORD, FEWEST_ITERATIONS)
        host, network = self._server.host, self._server.network
        for number in range(self.users):
            await host.create_account(account(number), keys)
        self.clients = [Client(number, 0, self.measured) for number in range(self.users)]
        for client in self.clients:
            connect(client, ClientLink(network))
            await client.log_in()
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self.clients:
            client.close()
        await self._server.__aexit__(None, None, None)

    async def chat(self, each: int) -> None:
        """Let each client send so many messages, and wait until all have arrived and everything is acknowledged."""
        measured, until = self.measured, self.measured.sent + each * len(self.clients)
        for n in range(each):
            for client in self.clients:
                client.say((client.number + 7 * n + 1) % len(self.clients))
        while measured.delivered < until or any(client.unacknowledged for client in self.clients):
            await asyncio.sleep(_LOOK)

    def steps(self) -> int:
        """Return how many steps the partitions have made."""
        host = self._server.host
        assert isinstance(host, ClusterHost)
        return sum([each.steps for each in host.partitions().values()])


class Chat:
    """An operation in which some users send so many messages each, and get as many. The first run starts the node."""

    def __init__(self, users: int, each: int) -> None:
        self._users, self._each = users, each
        self._loop: StillLoop | None = None

    def __call__(self) -> None:
        if self._loop is None:
            self._loop = StillLoop()
            self._town = self._loop.run_until_complete(Town(self._users).__aenter__())
        self._loop.run_until_complete(self._town.chat(self._each))


async def _round(town: Town, each: int) -> float:
    began = time.process_time()
    await town.chat(each)
    return time.process_time() - began


async def _measured(options: argparse.Namespace) -> Mapping[str, float]:
    async with Town(options.clients) as town:
        for _ in range(_WARM_UP):
            await town.chat(options.each)
        counts, steps, sent = Counter(town.engine.counts), town.steps(), town.measured.sent
        lasted = [await _round(town, options.each) for _ in range(options.rounds)]
        sent, steps = town.measured.sent - sent, town.steps() - steps
        counts = Counter(town.engine.counts) - counts
    least = min(lasted) * options.rounds * 1e6
    found = {"steps/message": steps / sent, "CPU µs/message": least / sent, "CPU µs/step": least / steps}
    return found | {f"{name}/message": value / sent for name, value in counts.items()}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=60, help="how many sessions (60)")
    parser.add_argument("--each", type=int, default=4, help="how many messages each of them sends at once (4)")
    parser.add_argument("--rounds", type=int, default=40, help="how often (40)")
    with asyncio.Runner(loop_factory=StillLoop) as runner:
        found = runner.run(_measured(parser.parse_args()))
    for name, value in found.items():
        print(f"{name:<20} {value:10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
