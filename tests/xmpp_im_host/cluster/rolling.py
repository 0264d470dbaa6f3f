"""Restarts the nodes of a cluster on PostgreSQL one after the other, under load, and looks at what users notice of it.

    python -m tests.xmpp_im_host.cluster.rolling [--rounds 3] [--nodes 3] [--pause 1.0] [--drain] [--seed N]

It does what ``docs/several-nodes.md`` says: SIGTERM, wait until the process has ended, start it, wait until it serves
with its share of the accounts; then the next one. With ``--drain`` each node is drained before, and every second one is
taken back once and drained again. Meanwhile clients chat, change their rosters and show their presence.

Users may notice that connections break. Each client resumes its session, so it has one session all the time, and nobody
sees anybody as unavailable. Nothing is lost, doubled or out of order; see :mod:`tests.xmpp_im_host.cluster.ledger`. The
exit status is 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from attrs import define, field, frozen

from tests.examples.postgres import postgres
from tests.xmpp_im_host.cluster.ledger import Ledger
from tests.xmpp_im_host.cluster.load import LiveClient, Load
from tests.xmpp_im_host.cluster.processes import DOMAIN, PASSWORD, PATIENCE, NodeProcess, create_accounts
from tests.xmpp_im_host.cluster.talker import Talker
from xmpp_im_host.cluster.reports import State
from xmpp_im_host.operations import nodes as operations
from xmpp_im_host.storage.postgres_engine import PostgresEngine

USERS: Final = ("romeo", "juliet", "nurse", "tybalt")
CLIENTS: Final = (
    ("romeo", "orchard", 0),
    ("juliet", "balcony", 0),
    ("nurse", "chamber", 0),
    ("tybalt", "street", 0),
    ("romeo", "mantua", -1),
    ("juliet", "phone", -1),  # these two get no messages to the bare address
)
"""The user, the resource and the priority."""
SETTINGS: Final[dict[str, Any]] = {
    "resumption_seconds": 120,
    "drain_seconds": 60,
}
"""A slow machine must not end a session, or a node."""
NODE: Final = {"beat_seconds": 0.3, "dead_seconds": 60.0}


@frozen
class Outcome:
    """What has happened, and what must not have happened."""

    faults: tuple[str, ...]
    restarts: int
    acknowledged: int
    came: int
    connections: int
    resumed: int

    def __str__(self) -> str:
        return (
            f"{self.restarts} restarts. {self.connections} connections, {self.resumed} sessions resumed. Messages:"
            f" {self.acknowledged} acknowledged, {self.came} came. {len(self.faults)} faults."
        )


@define(eq=False)
class Run:
    """The nodes, their clients, and the operator."""

    uri: str
    nodes: Sequence[NodeProcess]
    clients: Sequence[LiveClient]
    ledger: Ledger
    drain: bool
    restarts: int = field(default=0, init=False)

    async def play(self, rounds: int, pause: float) -> Outcome:
        load = Load(self.uri, self.clients, self.ledger)
        await load.begin(lambda client: client.act_as_a_contact(USERS, load.others))
        async with await PostgresEngine.open(self.uri) as engine:
            await self._until_all_are_contacts()
            for _ in range(rounds):
                for node in self.nodes:
                    await asyncio.sleep(pause)
                    await self._restart(engine, node)
        faults = await load.end()
        talkers = [client.talker for client in self.clients]
        return Outcome(
            (*faults, *_ended(talkers)),
            self.restarts,
            len(self.ledger.acknowledged),
            len(self.ledger.receipts),
            sum([client.connections for client in self.clients]),
            sum([talker.resumptions for talker in talkers]),
        )

    async def _until_all_are_contacts(self) -> None:
        """Wait until everybody sees everybody: from then on, the end of any session would be seen."""
        talkers = [client.talker for client in self.clients]
        async with asyncio.timeout(PATIENCE):
            while not all(_sees_all(each, talkers) for each in talkers):
                await asyncio.sleep(0.05)

    async def _restart(self, engine: PostgresEngine, node: NodeProcess) -> None:
        self.restarts += 1
        if self.drain:
            await self._drain(engine, node)
        node.terminate()
        await asyncio.to_thread(node.join)
        node.start()
        await asyncio.to_thread(node.wait_until_it_listens)
        await self._until(engine, node, State.SERVING)

    async def _drain(self, engine: PostgresEngine, node: NodeProcess) -> None:
        await operations.drain(engine, node.name)
        if self.restarts % 2:
            await operations.undrain(engine, node.name)
            await self._until(engine, node, State.SERVING)
            await operations.drain(engine, node.name)
        await self._until(engine, node, State.DRAINED)

    async def _until(self, engine: PostgresEngine, node: NodeProcess, state: State) -> None:
        """Wait until the node is in a state, and all nodes own what they are to own."""
        until = time.monotonic() + PATIENCE
        while True:
            found = await operations.nodes(engine, 2 * NODE["beat_seconds"])
            said = {each.name: each.state for each in found}
            if said.get(node.name) == state.value and all(each.partitions == each.placed for each in found):
                return
            if time.monotonic() > until:
                raise AssertionError(f"{node.name} is not {state.value}: {found}")


def _sees_all(talker: Talker, talkers: Collection[Talker]) -> bool:
    return all(each.full in talker.view for each in talkers if each.user != talker.user)


def _ended(talkers: Collection[Talker]) -> list[str]:
    """Return the sessions that have ended: their clients have others, or somebody saw them go."""
    return [
        *[f"{each.full} has had {each.sessions} sessions" for each in talkers if each.sessions != 1],
        *[f"{each.full} has seen {full} go" for each in talkers for full in each.gone],
    ]


def run(rounds: int = 1, nodes: int = 3, pause: float = 1.0, *, drain: bool = False, seed: int = 1) -> Outcome:
    """Restart nodes under load.

    :param pause: how many seconds to wait before each restart.
    :param drain: whether to drain each node before.
    :raises NotAvailable: where PostgreSQL is not installed, and cannot be.
    """
    with TemporaryDirectory(prefix="nodes-") as folder, postgres() as conninfo, ExitStack() as stack:
        uri = _uri(conninfo)
        asyncio.run(create_accounts(uri, folder, USERS))
        processes = [
            stack.enter_context(NodeProcess(name, uri, folder, more={**SETTINGS, "node": {"name": name, **NODE}}))
            for name in [f"node-{n}" for n in range(nodes)]
        ]
        chance, ledger = Random(seed), Ledger()
        talkers = [
            Talker(user, DOMAIN, resource, PASSWORD, ledger, priority=priority, settles=True)
            for user, resource, priority in CLIENTS
        ]
        clients = [LiveClient(talker, processes, Random(chance.random()), PATIENCE) for talker in talkers]
        for node in processes:
            node.wait_until_it_listens()
        found = asyncio.run(Run(uri, processes, clients, ledger, drain).play(rounds, pause))
        if found.faults:
            print(*[f"--- {node.name}\n{node.log()}" for node in processes], sep="\n", file=sys.stderr)
        return found


def _uri(conninfo: str) -> str:
    from psycopg.conninfo import conninfo_to_dict

    found = conninfo_to_dict(conninfo)
    return f"postgresql://{found['user']}@/{found['dbname']}?host={found['host']}"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--nodes", type=int, default=3)
    options.add_argument("--pause", type=float, default=1.0)
    options.add_argument("--drain", action="store_true")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    found = run(chosen.rounds, chosen.nodes, chosen.pause, drain=chosen.drain, seed=chosen.seed)
    print(found)
    print(*found.faults, sep="\n")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
