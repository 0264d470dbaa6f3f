"""What is done with the nodes of a run, and what is measured of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from statistics import median, quantiles
from time import perf_counter
from typing import Final

from attrs import define, field

from benchmarks.cluster.clients import Client, Measured, connected
from benchmarks.cluster.database import Database
from benchmarks.cluster.nodes import Node

_AT_ONCE: Final = 8
"""How many clients log in at the same time."""
_UNDER_WAY: Final = 8
"""How many messages of each client have not come while it sends as fast as it can: so what waits does not grow."""
_PATIENCE: Final = 30.0

Figures = dict[str, float]


@define
class Run:
    """Some nodes, a database, and clients that are spread over the nodes."""

    nodes: Sequence[Node]
    database: Database
    seconds: float
    """How long each phase takes."""
    rate: float
    """Messages a second, of all clients together, in the steady phase."""
    measured: Measured = field(factory=Measured)
    clients: list[Client] = field(factory=list)
    figures: dict[str, Figures] = field(factory=dict)
    """By phase."""

    async def connect(self, number: int) -> None:
        """Log clients in."""
        for first in range(0, number, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, number))
            self.clients += await asyncio.gather(*[self._connected(each) for each in numbers])

    async def _connected(self, number: int) -> Client:
        node = number % len(self.nodes)
        return await connected(self.nodes[node].port, number, node, self.measured)

    # --- phases -------------------------------------------------------------------------------------------------

    async def idle(self) -> None:
        """Do nothing: what beats and polls cost."""
        self.figures["idle"] = await self._costs(lambda: asyncio.sleep(self.seconds))

    async def steady(self) -> None:
        """Send at a rate that leaves the machine time."""
        self.figures["steady"] = await self._costs(self._send_steadily)

    async def full(self) -> None:
        """Send as fast as messages come."""
        self.figures["full"] = await self._costs(self._send_all)

    async def _send_steadily(self) -> None:
        began, sent = perf_counter(), 0
        while (passed := perf_counter() - began) < self.seconds:
            while sent < passed * self.rate:
                self._say(self.clients[sent % len(self.clients)], sent)
                sent += 1
            await asyncio.sleep(0.002)

    async def _send_all(self) -> None:
        began, sent = perf_counter(), 0
        while perf_counter() - began < self.seconds:
            for client in self.clients:
                while client.under_way < _UNDER_WAY and not client.lost:
                    self._say(client, sent)
                    sent += 1
            await asyncio.sleep(0.002)

    def _say(self, client: Client, n: int) -> None:
        client.say((client.number * 7 + n * 13 + 1) % len(self.clients))

    async def _costs(self, work: Callable[[], Awaitable[object]]) -> Figures:
        """Do something, and return what it has cost until everything was delivered."""
        self.measured = measured = Measured()
        for client in self.clients:
            client.measured = measured
        counted, node, base, began = self._metrics(), self._spent(), self.database.seconds(), perf_counter()
        await work()
        lasted = perf_counter() - began
        until = perf_counter() + _PATIENCE
        while (measured.delivered < measured.sent or self._unacknowledged()) and perf_counter() < until:
            await asyncio.sleep(0.01)
        node, base = self._spent() - node, self.database.seconds() - base
        counted = Counter({name: value - counted[name] for name, value in self._metrics().items()})
        return costs(measured, counted, node, base, lasted)

    def _unacknowledged(self) -> bool:
        return any(client.unacknowledged for client in self.clients if not client.lost)

    def _spent(self) -> float:
        return sum([node.seconds for node in self.nodes])

    def _metrics(self) -> Counter[str]:
        return sum([node.metrics() for node in self.nodes], Counter())

    # --- a death ------------------------------------------------------------------------------------------------

    async def death(self) -> None:
        """Kill the last node. Measure until every surviving client gets messages again."""
        self.measured = measured = Measured()
        left = [client for client in self.clients if client.node != len(self.nodes) - 1]
        for client in left:
            client.measured = measured
        self.nodes[-1].kill()
        began = perf_counter()
        while perf_counter() - began < _PATIENCE:
            for n, client in enumerate(left):
                client.say(left[(n + 1) % len(left)].number)
            await asyncio.sleep(0.25)
            late = [seconds for seconds in measured.deliveries if seconds > 0.5]
            if late and perf_counter() - measured.arrived[-1] < 0.25 and measured.sent - measured.delivered < len(left):
                break
        while measured.delivered < measured.sent and perf_counter() - began < 2 * _PATIENCE:
            await asyncio.sleep(0.01)
        self.figures["death"] = {
            "moved after s": max(measured.deliveries, default=0.0),
            "messages": measured.sent,
            "lost": measured.sent - measured.delivered,
        }


def costs(measured: Measured, counted: Counter[str], node: float, base: float, lasted: float) -> Figures:
    """Return the figures of a phase."""
    found: Figures = {"node CPU s/s": node / lasted, "database CPU s/s": base / lasted}
    steps, commits = counted["xmpp_partition_steps_total"], counted["xmpp_database_seconds_count"]
    if measured.sent:
        found |= {
            "messages/s": measured.delivered / lasted,
            "lost": measured.sent - measured.delivered,
            "acknowledged, median ms": median(measured.acknowledgements) * 1e3,
            "acknowledged, 95 % ms": quantiles(measured.acknowledgements, n=20)[-1] * 1e3,
            "delivered, median ms": median(measured.deliveries) * 1e3,
            "delivered, 95 % ms": quantiles(measured.deliveries, n=20)[-1] * 1e3,
            "node CPU µs/message": node / measured.sent * 1e6,
            "database CPU µs/message": base / measured.sent * 1e6,
        }
    if steps and measured.sent:
        found |= {
            "steps/message": steps / measured.sent,
            "node CPU µs/step": node / steps * 1e6,
            "database CPU µs/step": base / steps * 1e6,
        }
    if commits and measured.sent:
        found |= {
            "commits/s": commits / lasted,
            "steps/commit": steps / commits,
            "commit ms": counted["xmpp_database_seconds_sum"] / commits * 1e3,
        }
    return found
