"""What a cluster of xmpp-im-host on PostgreSQL takes, with one, two and three nodes on this machine.

    python -m benchmarks.cluster [--nodes 1,2,3] [--clients 120] [--seconds 10] [--json benchmarks/cluster.json]
    python -m benchmarks.cluster --only full

It starts a private PostgreSQL with its default settings (a commit waits for the disk), the nodes, and clients with
stream management that are spread over the nodes. The kernel counts the processor time of the nodes and of the database
apart, so that the clients and other work on the machine do not count. Times depend on the machine and its load;
processor time and ratios do so much less. In the end the last node is killed.

Each session has at most eight messages under way. With half as many sessions the nodes would wait for messages, and not
be busy: a message takes three transactions, each of which waits for others to share it.

``--json`` writes the results; ``python -m docs.generate`` makes the tables in ``docs/several-nodes.md`` of them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks.cluster.database import Database, Size
from benchmarks.cluster.nodes import running
from benchmarks.cluster.phases import Figures, Run
from benchmarks.cluster.results import PHASES, Results, circumstances, heads, rows, write
from benchmarks.figures import machine
from tests.examples.postgres import postgres

_CONTACTS = 50
_STORED = 500


def measured(number: int, options: argparse.Namespace) -> tuple[dict[str, Figures], Size, float, str]:
    """Measure so many nodes. Return the figures by phase, the size of the accounts, and the bytes of a session."""
    with TemporaryDirectory(prefix="cluster-") as name, postgres() as conninfo:
        database = Database(conninfo)
        size = database.fill(max(_STORED, options.clients), _CONTACTS)
        with running(number, database.uri, Path(name)) as nodes:
            run = Run(nodes, database, options.seconds, options.rate)
            grown = asyncio.run(_phases(run, options.clients, options.only))
        return run.figures, size, grown / options.clients, database.version()


async def _phases(run: Run, clients: int, only: Sequence[str]) -> float:
    before = sum([node.resident for node in run.nodes])
    await run.connect(clients)
    if "idle" in only:
        await run.idle()
    grown = sum([node.resident for node in run.nodes]) - before
    if "steady" in only:
        await run.steady()
    if "full" in only:
        await run.full()
    if "death" in only and len(run.nodes) > 1:
        await run.death()
    for client in run.clients:
        client.close()
    return grown


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="1,2,3", help="how many nodes, with commas (1,2,3)")
    parser.add_argument("--clients", type=int, default=120, help="how many sessions (120)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each phase takes (10)")
    parser.add_argument("--rate", type=float, default=130.0, help="messages a second in the steady phase (130)")
    parser.add_argument("--only", default=",".join(PHASES), help="which phases, with commas (idle,steady,full,death)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PHASES):
        parser.error(f"--only: there is no phase {', '.join(sorted(unknown))}")
    if options.json is not None and set(options.only) != set(PHASES):
        parser.error("--json: the file has the results of all phases")
    load = os.getloadavg()[0]
    runs: dict[str, dict[str, Figures]] = {}
    memory: dict[str, float] = {}
    for number in map(int, options.nodes.split(",")):
        runs[str(number)], size, memory[str(number)], version = measured(number, options)
    results = Results(
        datetime.now(UTC).date().isoformat(),
        machine(),
        os.cpu_count() or 1,
        round(load, 1),
        version,
        platform.python_version(),
        options.clients,
        options.rate,
        {"contacts": float(size.contacts), "bytes per account": size.bytes_per_account},
        memory,
        runs,
    )
    table = Table(*heads(results), caption=circumstances(results))
    for row in rows(results):
        table.add_row(*row)
    Console().print(table)
    if options.json is not None:
        write(results, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
