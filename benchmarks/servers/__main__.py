"""What whole servers take for the same work: xmpp-im-host, Prosody and ejabberd, one after the other on loopback.

    python -m benchmarks.servers [--only xmpp-im-host,prosody,ejabberd] [--large] [--json benchmarks/servers.json]
    python -m benchmarks.servers --idle 10000 [--only ...] [--json benchmarks/servers.json]

Clients on plain sockets log in and send; they only look for what they wait for in the bytes that come. The kernel
counts the processor time of all threads of the server's processes, for each operation. The least of three rounds
counts. A server that is missing is installed if it can be, and left out otherwise.

``--large`` also measures rosters of 10,000 items, which takes Prosody a quarter of an hour. ``--idle N`` measures N
sessions that do nothing instead, ten of each account. The limit of open files has to allow them
(``ulimit -n``). ``--json`` writes the results, and keeps what else the file has;
``python -m docs.generate`` makes the table in ``benchmarks/README.md`` of it.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import machine
from benchmarks.servers.configurations import MEASURED, configuration, version_of
from benchmarks.servers.operations import Bench
from benchmarks.servers.processes import Processes
from benchmarks.servers.results import Results, circumstances, heads, read, rows, write
from interop.machine import NotAvailable
from interop.servers import SERVERS

_OTHER_FILES = 200


def measured(name: str, idle: int, large: bool) -> dict[str, float]:
    """Start a server, and measure it.

    :raises NotAvailable: if it cannot be installed or started.
    """
    server = SERVERS[name]
    server.installed()
    with server.running(configuration(server)) as config:
        assert config.cafile is not None
        bench = Bench(config.port, Processes(Path(config.cafile).parent.resolve()))
        if idle:
            bench.measure_idle(idle)
        else:
            bench.measure(large)
        return bench.found


def results_of(found: Mapping[str, Mapping[str, float]], load: float) -> Results:
    """Return the results of a run, by operation."""
    operations = {operation: None for line in found.values() for operation in line}
    return Results(
        datetime.now(UTC).date().isoformat(),
        machine(),
        load,
        {name: version_of(SERVERS[name]) for name in found},
        {each: {name: line[each] for name, line in found.items() if each in line} for each in operations},
    )


def allow_files(number: int) -> None:
    """Raise the limit of open files, for this process and the server.

    :raises SystemExit: if the machine does not allow so many.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < number:
        raise SystemExit(f"{number} files have to be open, and the limit is {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", default=",".join(MEASURED), help="names, with commas")
    options.add_argument("--large", action="store_true", help="also rosters of 10,000 items")
    options.add_argument("--idle", type=int, default=0, metavar="N", help="N sessions that do nothing")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    chosen = options.parse_args()
    if chosen.idle:
        allow_files(chosen.idle + _OTHER_FILES)
    load = os.getloadavg()[0]
    found: dict[str, dict[str, float]] = {}
    for name in chosen.only.split(","):
        try:
            found[name] = measured(name, chosen.idle, chosen.large)
        except NotAvailable as reason:
            print(f"{name} is left out: {reason}", file=sys.stderr)
    if not found:
        return 1
    results = results_of(found, load)
    table = Table(*heads(results), caption=circumstances(results))
    for row in rows(results):
        table.add_row(*row)
    Console().print(table)
    if chosen.json is not None:
        write(results.with_earlier(read(chosen.json)) if chosen.json.exists() else results, chosen.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
