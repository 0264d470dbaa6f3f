"""Kills and stops the nodes of a cluster on PostgreSQL under load, and looks at what has become of what they promised.

    python -m tests.xmpp_im_host.cluster.killing [--seconds 60] [--nodes 3] [--failover] [--seed N]

Clients chat, change their rosters and show their presence. Nodes are killed (SIGKILL), stopped (SIGSTOP) and go on
(SIGCONT), and restart in order (SIGTERM); one of them is well at any time. With ``--failover`` the database is a
primary with a synchronous standby; in the middle the primary dies, and the standby is promoted.

In the end all nodes are well again. Then nothing that was acknowledged may be lost, doubled or out of order, and nobody
may see false presence; see :mod:`tests.xmpp_im_host.cluster.ledger`. The exit status is 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from attrs import define, field, frozen

from tests.xmpp_im_host.cluster.ledger import Ledger
from tests.xmpp_im_host.cluster.load import LiveClient, Load
from tests.xmpp_im_host.cluster.processes import DOMAIN, PASSWORD, NodeProcess, create_accounts
from tests.xmpp_im_host.cluster.talker import Talker
from tests.xmpp_im_host.storage.postgres_pair import PostgresPair, postgres_pair

USERS: Final = ("romeo", "juliet", "nurse", "tybalt")
CLIENTS: Final = (
    ("romeo", "orchard", 0),
    ("juliet", "balcony", 0),
    ("nurse", "chamber", 0),
    ("tybalt", "street", 0),
    ("juliet", "phone", -1),  # it gets no messages to the bare address
)
"""The user, the resource and the priority."""


@frozen
class Outcome:
    """What has happened, and what must not have happened."""

    faults: tuple[str, ...]
    sent: int
    acknowledged: int
    refused: int
    came: int
    resumed: int
    connections: int
    strikes: Counter[str]

    def __str__(self) -> str:
        strikes = ", ".join([f"{number} {what}" for what, number in sorted(self.strikes.items())])
        return (
            f"{strikes}. {self.connections} connections, {self.resumed} sessions resumed. Messages: {self.sent} sent,"
            f" {self.acknowledged} acknowledged, {self.refused} refused, {self.came} came. {len(self.faults)} faults."
        )


@define(eq=False)
class Run:
    """The nodes, their clients, and what happens to them."""

    engine: str
    nodes: Sequence[NodeProcess]
    clients: Sequence[LiveClient]
    ledger: Ledger
    chance: Random
    strikes: Counter[str] = field(factory=Counter)

    async def play(self, seconds: float, pair: PostgresPair | None) -> Outcome:
        load = Load(self.engine, self.clients, self.ledger)
        await load.begin(lambda client: client.act(USERS, load.others, load.directed))
        await self._strike(seconds / 2)
        if pair is not None:
            await asyncio.to_thread(pair.fail_over)
            self.strikes["failovers"] += 1
        await self._strike(seconds / 2)
        faults = await load.end()
        ledger, clients = self.ledger, self.clients
        return Outcome(
            tuple(faults),
            len(ledger.chats),
            len(ledger.acknowledged),
            len(ledger.refused),
            len(ledger.receipts),
            sum([client.talker.resumptions for client in clients]),
            sum([client.connections for client in clients]),
            self.strikes,
        )

    # --- what goes wrong ----------------------------------------------------------------------------------------

    async def _strike(self, seconds: float) -> None:
        """Let something happen to the nodes, again and again. One of them is well at any time."""
        end = time.monotonic() + seconds
        well = asyncio.Semaphore(max(1, len(self.nodes) - 1))
        await asyncio.gather(*[self._strike_node(node, end, well) for node in self.nodes])

    async def _strike_node(self, node: NodeProcess, end: float, well: asyncio.Semaphore) -> None:
        while True:
            await asyncio.sleep(self.chance.uniform(0.5, 3.0))
            async with well:
                if time.monotonic() >= end:
                    return
                await self.chance.choice([self._kill, self._stop, self._restart])(node)

    async def _kill(self, node: NodeProcess) -> None:
        self.strikes["kills"] += 1
        await asyncio.to_thread(node.kill)
        await asyncio.sleep(self.chance.uniform(0.0, 4.0))
        await self._start(node)

    async def _stop(self, node: NodeProcess) -> None:
        self.strikes["stops"] += 1
        node.stop()
        await asyncio.sleep(self.chance.choice([0.5, 2.0, 6.0]))  # the last one is long enough to be found dead
        node.go_on()

    async def _restart(self, node: NodeProcess) -> None:
        self.strikes["restarts"] += 1
        node.terminate()
        await asyncio.to_thread(node.join)
        await self._start(node)

    async def _start(self, node: NodeProcess) -> None:
        node.start()
        await asyncio.to_thread(node.wait_until_it_listens)


def run(seconds: float, nodes: int = 3, *, failover: bool = False, seed: int = 1) -> Outcome:
    """Run nodes under load for so long.

    :raises NotAvailable: where PostgreSQL is not installed, and cannot be.
    """
    with TemporaryDirectory(prefix="nodes-") as folder, postgres_pair() as pair, ExitStack() as stack:
        asyncio.run(create_accounts(pair.uri, folder, USERS))
        processes = [stack.enter_context(NodeProcess(f"node-{n}", pair.uri, folder)) for n in range(nodes)]
        chance, ledger = Random(seed), Ledger()
        talkers = [
            Talker(user, DOMAIN, resource, PASSWORD, ledger, priority=priority, settles=True)
            for user, resource, priority in CLIENTS
        ]
        clients = [LiveClient(talker, processes, Random(chance.random())) for talker in talkers]
        for node in processes:
            node.wait_until_it_listens()
        found = asyncio.run(Run(pair.uri, processes, clients, ledger, chance).play(seconds, pair if failover else None))
        if found.faults:
            print(*[f"--- {node.name}\n{node.log()}" for node in processes], sep="\n", file=sys.stderr)
        return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--nodes", type=int, default=3)
    options.add_argument("--failover", action="store_true")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    found = run(chosen.seconds, chosen.nodes, failover=chosen.failover, seed=chosen.seed)
    print(found)
    print(*found.faults, sep="\n")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
